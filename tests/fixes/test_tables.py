"""What fix tables say of a minor release, where the catalog has no such case yet."""

import re

import pytest
from msgspec.structs import replace

from generator.catalog.model import Entry, Fixes, Mode, TkeFix, TkeFixes, UpstreamFix, Versions
from generator.fixes.advice import Facts, advise
from generator.fixes.known_builds import known_builds
from generator.fixes.tables import span
from generator.fixes.versions import parse_version
from tests import once

ENTRIES = {entry.id: entry for entry in once.inputs().catalog.entries}
BACKEND = ENTRIES["iptables-backend-mismatch"]


def with_fixes(*changes: UpstreamFix, modes: tuple[Mode, ...] = ("iptables",)) -> Entry:
    affected = replace(BACKEND.affected, os=(), other_os=(), modes=modes)
    return replace(BACKEND, affected=affected, fixes=Fixes(upstream=changes))


def change(
    text: str, *fixed_in: str, modes: tuple[Mode, ...] = ("iptables",), unless: str | None = None
) -> UpstreamFix:
    return UpstreamFix(text, ("k8s-source",), fixed_in, ends=modes, unless=unless)


NEARLY = change("The image helps.", "1.17.0", "1.16.10", unless="in other images")
WHOLE = change("The program does it.", "1.20.0", "1.16.15")


@pytest.mark.parametrize(
    ("version", "verdict", "reason"),
    [
        ("v1.16.9", "affected", "upstream fixed in 1.16.10: The image helps"),
        ("v1.16.10", "unknown", "with it only in other images"),
        ("v1.16.14", "unknown", "with it only in other images"),
        ("v1.16.15", "not affected", "upstream fixed in 1.16.15: The program does it"),
        ("v1.17.0", "unknown", "with it only in other images"),
        ("v1.19.16", "unknown", "with it only in other images"),
        ("v1.20.0", "not affected", "upstream fixed in 1.20.0: The program does it"),
        ("v1.15.12", "affected", "upstream fixed in 1.20.0, in no 1.15: The program does it"),
    ],
)
def test_a_change_that_ends_it_nearly_everywhere(version: str, verdict: str, reason: str) -> None:
    found = advise(with_fixes(NEARLY, WHOLE), Facts(kube_proxy=parse_version(version)))
    assert (found.verdict, found.reasons[-1]) == (verdict, reason)


def test_what_ends_it_nearly_everywhere_alone_never_ends_it() -> None:
    found = advise(with_fixes(NEARLY), Facts(kube_proxy=parse_version("v1.30.0")))
    assert (found.verdict, found.upgrade) == ("unknown", None)
    assert known_builds(with_fixes(NEARLY)) == ()


def test_modes_that_a_release_fixed_apart_are_said_apart() -> None:
    entry = with_fixes(
        change("One.", "1.18.5", modes=("iptables",)),
        change("Other.", "1.18.3", modes=("ipvs",)),
        modes=("iptables", "ipvs"),
    )
    assert [(one.pattern, one.where) for one in known_builds(entry)] == [
        (
            r"v1\.1[0-7]\.[0-9]+(-(alpha|beta|rc)[.0-9]*)?",
            "It can happen in iptables and ipvs mode.",
        ),
        (
            r"v1\.18\.[0-4](-(alpha|beta|rc)[.0-9]*)?",
            "It can happen in iptables mode, in ipvs mode below v1.18.3.",
        ),
    ]
    assert span(entry, tke=False, number=18).reasons == (
        "in iptables mode: upstream fixed in 1.18.5: One",
    )


def row(cluster: str, action: str, minimum: str | None, edition: str) -> TkeFix:
    return TkeFix(cluster=cluster, action=action, minimum=minimum, edition=edition)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "builds", "fix"),
    [
        (row("1.18", "none", None, "page-zh"), "below", "v1.18.4-tke.49-rc1"),
        (
            row("1.18", "upgrade-kube-proxy", "v1.18.4-tke.49", "page-zh"),
            "below",
            "v1.18.4-tke.49",
        ),
        (
            row("1.18", "upgrade-kube-proxy", "v1.18.4-tke.48", "page-zh"),
            "below",
            "v1.18.4-tke.49-rc1",
        ),
        (
            row("1.18", "upgrade-kube-proxy", "v1.18.4-tke.49-rc0", "page-zh"),
            "below",
            "v1.18.4-tke.49-rc1",
        ),
        (row("1.18", "upgrade-kube-proxy", "v1.18.5-tke.1", "page-zh"), "below", "v1.18.5-tke.1"),
        (row("< 1.20", "upgrade-cluster", None, "page-zh"), "all", None),
        (row("> 1.18", "upgrade-cluster", None, "page-zh"), "below", "v1.18.4-tke.49-rc1"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_editions_the_one_with_more_builds_counts(
    other: TkeFix, builds: str, fix: str | None, turned: bool
) -> None:
    rows = (row("1.18", "upgrade-kube-proxy", "v1.18.4-tke.49-rc1", "page"), other)
    entry = replace(
        BACKEND, fixes=Fixes(tke=TkeFixes(rows[::-1] if turned else rows, ("page", "page-zh")))
    )
    found = span(entry, tke=True, number=18)
    assert (found.builds, found.fix and found.fix.text) == (builds, fix)


def to_1_37(entry: Entry) -> Entry:
    return replace(entry, affected=replace(entry.affected, versions=Versions("1.10", "1.37")))


BROUGHT = ("1.36.0", "1.35.4", "1.34.7", "1.33.11")


@pytest.mark.parametrize(
    "fixed_in", [BROUGHT, BROUGHT[::-1], ("1.34.7", "1.36.0", "1.33.11", "1.35.4")]
)
@pytest.mark.parametrize(
    ("version", "verdict", "upgrade"),
    [
        ("v1.28.15", "not affected", None),
        ("v1.29.0", "affected", "v1.33.11"),
        ("v1.32.13", "affected", "v1.33.11"),
        ("v1.33.10", "affected", "v1.33.11"),
        ("v1.33.11", "not affected", None),
        ("v1.34.6", "affected", "v1.34.7"),
        ("v1.34.7", "not affected", None),
        ("v1.35.3", "affected", "v1.35.4"),
        ("v1.36.0", "not affected", None),
        ("v1.37.0", "not affected", None),
    ],
)
def test_a_fix_that_was_brought_to_patch_releases_of_several_minors(
    version: str, verdict: str, upgrade: str | None, fixed_in: tuple[str, ...]
) -> None:
    entry = to_1_37(with_fixes(replace(change("It lists less.", *fixed_in), since="1.29")))
    found = advise(entry, Facts(kube_proxy=parse_version(version)))
    assert (found.verdict, str(found.version) if found.version else None) == (verdict, upgrade)
    known = [str(one.fixed_in) for one in known_builds(entry) if re.fullmatch(one.pattern, version)]
    assert known == ([upgrade] if upgrade else [])


def test_a_minor_between_that_never_got_the_fix_has_the_failure() -> None:
    entry = to_1_37(with_fixes(change("It lists less.", "1.33.11", "1.36.0")))
    for version, upgrade in (
        ("v1.34.9", "v1.36.0"),
        ("v1.35.9", "v1.36.0"),
        ("v1.33.10", "v1.33.11"),
    ):
        found = advise(entry, Facts(kube_proxy=parse_version(version)))
        assert (found.verdict, str(found.version)) == ("affected", upgrade)
