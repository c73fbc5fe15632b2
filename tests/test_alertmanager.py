"""The Alertmanager files, as amtool and amlint read them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from generator import tools
from generator.file import File
from generator.load import load
from generator.write import populate
from tests.conftest import ROOT, compiled_for, obtained
from tests.lab import servers
from tests.lab.programs import ALERTMANAGER, AMTOOL

FOLDER = ROOT / "output" / "alertmanager"
CONFIG = FOLDER / "kube-proxy.alertmanager.yaml"
RULES = [ROOT / "output" / engine / "kube-proxy.rules.yaml" for engine in ("loki", "prometheus")]
ALERTS = [
    {"alertname": rule["alert"], **rule["labels"]}
    for path in RULES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


@pytest.fixture(scope="module")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(AMTOOL, AMTOOL.pinned[0], tmp_path_factory)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(ALERTMANAGER, ALERTMANAGER.pinned[0], tmp_path_factory)


def compiled(tmp_path: Path, profile: str) -> dict[str, Any]:
    """The configuration for a profile, written with all that belongs to it."""
    texts = compiled_for(profile, tmp_path)
    populate(tmp_path, [File(path, text) for path, text in texts.items()])
    found: dict[str, Any] = yaml.safe_load(texts[f"alertmanager/{CONFIG.name}"])
    return found


def inhibition(config: dict[str, Any], cause: str) -> list[tuple[str, list[str]]]:
    """What a cause holds back: the matcher of its symptoms, and the labels that must be equal."""
    return [
        (rule["target_matchers"][0], rule["equal"])
        for rule in config["inhibit_rules"]
        if rule["source_matchers"][0] == f'failure="{cause}"'
    ]


def test_amtool_accepts_the_whole_configuration(amtool: Path) -> None:
    ok, said = tools.run([str(amtool), "check-config", str(CONFIG)], ROOT)
    assert ok, said
    assert " - 4 receivers" in said


def test_the_pages_of_the_watchdogs_show_the_times_of_the_generated_route() -> None:
    times = ("group_wait", "group_interval", "repeat_interval")
    watchdogs = [entry for entry in load().catalog.entries if entry.kind == "watchdog"]
    names = {entry.alert for entry in watchdogs}
    routes = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]["routes"][0]["routes"]
    generated = next(route for route in routes if all(name in route["matchers"][0] for name in names))
    for entry in watchdogs:
        shown = [row for step in entry.mitigation if step.yaml for row in _routes(yaml.safe_load(step.yaml))]
        assert [{key: row[key] for key in times} for row in shown] == [{key: generated[key] for key in times}]


def _routes(settings: Any) -> list[dict[str, Any]]:
    return settings if isinstance(settings, list) else []


def test_amtool_accepts_the_fragment_in_a_configuration_that_is_there(amtool: Path, tmp_path: Path) -> None:
    fragment = yaml.safe_load((FOLDER / "kube-proxy.fragment.yaml").read_text(encoding="utf-8"))
    names = ("kube-proxy-critical", "kube-proxy-warning", "kube-proxy-info", "kube-proxy-watchdog", "others")
    existing = {
        "route": {"receiver": "others", "routes": [*fragment["route"]["routes"], {"receiver": "others"}]},
        "receivers": [{"name": name} for name in names],
        "inhibit_rules": fragment["inhibit_rules"],
    }
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(existing), encoding="utf-8")
    ok, said = tools.run([str(amtool), "check-config", "alertmanager.yaml"], tmp_path)
    assert ok, said
    command = [str(amtool), "config", "routes", "test", "--config.file=alertmanager.yaml"]
    assert tools.run([*command, "alertname=KubeProxySyncSlow", "severity=warning"], tmp_path) == (
        True,
        "kube-proxy-warning\n",
    )
    assert tools.run([*command, "alertname=SomethingElse", "severity=warning"], tmp_path) == (True, "others\n")


def test_amlint_finds_nothing_in_the_routes_and_inhibitions_of_our_rules() -> None:
    rules = [word for path in RULES for word in ("--rules", str(path))]
    command = [sys.executable, "-m", "amlint.cli", "check", "--strict", *rules, str(CONFIG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "INFO" not in done.stdout


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alertname"])
def test_every_alert_reaches_the_receiver_of_its_severity(alert: dict[str, str], amtool: Path) -> None:
    labels = [f"{name}={value}" for name, value in alert.items()]
    wanted = "watchdog" if alert["alertname"].endswith("Watchdog") else alert["severity"]
    command = [str(amtool), "config", "routes", "test", f"--config.file={CONFIG}"]
    assert tools.run([*command, *labels], ROOT) == (True, f"kube-proxy-{wanted}\n")


def test_receivers_are_called_as_the_site_calls_them(tmp_path: Path, amtool: Path) -> None:
    profile = "alertmanager: {receivers: {critical: pager, warning: chat, info: chat, watchdog: dead-mans-switch}}\n"
    config = compiled(tmp_path, profile)
    assert [receiver["name"] for receiver in config["receivers"]] == ["pager", "chat", "dead-mans-switch"]
    path = tmp_path / "alertmanager" / CONFIG.name
    assert tools.run([str(amtool), "check-config", str(path)], tmp_path)[0]


def test_a_cause_holds_back_its_symptoms_at_the_same_pod(tmp_path: Path) -> None:
    config = compiled(tmp_path, "{}\n")
    assert inhibition(config, "iptables-backend-mismatch") == [
        ('failure=~"iptables-restore-failing|never-synced|rules-stale"', ["cluster", "namespace", "pod"])
    ]
    assert inhibition(config, "ipvs-frequent-sync") == [
        ('failure="cpu-high"', ["cluster", "namespace", "pod", "node", "instance"])
    ]


def test_a_build_that_can_fail_holds_back_nothing_and_one_that_fails_does(tmp_path: Path, alertmanager: Path) -> None:
    """Alertmanager itself says what it holds back."""
    labels = {
        "cluster": "c1",
        "namespace": "kube-system",
        "pod": "kube-proxy-a",
        "failure": "iptables-backend-mismatch",
    }
    stale = {**labels, "alertname": "KubeProxyRulesStale", "failure": "rules-stale", "severity": "critical"}
    build = {**labels, "alertname": "KubeProxyIptablesBackendMismatchKnownBuild", "severity": "info"}
    fails = {**labels, "alertname": "KubeProxyIptablesBackendMismatch", "severity": "critical"}
    held = {}
    with servers.alertmanager(alertmanager, quiet(tmp_path), tmp_path) as url:
        for name, active in (("known build", [stale, build]), ("failure", [stale, build, fails])):
            httpx.post(f"{url}/api/v2/alerts", json=[{"labels": one} for one in active]).raise_for_status()
            found = httpx.get(f"{url}/api/v2/alerts", params={"active": "false", "silenced": "false"}).json()
            held[name] = [one["labels"]["alertname"] for one in found]
    assert held == {"known build": [], "failure": ["KubeProxyRulesStale"]}


def quiet(folder: Path) -> Path:
    """Our routes and inhibitions with receivers that send nothing."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]
    path = folder / "quiet.yaml"
    path.write_text(yaml.safe_dump(config | {"templates": []}), encoding="utf-8")
    return path


def test_where_nothing_tells_one_kube_proxy_in_both_a_log_alert_holds_back_nothing(tmp_path: Path) -> None:
    config = compiled(tmp_path, "loki: {labels: {pod: null, node: host}}\n")
    assert inhibition(config, "iptables-backend-mismatch") == []
    assert len(inhibition(config, "ipvs-frequent-sync")) == 1


def test_a_notification_names_the_nodes_the_first_step_and_the_runbook(amtool: Path, tmp_path: Path) -> None:
    node = {"alertname": "KubeProxyRulesStale", "severity": "critical", "cluster": "c1"}
    notes = {"description": "First step: Read the log.", "runbook_url": "https://r.test/KubeProxyRulesStale.md"}
    alerts = [
        {"status": "firing", "labels": {**node, "node": name}, "annotations": {**notes, "summary": f"stale on {name}"}}
        for name in ("n1", "n2")
    ]
    data = {"status": "firing", "alerts": alerts, "commonLabels": node, "commonAnnotations": notes}
    (tmp_path / "data.json").write_text(json.dumps(data), encoding="utf-8")
    said = {}
    for part in ("title", "link", "text"):
        _, said[part] = tools.run(
            [
                *(str(amtool), "template", "render", f"--template.glob={FOLDER / 'kube-proxy.tmpl'}"),
                *("--template.data=data.json", f'--template.text={{{{ template "kube_proxy.{part}" . }}}}'),
            ],
            tmp_path,
        )
    assert said["title"] == "CRITICAL: KubeProxyRulesStale in c1, 2 nodes"
    assert said["link"] == "https://r.test/KubeProxyRulesStale.md"
    assert said["text"] == (
        "• stale on n1\n• stale on n2\nFirst step: Read the log.\nRunbook: https://r.test/KubeProxyRulesStale.md"
    )
