"""The catalog's own unit tests, run by promtool 3 and by the oldest promtool that users still have."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from generator.base.names import TOOL
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup
from generator.prove import passed, promtool
from tests import once
from tests.conftest import Proven


def test_promtool_accepts_the_rules_and_the_unit_tests_pass(
    pinned_promtool: Path, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is that which promtool has given in this run of the tests, to a command without a memory."""
    assert "unchanged since" not in proven.said
    monkeypatch.setattr(passed, "_stamps_folder", lambda: proven.cache / TOOL / "passed")
    inputs = once.inputs()
    compiled = once.compiled()
    verdict = promtool.validate(
        pinned_promtool, compiled.files, once.rules(), inputs.catalog, "output"
    )
    assert [str(problem) for problem in verdict.problems] == []
    tested = [entry.id for entry in inputs.catalog.entries if entry.unit_tests]
    assert verdict.test_files == len(tested)
    assert {
        entry.id
        for entry in inputs.catalog.entries
        if entry.metric_alerts or entry.heartbeat == "metrics"
    } <= set(tested)
    assert verdict.rules > verdict.test_files
    assert verdict.remembered == verdict.answers > verdict.test_files


def alert(name: str, expr: str, annotation: str = "") -> AlertRule:
    return AlertRule(name, expr, "0s", {}, {"description": annotation})


def seen(groups: Sequence[RuleGroup], text: str) -> dict[str, list[str]]:
    """The rules that a text is given, by group."""
    chosen: dict[str, list[str]] = {}
    for group in promtool.needed(groups, text):
        chosen[group.name] = [
            rule.alert if isinstance(rule, AlertRule) else rule.record for rule in group.rules
        ]
    return chosen


def test_a_file_of_tests_is_given_the_rules_it_names_and_what_these_read() -> None:
    groups = [
        RuleGroup(
            "records",
            "30s",
            (
                RecordingRule("a:b:c", "x"),
                RecordingRule("d:e:f", "a:b:c * 2"),
                RecordingRule("g:h:i", "x"),
            ),
        ),
        RuleGroup("first", "30s", (alert("One", "d:e:f > 1"), alert("OneMore", "y > 1"))),
        RuleGroup(
            "second",
            "30s",
            (alert("Two", "y > 1", '{{ query `ALERTS{alertname=~"Three|Four"}` }}'),),
        ),
        RuleGroup("third", "30s", (alert("Three", "z > 1"),)),
    ]
    assert seen(groups, "alertname: One") == {"records": ["a:b:c", "d:e:f"], "first": ["One"]}
    assert seen(groups, "alertname: Two") == {"second": ["Two"], "third": ["Three"]}
    assert seen(groups, "expr: g:h:i") == {"records": ["g:h:i"]}
    assert seen(groups, "alertname: Unknown") == {}


def test_what_promtool_was_content_with_is_remembered_for_these_very_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passed, "_stamps_folder", lambda: tmp_path)
    tool = tmp_path / "promtool"
    tool.write_text("one")
    mark = passed.mark(tool, ["test", "a"])
    assert passed.passed([mark]) == set()
    passed.remember([mark])
    assert passed.passed([mark]) == {mark}
    assert passed.mark(tool, ["test", "b"]) != mark
    assert passed.mark(tool, ["testa"]) != mark
    tool.write_text("another program")
    assert passed.mark(tool, ["test", "a"]) != mark


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(passed, "_stamps_folder", lambda: tmp_path / "file" / "passed")
    passed.remember(["a"])
    assert passed.passed(["a"]) == set()
