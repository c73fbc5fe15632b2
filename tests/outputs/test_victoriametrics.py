"""The files for vmalert and the VictoriaMetrics operator: read by the real vmalert, and the rules of the others."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from tests import once
from tests.conftest import ROOT, compiled_for

OUTPUT = ROOT / "output"
LOGS = "victorialogs/kube-proxy.rules.yaml"
METRICS = "prometheus/kube-proxy.rules.yaml"
LOG_OBJECT = "kubernetes/victorialogs.vmrule.yaml"
METRIC_OBJECT = "kubernetes/victoriametrics.vmrule.yaml"


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((OUTPUT / path).read_text(encoding="utf-8"))
    return found


def groups(path: str) -> list[dict[str, Any]]:
    """The rule groups of a file, or of an object."""
    data = read(path)
    found: list[dict[str, Any]] = data.get("spec", data)["groups"]
    return found


def accepted(vmalert: Path, rules: list[dict[str, Any]], folder: Path) -> tuple[bool, str]:
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": rules}), encoding="utf-8")
    return subprocesses.run([str(vmalert), "-dryRun", "-rule=rules.yaml"], folder)


@pytest.mark.parametrize("path", [LOGS, METRICS, LOG_OBJECT, METRIC_OBJECT])
def test_vmalert_accepts_the_rules(path: str, vmalert: Path, tmp_path: Path) -> None:
    """What the operator's webhook asks of an object too: it reads the groups as vmalert does."""
    passed, said = accepted(vmalert, groups(path), tmp_path)
    assert passed, said


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("expr", "{container=`a`} | stats by (pod"),
        ("expr", "{container=`a`} ~`(`| stats count() as n"),
        ("annotations", {"line": "{{ range query `x` }}"}),
        ("annotations", {"line": "{{ nosuchfunction }}"}),
        ("until", "5m"),
    ],
)
def test_vmalert_refuses_what_is_wrong(
    field: str, wrong: Any, vmalert: Path, tmp_path: Path
) -> None:
    """Or the test above would show nothing."""
    group = groups(LOGS)[0]
    spoiled = {**group, "rules": [{**group["rules"][0], field: wrong}]}
    assert not accepted(vmalert, [spoiled], tmp_path)[0]


def test_the_log_alerts_are_those_of_loki_in_all_but_the_language() -> None:
    own, lokis = groups(LOGS), groups("loki/kube-proxy.rules.yaml")
    assert [group.pop("type") for group in own] == ["vlogs"] * len(lokis)
    for rule in (rule for group in (*own, *lokis) for rule in group["rules"]):
        del rule["expr"]
        rule["annotations"].pop("line", None)
    assert own == lokis


def test_the_objects_hold_the_rules_of_the_files_and_are_told_apart_by_a_label() -> None:
    assert groups(LOG_OBJECT) == groups(LOGS)
    assert groups(METRIC_OBJECT) == groups(METRICS)
    heads = [read(path) for path in (LOG_OBJECT, METRIC_OBJECT)]
    assert {head["apiVersion"] for head in heads} == {"operator.victoriametrics.com/v1beta1"}
    labels = [head["metadata"]["labels"]["app.kubernetes.io/component"] for head in heads]
    assert labels == ["victorialogs", "victoriametrics"]


def test_an_object_is_within_what_the_operator_takes() -> None:
    """Its webhook refuses groups of one name, and more than half a mebibyte."""
    for path in (LOG_OBJECT, METRIC_OBJECT):
        found = groups(path)
        assert len({group["name"] for group in found}) == len(found)
        assert sum(len(yaml.safe_dump(group)) for group in found) < 512 * 1024


def test_objects_carry_what_the_site_says(tmp_path: Path) -> None:
    profile = "kubernetes: {namespace: obs, labels: {release: vm}}\n"
    found = yaml.safe_load(compiled_for(profile, tmp_path)[LOG_OBJECT])["metadata"]
    assert found == {
        "name": "kube-proxy-alerts-victorialogs",
        "namespace": "obs",
        "labels": {
            "app.kubernetes.io/name": "kube-proxy-alerts",
            "app.kubernetes.io/component": "victorialogs",
            "release": "vm",
        },
    }


def test_a_site_without_log_rules_gets_no_object_of_them(tmp_path: Path) -> None:
    files = compiled_for(once.without_log_rules(), tmp_path)
    assert LOG_OBJECT not in files
    assert METRIC_OBJECT in files


def test_no_alert_leads_to_the_lines_in_a_loki(tmp_path: Path) -> None:
    """Explore would ask the data source that the profile names, which is a Loki."""
    texts = compiled_for("grafana: {url: https://grafana.test}\n", tmp_path)
    for path, expected in ((LOGS, False), ("loki/kube-proxy.rules.yaml", True)):
        alerts = [
            rule for group in yaml.safe_load(texts[path])["groups"] for rule in group["rules"]
        ]
        assert all("dashboard_url" in alert["annotations"] for alert in alerts)
        assert any("logs_url" in alert["annotations"] for alert in alerts) == expected
