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
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from msgspec.structs import asdict

from generator import outputs
from generator.base import subprocesses
from generator.base.file import File
from generator.base.lines import NANOSECONDS_A_SECOND
from generator.base.names import TEST_LABEL
from generator.catalog import profiles, wrappings
from generator.catalog.load import Inputs
from generator.catalog.model import Catalog, Entry, LogStream, LogTest, LogTests
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import Engine, Profile
from generator.check.inhibitions import logs_and_metrics_meet
from generator.compile.rule import Rules
from generator.compile.rules import compile_rules
from generator.prove import log_tests, over_time, tools
from generator.prove.log_tests import Rule
from generator.prove.on_loki import OnLoki
from generator.prove.over_time import Suite
from generator.query import logql
from generator.servers.loki import Loki, first_step
from generator.steps.deployment import site_words
from generator.steps.filled import fill_in
from generator.verify import delivery
from generator.verify.delivery import Site
from tests import kubernetes_api, once
from tests.conftest import ROOT, compiled_for, made_once, obtained
from tests.lab import servers
from tests.lab.programs import ALERTMANAGER
from tests.lokis import StartLoki

PRESETS = profiles.presets(shipped_catalog())
SHIPPED = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / "tests/presets").glob("*")
}
LOGS = [
    (name, worn)
    for name, row in sorted(SHIPPED.items())
    if "logs" in row
    for worn in row["logs"]["dress"]
]
METRICS = sorted(name for name, row in SHIPPED.items() if "metrics" in row)
RUNS = sorted(name for name, row in SHIPPED.items() if "how it runs" in row)

REPEATED = 4  # more than any threshold
NO_PRESET = "no preset"  # but the default profile
CONFIG = "alertmanager/kube-proxy.alertmanager.yaml"
LOG_RULES = "loki/kube-proxy.rules.yaml"
METRIC_RULES = "prometheus/kube-proxy.rules.yaml"


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(tools.PROMTOOL, tools.PROMTOOL.pinned[0], tmp_path_factory)


@cache
def site(name: str) -> Inputs:
    """The catalog with a preset. That `generate` finds nothing wrong with any, a release proves, which has them all."""
    return once.inputs() if name == NO_PRESET else once.for_site(PRESETS[name])


@cache
def rules_of(name: str) -> Rules:
    return compile_rules(site(name).catalog, site(name).profile)


def file_of(path: str, rules: Rules, inputs: Inputs) -> str:
    """One of the files that are generated."""
    output = path.partition("/")[0]
    files = outputs.render_one(output, rules, inputs.catalog, inputs.profile)
    (text,) = (file.text for file in files if file.path == path)
    return text


SECTIONS = {"logs": "loki", "metrics": "prometheus", "how it runs": "kube_proxy"}


def test_each_preset_is_tested_for_what_it_sets() -> None:
    sets = {name: set(SECTIONS.values()) & data(name).keys() for name in PRESETS}
    assert {name: {SECTIONS[key] for key in row} for name, row in SHIPPED.items()} == sets


# How many pairs of a cause and a place hold something back. Where logs have no kernel's, one cause is less; where they
# have other labels than metrics, one cause holds back in two places. In k3s logs and metrics do not meet.
INHIBITIONS = {
    "aks": 31,
    "alloy": 31,
    "cri": 31,
    "docker-json": 31,
    "eks": 31,
    "fluent-bit": 31,
    "gke": 31,
    "journald": 32,
    "k3s": 5,
    "kops": 31,
    "kube-prometheus-stack": 31,
    "mimir": 31,
    "opentelemetry": 31,
    "promtail": 31,
    "rke2": 31,
    "scrape-config": 31,
    "tke": 31,
    "vector": 31,
}


def test_a_cause_holds_back_its_symptoms_with_every_preset() -> None:
    assert {name: len(rules_of(name).inhibitions) for name in PRESETS} == INHIBITIONS


def test_presets_whose_logs_and_metrics_may_not_meet_say_so() -> None:
    said = {name: [str(row) for row in logs_and_metrics_meet(*inputs_of(name))] for name in PRESETS}
    assert {name for name, rows in said.items() if rows} == {"journald", "k3s"}
    assert "'node' is only the default of its label on metrics" in said["journald"][0]
    assert "no label of the Pod or of the node in common" in said["k3s"][0]


@pytest.mark.parametrize("name", PRESETS)
def test_the_command_that_verifies_has_no_complaint_about_the_inhibitions_generated(
    name: str,
) -> None:
    profile, rules = site(name).profile, rules_of(name)
    config = yaml.safe_load(file_of(CONFIG, rules, site(name)))
    labels = {"loki": asdict(profile.loki.labels), "prometheus": asdict(profile.prometheus.labels)}
    places: dict[Engine, Site] = {
        "loki": Site(frozenset(label for label in labels["loki"].values() if label)),
        "prometheus": Site(frozenset(label for label in labels["prometheus"].values() if label)),
    }

    def said(loaded: Mapping[str, Any]) -> list[str]:
        found = delivery.routes_lead_somewhere(rules, loaded, places, config, date(2026, 1, 2))
        return [finding.subject for finding in found if finding.state != "ok"]

    assert said(config) == []
    # Without them each pair of a cause and its symptom is missed.
    pairs = [f"{one.cause} → {symptom}" for one in rules.inhibitions for symptom in one.symptoms]
    assert sorted(said({**config, "inhibit_rules": []})) == sorted(pairs)


def inputs_of(name: str) -> tuple[Catalog, Profile]:
    inputs = site(name)
    return inputs.catalog, inputs.profile


# Stream and target of one kube-proxy, as the agent and the scrape label them.
MISMATCH = "iptables-backend-mismatch"
LAYOUTS = {
    "vector, kube-prometheus-stack": (
        {
            "cluster": "c1",
            "namespace": "kube-system",
            "pod": "POD",
            "container": "kube-proxy",
            "node": "NODE",
        },
        {"cluster": "c1", "namespace": "kube-system", "pod": "POD", "instance": "NODE:10249"},
    ),
    "fluent-bit, scrape-config": (
        {
            "cluster": "c1",
            "kubernetes_namespace_name": "kube-system",
            "kubernetes_pod_name": "POD",
            "kubernetes_container_name": "kube-proxy",
            "kubernetes_host": "NODE",
        },
        {
            "cluster": "c1",
            "namespace": "kube-system",
            "pod": "POD",
            "node": "NODE",
            "instance": "NODE:10249",
        },
    ),
    "opentelemetry, mimir": (
        {
            "k8s_cluster_name": "c1",
            "k8s_namespace_name": "kube-system",
            "k8s_pod_name": "POD",
            "k8s_container_name": "kube-proxy",
        },
        {"cluster": "c1", "namespace": "kube-system", "pod": "POD", "instance": "NODE:10249"},
    ),
    "cri, kube-prometheus-stack": (
        {"cluster": "c1", "filename": "/var/log/containers/POD_kube-system_kube-proxy-0f3a.log"},
        {"cluster": "c1", "namespace": "kube-system", "pod": "POD", "instance": "NODE:10249"},
    ),
    "docker-json, kube-prometheus-stack": (
        {"cluster": "c1", "filename": "/var/log/pods/kube-system_POD_9b1c/kube-proxy/0.log"},
        {"cluster": "c1", "namespace": "kube-system", "pod": "POD", "instance": "NODE:10249"},
    ),
    "journald, scrape-config": (
        {"cluster": "c1", "unit": "kube-proxy.service", "instance": "NODE"},
        {"cluster": "c1", "node": "NODE", "instance": "10.0.0.1:10249"},
    ),
    "tke, mimir": (
        {
            "cluster_id": "c1",
            "namespace": "kube-system",
            "pod_name": "POD",
            "container_name": "kube-proxy",
        },
        {"cluster": "c1", "namespace": "kube-system", "pod": "POD", "instance": "NODE:10249"},
    ),
}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(ALERTMANAGER, ALERTMANAGER.pinned[0], tmp_path_factory)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """What is generated for each layout, for the ruler and for Alertmanager: text by path."""

    def compile_all() -> Mapping[str, Mapping[str, str]]:
        folder = tmp_path_factory.mktemp("site")
        profile = "extends: [{}]\nloki: {{interval: 1s}}\n"
        asked = ("loki", "alertmanager")
        return {name: compiled_for(profile.format(name), folder, *asked) for name in LAYOUTS}

    return made_once(tmp_path_factory, "layouts", compile_all)


@pytest.fixture(scope="module")
def causes(
    compiled: Mapping[str, Mapping[str, str]],
    start_loki: StartLoki,
    alertmanager: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Mapping[str, str]]:
    """The labels of the alert on a mismatch that a real ruler sends for each layout, a minute after its start."""

    def ask() -> Mapping[str, Mapping[str, str]]:
        return sent(compiled, start_loki, alertmanager, tmp_path_factory.mktemp("ruler"))

    return made_once(tmp_path_factory, "causes", ask)


def sent(
    compiled: Mapping[str, Mapping[str, str]], start_loki: StartLoki, alertmanager: Path, work: Path
) -> Mapping[str, Mapping[str, str]]:
    config = silent(compiled[next(iter(LAYOUTS))][CONFIG], work)
    rules = [
        File(f"{number}.yaml", texts[LOG_RULES]) for number, texts in enumerate(compiled.values())
    ]
    entry = next(entry for entry in failures(once.inputs()) if entry.id == MISMATCH)
    lines = [line for sample in entry.samples if sample.fires for line in sample.lines if line]
    streams = []
    for number, (stream, _) in enumerate(LAYOUTS.values()):
        values = [[str(time.time_ns() + row), line] for row, line in enumerate(lines)]
        streams.append({"stream": placed(stream, f"sick{number}"), "values": values})
    with (
        servers.alertmanager(alertmanager, config, work) as url,
        start_loki(rules, alertmanager=url) as running,
    ):
        running.push(streams)
        deadline = time.monotonic() + 180
        while (
            len(found := arrived(url, f'failure="{MISMATCH}"')) < len(LAYOUTS)
            and time.monotonic() < deadline
        ):
            time.sleep(0.5)
    return {
        layout: labels
        for number, layout in enumerate(LAYOUTS)
        for labels in found
        if any(f"sick{number}" in value for value in labels.values())
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_alert_that_the_ruler_sends_holds_back_the_symptom_of_the_same_kube_proxy(
    layout: str,
    compiled: Mapping[str, Mapping[str, str]],
    causes: Mapping[str, Mapping[str, str]],
    alertmanager: Path,
    tmp_path: Path,
) -> None:
    number, (_, target) = list(LAYOUTS).index(layout), LAYOUTS[layout]
    config = silent(compiled[layout][CONFIG], tmp_path)
    stale = {"alertname": "KubeProxyRulesStale", "severity": "critical"}
    sick, well = ({**stale, **placed(target, node)} for node in (f"sick{number}", "well"))
    with servers.alertmanager(alertmanager, config, tmp_path) as url:
        active = [{"labels": labels} for labels in (causes[layout], sick, well)]
        httpx.post(f"{url}/api/v2/alerts", json=active).raise_for_status()
        assert arrived(url, active="false") == [sick]


def placed(labels: Mapping[str, str], node: str) -> dict[str, str]:
    return {
        key: value.replace("POD", f"kube-proxy-{node}").replace("NODE", f"node-{node}")
        for key, value in labels.items()
    }


def arrived(url: str, *matchers: str, **states: str) -> list[dict[str, str]]:
    """The labels of the alerts that an Alertmanager has."""
    answer = httpx.get(f"{url}/api/v2/alerts", params={"filter": matchers, **states})
    return [row["labels"] for row in answer.json()]


def silent(config: str, folder: Path) -> Path:
    """A configuration with receivers that send nothing."""
    whole = yaml.safe_load(config)
    receivers = [{"name": receiver["name"]} for receiver in whole["receivers"]]
    path = folder / "alertmanager.yaml"
    path.write_text(
        yaml.safe_dump({**whole, "receivers": receivers, "templates": []}), encoding="utf-8"
    )
    return path


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
    rows = re.findall(
        r"^\| \[([a-z0-9-]+)\]\(\.\./catalog/presets/([a-z0-9-]+)\.yaml\)", page, re.MULTILINE
    )
    assert sorted(rows) == [(name, name) for name in PRESETS]


@pytest.mark.parametrize("name", RUNS)
def test_the_words_of_steps_find_kube_proxy_as_it_runs(name: str, tmp_path: Path) -> None:
    """A real kubectl, asked as the runbooks ask, gets the Pod of the node, its flags and its settings."""
    runs, profile = SHIPPED[name]["how it runs"], site(name).profile
    known = site_words(profile.kube_proxy)
    script = fill_in('{{ find_pod }}\necho "$POD"\n{{ version }}\n{{ configuration }}', known)
    if "pod" not in runs:
        assert script.places == {"node"}
        assert profile.kube_proxy.unit == runs["unit"]
        return
    pod = runs["pod"]
    other = {
        **pod,
        "metadata": {**pod["metadata"], "name": "other", "labels": {"k8s-app": "other"}},
    }
    settings = [
        {
            "kind": "ConfigMap",
            "metadata": {"name": key, "namespace": "kube-system"},
            "data": {"config": text},
        }
        for key, text in runs.get("config_maps", {}).items()
    ]
    with kubernetes_api.serve([other, pod, *settings], "v1.36.3", tmp_path) as kubeconfig:
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(tmp_path),
            "NODE": "node-1",
        }
        done = subprocess.run(
            ["sh", "-euc", script.text],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    said, image, arguments, *rest = done.stdout.splitlines()
    assert (said, image) == (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"])
    assert runs["shows"] in "\n".join([arguments, *rest])


@pytest.mark.parametrize(("name", "worn"), LOGS)
def test_logs_as_the_agent_ships_them_fire(
    name: str, worn: str, real_loki: Loki, promtool: Path
) -> None:
    assert said_of(name, SHIPPED[name]["logs"], worn, real_loki, promtool) == ""


def test_without_a_preset_alerts_on_alloys_logs_name_the_same_places_as_with_it(
    real_loki: Loki, promtool: Path
) -> None:
    """The default has a label of the node that Alloy's Pods lack; that of the kernel's lines is Alloy's."""
    shipped = SHIPPED["alloy"]["logs"]
    # So that it meets what kube-proxy's own log tells of the node.
    labels = {**shipped["kernel"]["labels"], "node_name": "NODE"}
    kernel = {**shipped["kernel"], "labels": labels}
    shipped_then = {**shipped, "kernel": kernel}
    assert said_of(NO_PRESET, shipped_then, "raw", real_loki, promtool) == ""


def said_of(name: str, shipped: Mapping[str, Any], worn: str, loki: Loki, promtool: Path) -> str:
    """What is wrong with the alerts on what an agent ships.

    Each failure lasts a quarter of an hour on a node of its own, and prints all of its lines in the first minute and in
    the last; another program of each node prints the same and is not kube-proxy.
    """
    inputs, rules = site(name), log_rules(name)
    streams, checks = [], []
    for entry in failures(inputs):
        here = located(shipped_for(entry, shipped), entry.id)
        printed = dressed(entry, worn, fires=True)
        by_minute = [printed, *[printed[:REPEATED]] * 14, printed]
        lines = tuple((60.0 * minute, row) for minute, rows in enumerate(by_minute) for row in rows)
        streams += [
            LogStream(here["stream"], lines),
            LogStream({**here["stream"], **here["other"]}, lines),
        ]
        labels = {"failure": entry.id, "severity": entry.severity.level, **here["labels"]}
        summary = {"summary": f"{entry.summary} {here['place']}"}
        alert = {"exp_labels": labels, "exp_annotations": summary}
        checks.append({"eval_time": "15m", "alertname": entry.alert, "exp_alerts": [alert]})
        checks.append({"eval_time": "31m", "alertname": entry.alert, "exp_alerts": []})
    test = LogTest(worn, tuple(streams), tuple(checks))
    suite = Suite(LogTests(worn, (), 60, (test,)), rules)
    (outcome,) = over_time.run_tests(OnLoki(loki), promtool, suite)
    return outcome.said


@pytest.mark.parametrize(("name", "worn"), LOGS)
def test_near_misses_stay_silent_as_the_agent_ships_them(
    name: str, worn: str, real_loki: Loki
) -> None:
    inputs, shipped = site(name), SHIPPED[name]["logs"]
    rules = {rule["alert"]: rule["expr"] for rule in log_rules(name)}
    start = first_step(time.time() - 600, 60)
    for entry in failures(inputs):
        mark = uuid.uuid4().hex
        lines = tuple((0.0, row) for row in dressed(entry, worn, fires=False) * REPEATED)
        stream = LogStream(located(shipped_for(entry, shipped), entry.id)["stream"], lines)
        real_loki.push([log_tests.push(stream, mark, start * NANOSECONDS_A_SECOND, hidden=False)])
        assert (
            real_loki.evaluate(logql.within(rules[entry.alert], TEST_LABEL, mark), start, 60, 1)
            == []
        )


def failures(inputs: Inputs) -> list[Entry]:
    """The entries that are seen in a log which the site has."""
    return [
        row
        for row in inputs.catalog.entries
        if row.logs and inputs.profile.loki.source(row.logs.stream)
    ]


def shipped_for(entry: Entry, shipped: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the agent ships of the log that an entry is seen in."""
    found: Mapping[str, Any] = (
        shipped["kernel"] if entry.logs and entry.logs.stream == "kernel" else shipped
    )
    return found


def test_the_kernels_log_is_tested_for_each_preset_that_has_it() -> None:
    has = {
        name for name, row in SHIPPED.items() if "logs" in row and site(name).profile.loki.kernel
    }
    assert has == {name for name, row in SHIPPED.items() if "kernel" in row.get("logs", {})}
    assert has == {"alloy", "journald", "k3s", "promtail", "rke2", "vector"}


@cache
def log_rules(name: str) -> tuple[Rule, ...]:
    """The rules of the failures, of their annotations the one that names the place."""
    names = {entry.alert for entry in failures(site(name))}
    chosen = []
    for rule in log_tests.alerting_rules([file_of(LOG_RULES, rules_of(name), site(name))]):
        if rule["alert"] in names:
            summary = rule["annotations"]["summary"]
            chosen.append({**rule, "annotations": {"summary": summary}})
    return tuple(chosen)


def located(shipped: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    """What is shipped from a node of this name."""
    found: Mapping[str, Any] = json.loads(json.dumps(shipped).replace("NODE", node))
    return found


def dressed(entry: Entry, worn: str, fires: bool) -> list[str]:
    wrap = getattr(wrappings, worn)
    return [
        wrap(line)
        for sample in entry.samples
        if sample.fires is fires
        for line in sample.lines
        if line
    ]


@pytest.mark.parametrize("name", METRICS)
def test_metrics_as_the_site_has_them_fire(name: str, tmp_path: Path, promtool: Path) -> None:
    inputs, shipped = site(name), SHIPPED[name]["metrics"]
    severities = {alert: entry for entry in inputs.catalog.entries for alert in entry.alerts()}
    firing = [
        {
            "alertname": alert,
            "failure": severities[alert].id,
            "severity": severities[alert].severity.level,
            **labels,
        }
        for alert, labels in shipped["alerts"].items()
    ]
    tests = [
        {
            "name": "broken",
            "interval": "30s",
            "input_series": list(series(shipped, "broken")),
            **at("40m", firing),
        },
        {
            "name": "healthy",
            "interval": "30s",
            "input_series": list(series(shipped, "healthy")),
            **at("40m", []),
        },
    ]
    rules = tmp_path / "rules.yaml"
    rules.write_text(file_of(METRIC_RULES, rules_of(name), inputs), encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": tests})
    )
    passed, said = subprocesses.run([str(promtool), "test", "rules", "tests.yaml"], tmp_path)
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
    "kube_pod_container_status_restarts_total": (
        "restarts",
        {"broken": "0+1x240", "healthy": "3x240"},
    ),
    "kube_pod_container_status_running": ("restarts", {"broken": "0x240", "healthy": "1x240"}),
    "container_cpu_usage_seconds_total": ("cpu", {"broken": "0+60x240", "healthy": "0+1x240"}),
}


def series(shipped: Mapping[str, Any], state: str) -> Iterator[dict[str, str]]:
    """What kube-proxy's target and the other sources show, and another target that is always broken."""
    for metric, values in (BROKEN if state == "broken" else HEALTHY).items():
        yield {"series": metric + braces(shipped["target"]), "values": values}
    for metric, values in BROKEN.items():
        yield {
            "series": metric + braces({**shipped["target"], **shipped["other"]}),
            "values": values,
        }
    if "info" in shipped:
        yield {"series": "kube_pod_info" + braces(shipped["info"]), "values": "1x240"}
    for metric, (source, by_state) in OF_OTHERS.items():
        if source in shipped:
            yield {"series": metric + braces(shipped[source]), "values": by_state[state]}
            yield {
                "series": metric + braces({**shipped[source], "container": "other"}),
                "values": by_state["broken"],
            }


def braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items()) + "}"


def at(time: str, firing: list[dict[str, str]]) -> dict[str, Any]:
    """What fires at a time, by all its labels, the watchdog apart."""
    samples = [
        {"labels": "ALERTS" + braces({"alertstate": "firing", **row}), "value": 1} for row in firing
    ]
    expr = 'ALERTS{alertstate="firing", alertname!="KubeProxyMetricRulesWatchdog"}'
    return {"promql_expr_test": [{"expr": expr, "eval_time": time, "exp_samples": samples}]}
