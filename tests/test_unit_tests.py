"""The catalog's own unit tests, run by promtool 3 and by the oldest promtool that users still have."""

from pathlib import Path

from generator import validate
from generator.compiler import compile_catalog
from generator.load import load


def test_promtool_accepts_the_rules_and_the_unit_tests_pass(pinned_promtool: Path) -> None:
    inputs = load()
    files = compile_catalog(inputs, "output").files
    verdict = validate.validate(pinned_promtool, files, files, inputs.catalog, "output")
    assert [str(problem) for problem in verdict.problems] == []
    assert verdict.test_files == len([e for e in inputs.catalog.entries if e.metric_alerts or e.heartbeat == "metrics"])
    assert verdict.rules > verdict.test_files
