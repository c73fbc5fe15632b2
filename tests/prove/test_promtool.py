"""The catalog's own unit tests, run by promtool 3 and by the oldest promtool that users still have."""

from pathlib import Path

import pytest

from generator.base.names import TOOL
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
