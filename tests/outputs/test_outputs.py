"""Which outputs there are, and which of them a profile names."""

import json

from generator import outputs
from generator.catalog.load import load, shipped_catalog
from generator.pipeline import compile_catalog

SCHEMA = json.loads((shipped_catalog() / "profile.schema.json").read_text(encoding="utf-8"))


def test_a_profile_can_name_each_output_and_no_other() -> None:
    named = SCHEMA["properties"]["outputs"]["items"]["enum"]
    assert named == ["all", *sorted(outputs.OUTPUTS)]


def test_the_default_is_what_the_default_stack_uses() -> None:
    """Alloy or Promtail with Loki, kube-prometheus-stack, its Alertmanager and its Grafana."""
    used = {"alertmanager", "grafana", "kubernetes", "lock", "loki", "prometheus", "runbooks"}
    assert set(load().profile.outputs) == used


def test_files_are_those_of_the_outputs_named() -> None:
    compiled = compile_catalog(load(), "output")
    assert {file.path.split("/")[0] for file in compiled.of_outputs(["loki", "lock"])} == {
        "loki",
        "rules.lock.json",
    }
    assert compiled.of_outputs(["all"]) == compiled.files
