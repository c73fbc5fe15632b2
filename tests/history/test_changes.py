"""What changed between two locks, and what a changelog must name."""

import pytest
from msgspec.structs import replace

from generator.base.problems import Location
from generator.history.changes import (
    Part,
    RuleChange,
    added,
    compare,
    markdown,
    newest_section,
    unnamed,
)
from generator.history.rule_lock import Locked
from tests.locked import SLOW

RATE = Locked(
    name="gate:rate5m",
    engine="prometheus",
    failure="gate-slow",
    status="stable",
    interval="30s",
    expr="cc",
)
WHERE = Location("CHANGELOG.md", 5, 1)


def only(old: Locked, new: Locked) -> RuleChange:
    (change,) = compare([old], [new])
    return change


def test_nothing_changed() -> None:
    assert compare([SLOW, RATE], [RATE, SLOW]) == []


def test_new_and_removed() -> None:
    assert compare([SLOW], [RATE]) == [
        RuleChange("new", "gate:rate5m", "gate-slow"),
        RuleChange("removed", "GateSlow", "gate-slow"),
    ]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (replace(SLOW, hold="15m"), "GateSlow: for 10m → 15m"),
        (replace(SLOW, interval="1m"), "GateSlow: interval 30s → 1m"),
        (replace(SLOW, labels={"severity": "critical"}), "GateSlow: severity warning → critical"),
        (replace(SLOW, labels={"severity": "warning", "team": "net"}), "GateSlow: team none → net"),
        (replace(SLOW, status="experimental"), "GateSlow: status stable → experimental"),
        (replace(SLOW, expr="xx"), "GateSlow: expr"),
        (replace(SLOW, expr="xx", text="yy", hold="1m"), "GateSlow: for 10m → 1m, expr, text"),
    ],
)
def test_a_change_of_behaviour_says_what_it_is(new: Locked, said: str) -> None:
    change = only(SLOW, new)
    assert (change.kind, str(change)) == ("changed", said)


def test_a_change_of_annotations_is_one_of_text() -> None:
    assert only(SLOW, replace(SLOW, text="yy")) == RuleChange(
        "text", "GateSlow", "gate-slow", (Part("text"),)
    )


def test_deprecated_is_a_kind_of_its_own() -> None:
    change = only(SLOW, replace(SLOW, status="deprecated", hold="15m"))
    assert (change.kind, str(change)) == ("deprecated", "GateSlow: deprecated, for 10m → 15m")
    assert only(replace(SLOW, status="deprecated"), SLOW).kind == "changed"


def problems(change: RuleChange, *lines: str) -> list[str]:
    return [str(problem) for problem in unnamed([change], lines, WHERE, "v1")]


def test_a_change_that_no_line_names_is_a_problem_with_a_line_to_paste() -> None:
    assert problems(only(SLOW, replace(SLOW, hold="15m")), "- Faster.") == [
        "CHANGELOG.md:5:1: no line added since v1 names GateSlow; say why, for example:\n"
        "- GateSlow: for 10m → 15m, because …"
    ]


@pytest.mark.parametrize(
    "change",
    [*compare([SLOW], []), *compare([], [SLOW]), *compare([SLOW], [replace(SLOW, expr="x")])],
)
@pytest.mark.parametrize(
    "line", ["- GateSlow waits longer.", "- **GateSlow**: x", "- x (`GateSlow`)", "- all `Gate*`"]
)
def test_a_line_names_it(change: RuleChange, line: str) -> None:
    assert problems(change, line) == []


@pytest.mark.parametrize(
    "line",
    ["", "- GateSlowly", "- MyGateSlow", "- x:GateSlow", "- Gate* in no backticks", "- `Slow*`"],
)
def test_a_line_names_another(line: str) -> None:
    assert len(problems(only(SLOW, replace(SLOW, expr="x")), line)) == 1


def test_a_recording_rule_is_named_with_its_colons() -> None:
    change = only(RATE, replace(RATE, expr="x"))
    assert problems(change, "- gate:rate5m: counts anew") == []
    assert len(problems(change, "- gate:rate5m:max counts anew")) == 1


def test_a_change_of_text_needs_no_line() -> None:
    assert problems(only(SLOW, replace(SLOW, text="yy"))) == []


def test_added_lines_are_those_the_older_text_does_not_have() -> None:
    assert added("# C\n\n- a\n- b\n", "# C\n\n- new\n- a\n- b changed\n") == [
        "- new",
        "- b changed",
    ]
    assert added("", "# C\n- a\n") == ["# C", "- a"]
    assert added("- a\n", "") == []


def test_the_newest_section() -> None:
    assert newest_section("# C\n\n## 2\n- b\n\n## 1\n- a\n") == (3, ["- b", ""])
    assert newest_section("# C\n\n## 2\n- b\n") == (3, ["- b"])
    assert newest_section("- b\n") == (1, ["- b"])
    assert newest_section("") == (1, [])


def test_release_notes() -> None:
    text = replace(RATE, name="gate:old", text="dd")
    old = [SLOW, RATE, text]
    new = [
        replace(SLOW, status="deprecated"),
        replace(RATE, expr="x", interval="1m"),
        replace(text, text="ee"),
    ]
    assert markdown(compare(old, [*new, replace(SLOW, name="GateShut")])) == (
        "### New rules\n\n- `GateShut`\n\n"
        "### Changed rules\n\n- `gate:rate5m`: interval 30s → 1m, expr\n\n"
        "### Deprecated rules\n\n- `GateSlow`\n\n"
        "### Changed in text only\n\n- `gate:old`\n"
    )
    assert markdown([]) == ""
