"""promtool is asked about many files at once, and about each where one is wrong."""

import shlex
from pathlib import Path

import pytest

from generator.base.disk import populate
from generator.base.file import File
from generator.prove.verdicts import ToJudge, refusals

RULES = """
groups: [{name: g, rules: [{record: "a:b:c", expr: x * 2}]}]
"""
TESTS = """
rule_files: [../rules.yaml]
tests:
  - input_series: [{series: x, values: 1x5}]
    promql_expr_test: [{expr: "a:b:c", eval_time: 1m, exp_samples: [{labels: "a:b:c", value: NUMBER}]}]
"""


@pytest.fixture
def counting(pinned_promtool: Path, tmp_path: Path) -> Path:
    """promtool, which writes down what it is asked."""
    program = tmp_path / "counting"
    written = shlex.quote(str(tmp_path / "asked"))
    promtool = shlex.quote(str(pinned_promtool))
    program.write_text(f'#!/bin/sh\necho "$@" >> {written}\nexec {promtool} "$@"\n')
    program.chmod(0o755)
    return program


def with_numbers(root: Path, *numbers: int) -> list[ToJudge]:
    """A file of tests for each number, which the rule must give."""
    files = []
    for index, number in enumerate(numbers):
        folder = root / str(index)
        tests = File("tests/of.yaml", TESTS.replace("NUMBER", str(number)))
        populate(folder, [tests, File("rules.yaml", RULES)])
        files.append(ToJudge(folder, tests.path))
    return files


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


def test_files_that_are_fine_take_one_start(counting: Path, tmp_path: Path) -> None:
    files = with_numbers(tmp_path, 2, 2, 2)
    assert refusals(counting, "test", files, tmp_path) == [None, None, None]
    assert asked(tmp_path) == ["test rules 0/tests/of.yaml 1/tests/of.yaml 2/tests/of.yaml"]


def test_where_one_is_wrong_each_is_judged_by_itself(counting: Path, tmp_path: Path) -> None:
    files = with_numbers(tmp_path, 2, 3, 2)
    first, second, third = refusals(counting, "test", files, tmp_path)
    assert (first, third) == (None, None)
    assert second
    assert "tests/of.yaml" in second
    assert "0/tests" not in second
    assert "1/tests" not in second
    assert [line.split()[0] for line in second.splitlines() if "exp:" in line] == ["exp:"]
    assert asked(tmp_path)[1:] == ["test rules tests/of.yaml"] * 3


def test_one_file_is_judged_once_even_if_it_is_wrong(counting: Path, tmp_path: Path) -> None:
    (said,) = refusals(counting, "test", with_numbers(tmp_path, 3), tmp_path)
    assert said
    assert asked(tmp_path) == ["test rules tests/of.yaml"]


def test_rules_are_checked(counting: Path, tmp_path: Path) -> None:
    populate(tmp_path, [File("good.yaml", RULES), File("bad.yaml", RULES.replace("* 2", "* *"))])
    files = [ToJudge(tmp_path, "good.yaml"), ToJudge(tmp_path, "bad.yaml")]
    good, bad = refusals(counting, "check", files, tmp_path)
    assert good is None
    assert bad
    assert "could not parse expression" in bad
    assert asked(tmp_path) == [
        "check rules good.yaml bad.yaml",
        "check rules good.yaml",
        "check rules bad.yaml",
    ]
