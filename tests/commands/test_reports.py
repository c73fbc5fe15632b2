"""The files that a CI collects, as programs that are not ours read them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import Failure, JUnitXml

from generator.base.problems import Location, Problem
from generator.commands.reports import junit, sarif
from generator.prove.over_time import Outcome
from tests.conftest import ROOT, TINY, Run

HOSTILE = "a\x1b[31m & <b> ]]> \x00 \udc80 \ufffe 'q' \"q\"\n  second line"


SCHEMA = json.loads((ROOT / "tests" / "formats" / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def results(text: str) -> list[dict[str, Any]]:
    """The results of a log that the schema of SARIF accepts."""
    log = json.loads(text)
    checked = jsonschema.Draft4Validator(SCHEMA)
    assert [error.message for error in checked.iter_errors(log)] == []
    (run,) = log["runs"]
    return list(run["results"])


def cases(text: str) -> list[tuple[str, str, list[str]]]:
    """Suite, case and failures of each test, as a library reads them."""
    suites = JUnitXml.fromstring(text.encode())
    return [
        (suite.name, case.name, [one.message for one in case.result if isinstance(one, Failure)])
        for suite in suites
        for case in suite
    ]


def test_a_suite_for_each_file_and_a_case_for_each_test() -> None:
    rows = [
        Outcome("b/tests.yaml", "late", "wanted 1\ngot 2"),
        Outcome("a/tests.yaml", "promtool"),
        Outcome("b/tests.yaml", "early"),
    ]
    assert cases(junit(rows)) == [
        ("a/tests.yaml", "promtool", []),
        ("b/tests.yaml", "late", ["wanted 1"]),
        ("b/tests.yaml", "early", []),
    ]
    suites = JUnitXml.fromstring(junit(rows).encode())
    assert [(suite.tests, suite.failures) for suite in suites] == [(1, 0), (2, 1)]


def test_no_text_makes_a_report_that_cannot_be_read() -> None:
    (row,) = cases(junit([Outcome(HOSTILE, HOSTILE, HOSTILE)]))
    assert row[2] == ["a\ufffd[31m & <b> ]]> \ufffd \ufffd \ufffd 'q' \"q\""]


def test_a_problem_is_a_result_with_file_line_and_column() -> None:
    problems = [
        Problem(Location("ours/a b/failure.yaml", 3, 7), "is wrong"),
        Problem(Location("site.yaml"), "may be wrong", "warning"),
    ]
    rows = results(sarif(problems))
    places = [row["locations"][0]["physicalLocation"] for row in rows]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "ours/a%20b/failure.yaml",
        "site.yaml",
    ]
    assert [place["region"] for place in places] == [
        {"startLine": 3, "startColumn": 7},
        {"startLine": 1},
    ]
    assert [(row["level"], row["message"]["text"]) for row in rows] == [
        ("error", "is wrong"),
        ("warning", "may be wrong"),
    ]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("", "."),
        ("/srv/a.yaml", "file:///srv/a.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("a#b?c.yaml", "a%23b%3Fc.yaml"),
        ("a\udcff.yaml", "a%FF.yaml"),
    ],
)
def test_a_path_is_a_reference_to_that_file(path: str, uri: str) -> None:
    (row,) = results(sarif([Problem(Location(path), "is wrong")]))
    assert row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_hostile_text_is_plain_in_sarif() -> None:
    (row,) = results(sarif([Problem(Location("a.yaml"), HOSTILE)]))
    assert row["message"]["text"].startswith("a\ufffd[31m & <b> ]]> \ufffd \ufffd")


def broken(folder: Path) -> None:
    entry = folder / "ours" / "gate-slow"
    entry.mkdir(parents=True)
    text = (TINY / "gate-slow" / "failure.yaml").read_text(encoding="utf-8")
    (entry / "failure.yaml").write_text(text.replace("\nfirst_step:", "\nfirst_stop:"))


def test_check_writes_what_it_finds(run_small: Run, tmp_path: Path) -> None:
    broken(tmp_path)
    done = run_small(
        "check", "--catalog", "ours", "--no-validate", "--sarif", "r/found.sarif", cwd=tmp_path
    )
    assert done.returncode == 1
    rows = results((tmp_path / "r" / "found.sarif").read_text(encoding="utf-8"))
    assert [row["locations"][0]["physicalLocation"]["region"] for row in rows] == [
        {"startLine": 1, "startColumn": 1},
        {"startLine": 8, "startColumn": 1},
    ]


def test_a_check_that_finds_nothing_says_so_in_the_file(run_small: Run, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("runbooks: {base_url: https://wiki.site.test/kp}\n")
    words = ("--profile", "site.yaml", "--no-validate", "--sarif", "found.sarif")
    done = run_small("check", *words, cwd=tmp_path)
    assert done.returncode == 0
    assert results((tmp_path / "found.sarif").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "command", [("check", "--no-validate", "--sarif"), ("test", "--only", "sync-slow", "--junit")]
)
def test_a_file_that_cannot_be_written_is_told_in_one_line(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "taken").write_text("")
    done = run(*command, "taken/report", cwd=tmp_path)
    assert done.returncode == 2
    assert "taken/report: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_keeps_the_tests_from_running_is_a_failed_case(run_small: Run, tmp_path: Path) -> None:
    broken(tmp_path)
    done = run_small("test", "--catalog", "ours", "--junit", "tests.xml", cwd=tmp_path)
    assert done.returncode == 1
    found = cases((tmp_path / "tests.xml").read_text(encoding="utf-8"))
    assert [(suite, case) for suite, case, _ in found] == [
        ("ours/gate-slow/failure.yaml", "ours/gate-slow/failure.yaml:1:1"),
        ("ours/gate-slow/failure.yaml", "ours/gate-slow/failure.yaml:8:1"),
    ]
    assert found[1][2] == ["unknown key 'first_stop'; did you mean 'first_step'?"]


def test_each_test_of_an_entry_is_a_case(run: Run, tmp_path: Path) -> None:
    done = run("test", "--only", "sync-slow", "--junit", "tests.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = cases((tmp_path / "tests.xml").read_text(encoding="utf-8"))
    assert row[0].endswith("sync-slow/tests.yaml")
    assert row[1:] == ("promtool", [])
