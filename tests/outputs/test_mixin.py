"""The mixin, as the real jsonnet renders it: the same as the other outputs, and `_config` the same as a profile."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from tests.conftest import ROOT, compiled_for, obtained
from tests.lab.programs import JSONNET

FOLDER = ROOT / "output" / "mixin"
DASHBOARD = "grafana/kube-proxy.dashboard.json"


@pytest.fixture(scope="module")
def jsonnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(JSONNET, JSONNET.pinned[0], tmp_path_factory)


def rendered(jsonnet: Path, config: str = "{}") -> dict[str, Any]:
    """The mixin's fields for a site that sets this `_config`."""
    code = (
        f"local mixin = (import 'mixin.libsonnet') + {{ _config+:: {config} }};"
        " { [field]: mixin[field] for field in std.objectFieldsAll(mixin) if field != '_config' }"
    )
    ok, said = subprocesses.run([str(jsonnet), "-e", code], FOLDER)
    assert ok, said
    return dict(json.loads(said))


def rules(groups: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def of_the_files(text: str, kind: str) -> list[dict[str, Any]]:
    return rules(yaml.safe_load(text)["groups"], kind)


def test_the_mixin_gives_the_rules_and_the_dashboard_of_the_files(jsonnet: Path) -> None:
    found = rendered(jsonnet)
    assert found.keys() == {"prometheusAlerts", "prometheusRules", "grafanaDashboards"}
    text = (ROOT / "output/prometheus/kube-proxy.rules.yaml").read_text(encoding="utf-8")
    assert rules(found["prometheusAlerts"]["groups"], "alert") == of_the_files(text, "alert")
    assert rules(found["prometheusRules"]["groups"], "record") == of_the_files(text, "record")
    board = json.loads((ROOT / "output" / DASHBOARD).read_text(encoding="utf-8"))
    assert found["grafanaDashboards"] == {"kube-proxy.json": board}


def test_promtool_accepts_alerts_and_records_in_one_file(
    jsonnet: Path, pinned_promtool: Path, tmp_path: Path
) -> None:
    found = rendered(jsonnet)
    groups = found["prometheusAlerts"]["groups"] + found["prometheusRules"]["groups"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    command = [str(pinned_promtool), "check", "rules", "rules.yaml"]
    ok, said = subprocesses.run(command, tmp_path)
    assert ok, said


def test_config_does_what_a_profile_does(jsonnet: Path, tmp_path: Path) -> None:
    config = """{ selector: 'job="kp", env=~"live|test"', runbooks: 'https://wiki.site.test/kp',
      labels: { team: 'net' }, disabled: ['KubeProxyCPUHigh'] }"""
    profile = (
        'prometheus: {selector: \'{job="kp", env=~"live|test"}\'}\n'
        "runbooks: {base_url: https://wiki.site.test/kp}\nlabels: {team: net}\n"
    )
    found, wanted = rendered(jsonnet, config), compiled_for(profile, tmp_path)
    text = wanted["prometheus/kube-proxy.rules.yaml"]
    alerts = [rule for rule in of_the_files(text, "alert") if rule["alert"] != "KubeProxyCPUHigh"]
    assert rules(found["prometheusAlerts"]["groups"], "alert") == alerts
    records = [_bare(rule) for rule in of_the_files(text, "record")]
    assert [_bare(rule) for rule in rules(found["prometheusRules"]["groups"], "record")] == records
    assert found["grafanaDashboards"]["kube-proxy.json"] == json.loads(wanted[DASHBOARD])


def _bare(rule: dict[str, Any]) -> dict[str, Any]:
    """Without labels: the mixin's are those of alerts."""
    return {key: value for key, value in rule.items() if key != "labels"}


def test_a_site_adds_the_mixin_to_others(jsonnet: Path) -> None:
    code = (
        "{ prometheusAlerts+:: { groups+: [{ name: 'x', rules: [] }] } }"
        " + (import 'mixin.libsonnet') + { n: std.length(self.prometheusAlerts.groups) }"
    )
    alone = len(rendered(jsonnet)["prometheusAlerts"]["groups"])
    ok, said = subprocesses.run([str(jsonnet), "-e", code], FOLDER)
    assert ok, said
    assert json.loads(said)["n"] == alone + 1
