"""The object for Alloy: the operator accepts it, Prometheus must not get it, the ruler gets the rules of the file."""

import json
from pathlib import Path

import jsonschema_rs
import yaml

from generator.base import subprocesses
from tests.conftest import ROOT, compiled_for
from tests.outputs.test_kubernetes import SCHEMAS, closed, read, validated

OBJECT = ROOT / "output" / "alloy" / "loki.prometheusrule.yaml"


def test_the_operators_schema_accepts_the_object() -> None:
    schema = json.loads((SCHEMAS / "PrometheusRule.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(closed(schema))
    assert [error.message for error in validator.iter_errors(read(OBJECT))] == []


def test_the_ruler_gets_the_rules_of_the_file_for_loki() -> None:
    assert read(OBJECT)["spec"] == read(ROOT / "output" / "loki" / "kube-proxy.rules.yaml")


def test_prometheus_would_refuse_the_rules(pinned_promtool: Path, tmp_path: Path) -> None:
    """Which is why no label of the object may be one that the operator chooses by."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(read(OBJECT)["spec"]), encoding="utf-8")
    accepted, said = subprocesses.run(
        [str(pinned_promtool), "check", "rules", "rules.yaml"], tmp_path
    )
    assert not accepted
    assert "could not parse expression" in said


def test_the_operator_would_refuse_the_object_too(operator: Path) -> None:
    """Its webhook asks this of every PrometheusRule, so the comment says how the object is passed over."""
    done = validated(operator, OBJECT)
    assert done.returncode == 1
    assert "could not parse expression" in done.stderr


def test_the_labels_that_the_prometheus_operator_chooses_by_are_not_on_it(tmp_path: Path) -> None:
    profile = "kubernetes: {namespace: obs, labels: {release: kps, loki: x}}\n"
    metadata = yaml.safe_load(compiled_for(profile, tmp_path)["alloy/loki.prometheusrule.yaml"])[
        "metadata"
    ]
    assert metadata["labels"] == {
        "app.kubernetes.io/name": "kube-proxy-alerts",
        "loki": "kube-proxy-alerts",
    }
    assert metadata["namespace"] == "obs"


def test_the_comment_shows_the_label_that_the_object_has() -> None:
    text = OBJECT.read_text(encoding="utf-8")
    assert 'match_labels = { loki = "kube-proxy-alerts" }' in text
    assert read(OBJECT)["metadata"]["labels"]["loki"] == "kube-proxy-alerts"
