"""Which outputs there are, and which of them a profile names."""

import json
import re

from generator import outputs
from generator.catalog.package import shipped_catalog
from tests import once
from tests.conftest import ROOT

SCHEMA = json.loads((shipped_catalog() / "profile.schema.json").read_text(encoding="utf-8"))


def test_a_profile_can_name_each_output_and_no_other() -> None:
    named = SCHEMA["properties"]["outputs"]["items"]["enum"]
    assert named == ["all", *sorted(outputs.OUTPUTS)]


def test_the_default_is_what_the_default_stack_uses() -> None:
    """Alloy or Promtail with Loki, kube-prometheus-stack, its Alertmanager and its Grafana."""
    used = {"alertmanager", "grafana", "kubernetes", "lock", "loki", "prometheus", "runbooks"}
    assert set(once.inputs().profile.outputs) == used


def test_files_are_those_of_the_outputs_named() -> None:
    compiled = once.compiled()
    assert {file.path.split("/")[0] for file in compiled.of_outputs(["loki", "lock"])} == {
        "loki",
        "rules.lock.json",
    }
    assert compiled.of_outputs(["all"]) == compiled.files


def test_each_file_has_a_row_in_the_documentation_and_each_row_a_test_that_is_there() -> None:
    lines = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| `")]
    rows = [row for row in rows if "/" in row[0] or "rules.lock.json" in row[0]]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    files = {file.path for file in once.compiled().files}
    pages = {path for path in files if path.startswith("runbooks/")}
    assert named == (files - pages) | {"runbooks/*.md"}
    for row in rows:
        tests = re.findall(r"\]\(\.\./(tests/[^)]+)\)", row[-1])
        assert tests, row[0]
        assert all((ROOT / path).is_file() for path in tests), row[0]
