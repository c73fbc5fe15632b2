"""A rule file and its tests on a store of logs."""

from collections.abc import Sequence
from pathlib import Path

from generator.catalog.model import LogTests
from generator.catalog.unit_tests import load_tests
from generator.prove import over_time
from generator.prove.over_time import Store


def assert_all_pass(
    store: Store, promtools: Sequence[Path], tests: LogTests, rules: Sequence[str]
) -> None:
    """With what a store answers, which is asked once, each promtool is content."""
    suite = over_time.suite(tests, rules)
    answers = over_time.answers(store, suite)
    for promtool in promtools:
        outcomes = list(over_time.judged(promtool, suite, answers))
        assert [outcome.said for outcome in outcomes if outcome.said] == []
        assert [outcome.test for outcome in outcomes] == [test.name for test in tests.tests]


def said_of(folder: Path, store: Store, promtool: Path, rule: str, tests: str) -> str:
    """What is said of the only test of a file; empty if it passes."""
    (folder / "rules.yaml").write_text(rule)
    (folder / "tests.yaml").write_text(tests)
    read = load_tests(folder / "tests.yaml")
    assert read.problems == ()
    assert read.log_tests
    suite = over_time.suite(read.log_tests, read.rules)
    (outcome,) = over_time.run_tests(store, promtool, suite)
    return outcome.said
