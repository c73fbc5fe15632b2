"""The Alertmanager files, as amtool and amlint read them."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from generator.base.disk import populate
from generator.base.durations import seconds
from generator.base.file import File
from tests import once
from tests.conftest import ROOT, compiled_for, obtained
from tests.lab import servers
from tests.lab.programs import ALERTMANAGER, AMTOOL
from tests.lab.stack import Receiver
from tests.plain import HTTP
from tests.waiting import until

FOLDER = ROOT / "output" / "alertmanager"
CONFIG = FOLDER / "kube-proxy.alertmanager.yaml"
RULES = [ROOT / "output" / engine / "kube-proxy.rules.yaml" for engine in ("loki", "prometheus")]
ALERTS = [
    {"alertname": rule["alert"], **rule["labels"]}
    for path in RULES
    for group in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["groups"]
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
    texts = compiled_for(profile, tmp_path, "alertmanager")
    populate(tmp_path, [File(path, text) for path, text in texts.items()])
    found: dict[str, Any] = yaml.safe_load(texts[f"alertmanager/{CONFIG.name}"])
    return found


def inhibition(config: dict[str, Any], cause: str) -> list[tuple[str, list[str]]]:
    """What a cause holds back: the matcher of its symptoms, and the labels that must be equal."""
    return [
        (rule["target_matchers"][0], rule["equal"])
        for rule in config["inhibit_rules"]
        if rule["source_matchers"][0] == f'alertname="{cause}"'
    ]


def alert(name: str, severity: str, **place: str) -> dict[str, str]:
    """An alert with the labels of its rule, at a severity and a place."""
    (rule,) = (one for one in ALERTS if one["alertname"] == name)
    return {**rule, "severity": severity, **place}


def on_pod(name: str) -> dict[str, str]:
    return {"cluster": "c1", "namespace": "kube-system", "pod": name}


def held_back(url: str, alerts: list[dict[str, str]]) -> set[tuple[str, str]]:
    """Of alerts that fire now, the name and the Pod of those that Alertmanager holds back because of another.

    It looks at them one after the other: once it holds back one that came last, it has seen them all.
    """
    last = [
        alert("KubeProxyRulesStale", "critical", **on_pod("last")),
        alert("KubeProxyIptablesBackendMismatch", "critical", **on_pod("last")),
    ]
    posted = [*alerts, *last]
    HTTP.post(f"{url}/api/v2/alerts", json=[{"labels": one} for one in posted]).raise_for_status()
    of_last = {("KubeProxyRulesStale", "last")}
    assert until(lambda: of_last <= _inhibited(url, len(posted)), 30)
    return _inhibited(url, len(posted)) - of_last


def _inhibited(url: str, alerts: int) -> set[tuple[str, str]]:
    found = HTTP.get(f"{url}/api/v2/alerts").json()
    assert len(found) == alerts
    return {
        (one["labels"]["alertname"], one["labels"].get("pod", ""))
        for one in found
        if one["status"]["inhibitedBy"]
    }


def test_amtool_accepts_the_whole_configuration(amtool: Path) -> None:
    ok, said = subprocesses.run([str(amtool), "check-config", str(CONFIG)], ROOT)
    assert ok, said
    assert " - 4 receivers" in said


def test_the_pages_of_the_watchdogs_show_the_times_of_the_generated_route() -> None:
    times = ("group_wait", "group_interval", "repeat_interval")
    watchdogs = [entry for entry in once.inputs().catalog.entries if entry.kind == "watchdog"]
    names = {entry.alert for entry in watchdogs}
    routes = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]["routes"][0]["routes"]
    generated = next(
        route for route in routes if all(name in route["matchers"][0] for name in names)
    )
    for entry in watchdogs:
        shown = [
            row
            for step in entry.mitigation
            if step.yaml
            for row in _routes(yaml.safe_load(step.yaml))
        ]
        assert [{key: row[key] for key in times} for row in shown] == [
            {key: generated[key] for key in times}
        ]


def _routes(settings: Any) -> list[dict[str, Any]]:
    return settings if isinstance(settings, list) else []


def test_amtool_accepts_the_fragment_in_a_configuration_that_is_there(
    amtool: Path, tmp_path: Path
) -> None:
    fragment = yaml.safe_load((FOLDER / "kube-proxy.fragment.yaml").read_text(encoding="utf-8"))
    names = (
        "kube-proxy-critical",
        "kube-proxy-warning",
        "kube-proxy-info",
        "kube-proxy-watchdog",
        "others",
    )
    existing = {
        "route": {
            "receiver": "others",
            "routes": [*fragment["route"]["routes"], {"receiver": "others"}],
        },
        "receivers": [{"name": name} for name in names],
        "inhibit_rules": fragment["inhibit_rules"],
    }
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(existing), encoding="utf-8")
    ok, said = subprocesses.run([str(amtool), "check-config", "alertmanager.yaml"], tmp_path)
    assert ok, said
    command = [str(amtool), "config", "routes", "test", "--config.file=alertmanager.yaml"]
    assert subprocesses.run(
        [*command, "alertname=KubeProxySyncSlow", "severity=warning"], tmp_path
    ) == (
        True,
        "kube-proxy-warning\n",
    )
    assert subprocesses.run(
        [*command, "alertname=SomethingElse", "severity=warning"], tmp_path
    ) == (True, "others\n")


def test_amlint_finds_nothing_in_the_routes_and_inhibitions_of_our_rules() -> None:
    rules = [word for path in RULES for word in ("--rules", str(path))]
    command = [sys.executable, "-m", "amlint.cli", "check", "--strict", *rules, str(CONFIG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "INFO" not in done.stdout


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alertname"])
def test_every_alert_reaches_the_receiver_of_its_severity(
    alert: dict[str, str], amtool: Path
) -> None:
    told = {name: "n1" if "{{" in value else value for name, value in alert.items()}
    labels = [f"{name}={value}" for name, value in told.items()]
    wanted = "watchdog" if alert["alertname"].endswith("Watchdog") else alert["severity"]
    command = [str(amtool), "config", "routes", "test", f"--config.file={CONFIG}"]
    assert subprocesses.run([*command, *labels], ROOT) == (True, f"kube-proxy-{wanted}\n")


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_a_watchdog_reaches_the_dead_mans_switch_whatever_its_severity(
    severity: str, amtool: Path, tmp_path: Path
) -> None:
    name = "KubeProxyLogRulesWatchdog"
    compiled(tmp_path, f"alerts: {{{name}: {{severity: {severity}}}}}\n")
    command = [
        str(amtool),
        "config",
        "routes",
        "test",
        f"--config.file={tmp_path / 'alertmanager' / CONFIG.name}",
    ]
    said = subprocesses.run(
        [*command, f"alertname={name}", f"severity={severity}", "failure=log-rules-watchdog"],
        tmp_path,
    )
    assert said == (True, "kube-proxy-watchdog\n")


def test_receivers_are_called_as_the_site_calls_them(tmp_path: Path, amtool: Path) -> None:
    profile = "alertmanager: {receivers: {critical: pager, warning: chat, info: chat, watchdog: dead-mans-switch}}\n"
    config = compiled(tmp_path, profile)
    assert [receiver["name"] for receiver in config["receivers"]] == [
        "pager",
        "chat",
        "dead-mans-switch",
    ]
    path = tmp_path / "alertmanager" / CONFIG.name
    assert subprocesses.run([str(amtool), "check-config", str(path)], tmp_path)[0]


def test_a_cause_holds_back_its_symptoms_at_the_same_pod(tmp_path: Path) -> None:
    config = compiled(tmp_path, "{}\n")
    assert inhibition(config, "KubeProxyIptablesBackendMismatch") == [
        (
            'alertname=~"KubeProxyIptablesRestoreFailing|KubeProxyNeverSynced|KubeProxyRulesStale"',
            ["cluster", "namespace", "pod"],
        )
    ]
    assert inhibition(config, "KubeProxyIPVSFrequentSync") == [
        ('alertname="KubeProxyCPUHigh"', ["cluster", "namespace", "pod", "node", "instance"])
    ]


def test_one_failure_pages_once(tmp_path: Path) -> None:
    """The alert of a cluster holds back those of its kube-proxies, the one on logs those on metrics."""
    config = compiled(tmp_path, "{}\n")
    assert inhibition(config, "KubeProxyApiserverUnreachableEverywhere") == [
        (
            'alertname=~"KubeProxyApiserverUnreachable|KubeProxyApiserverUnreachableRequests"',
            ["cluster"],
        )
    ]
    on_metrics = 'alertname=~"KubeProxyApiserverUnauthorizedRequests|KubeProxyMetricsMissing|'
    held = dict(inhibition(config, "KubeProxyApiserverUnauthorized"))
    assert [places for symptoms, places in held.items() if symptoms.startswith(on_metrics)] == [
        ["cluster", "namespace", "pod"]
    ]
    by_metrics = [
        symptoms for symptoms, _ in inhibition(config, "KubeProxyApiserverUnauthorizedRequests")
    ]
    assert not any("KubeProxyApiserver" in symptoms for symptoms in by_metrics)


def test_a_failure_holds_back_another_that_is_seen_in_metrics(tmp_path: Path) -> None:
    held = " ".join(
        symptoms
        for symptoms, _ in inhibition(
            compiled(tmp_path, "{}\n"), "KubeProxyApiserverCertificateInvalid"
        )
    )
    assert "KubeProxyApiserverUnreachableRequests" in held
    assert "KubeProxyApiserverUnreachableEverywhere" not in held


def test_no_warning_holds_back_a_page_and_no_info_a_warning(
    tmp_path: Path, alertmanager: Path
) -> None:
    """Alertmanager itself says what it holds back: a warning's symptoms that are warnings, and nothing graver."""
    target = {"node": "n4", "instance": "10.0.0.4:10249"}
    alerts = [
        alert("KubeProxyIptablesLockHeldTooLong", "warning", **on_pod("held")),
        alert("KubeProxyNeverSynced", "critical", **on_pod("held")),
        alert("KubeProxyRulesStale", "critical", **on_pod("held")),
        alert("KubeProxySyncSlow", "warning", **on_pod("held")),
        alert("KubeProxyIptablesLockNotMounted", "warning", **on_pod("refused")),
        alert("KubeProxyRulesStale", "critical", **on_pod("refused")),
        alert("KubeProxyNeverSynced", "critical", **on_pod("refused")),
        alert("KubeProxyIptablesRestoreFailing", "warning", **on_pod("refused")),
        alert("KubeProxyIptablesRestoreWithoutWait", "warning", **on_pod("no-wait")),
        alert("KubeProxyRulesStale", "critical", **on_pod("no-wait")),
        alert("KubeProxyServiceChurn", "info", **on_pod("churn"), **target),
        alert("KubeProxyCPUHigh", "warning", **on_pod("churn"), **target),
        alert("KubeProxyIptablesBackendMismatch", "critical", **on_pod("mismatch")),
        alert("KubeProxyRulesStale", "critical", **on_pod("mismatch")),
    ]
    with servers.alertmanager(alertmanager, quiet(tmp_path, CONFIG), tmp_path) as url:
        assert held_back(url, alerts) == {
            ("KubeProxySyncSlow", "held"),
            ("KubeProxyIptablesRestoreFailing", "refused"),
            ("KubeProxyRulesStale", "mismatch"),
        }


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, {"KubeProxySyncSlow"}),
        ({"KubeProxySyncSlow": "critical"}, set()),
        (
            {"KubeProxySyncSlow": "critical", "KubeProxyIptablesLockHeldTooLong": "critical"},
            {"KubeProxySyncSlow"},
        ),
        ({"KubeProxyIptablesLockHeldTooLong": "info"}, set()),
    ],
)
def test_the_severities_of_the_site_decide(
    changes: dict[str, str], held: set[str], tmp_path: Path, alertmanager: Path
) -> None:
    in_force = {
        "KubeProxySyncSlow": "warning",
        "KubeProxyIptablesLockHeldTooLong": "warning",
        **changes,
    }
    compiled(
        tmp_path,
        yaml.safe_dump({"alerts": {name: {"severity": word} for name, word in changes.items()}}),
    )
    config = quiet(tmp_path, tmp_path / "alertmanager" / CONFIG.name)
    with servers.alertmanager(alertmanager, config, tmp_path) as url:
        found = held_back(
            url, [alert(name, severity, **on_pod("a")) for name, severity in in_force.items()]
        )
    assert found == {(name, "a") for name in held}


def test_an_alert_that_names_no_place_holds_back_nothing(
    tmp_path: Path, alertmanager: Path
) -> None:
    """Streams without the label that the profile names: without this each node's cause would be all nodes' cause."""
    alerts = [
        alert("KubeProxyIptablesBackendMismatch", "critical"),
        alert("KubeProxyRulesStale", "critical"),
    ]
    with servers.alertmanager(alertmanager, quiet(tmp_path, CONFIG), tmp_path) as url:
        assert held_back(url, alerts) == set()


def test_a_disabled_entry_neither_holds_back_nor_is_held_back(tmp_path: Path) -> None:
    text = yaml.safe_dump(
        compiled(tmp_path, "disabled: [iptables-backend-mismatch, cpu-high]\n")["inhibit_rules"]
    )
    assert "KubeProxyIptablesLockHeldTooLong" in text
    assert "BackendMismatch" not in text
    assert "CPUHigh" not in text


def test_a_build_that_can_fail_holds_back_nothing_and_one_that_fails_does(
    tmp_path: Path, alertmanager: Path
) -> None:
    stale = alert("KubeProxyRulesStale", "critical", **on_pod("a"))
    build = alert("KubeProxyIptablesBackendMismatchKnownBuild", "info", **on_pod("a"))
    fails = alert("KubeProxyIptablesBackendMismatch", "critical", **on_pod("a"))
    with servers.alertmanager(alertmanager, quiet(tmp_path, CONFIG), tmp_path) as url:
        assert held_back(url, [stale, build]) == set()
        assert held_back(url, [stale, build, fails]) == {("KubeProxyRulesStale", "a")}


def quiet(folder: Path, whole: Path) -> Path:
    """Our routes and inhibitions with receivers that send nothing."""
    config = yaml.safe_load(whole.read_text(encoding="utf-8"))
    config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]
    path = folder / "quiet.yaml"
    path.write_text(yaml.safe_dump(config | {"templates": []}), encoding="utf-8")
    return path


def test_where_nothing_tells_one_kube_proxy_in_both_a_log_alert_holds_back_nothing(
    tmp_path: Path,
) -> None:
    config = compiled(tmp_path, "loki: {labels: {pod: null, node: null}}\n")
    assert inhibition(config, "KubeProxyIptablesBackendMismatch") == []
    assert len(inhibition(config, "KubeProxyIPVSFrequentSync")) == 1


RETENTION_SECONDS = 120 * 3600  # --data.retention of Alertmanager, by default


@pytest.mark.parametrize("name", ["kube-proxy.alertmanager.yaml", "kube-proxy.fragment.yaml"])
def test_nothing_is_repeated_later_than_alertmanager_remembers(name: str) -> None:
    (route,) = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))["route"]["routes"]
    repeated = {child["receiver"]: seconds(child["repeat_interval"]) for child in route["routes"]}
    assert repeated.keys() == {
        f"kube-proxy-{urgency}" for urgency in ("watchdog", "critical", "warning", "info")
    }
    assert max(repeated.values()) <= RETENTION_SECONDS


def test_alertmanager_warns_of_nothing_at_its_start(tmp_path: Path, alertmanager: Path) -> None:
    with servers.alertmanager(alertmanager, quiet(tmp_path, CONFIG), tmp_path):
        said = (tmp_path / "alertmanager.log").read_text(encoding="utf-8")
    assert "Completed loading of configuration file" in said
    assert [line for line in said.splitlines() if "level=INFO" not in line] == []


def rendered(amtool: Path, folder: Path, part: str, data: Mapping[str, Any]) -> str:
    """A part of a message, as Alertmanager's own tool renders it."""
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    _, said = subprocesses.run(
        [
            *(str(amtool), "template", "render", f"--template.glob={FOLDER / 'kube-proxy.tmpl'}"),
            *(
                "--template.data=data.json",
                f'--template.text={{{{ template "kube_proxy.{part}" . }}}}',
            ),
        ],
        folder,
    )
    return said


def test_a_notification_names_the_nodes_the_first_step_and_the_runbook(
    amtool: Path, tmp_path: Path
) -> None:
    node = {"alertname": "KubeProxyRulesStale", "severity": "critical", "cluster": "c1"}
    notes = {
        "description": "First step: Read the log.",
        "runbook_url": "https://r.test/KubeProxyRulesStale.md",
    }
    alerts = [
        {
            "status": "firing",
            "labels": {**node, "node": name},
            "annotations": {**notes, "summary": f"stale on {name}"},
        }
        for name in ("n1", "n2")
    ]
    data = {"status": "firing", "alerts": alerts, "commonLabels": node, "commonAnnotations": notes}
    said = {part: rendered(amtool, tmp_path, part, data) for part in ("title", "link", "text")}
    assert said["title"] == "CRITICAL: KubeProxyRulesStale in c1, 2 nodes"
    assert said["link"] == "https://r.test/KubeProxyRulesStale.md"
    assert said["text"] == (
        "• stale on n1\n• stale on n2\nFirst step: Read the log.\nRunbook: https://r.test/KubeProxyRulesStale.md"
    )


def test_a_notification_shows_the_line_of_the_first_alert_as_code(
    amtool: Path, tmp_path: Path
) -> None:
    notes = {"description": "First step: Read the log.", "runbook_url": "https://r.test/A.md"}
    alerts = [
        {
            "status": "firing",
            "labels": {},
            "annotations": {**notes, "summary": f"failed on {name}", "line": line},
        }
        for name, line in (("n1", "failed *to* load"), ("n2", "other"))
    ]
    data = {"status": "firing", "alerts": alerts, "commonLabels": {}, "commonAnnotations": notes}
    assert rendered(amtool, tmp_path, "text", data) == (
        "• failed on n1\n• failed on n2\n`failed *to* load`\nFirst step: Read the log.\nRunbook: https://r.test/A.md"
    )


def test_the_message_leads_to_the_lines_in_grafana(amtool: Path, tmp_path: Path) -> None:
    link = "https://grafana.test/explore?schemaVersion=1&panes=%7B%22kp%22%3A1%7D"
    notes = {"description": "First step: Read the log.", "runbook_url": "https://r.test/A.md"}
    told = {**notes, "summary": "failed on n1", "line": "failed", "logs_url": link}
    alerts = [{"status": "firing", "labels": {}, "annotations": told}]
    data = {"status": "firing", "alerts": alerts, "commonLabels": {}, "commonAnnotations": notes}
    assert rendered(amtool, tmp_path, "text", data) == (
        f"• failed on n1\n`failed`\n<{link}|Log lines in Grafana>\n"
        "First step: Read the log.\nRunbook: https://r.test/A.md"
    )


def test_a_notification_of_thousands_of_nodes_tells_ten_of_them_and_how_many_more(
    tmp_path: Path, alertmanager: Path
) -> None:
    """Sent by Alertmanager itself, through the generated receivers, routes and templates."""
    nodes = 3000
    notes = {
        "description": "First step: Read the log.",
        "runbook_url": "https://r.test/KubeProxyRulesStale.md",
    }
    alerts = [
        {
            "labels": alert("KubeProxyRulesStale", "critical", cluster="c1", node=f"n{number:04}"),
            "annotations": {**notes, "summary": f"stale on n{number:04}"},
        }
        for number in range(nodes)
    ]
    chat = Receiver()
    with servers.alertmanager(alertmanager, to_chat(tmp_path, chat.url), tmp_path) as url:
        HTTP.post(f"{url}/api/v2/alerts", json=alerts, timeout=60).raise_for_status()
        until(lambda: bool(chat.messages), 60)
    (message,) = chat.messages
    *listed, more, step, runbook = message.text.splitlines()
    assert message.title == "CRITICAL: KubeProxyRulesStale in c1, 3000 nodes"
    assert len(set(listed)) == 10
    assert all(re.fullmatch(r"• stale on n\d{4}", line) for line in listed)
    assert [more, step, runbook] == [
        "and 2990 more",
        notes["description"],
        f"Runbook: {notes['runbook_url']}",
    ]


def to_chat(folder: Path, url: str) -> Path:
    """The generated configuration with a chat that takes what is sent, sooner."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    for receiver in config["receivers"]:
        for row in receiver.get("slack_configs", ()):
            del row["api_url_file"]
            row["api_url"] = f"{url}/chat"
    for route in config["route"]["routes"][0]["routes"]:
        route["group_wait"] = "2s"
    (folder / "kube-proxy.tmpl").write_bytes((FOLDER / "kube-proxy.tmpl").read_bytes())
    path = folder / "chat.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.parametrize(("firing", "told"), [(10, 0), (11, 1)])
def test_only_more_than_ten_are_cut_and_the_resolved_ones_are_not_told_as_firing(
    firing: int, told: int, amtool: Path, tmp_path: Path
) -> None:
    rows = [("firing", f"n{number}") for number in range(firing)] + [("resolved", "well")]
    alerts = [
        {
            "status": status,
            "labels": {},
            "annotations": {"summary": f"stale on {name}"},
            "fingerprint": name,
        }
        for status, name in rows
    ]
    title, text = (
        rendered(amtool, tmp_path, part, {"status": "firing", "alerts": alerts})
        for part in ("title", "text")
    )
    assert f", {firing} nodes" in title
    assert text.count("stale on") == 10
    assert "well" not in text
    assert ("and 1 more" in text) is bool(told)


def test_the_end_of_an_alert_tells_which_nodes_are_well(amtool: Path, tmp_path: Path) -> None:
    alerts = [
        {"status": "resolved", "labels": {}, "annotations": {"summary": f"stale on {name}"}}
        for name in "ab"
    ]
    data = {
        "status": "resolved",
        "alerts": alerts,
        "commonLabels": {"alertname": "KubeProxyRulesStale"},
    }
    assert rendered(amtool, tmp_path, "title", data) == "resolved: KubeProxyRulesStale, 2 nodes"
    assert rendered(amtool, tmp_path, "text", data).startswith("• stale on a\n• stale on b\n")
