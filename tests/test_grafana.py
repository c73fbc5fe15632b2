"""Grafana's files: the dashboard, whose queries the lab runs, and alerts in the form of its file provisioning."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT, compiled_for
from tests.lab.afterwards import filled

FOLDER = ROOT / "output" / "grafana"
DASHBOARD = json.loads((FOLDER / "kube-proxy.dashboard.json").read_text(encoding="utf-8"))
ALERTING = yaml.safe_load((FOLDER / "kube-proxy.alerting.yaml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTING["groups"] for rule in group["rules"]]
# The fields that Grafana's provisioning reads (pkg/services/provisioning/alerting/rules_types.go), those of ours.
QUERY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refId", "relativeTimeRange", "datasourceUid", "model"],
    "properties": {
        "refId": {"pattern": "^[A-Z]$"},
        "relativeTimeRange": {"required": ["from", "to"]},
        "datasourceUid": {"type": "string", "minLength": 1},
        "model": {"type": "object", "required": ["refId"]},
    },
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["uid", "title", "condition", "data", "for", "labels", "annotations"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40, "pattern": "^[A-Za-z0-9_-]+$"},
        "title": {"type": "string", "maxLength": 190},
        "condition": {"const": "B"},
        "data": {"type": "array", "minItems": 2, "items": QUERY},
        "noDataState": {"enum": ["OK", "NoData", "Alerting", "KeepLast"]},
        "execErrState": {"enum": ["OK", "Error", "Alerting", "KeepLast"]},
        "for": {"pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
GROUP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["orgId", "name", "folder", "interval", "rules"],
    "properties": {
        "orgId": {"const": 1},
        "name": {"type": "string", "minLength": 1},
        "folder": {"type": "string", "minLength": 1},
        "interval": {"pattern": "^([0-9]+(s|m|h))+$"},
        "rules": {"type": "array", "items": RULE},
    },
}


def test_the_dashboard_shows_what_was_asked_for() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"]] == [
        "Failures by node",
        "Alerts firing",
        "Time to write the rules",
        "Time since the last successful sync",
        "Failed calls of iptables-restore",
        "CPU against syncs",
        "Builds",
        "Builds with a known failure, and the version that has the fix",
    ]


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_is_and_asks_the_chosen_source(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == f"${{{panel['datasource']['type']}}}"
    letters = [target["refId"] for target in panel["targets"]]
    assert letters == sorted(set(letters))
    for target in panel["targets"]:
        assert "$" not in filled(target["expr"]).replace("$$", "")


def test_panels_stand_side_by_side_and_on_no_other() -> None:
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(taken)) == len(taken)
    assert {x for x, _ in taken} == {0, 12}


def test_each_failure_has_its_query() -> None:
    rules = yaml.safe_load((ROOT / "output" / "loki" / "kube-proxy.rules.yaml").read_text())
    failures = {rule["labels"]["failure"] for group in rules["groups"] for rule in group["rules"]}
    legends = {target["legendFormat"] for target in DASHBOARD["panels"][0]["targets"]}
    assert legends == {f"{{{{node_name}}}} {failure}" for failure in failures - {"log-rules-watchdog"}}


@pytest.mark.parametrize("group", ALERTING["groups"], ids=lambda group: group["name"])
def test_the_alerts_have_the_form_that_grafana_reads(group: dict[str, Any]) -> None:
    jsonschema.validate(group, GROUP)
    assert ALERTING["apiVersion"] == 1


def test_grafana_has_every_alert_once_with_what_it_evaluates_elsewhere() -> None:
    expected = {
        rule["alert"]: (rule["expr"], rule["labels"], engine)
        for engine in ("loki", "prometheus")
        for group in yaml.safe_load((ROOT / "output" / engine / "kube-proxy.rules.yaml").read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    found = {
        rule["title"]: (rule["data"][0]["model"]["expr"], rule["labels"], rule["data"][0]["datasourceUid"])
        for rule in RULES
    }
    assert found == expected
    assert len({rule["uid"] for rule in RULES}) == len(RULES) == len(expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_annotations_use_what_grafanas_templates_have(rule: dict[str, Any]) -> None:
    text = " ".join(rule["annotations"].values())
    assert not re.search(r"\$value\b|\bquery\b|\$\{", text)
    assert text.count("{{") == text.count("}}")


def test_the_sources_are_called_as_the_site_calls_them(tmp_path: Path) -> None:
    texts = compiled_for("grafana: {loki: logs-eu, prometheus: mimir-eu, folder: Network}\n", tmp_path)
    groups = yaml.safe_load(texts["grafana/kube-proxy.alerting.yaml"])["groups"]
    assert {group["folder"] for group in groups} == {"Network"}
    assert {rule["data"][0]["datasourceUid"] for group in groups for rule in group["rules"]} == {"logs-eu", "mimir-eu"}
    variables = json.loads(texts["grafana/kube-proxy.dashboard.json"])["templating"]["list"]
    assert [row["current"]["value"] for row in variables[:2]] == ["logs-eu", "mimir-eu"]


def test_a_site_without_these_labels_has_no_choice_of_them(tmp_path: Path) -> None:
    none = "{labels: {cluster: null, node: null}}"
    texts = compiled_for(f"loki: {none}\nprometheus: {none}\n", tmp_path)
    board = json.loads(texts["grafana/kube-proxy.dashboard.json"])
    assert [row["name"] for row in board["templating"]["list"]] == ["loki", "prometheus"]
    assert "$cluster" not in texts["grafana/kube-proxy.dashboard.json"]
