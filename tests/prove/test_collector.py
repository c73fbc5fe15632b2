"""A real OpenTelemetry Collector on each of two nodes, from the files of the Pods through Loki 3 to the alert.

Its configuration is the one of docs/sites.md. `make loki` runs this; Loki 2 takes no OTLP.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from generator.base.disk import populate
from generator.base.file import File
from generator.servers.loki import Loki
from tests import posts
from tests.conftest import ROOT, Run, compiled_for, obtained
from tests.lab import programs, servers
from tests.lokis import StartLoki

pytestmark = pytest.mark.loki3

SECONDS = 120
NODES = ("node-1", "node-2")
ALERT = "KubeProxyIptablesBackendMismatch"
PROOF = "Couldn't load target `KUBE-MARK-DROP':No such file or directory"
LINE = f"E1124 21:03:12.230752      43 proxier.go:1428] Failed to execute iptables-restore: {PROOF}"
SELECTOR = '{k8s_container_name="kube-proxy"}'
PROFILE = """
extends: opentelemetry
loki: {interval: 1s}
"""


@dataclass(frozen=True)
class Site:
    """What the collectors sent is in `loki`; `alerts` are those that its ruler sent."""

    loki: Loki
    alerts: list[dict[str, Any]]
    profile: Path
    texts: Mapping[str, str]


@pytest.fixture(scope="module")
def site(start_loki: StartLoki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Nodes whose kube-proxy fails, and where another program prints the same; all lines have arrived."""
    binary = obtained(programs.COLLECTOR, programs.COLLECTOR.pinned[0], tmp_path_factory)
    work = tmp_path_factory.mktemp("site")
    texts = compiled_for(PROFILE, work)
    rules = [File("rules.yaml", texts["loki/kube-proxy.rules.yaml"])]
    alerts: list[dict[str, Any]] = []
    with ExitStack() as stack:
        url = stack.enter_context(posts.taking(alerts.extend))
        loki = stack.enter_context(start_loki(rules, url))
        for node in NODES:
            root = work / node
            populate(root, log_files(node))
            (root / "otelcol.yaml").write_text(configuration(root, node, loki.url))
            command = [str(binary), f"--config=file:{root / 'otelcol.yaml'}"]
            stack.enter_context(servers.server(root, "otelcol", command))
        found = Site(loki, alerts, work / "site.yaml", texts)
        until_all_has_arrived(found)
        yield found


def log_files(node: str) -> list[File]:
    """The files of a node as containerd writes them; a long line is in two parts there."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}123Z"
    half = len(LINE) // 2
    whole = f"{now} stderr F {LINE} {node}\n"
    parts = f"{now} stderr P {LINE[:half]}\n{now} stderr F {LINE[half:]} {node} in parts\n"
    return [
        File(f"var/log/pods/kube-system_kube-proxy-{node}_0f3a-1/kube-proxy/0.log", whole + parts),
        File(f"var/log/pods/kube-system_coredns-{node}_0f3a-2/coredns/0.log", whole),
    ]


def configuration(root: Path, node: str, loki: str) -> str:
    """The configuration of the documentation, for a node that is a folder here."""
    page = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(receivers:\n.*?)```", page, re.DOTALL)
    here = text.replace("/var/log/pods", f"{root}/var/log/pods")
    sent = here.replace("http://loki.example:3100", loki).replace("${env:K8S_NODE_NAME}", node)
    settings = yaml.safe_load(sent)
    settings["service"]["telemetry"] = {"metrics": {"level": "none"}}  # or each takes one port
    return yaml.safe_dump(settings)


def until_all_has_arrived(site: Site) -> None:
    deadline = time.monotonic() + SECONDS
    while len(lines(site.loki, '{service_name=~"kube-proxy|coredns"}')) < 3 * len(NODES):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while len(places(site)) < len(NODES):
        assert time.monotonic() < deadline, site.alerts
        time.sleep(0.2)


def lines(loki: Loki, query: str) -> list[str]:
    now = time.time_ns()
    return sorted(line for _, line in loki.lines(query, now - 600 * 10**9, now))


def places(site: Site) -> dict[str, dict[str, Any]]:
    """The alerts by node."""
    return {
        alert["labels"]["k8s_node_name"]: alert
        for alert in site.alerts
        if alert["labels"]["alertname"] == ALERT
    }


def test_the_node_stands_beside_the_lines_and_is_no_label_of_a_stream(site: Site) -> None:
    since = {"match[]": SELECTOR, "start": str(time.time_ns() - 600 * 10**9)}
    series = httpx.get(f"{site.loki.url}/loki/api/v1/series", params=since).json()["data"]
    assert sorted(series, key=lambda row: row["k8s_pod_name"]) == [
        {
            "k8s_cluster_name": "east",
            "k8s_container_name": "kube-proxy",
            "k8s_namespace_name": "kube-system",
            "k8s_pod_name": f"kube-proxy-{node}",
            "service_name": "kube-proxy",
        }
        for node in NODES
    ]
    assert lines(site.loki, '{k8s_container_name="kube-proxy", k8s_node_name="node-1"}') == []
    assert lines(site.loki, f"{SELECTOR} | k8s_node_name=`node-1`") == [
        f"{LINE} node-1",
        f"{LINE} node-1 in parts",
    ]


@pytest.mark.parametrize("node", NODES)
def test_an_alert_fires_for_each_kube_proxy_with_its_node_and_its_line(
    node: str, site: Site
) -> None:
    found = places(site)[node]
    assert found["labels"] == {
        "alertname": ALERT,
        "failure": "iptables-backend-mismatch",
        "severity": "critical",
        "cluster": "east",
        "namespace": "kube-system",
        "pod": f"kube-proxy-{node}",
        "k8s_cluster_name": "east",
        "k8s_namespace_name": "kube-system",
        "k8s_pod_name": f"kube-proxy-{node}",
        "k8s_node_name": node,
    }
    said = LINE.split("] ", 1)[1].replace("`", "'")
    assert found["annotations"]["line"] == f"{said} {node}"
    assert found["annotations"]["summary"].endswith(f"on node {node} (cluster east)")


def test_another_container_that_prints_the_same_is_not_kube_proxy(site: Site) -> None:
    pods = {alert["labels"].get("k8s_pod_name") for alert in site.alerts}
    assert pods - {None} == {f"kube-proxy-{node}" for node in NODES}


def test_a_diagnosis_proves_what_it_says_of_each_node(site: Site, run: Run) -> None:
    where = ["--profile", str(site.profile), "--loki", site.loki.url]
    done = run("diagnose", *where, "--since", "10m", "--json")
    (found,) = json.loads(done.stdout)["found"]
    assert sorted(found["nodes"], key=lambda row: str(row["name"])) == [
        {"name": node, "count": 2} for node in NODES
    ]
    for node in NODES:
        proven = {row["line"] for row in found["proof"] if row["node"] == node}
        assert proven  # an entry is proven by three lines, so one node has one alone
        assert proven <= {f"{LINE} {node}", f"{LINE} {node} in parts"}


def test_verify_finds_the_rules_live_and_all_that_they_select(site: Site, run: Run) -> None:
    where = ["--profile", str(site.profile), "--loki", site.loki.url, "--no-runbooks"]
    done = run("verify", *where, "--json")
    assert done.returncode == 0, done.stdout
    told = {
        (row["check"], row["state"], row["said"])
        for row in json.loads(done.stdout)
        if row["state"] != "not checked"
    }
    groups = yaml.safe_load(site.texts["loki/kube-proxy.rules.yaml"])["groups"]
    written = sum(len(group["rules"]) for group in groups)
    assert told == {
        ("rules", "ok", f"{written} rules are loaded, healthy and evaluated"),
        ("selectors", "ok", "there is what the rules select"),
    }


def test_init_chooses_the_preset_and_finds_nothing_missing(
    site: Site, run: Run, tmp_path: Path
) -> None:
    done = run("init", "--loki", site.loki.url, "--metrics", "mimir", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "logs: opentelemetry; 2 streams" in done.stderr
    assert "k8s_node_name" not in done.stderr


@pytest.mark.parametrize(("chosen", "seen"), [("node-2", ["node-2"]), (".*", list(NODES))])
def test_the_dashboard_shows_the_lines_of_the_node_that_is_chosen(
    chosen: str, seen: list[str], site: Site
) -> None:
    board = json.loads(site.texts["grafana/kube-proxy.dashboard.json"])
    (panel,) = [one for one in board["panels"] if one["title"] == "Matching lines"]
    (query,) = [one["expr"] for one in panel["targets"] if "KUBE-MARK-DROP" in one["expr"]]
    values = {"$cluster": ".*", "$node": chosen, "$pod": ".*"}
    for name, value in values.items():
        query = query.replace(name, value)
    assert lines(site.loki, query) == sorted(
        f"{LINE} {node}{more}" for node in seen for more in ("", " in parts")
    )
