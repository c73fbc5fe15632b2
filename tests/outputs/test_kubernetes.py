"""The Kubernetes objects: accepted by the operators' schemas, and the same rules as the files."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from generator.query import logql
from generator.servers.loki import Loki
from tests import once
from tests.conftest import ROOT, compiled_for

FOLDER = ROOT / "output" / "kubernetes"
OBJECTS = sorted(FOLDER.glob("*.yaml"))
SCHEMAS = ROOT / "tests" / "crds"


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def closed(schema: Any) -> Any:
    """A schema that refuses unknown fields, which a cluster would drop without a word."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def compiled(tmp_path: Path, profile: str) -> dict[str, dict[str, Any]]:
    """The objects for a profile, by file name."""
    files = {Path(path): text for path, text in compiled_for(profile, tmp_path).items()}
    return {
        path.name: yaml.safe_load(text)
        for path, text in files.items()
        if path.parent.name == "kubernetes"
    }


@pytest.mark.parametrize("kind", [path.stem for path in sorted(SCHEMAS.glob("*.json"))])
def test_the_operators_schema_accepts_the_object(kind: str) -> None:
    schema = closed(json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8")))
    validator = jsonschema_rs.validator_for(schema)
    (found,) = (thing for thing in map(read, OBJECTS) if thing["kind"] == kind)
    assert [error.message for error in validator.iter_errors(found)] == []
    assert not validator.is_valid({**found, "spec": {**found["spec"], "grups": []}})


def validated(operator: Path, rule: Path) -> subprocess.CompletedProcess[str]:
    """What the Prometheus operator, and its admission webhook, say of a PrometheusRule."""
    return subprocess.run(
        [str(operator), "rule"],
        input=rule.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_operator_itself_finds_the_rules_valid(operator: Path) -> None:
    done = validated(operator, FOLDER / "prometheus.prometheusrule.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_objects_hold_the_rules_of_the_files() -> None:
    prometheus = read(ROOT / "output" / "prometheus" / "kube-proxy.rules.yaml")
    loki = ROOT / "output" / "loki" / "kube-proxy.rules.yaml"
    assert read(FOLDER / "prometheus.prometheusrule.yaml")["spec"] == prometheus
    assert read(FOLDER / "loki.alertingrule.yaml")["spec"] == {
        "tenantID": "infrastructure",
        **read(loki),
    }
    assert read(FOLDER / "loki.configmap.yaml")["data"] == {
        "kube-proxy.rules.yaml": loki.read_text(encoding="utf-8")
    }


def test_the_operators_webhooks_find_nothing() -> None:
    """What no schema says: group names are unique in all of an operator's rules, and each alert tells what is wrong."""
    alerting, recording = (
        read(FOLDER / f"loki.{kind}rule.yaml")["spec"]["groups"]
        for kind in ("alerting", "recording")
    )
    names = [group["name"] for group in (*alerting, *recording)]
    assert len(set(names)) == len(names)
    for rule in (rule for group in alerting for rule in group["rules"]):
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_recording_rules_count_what_the_alerts_count(real_loki: Loki) -> None:
    alerting, recording = (
        read(FOLDER / f"loki.{kind}rule.yaml")["spec"]["groups"]
        for kind in ("alerting", "recording")
    )
    alerts = {
        rule["labels"]["failure"]: rule["expr"] for group in alerting for rule in group["rules"]
    }
    records = {
        rule["labels"]["failure"]: rule["expr"] for group in recording for rule in group["rules"]
    }
    assert records.keys() == alerts.keys() - {"log-rules-watchdog"}
    for failure, expr in records.items():
        # An alert may ask for recent ones among the same lines too.
        assert logql.log_queries(expr) == list(dict.fromkeys(logql.log_queries(alerts[failure])))
        assert expr.count("[5m]") == 1
        assert (
            real_loki.evaluate(expr, int(time.time()) - 3600, 30, 2) == []
        )  # numbers, or Loki refuses


def test_the_base_lists_files_that_are_there() -> None:
    base = read(FOLDER / "kustomization.yaml")["resources"]
    assert base == ["prometheus.prometheusrule.yaml", "loki.configmap.yaml"]
    assert all((FOLDER / name).is_file() for name in base)


def test_objects_carry_what_the_site_says(tmp_path: Path) -> None:
    profile = (
        "kubernetes: {namespace: obs, labels: {release: kps}, operator_tenant: network, sidecar_tenant: t1}\n"
        'prometheus: {selector: \'{job="kp", env=~"a|b"}\', labels: {node: host}}\n'
    )
    objects = compiled(tmp_path, profile)
    rule, config = objects["prometheus.prometheusrule.yaml"], objects["loki.configmap.yaml"]
    assert rule["metadata"] == {
        "name": "kube-proxy-alerts",
        "namespace": "obs",
        "labels": {"app.kubernetes.io/name": "kube-proxy-alerts", "release": "kps"},
    }
    assert objects["loki.alertingrule.yaml"]["spec"]["tenantID"] == "network"
    assert config["metadata"]["annotations"] == {"k8s-sidecar-target-directory": "/rules/t1"}
    assert config["metadata"]["labels"]["loki_rule"] == ""
    (endpoint,) = objects["kube-proxy.podmonitor.yaml"]["spec"]["podMetricsEndpoints"]
    written = {row["targetLabel"]: row.get("replacement") for row in endpoint["relabelings"]}
    assert written == {"__address__": "[$1]:10249", "job": "kp", "host": None}


def test_a_site_without_log_rules_gets_no_loki_objects(tmp_path: Path) -> None:
    objects = compiled(tmp_path, once.without_log_rules())
    assert set(objects) == {
        "prometheus.prometheusrule.yaml",
        "alertmanager.alertmanagerconfig.yaml",
        "kube-proxy.podmonitor.yaml",
        "kustomization.yaml",
        "victoriametrics.vmrule.yaml",
    }
