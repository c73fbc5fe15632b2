"""Catalogs of one's own beside the shipped one."""

import os
import shutil
import time
from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.catalog.load import load
from generator.catalog.package import shipped_catalog
from generator.catalog.unit_tests import load_tests
from generator.pipeline import compile_catalog
from tests.conftest import TINY


def own(tmp_path: Path, replaces: str = "") -> Path:
    """A catalog with one entry, named like one of the golden catalog's."""
    shutil.copytree(TINY / "gate-slow", tmp_path / "gate-slow")
    path = tmp_path / "gate-slow" / "failure.yaml"
    text = path.read_text().replace("title: the gate is slow", "title: my gate is slow")
    path.write_text(text.replace("kind: symptom", f"kind: symptom\n{replaces}"))
    return tmp_path


def test_an_added_catalog_adds_entries(tmp_path: Path) -> None:
    folder = own(tmp_path)
    (folder / "gate-slow").rename(folder / "gate-slower")
    path = folder / "gate-slower" / "failure.yaml"
    path.write_text(path.read_text().replace("id: gate-slow", "id: gate-slower"))
    inputs = load([folder], base=TINY)
    assert inputs.problems == ()
    assert [entry.id for entry in inputs.catalog.entries] == [
        "broken-gate",
        "gate-slow",
        "gate-slower",
        "gate-watchdog",
    ]


def test_an_id_that_both_have_is_an_error(tmp_path: Path) -> None:
    (problem,) = load([own(tmp_path)], base=TINY).problems
    assert str(problem).endswith(
        "gate-slow/failure.yaml:1:1: id 'gate-slow' is already that of tests/golden/catalog/gate-slow/failure.yaml; "
        "choose another id, or add `replaces: gate-slow` to take its place"
    )


def test_an_entry_that_says_so_replaces_the_other(tmp_path: Path) -> None:
    inputs = load([own(tmp_path, "replaces: gate-slow\n")], base=TINY)
    assert inputs.problems == ()
    assert [e.title for e in inputs.catalog.entries if e.id == "gate-slow"] == ["my gate is slow"]


def test_there_must_be_something_to_replace(tmp_path: Path) -> None:
    folder = own(tmp_path, "replaces: gate-fast\n")
    shutil.move(folder / "gate-slow", folder / "gate-slowest")
    path = folder / "gate-slowest" / "failure.yaml"
    path.write_text(path.read_text().replace("id: gate-slow", "id: gate-slowest"))
    (problem,) = load([folder], base=TINY).problems
    assert str(problem).endswith("failure.yaml:3:1: there is no entry 'gate-fast' to replace")


def test_a_catalog_without_entries_is_a_problem(tmp_path: Path) -> None:
    (problem,) = load([tmp_path], base=TINY).problems
    assert problem.message == "no entry here; a catalog holds folders with a failure.yaml each"


def test_a_file_that_cannot_be_read_is_could_not_run(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read: Is a directory"):
        load(profile=tmp_path, base=TINY)


def test_sample_lines_are_the_physical_lines_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    shutil.copytree(TINY, folder)
    (folder / "broken-gate" / "samples" / "fires" / "line.log").write_bytes(
        b"one\r\n\ngate `broken` (rust)\xff"
    )
    (entry,) = (e for e in load(base=folder).catalog.entries if e.id == "broken-gate")
    (sample,) = (s for s in entry.samples if s.fires)
    assert sample.lines == ("one\r", "", "gate `broken` (rust)\ufffd")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "at: 1m",
            "at: 9999999y",
            "tests.yaml:5:49: at: '9999999y' does not have the form asked for: such as 30s, 5m",
        ),
        (
            "eval_time: 2m",
            "eval_time: 99999999999999999999y",
            "tests.yaml:7:10: eval_time: '99999999999999999999y' does not",
        ),
        (
            "at: 1m",
            "at: 1m, every: 1s, times: 1000000000",
            "tests.yaml:5:48: writes more than 100,000 lines",
        ),
        (
            "evaluation_interval: 30s",
            "evaluation_interval: 1ms",
            "tests.yaml:6:5: is evaluated more than 11,000 times",
        ),
        ("eval_time: 2m", "eval_time: 99d", "tests.yaml:6:5: is evaluated more than 11,000 times"),
        (
            "evaluation_interval: 30s",
            "evaluation_interval: 0s",
            "tests.yaml:1:1: the interval must be longer than 0",
        ),
    ],
)
def test_what_a_test_writes_and_how_often_it_looks_has_an_end(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    catalog = shutil.copytree(TINY, tmp_path / "c")
    shutil.copy(shipped_catalog() / "tests.schema.json", catalog)
    tests = catalog / "broken-gate" / "tests.yaml"
    tests.write_text(LOG_TESTS.replace(old, new), encoding="utf-8")
    began = time.process_time()
    (problem,) = load(base=catalog, log_tests=True).problems
    assert str(problem).removeprefix(f"{tests.parent}/").startswith(said)
    assert time.process_time() - began < 10


def test_a_whole_number_may_have_a_point(tmp_path: Path) -> None:
    """To a schema 2.0 is an integer."""
    catalog = shutil.copytree(TINY, tmp_path / "c")
    entry = catalog / "broken-gate" / "failure.yaml"
    entry.write_text(entry.read_text().replace("threshold: 2", "threshold: 2.0"))
    tests = catalog / "broken-gate" / "tests.yaml"
    tests.write_text(LOG_TESTS.replace("at: 1m", "at: 1m, every: 1s, times: 3.0"), encoding="utf-8")
    profile = tmp_path / "site.yaml"
    profile.write_text("loki: {limit: 5.0}\nprometheus: {limit: 7}\n", encoding="utf-8")
    read = load(base=catalog, profile=profile, log_tests=True)
    assert read.problems == ()
    (written,) = (entry.log_tests for entry in read.catalog.entries if entry.log_tests)
    assert written.tests[0].streams[0].lines == ((60.0, "a"), (61.0, "a"), (62.0, "a"))
    rules = compile_catalog(read, "output").rules
    assert rules
    assert {group.limit for group in rules.groups["loki"]} == {5}
    assert "> 2\n" in next(alert.rule.expr for alert in rules.alerts if alert.engine == "loki")


LOG_TESTS = """\
evaluation_interval: 30s
tests:
  - name: the gate breaks
    input_streams:
      - {stream: '{container="gate"}', lines: [{at: 1m, line: a}]}
    alert_rule_test:
      - {eval_time: 2m, alertname: KubeProxyBrokenGate}
"""


def test_promtool_is_not_left_waiting_for_rules(tmp_path: Path) -> None:
    """It opens whatever the patterns match, and of a FIFO nothing ever comes."""
    os.mkfifo(tmp_path / "pipe.rules.yaml")
    (tmp_path / "plain.rules.yaml").write_text("groups: []\n")
    tests = tmp_path / "tests.yaml"
    tests.write_text("rule_files: ['*.rules.yaml', none.yaml]\ntests: []\n")
    (problem,) = load_tests(tests).problems
    assert str(problem) == f"{tests}: pipe.rules.yaml in rule_files is no file"
