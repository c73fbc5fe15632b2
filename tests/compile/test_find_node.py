"""From an alert to the node: what the head of a page says, done by a real kubectl, and the silence it names."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from generator.catalog.load import Inputs
from generator.compile.find_node import Carried, carried, whereabouts
from generator.compile.rule import CompiledAlert, Rules
from generator.compile.rules import compile_rules
from generator.outputs import runbooks
from tests import kubernetes_api, once
from tests.conftest import obtained
from tests.documents import fenced
from tests.lab import servers
from tests.lab.programs import ALERTMANAGER, AMTOOL

POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {
        "name": "kube-proxy-b",
        "namespace": "kube-system",
        "labels": {"k8s-app": "kube-proxy"},
    },
    "spec": {"nodeName": "node-b", "containers": [{"name": "kube-proxy", "image": "x"}]},
    "status": {"podIP": "10.0.0.2"},
}
OTHER = {
    **POD,
    "metadata": {**POD["metadata"], "name": "kube-proxy-a"},
    "spec": {**POD["spec"], "nodeName": "node-a"},
    "status": {"podIP": "fd00::1"},
}
LOG, METRIC, BUILD = (
    "KubeProxyIptablesLockHeldTooLong",
    "KubeProxyRulesStale",
    "KubeProxyIptablesSaveParsePanicKnownBuild",
)


def site(profile: str, folder: Path) -> Inputs:
    (folder / "site.yaml").write_text(profile, encoding="utf-8")
    return once.for_site(folder / "site.yaml")


def alert(inputs: Inputs, name: str) -> tuple[CompiledAlert, Rules]:
    rules = compile_rules(inputs.catalog, inputs.profile)
    return next(row for row in rules.alerts if row.rule.alert == name), rules


@pytest.mark.parametrize(
    ("profile", "name", "label"),
    [
        ("{}", LOG, "node_name"),
        ("extends: alloy", LOG, "pod"),
        ("extends: cri", LOG, "host"),
        (
            "{extends: cri, loki: {labels: {node: null}}}",
            LOG,
            None,
        ),  # the path of a file is no Pod's name
        ("{}", METRIC, "pod"),  # which its targets have; `node` only where somebody copies it
        ("{}", BUILD, "pod"),
        ("{}", "KubeProxySyncSlow", "pod"),  # which reads a recording rule
        ("prometheus: {labels: {pod: null, node: null}}", "KubeProxyCPUHigh", "instance"),
        ("{}", "KubeProxyNotRunning", "pod"),  # a label of kube-state-metrics
        ("{}", "KubeProxyMetricsMissing", "pod"),
        ("prometheus: {labels: {pod: null}}", METRIC, "node"),
        ("prometheus: {labels: {pod: null, node: null}}", METRIC, "instance"),
        ("extends: k3s", LOG, "instance"),
        ("extends: journald", METRIC, "node"),
        ("{extends: journald, prometheus: {labels: {node: null}}}", METRIC, "instance"),
        ("{}", "KubeProxyMetricRulesWatchdog", None),
        ("{}", "KubeProxyLogRulesWatchdog", None),
    ],
)
def test_the_label_that_the_alert_carries(
    profile: str, name: str, label: str | None, tmp_path: Path
) -> None:
    inputs = site(profile, tmp_path)
    found = carried(*alert(inputs, name), inputs.profile)
    assert (found.label if found else None) == label


FULL = "KubeProxyConntrackTableFull"


@pytest.mark.parametrize(
    ("profile", "name", "label"),
    [
        ("{}", FULL, "instance"),
        ("loki: {kernel: {labels: {node: host}}}", FULL, "host"),
        ("extends: alloy", FULL, "instance"),
        ("loki: {kernel: {labels: {node: null}}}", FULL, None),
        ("{}", FULL + "Drops", "node"),
        ("prometheus: {labels: {node: nodename}}", FULL + "Soon", "nodename"),
        # kube-proxy's targets have no label of the node; what node_exporter tells has one in any case.
        ("prometheus: {labels: {node: null}}", FULL + "Drops", "node"),
        ("extends: k3s", FULL + "Drops", "node"),
    ],
)
def test_alerts_on_a_node_carry_its_name(
    profile: str, name: str, label: str | None, tmp_path: Path
) -> None:
    inputs = site(profile, tmp_path)
    found = carried(*alert(inputs, name), inputs.profile)
    assert found == (Carried("node", label) if label else None)


@pytest.mark.parametrize(
    "profile", ["{}", "extends: scrape-config", "extends: k3s", "extends: journald"]
)
def test_every_alert_but_the_watchdogs_leads_to_its_node(profile: str, tmp_path: Path) -> None:
    """And its silence leaves the other nodes alone."""
    inputs = site(profile, tmp_path)
    rules = compile_rules(inputs.catalog, inputs.profile)
    blind = {
        row.entry.id for row in rules.alerts if not whereabouts(row, rules, inputs.profile).matcher
    }
    silent = {"not-running"} if "k3s" in profile else set()  # which is about Pods
    assert blind - silent == {"log-rules-watchdog", "metric-rules-watchdog"}


@pytest.mark.parametrize(
    ("profile", "name", "values"),
    [
        ("{}", LOG, {"NODE": "node-b"}),
        ("{}", METRIC, {"POD": "kube-proxy-b"}),
        ("prometheus: {labels: {pod: null, node: null}}", METRIC, {"INSTANCE": "10.0.0.2:10249"}),
        ("{}", "KubeProxyMetricRulesWatchdog", {"NODE": "node-b"}),
    ],
)
def test_kubectl_finds_pod_and_node(
    profile: str, name: str, values: Mapping[str, str], tmp_path: Path
) -> None:
    assert found(profile, name, values, tmp_path) == ("node-b", "kube-proxy-b")


def test_an_address_of_ipv6_loses_its_brackets(tmp_path: Path) -> None:
    values = {"INSTANCE": "[fd00::1]:10249"}
    profile = "prometheus: {labels: {pod: null, node: null}}"
    assert found(profile, METRIC, values, tmp_path) == ("node-a", "kube-proxy-a")


def found(profile: str, name: str, values: Mapping[str, str], folder: Path) -> tuple[str, str]:
    """NODE and POD after the head of the page, typed with the alert's values in their places."""
    inputs = site(profile, folder)
    script = whereabouts(*alert(inputs, name), inputs.profile).shell
    for variable, value in values.items():
        script, replaced = re.subn(
            rf"^{variable}=[a-z:-]+", f"{variable}='{value}'", script, flags=re.MULTILINE
        )
        assert replaced == 1
    with kubernetes_api.serve([OTHER, POD], "v1.36.3", folder) as kubeconfig:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}
        command = ["sh", "-euc", f'{script}\necho "$NODE $POD"']
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
    node, pod = done.stdout.split()
    return node, pod


def test_the_silence_of_a_page_holds_back_the_alert_of_this_kube_proxy(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A real amtool asks a real Alertmanager for it; another node goes on being told."""
    binary = obtained(ALERTMANAGER, ALERTMANAGER.pinned[0], tmp_path_factory)
    amtool = obtained(AMTOOL, AMTOOL.pinned[0], tmp_path_factory)
    (tmp_path / "alertmanager.yaml").write_text(
        "{route: {receiver: none}, receivers: [{name: none}]}"
    )
    with servers.alertmanager(binary, tmp_path / "alertmanager.yaml", tmp_path) as url:
        inputs = site(f"servers: {{alertmanager: {{url: '{url}'}}}}", tmp_path)
        pages = runbooks.files(
            compile_rules(inputs.catalog, inputs.profile), inputs.catalog, inputs.profile
        )
        page = next(page for page in pages if page.path == f"runbooks/{METRIC}.md")
        (silence,) = (
            block for block in fenced(page.text, "sh") if block.startswith("amtool silence add")
        )
        alerts = [
            {"labels": {"alertname": METRIC, "pod": pod}}
            for pod in ("kube-proxy-a", "kube-proxy-b")
        ]
        httpx.post(f"{url}/api/v2/alerts", json=alerts).raise_for_status()
        path = os.pathsep.join([str(amtool.parent), os.environ["PATH"]])
        environment = {"PATH": path, "HOME": str(tmp_path), "POD": "kube-proxy-b", "USER": "me"}
        subprocess.run(
            ["sh", "-euc", silence], env=environment, capture_output=True, timeout=60, check=True
        )
        told: list[Any] = httpx.get(f"{url}/api/v2/alerts", params={"silenced": "false"}).json()
    assert [one["labels"]["pod"] for one in told] == ["kube-proxy-a"]
