"""verify on a real VictoriaLogs, vmalert and Alertmanager: all is well, and what can be wrong."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from generator.prove import local_victorialogs
from generator.servers.victorialogs import VictoriaLogs
from tests.conftest import Run, compiled_for, obtained
from tests.lab import programs, servers
from tests.waiting import until_arrived, until_evaluated

PROFILE = "loki: {interval: 5s}\n"  # vmalert evaluates a group first somewhere within its interval
ALERTMANAGER = {
    "route": {"receiver": "all"},
    "receivers": [{"name": "all", "webhook_configs": [{"url": "http://127.0.0.1:1"}]}],
}


@dataclass(frozen=True)
class Site:
    """The addresses of its servers by their kind, and its profile."""

    urls: Mapping[str, str]
    profile: Path


@pytest.fixture(scope="module")
def site(
    pinned_victoria_logs: Path, vmalert: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    rules = work / "kube-proxy.rules.yaml"
    texts = compiled_for(PROFILE, work, "victoriametrics")
    rules.write_text(texts[f"victorialogs/{rules.name}"], encoding="utf-8")
    (work / "alertmanager.yaml").write_text(yaml.safe_dump(ALERTMANAGER))
    tool = programs.ALERTMANAGER
    binary = obtained(tool, tool.pinned[0], tmp_path_factory)
    with (
        local_victorialogs.running(pinned_victoria_logs) as logs,
        servers.alertmanager(binary, work / "alertmanager.yaml", work) as alertmanager,
        servers.vmalert(vmalert, rules, logs.url, alertmanager, work) as address,
    ):
        push(logs)
        urls = {"victorialogs": logs.url, "vmalert": address, "alertmanager": alertmanager}
        yield Site(urls, work / "site.yaml")


def push(logs: VictoriaLogs) -> None:
    labels = {"container": "kube-proxy", "namespace": "kube-system", "pod": "p1", "node_name": "n1"}
    logs.push([{"stream": labels, "values": [[str(time.time_ns()), "started"]]}])
    logs.wait(1, labels)


def verified(run: Run, site: Site, more: str = "") -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings; more can be laid over the profile of the site."""
    profile = site.profile.with_name("other.yaml")
    profile.write_text(f"extends: ./{site.profile.name}\n{more}", encoding="utf-8")
    words = [word for kind, url in site.urls.items() for word in (f"--{kind}", url)]
    done = run("verify", *words, "--profile", str(profile), "--no-runbooks", "--json")
    assert done.returncode < 2, done.stderr
    return done.returncode, json.loads(done.stdout)


def states(findings: list[dict[str, str]], *checks: str) -> list[tuple[str, str, str]]:
    return [
        (row["check"], row["state"], f"{row['subject']}: {row['said']}")
        for row in findings
        if row["check"] in checks and row["state"] != "not checked"
    ]


def test_all_is_well(run: Run, site: Site) -> None:
    until_evaluated(site.urls["vmalert"], 90)
    until_arrived(site.urls["alertmanager"], ["KubeProxyLogRulesWatchdog"], 90)
    deadline = time.monotonic() + 60
    while True:
        _, findings = verified(run, site)
        found = states(findings, "rules", "watchdogs", "selectors")
        if "fault" not in [state for _, state, _ in found]:
            break
        assert time.monotonic() < deadline, found
        time.sleep(2)
    assert ("rules", "ok", "vmalert: 28 rules are loaded, healthy and evaluated") in found
    watchdog = "KubeProxyLogRulesWatchdog: arrived in Alertmanager"
    assert ("watchdogs", "ok", watchdog) in found
    assert ("selectors", "ok", "VictoriaLogs: there is what the rules select") in found


def test_a_rule_that_is_missing_or_of_another_version_is_named(run: Run, site: Site) -> None:
    changed = "alerts: {KubeProxyIptablesLockHeldTooLong: {threshold: 7}}\n"
    code, findings = verified(run, site, changed)
    assert code == 1
    faults = [text for _, state, text in states(findings, "rules") if state == "fault"]
    said = "loaded in vmalert in another version: its expression"
    assert f"KubeProxyIptablesLockHeldTooLong: {said}" in faults


def test_lines_that_are_not_there_and_labels_that_they_lack_are_named(run: Run, site: Site) -> None:
    code, findings = verified(run, site, "loki: {selector: '{app=\"kube-proxy\"}'}\n")
    assert code == 1
    blind = [row["subject"] for row in findings if row["check"] == "selectors"]
    assert 'VictoriaLogs has no stream {app="kube-proxy"}' in blind
    _, findings = verified(run, site, "loki: {labels: {node: host}}\n")
    said = '1 of 1 streams {container="kube-proxy"} have no label host for the node'
    (warning,) = [row for row in findings if said in row["names"]]
    assert warning["state"] == "warning"


def test_a_watchdog_that_does_not_arrive_is_named(
    run: Run, site: Site, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As where vmalert has no -notifier.url, or that of another Alertmanager."""
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(ALERTMANAGER))
    tool = programs.ALERTMANAGER
    binary = obtained(tool, tool.pinned[0], tmp_path_factory)
    with servers.alertmanager(binary, tmp_path / "alertmanager.yaml", tmp_path) as other:
        code, findings = verified(run, replace(site, urls={**site.urls, "alertmanager": other}))
    assert code == 1
    (fault,) = [row for row in findings if row["check"] == "watchdogs" and row["state"] == "fault"]
    assert fault["subject"] == "KubeProxyLogRulesWatchdog"
    assert fault["fix"].startswith("set -notifier.url of vmalert")


@pytest.mark.parametrize("command", ["push", "diff"])
def test_what_cannot_be_pushed_is_said_with_what_to_do(
    command: str, run_small: Run, tmp_path: Path
) -> None:
    done = run_small(command, "--vmalert", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    (tmp_path / "site.yaml").write_text("servers: {vmalert: {url: 'http://127.0.0.1:1'}}\n")
    named = run_small(
        command,
        "--profile",
        str(tmp_path / "site.yaml"),
        *(["--no-validate"] if command == "push" else []),
    )
    assert named.returncode == 2
    for text in (done.stderr, named.stderr):
        assert "vmalert takes rules from files alone" in text
        assert "kubernetes/victorialogs.vmrule.yaml" in text
        assert "verify --vmalert URL" in text
