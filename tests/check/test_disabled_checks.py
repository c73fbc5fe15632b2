"""A site overrules one check, of some entries or all, until a day."""

from datetime import date
from pathlib import Path

import pytest

from generator import check
from generator.base.reader import Reader
from generator.catalog import profiles
from generator.catalog.load import load
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import DisabledCheck
from generator.check import MAY_BE_DISABLED
from generator.pipeline import compile_catalog
from tests.conftest import ROOT, TINY

HOME = "runbooks: {base_url: https://runbooks.test/kp}\n"
TOO_HIGH = "alerts: {KubeProxyGateSlow: {threshold: 16.384}, KubeProxyBrokenGate: {range: 90s}}\n"
NEVER = "KubeProxyGateSlow: threshold 16.384 can never fire"
SHORT = "KubeProxyBrokenGate: the range (90s) must be at least two evaluation intervals"


def said(text: str, folder: Path) -> list[str]:
    site = folder / "site.yaml"
    site.write_text(text if "runbooks" in text else text + HOME, encoding="utf-8")
    return [
        row.message for row in compile_catalog(load(profile=site, base=TINY), "output").problems
    ]


@pytest.mark.parametrize(
    ("disabled", "left"),
    [
        ("", [SHORT, NEVER]),
        ("disabled_checks: {thresholds_can_fire: {reason: x}}\n", [SHORT]),
        ("disabled_checks: {thresholds_can_fire: {reason: x, of: [gate-slow]}}\n", [SHORT]),
        (
            "disabled_checks: {thresholds_can_fire: {reason: x, of: [broken-gate]}}\n",
            [SHORT, NEVER],
        ),
        ("disabled_checks: {windows_can_fire: {reason: x, of: [broken-gate]}}\n", [NEVER]),
        (
            "disabled_checks: {windows_can_fire: {reason: x}, thresholds_can_fire: {reason: x}}\n",
            [],
        ),
        # Over, so the check is back; the warning waits until the rest is right.
        (
            "disabled_checks: {thresholds_can_fire: {reason: x, until: 2020-01-31}}\n",
            [SHORT, NEVER],
        ),
    ],
)
def test_only_the_check_that_is_named_is_silent_and_only_of_the_entries_named(
    disabled: str, left: list[str], tmp_path: Path
) -> None:
    found = said(TOO_HIGH + disabled, tmp_path)
    assert len(found) == len(left)
    for message, expected in zip(sorted(found), sorted(left), strict=True):
        assert message.startswith(expected)


def test_a_warning_on_the_profile_itself_can_be_disabled(tmp_path: Path) -> None:
    assert len(said("runbooks: {}\n", tmp_path)) == 1
    text = "runbooks: {}\ndisabled_checks: {runbooks_have_a_home: {reason: not yet}}\n"
    assert said(text, tmp_path) == []


def test_it_is_disabled_through_its_last_day_and_back_on_the_next(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    row = "{of: [gate-slow], reason: long buckets, until: 2027-03-31}"
    site.write_text(f"disabled_checks: {{thresholds_can_fire: {row}}}\n", encoding="utf-8")
    expected = DisabledCheck("thresholds_can_fire", "long buckets", ("gate-slow",), "2027-03-31")

    def on(day: date) -> tuple[tuple[DisabledCheck, ...], tuple[DisabledCheck, ...]]:
        profile = profiles.read_profile(Reader(), shipped_catalog(), site, day)
        return profile.disabled_checks, profile.lapsed_checks

    assert on(date(2027, 3, 31)) == ((expected,), ())
    assert on(date(2027, 4, 1)) == ((), (expected,))


def test_all_that_may_be_disabled_are_checks_and_are_in_the_documentation() -> None:
    assert set(MAY_BE_DISABLED.values()) <= {*check.SITE_CHECKS, *check.CHECKS}
    text = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
    listed = text[text.index("| Check | Says |") : text.index("No other can be disabled")]
    assert {line.split("`")[1] for line in listed.splitlines()[2:] if line} == set(MAY_BE_DISABLED)
