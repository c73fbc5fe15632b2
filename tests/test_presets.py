"""Each preset, with what its agent ships: the catalog's samples through a real Loki, made-up series through promtool.

What ships stands in tests/presets/<name>.yaml, taken from the agent's documentation, chart or source.
"""

import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import dress, logql, logtests, profiles, prove_logs, tools
from generator.compiler import compile_catalog
from generator.deployment import words
from generator.load import Inputs, load, shipped_catalog
from generator.logtests import Rule
from generator.loki import Loki
from generator.model import Failure, LogStream, LogTest, LogTests
from generator.prove_logs import Suite
from generator.steps import fill
from tests import kubernetes_api
from tests.conftest import ROOT, obtained

PRESETS = profiles.presets(shipped_catalog())
SHIPPED = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "tests/presets").glob("*")}
LOGS = [(name, worn) for name, row in sorted(SHIPPED.items()) if "logs" in row for worn in row["logs"]["dress"]]
METRICS = sorted(name for name, row in SHIPPED.items() if "metrics" in row)
RUNS = sorted(name for name, row in SHIPPED.items() if "how it runs" in row)

REPEATED = 4  # more than any threshold


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(tools.PROMTOOL, tools.PROMTOOL.pinned[0], tmp_path_factory)


def site(name: str) -> Inputs:
    return load(profile=PRESETS[name])


def generated(inputs: Inputs, folder: str) -> str:
    """The rule file of an engine."""
    return next(file.text for file in compile_catalog(inputs, "output").files if file.path.startswith(f"{folder}/"))


SECTIONS = {"logs": "loki", "metrics": "prometheus", "how it runs": "kube_proxy"}


def test_each_preset_is_tested_for_what_it_sets() -> None:
    sets = {name: set(SECTIONS.values()) & data(name).keys() for name in PRESETS}
    assert {name: {SECTIONS[key] for key in row} for name, row in SHIPPED.items()} == sets


def data(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = site(name).profile.document.data
    return found


def test_each_preset_says_in_its_first_words_what_it_is_for() -> None:
    for name, path in PRESETS.items():
        schema, first, *_ = path.read_text(encoding="utf-8").splitlines()
        assert schema == "# yaml-language-server: $schema=../profile.schema.json"
        for word, section in SECTIONS.items():
            assert (word in first.partition(":")[0].lower()) == (section in data(name)), path


def test_each_preset_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([a-z0-9-]+)\]\(\.\./catalog/presets/([a-z0-9-]+)\.yaml\)", page, re.MULTILINE)
    assert sorted(rows) == [(name, name) for name in PRESETS]


@pytest.mark.parametrize("name", RUNS)
def test_the_words_of_steps_find_kube_proxy_as_it_runs(name: str, tmp_path: Path) -> None:
    """A real kubectl, asked as the runbooks ask, gets the Pod of the node, its flags and its settings."""
    runs, profile = SHIPPED[name]["how it runs"], site(name).profile
    known = words(profile.kube_proxy)
    script = fill('{{ find_pod }}\necho "$POD"\n{{ version }}\n{{ configuration }}', known)
    if "pod" not in runs:
        assert script.places == {"node"}
        assert profile.kube_proxy.unit == runs["unit"]
        return
    pod = runs["pod"]
    other = {**pod, "metadata": {**pod["metadata"], "name": "other", "labels": {"k8s-app": "other"}}}
    settings = [
        {"kind": "ConfigMap", "metadata": {"name": key, "namespace": "kube-system"}, "data": {"config": text}}
        for key, text in runs.get("config_maps", {}).items()
    ]
    with kubernetes_api.serve([other, pod, *settings], "v1.36.3", tmp_path) as kubeconfig:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), "NODE": "node-1"}
        done = subprocess.run(
            ["sh", "-euc", script.text], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
    said, image, arguments, *rest = done.stdout.splitlines()
    assert (said, image) == (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"])
    assert runs["shows"] in "\n".join([arguments, *rest])


@pytest.mark.parametrize(("name", "worn"), LOGS)
def test_logs_as_the_agent_ships_them_fire(name: str, worn: str, real_loki: Loki, promtool: Path) -> None:
    """Each failure happens on a node of its own; another program of each node prints the same and is not kube-proxy."""
    inputs, shipped = site(name), SHIPPED[name]["logs"]
    rules = log_rules(inputs)
    streams, checks = [], []
    for entry in failures(inputs):
        here = located(shipped, entry.id)
        lines = tuple((0.0, row) for row in dressed(entry, worn, fires=True) * REPEATED)
        streams += [LogStream(here["stream"], lines), LogStream({**here["stream"], **here["other"]}, lines)]
        labels = {"failure": entry.id, "severity": entry.severity, **here["labels"]}
        summary = {"summary": f"{entry.summary} {here['place']}"}
        alert = {"exp_labels": labels, "exp_annotations": summary}
        checks.append({"eval_time": "1m", "alertname": entry.alert, "exp_alerts": [alert]})
        checks.append({"eval_time": "12m", "alertname": entry.alert, "exp_alerts": []})
    test = LogTest(name, tuple(streams), tuple(checks))
    (outcome,) = prove_logs.run_tests(real_loki, promtool, Suite(LogTests(name, (), 60, (test,)), rules))
    assert outcome.said == ""


@pytest.mark.parametrize(("name", "worn"), LOGS)
def test_near_misses_stay_silent_as_the_agent_ships_them(name: str, worn: str, real_loki: Loki) -> None:
    inputs, shipped = site(name), SHIPPED[name]["logs"]
    rules = {rule["alert"]: rule["expr"] for rule in log_rules(inputs)}
    start = int(time.time()) - 600
    for entry in failures(inputs):
        mark = uuid.uuid4().hex
        lines = tuple((0.0, row) for row in dressed(entry, worn, fires=False) * REPEATED)
        stream = LogStream(located(shipped, entry.id)["stream"], lines)
        real_loki.push([logtests.push(stream, mark, start * 1_000_000_000)])
        assert real_loki.evaluate(logql.within(rules[entry.alert], logtests.LABEL, mark), start, 60, 1) == []


def failures(inputs: Inputs) -> list[Failure]:
    return [entry for entry in inputs.catalog.entries if entry.logs]


def log_rules(inputs: Inputs) -> tuple[Rule, ...]:
    """The rules of the failures, of their annotations the one that names the place."""
    names = {entry.alert for entry in failures(inputs)}
    rules = (rule for rule in logtests.alerting_rules([generated(inputs, "loki")]) if rule["alert"] in names)
    return tuple({**rule, "annotations": {"summary": rule["annotations"]["summary"]}} for rule in rules)


def located(shipped: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    """What is shipped from a node of this name."""
    found: Mapping[str, Any] = json.loads(json.dumps(shipped).replace("NODE", node))
    return found


def dressed(entry: Failure, worn: str, fires: bool) -> list[str]:
    wrap = getattr(dress, worn)
    return [wrap(line) for sample in entry.samples if sample.fires is fires for line in sample.lines if line]


@pytest.mark.parametrize("name", METRICS)
def test_metrics_as_the_site_has_them_fire(name: str, tmp_path: Path, promtool: Path) -> None:
    inputs, shipped = site(name), SHIPPED[name]["metrics"]
    severities = {alert: entry for entry in inputs.catalog.entries for alert in entry.alerts()}
    firing = [
        {"alertname": alert, "failure": severities[alert].id, "severity": severities[alert].severity, **labels}
        for alert, labels in shipped["alerts"].items()
    ]
    tests = [
        {"name": "broken", "interval": "30s", "input_series": list(series(shipped, "broken")), **at("40m", firing)},
        {"name": "healthy", "interval": "30s", "input_series": list(series(shipped, "healthy")), **at("40m", [])},
    ]
    rules = tmp_path / "rules.yaml"
    rules.write_text(generated(inputs, "prometheus"), encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": tests}))
    passed, said = tools.run([str(promtool), "test", "rules", "tests.yaml"], tmp_path)
    assert passed, said


# Two hours of a kube-proxy that is down, never synced, restarts each minute and needs two cores; and of a good one. To
# kube-state-metrics the bad one never runs.
BROKEN = {
    "up": "0x240",
    "process_start_time_seconds": " ".join(["0 0 10 10"] * 60),
    "kubeproxy_sync_proxy_rules_endpoint_changes_total": "5x240",
    "process_cpu_seconds_total": "0+60x240",
}
HEALTHY = {
    "up": "1x240",
    "process_start_time_seconds": "0x240",
    "kubeproxy_sync_proxy_rules_endpoint_changes_total": "5x240",
    "kubeproxy_sync_proxy_rules_last_timestamp_seconds": "0+30x240",
    "process_cpu_seconds_total": "0+1x240",
}
OF_OTHERS = {
    "kube_pod_container_status_restarts_total": ("restarts", {"broken": "0+1x240", "healthy": "3x240"}),
    "kube_pod_container_status_running": ("restarts", {"broken": "0x240", "healthy": "1x240"}),
    "container_cpu_usage_seconds_total": ("cpu", {"broken": "0+60x240", "healthy": "0+1x240"}),
}


def series(shipped: Mapping[str, Any], state: str) -> Iterator[dict[str, str]]:
    """What kube-proxy's target and the other sources show, and another target that is always broken."""
    for metric, values in (BROKEN if state == "broken" else HEALTHY).items():
        yield {"series": metric + braces(shipped["target"]), "values": values}
    for metric, values in BROKEN.items():
        yield {"series": metric + braces({**shipped["target"], **shipped["other"]}), "values": values}
    if "info" in shipped:
        yield {"series": "kube_pod_info" + braces(shipped["info"]), "values": "1x240"}
    for metric, (source, by_state) in OF_OTHERS.items():
        if source in shipped:
            yield {"series": metric + braces(shipped[source]), "values": by_state[state]}
            yield {"series": metric + braces({**shipped[source], "container": "other"}), "values": by_state["broken"]}


def braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items()) + "}"


def at(time: str, firing: list[dict[str, str]]) -> dict[str, Any]:
    """What fires at a time, by all its labels, the watchdog apart."""
    samples = [{"labels": "ALERTS" + braces({"alertstate": "firing", **row}), "value": 1} for row in firing]
    expr = 'ALERTS{alertstate="firing", alertname!="KubeProxyMetricRulesWatchdog"}'
    return {"promql_expr_test": [{"expr": expr, "eval_time": time, "exp_samples": samples}]}
