"""The catalog's own unit tests, run by promtool 3 and by the oldest promtool that users still have."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from msgspec import structs

from generator.base.names import TOOL
from generator.catalog.model import Entry
from generator.prove import promtool, remembered_verdicts
from tests import once
from tests.conftest import Proven


def test_promtool_accepts_the_rules_and_the_unit_tests_pass(
    pinned_promtool: Path, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is that which promtool has given in this run of the tests, to a command without a memory."""
    monkeypatch.setattr(
        remembered_verdicts, "_stamps_folder", lambda: proven.cache / TOOL / "passed"
    )
    inputs = once.inputs()
    compiled = once.compiled()
    verdict = promtool.validate(
        pinned_promtool, compiled.files, once.rules(), inputs.catalog, "output"
    )
    assert [str(problem) for problem in verdict.problems] == []
    tested = [entry.id for entry in inputs.catalog.entries if entry.unit_tests]
    assert {
        entry.id
        for entry in inputs.catalog.entries
        if entry.metric_alerts or entry.heartbeat == "metrics"
    } <= set(tested)
    (rules,) = (file for file in compiled.files if file.path.startswith("prometheus/"))
    groups = yaml.safe_load(rules.text)["groups"]
    count = sum(len(group["rules"]) for group in groups)
    assert proven.said.endswith(
        f"promtool accepts the {count} rules of Prometheus, the unit tests of {len(tested)} entries pass\n"
    )
    assert verdict == promtool.Validation(
        problems=(),
        rules=count,
        test_files=len(tested),
        answers=len(tested) + 1,
        remembered=len(tested) + 1,
    )


def test_what_is_refused_is_said_of_its_file_and_asked_again_and_the_rest_is_remembered(
    tmp_path: Path, pinned_promtool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_verdicts, "_stamps_folder", lambda: tmp_path / "passed")
    names = (
        "apiserver-forbidden",
        "apiserver-unauthorized",
        "conntrack-cleanup-slow",
        "metric-rules-watchdog",
        "iptables-backend-switch",
    )
    catalog = once.inputs().catalog
    chosen = [entry for entry in catalog.entries if entry.id in names]
    entries = [
        _with_wrong_tests(entry) if entry.id == "apiserver-unauthorized" else entry
        for entry in chosen
    ]
    told = []

    def verdict() -> promtool.Validation:
        return promtool.validate(
            pinned_promtool,
            once.compiled().files,
            once.rules(),
            replace(catalog, entries=tuple(entries)),
            "output",
            progress=lambda done, of: told.append((done, of)),
        )

    first = verdict()
    (problem,) = first.problems
    assert str(problem).startswith(
        "catalog/apiserver-unauthorized/metric-tests.yaml: promtool's unit tests fail:"
    )
    assert 'failure="another"' in problem.message
    assert (first.answers, first.remembered, told) == (6, 0, [(4, 5), (5, 5)])
    again = verdict()
    assert (again.problems, again.remembered, told[2:]) == (first.problems, 5, [(1, 1)])


def _with_wrong_tests(entry: Entry) -> Entry:
    """An entry whose tests expect another label than its alerts have."""
    texts = {}
    for name, text in entry.unit_tests.items():
        texts[name] = text.replace(f"failure: {entry.id}", "failure: another")
    return structs.replace(entry, unit_tests=texts)


def test_what_promtool_was_content_with_is_remembered_for_these_very_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_verdicts, "_stamps_folder", lambda: tmp_path)
    tool = tmp_path / "promtool"
    tool.write_text("one")
    mark = remembered_verdicts.mark(tool, ["test", "a"])
    assert remembered_verdicts.passed([mark]) == set()
    remembered_verdicts.remember([mark])
    assert remembered_verdicts.passed([mark]) == {mark}
    assert remembered_verdicts.mark(tool, ["test", "b"]) != mark
    assert remembered_verdicts.mark(tool, ["testa"]) != mark
    tool.write_text("another program")
    assert remembered_verdicts.mark(tool, ["test", "a"]) != mark


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(remembered_verdicts, "_stamps_folder", lambda: tmp_path / "file" / "passed")
    remembered_verdicts.remember(["a"])
    assert remembered_verdicts.passed(["a"]) == set()
