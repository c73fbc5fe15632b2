"""What the fix tables of an entry say of a minor release, as a Span. No IO."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from generator.catalog.model import (
    Cites,
    Entry,
    KnownBug,
    MinimumVersion,
    TkeFix,
    TkeFixes,
    UpstreamFix,
)
from generator.catalog.releases import minor
from generator.fixes.versions import Version, parse_version

Builds = Literal["none", "below", "all", "unknown"]
_OLDEST = "1.10"  # the oldest release that was read for "the bug came with"
_ORDER = ("none", "below", "unknown", "all")


@dataclass(frozen=True)
class Told:
    """What one edition of a vendor's table says of a minor release, and the build it names.

    `edition` is empty where the page has only one.
    """

    edition: str
    source: str
    clusters: str
    builds: Builds
    says: str
    fix: Version | None = None

    @property
    def named(self) -> str:
        return f"the {self.edition} says: {self.says}"


@dataclass(frozen=True)
class Span:
    """Which builds of one minor release can have a failure: none, those below `fix`, all, or it is not known.

    The others can have it only `unless`, where that is not empty, up to what `ended` says, where that is known.
    `upstream`: this is known of upstream's releases, and other builders may have brought a fix back. `only`: what must
    be so for any build. `told`: what each edition of the vendor's table says.
    """

    builds: Builds
    reasons: tuple[str, ...]
    sources: Cites
    fix: Version | None = None
    unless: str = ""
    ended: "Span | None" = None
    upstream: bool = False
    only: str = ""
    told: tuple[Told, ...] = ()


def span(entry: Entry, tke: bool, number: int, mode: str | None = None) -> Span:
    """What the fix tables say of minor release 1.`number`.

    What TKE's table does not list is said to be so, with what is known upstream.
    """
    table = entry.fixes.tke
    if not (tke and table):
        return _upstream_span(entry, number, mode)
    told = [_told_by_tke(entry, table, row) for row in table.rows if row.lists(number)]
    if told:
        return _of_editions(entry, told, number)
    found = _upstream_span(entry, number, mode)
    return replace(found, reasons=(f"TKE's table does not list 1.{number}", *found.reasons))


def decided_by_version(entry: Entry) -> bool:
    """Whether there are versions of kube-proxy that end it."""
    return entry.fixes.tke is not None or bool(_ending(entry))


def is_before(entry: Entry, number: int) -> bool:
    """Whether minor release 1.`number` is older than the failure."""
    since = entry.affected.since
    return since is not None and number < minor(since)


def named_versions(entry: Entry, tke: bool) -> Iterable[Version]:
    """The versions that the tables name."""
    rows = entry.fixes.tke.rows if tke and entry.fixes.tke else ()
    texts = [row.minimum for row in rows] or [
        f"v{one}" for fix in entry.fixes.upstream for one in fix.fixed_in
    ]
    return [version for text in texts if text and (version := parse_version(text))]


def ends_with_the_first_release(found: Span) -> bool:
    """Whether no release of the minor has the failure, but perhaps a pre-release of the first."""
    fix = found.fix if found.builds == "below" else None
    return fix is not None and fix.flavour == "upstream" and fix.release[2] == 0


def component(wanted: MinimumVersion) -> str:
    return f"{wanted.name} {wanted.minimum} or later"


def _told_by_tke(entry: Entry, table: TkeFixes, row: TkeFix) -> Told:
    key = table.edition_of(row)
    source = entry.sources.get(key)
    edition = (source.edition or "" if source else "", key, row.cluster)
    match row.action:
        case "none":
            return Told(*edition, "none", "the problem does not exist")
        case "upgrade-cluster":
            return Told(*edition, "all", "the cluster has to be upgraded")
    return Told(*edition, "below", f"fixed in {row.minimum}", parse_version(row.minimum or ""))


def _of_editions(entry: Entry, told: Sequence[Told], number: int) -> Span:
    """The worst that an edition says counts; the reasons begin with it, and name the editions that say nothing."""
    worst_first = sorted(told, key=_badness, reverse=True)
    reasons = [
        f"TKE {one.clusters}: {one.says}{f' ({one.edition})' if one.edition else ''}"
        for one in worst_first
    ]
    editions = entry.fixes.tke.editions if entry.fixes.tke else frozenset()
    silent = editions - {one.source for one in told}
    names = [row.edition or row.title for key, row in entry.sources.items() if key in silent]
    reasons += [f"the {name} does not list 1.{number}" for name in names]
    sources = tuple(one.source for one in worst_first)
    return Span(
        worst_first[0].builds, tuple(reasons), sources, worst_first[0].fix, told=tuple(worst_first)
    )


def span_of_bug(bug: KnownBug, number: int) -> Span:
    """Which builds of minor release 1.`number` have a known bug."""
    if bug.fix.fixed_in:
        return _releases_without(bug.fix, number)
    since = minor(bug.fix.since) if bug.fix.since else 0
    return Span(
        "all" if number >= since else "none", (f"since {bug.fix.since}",), (), upstream=True
    )


def _ending(entry: Entry) -> list[UpstreamFix]:
    return [fix for fix in entry.fixes.upstream if fix.ends and fix.fixed_in]


def _upstream_span(entry: Entry, number: int, mode: str | None) -> Span:
    """What is known of upstream's releases, in a mode or in the worst of the entry's."""
    conditions = [
        f"{one.name} is older than {one.minimum}" for one in entry.fixes.components if one.ends
    ]
    only = f"only where {' or '.join(conditions)}" if conditions else ""
    if is_before(entry, number):
        return Span(
            "none",
            (f"no release before {entry.affected.since} can have it",),
            entry.affected.sources,
        )
    nothing = Span("unknown", (), entry.affected.sources, upstream=True, only=only)
    oldest = _OLDEST if any(fix.since for fix in _ending(entry)) else entry.affected.versions.first
    if number < minor(oldest):
        return replace(nothing, reasons=(f"nothing is known of releases before {oldest}",))
    by_mode = {
        one: _in_mode(entry, number, one) for one in ([mode] if mode else entry.affected.modes)
    }
    found = {one: span for one, span in by_mode.items() if span}
    if len(found) < len(by_mode):
        return replace(nothing, reasons=("no release of Kubernetes is known to end it",))
    worst = max(found.values(), key=_badness)
    same = [one for one, span in found.items() if _badness(span) == _badness(worst)]
    if len(same) < len(found):
        first, *others = worst.reasons
        worst = replace(worst, reasons=(f"in {' and '.join(same)} mode: {first}", *others))
    return replace(worst, only=only)


def _in_mode(entry: Entry, number: int, mode: str) -> Span | None:
    """The best of the changes that end the failure in a mode; None if none does."""
    spans = [(fix, _releases_without(fix, number)) for fix in _ending(entry) if mode in fix.ends]
    whole = min((found for fix, found in spans if not fix.unless), key=_badness, default=None)
    partly = min((found for fix, found in spans if fix.unless), key=_badness, default=None)
    if partly is None or (
        whole and (ends_with_the_first_release(whole) or _badness(whole) <= _badness(partly))
    ):
        return whole
    return replace(partly, ended=whole)


def _badness(found: Span | Told) -> tuple[int, tuple[int, ...], int, int, bool]:
    """For comparing what is said of one minor release: the more builds are affected, the higher."""
    fix = found.fix
    build, candidate = (fix.build or 0, fix.candidate or 10**9) if fix else (0, 0)
    rare = isinstance(found, Span) and bool(found.unless)
    return _ORDER.index(found.builds), fix.release if fix else (), build, candidate, rare


def _releases_without(fix: UpstreamFix, number: int) -> Span:
    """Which releases of a minor lack a change: of fixed_in the newest had it first, the others had it brought there."""
    first, change = max(fix.fixed_in, key=minor), fix.change.strip().rstrip(".")
    brought = next((release for release in fix.fixed_in if minor(release) == number), None)
    unless = fix.unless or ""
    if fix.since and number < minor(fix.since):
        return Span(
            "none", (f"upstream the bug came with {fix.since}",), fix.sources, upstream=True
        )
    if brought:
        reason = f"upstream fixed in {brought}: {change}"
        return Span(
            "below", (reason,), fix.sources, parse_version(f"v{brought}"), unless, upstream=True
        )
    if number > minor(first):
        return Span(
            "none",
            (f"upstream fixed in {first}: {change}",),
            fix.sources,
            unless=unless,
            upstream=True,
        )
    return Span(
        "all",
        (f"upstream fixed in {first}, in no 1.{number}: {change}",),
        fix.sources,
        upstream=True,
    )
