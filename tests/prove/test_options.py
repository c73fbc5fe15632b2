"""What the options by the ruler's release do on the real rulers: which refuse them, which take them and do nothing."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from generator.base.disk import populate
from generator.base.file import File
from generator.servers.loki import Loki
from tests.conftest import compiled_for, metric_rules_for, obtained
from tests.lokis import RELEASES

LOGS, METRICS, VICTORIA_LOGS = (
    f"{engine}/kube-proxy.rules.yaml" for engine in ("loki", "prometheus", "victorialogs")
)
ASKED = """
rulers: {loki: "3.7.8", prometheus: "3.16"}
loki: {limit: 500}
prometheus: {limit: 500, keep_firing_for: 1h, query_offset: 1m}
alerts: {KubeProxyNeverSynced: {keep_firing_for: 0s}, KubeProxySyncSlow: {keep_firing_for: 2h}}
"""
OF_VMALERT = """
rulers: {vmalert: "1.140"}
loki: {limit: 500, keep_firing_for: 1h}
prometheus: {limit: 500, keep_firing_for: 1h}
"""
OPTIONS = {"limit", "keep_firing_for", "query_offset"}
SECONDS = 30


def groups(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text)["groups"]
    return found


def options_in(text: str) -> set[str]:
    found = groups(text)
    keys = {key for group in found for key in group}
    return OPTIONS & (keys | {key for group in found for rule in group["rules"] for key in rule})


def test_none_is_written_that_is_not_asked_for(tmp_path: Path) -> None:
    """Old rulers refuse a file with a key that they do not know."""
    files = compiled_for("rulers: {}\n", tmp_path)
    for path in (LOGS, METRICS, VICTORIA_LOGS):
        assert options_in(files[path]) == set()


def test_each_stands_where_its_ruler_looks_for_it(tmp_path: Path) -> None:
    files = compiled_for(ASKED, tmp_path)
    assert options_in(files[LOGS]) == {"limit"}
    metrics = groups(files[METRICS])
    assert {group["query_offset"] for group in metrics} == {"1m"}
    alerts = [group for group in metrics if group["name"] != "kube-proxy.records"]
    assert {group["limit"] for group in alerts} == {500}
    kept = {
        rule["alert"]: rule.get("keep_firing_for") for group in alerts for rule in group["rules"]
    }
    assert kept["KubeProxyCPUHigh"] == "1h"
    assert kept["KubeProxySyncSlow"] == "2h"
    assert kept["KubeProxyNeverSynced"] is None
    assert kept["KubeProxyMetricRulesWatchdog"] is None


def test_records_have_no_limit_as_they_have_a_series_for_each_kube_proxy(tmp_path: Path) -> None:
    (records,) = [
        group
        for group in groups(compiled_for(ASKED, tmp_path)[METRICS])
        if group["name"] == "kube-proxy.records"
    ]
    assert "limit" not in records


def test_the_page_says_how_long_an_alert_is_kept(tmp_path: Path) -> None:
    files = compiled_for(ASKED, tmp_path)
    row = "| `keep_firing_for` | `2h` | How long it goes on firing once it is over. |"
    assert row in files["runbooks/KubeProxySyncSlow.md"]
    assert "keep_firing_for" not in files["runbooks/KubeProxyNeverSynced.md"]


def test_promtool_accepts_them_where_its_release_knows_them(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    file = File("rules.yaml", compiled_for(ASKED, tmp_path)[METRICS])
    populate(tmp_path, [file])
    passed, said = subprocesses.run([str(pinned_promtool), "check", "rules", file.path], tmp_path)
    old = pinned_promtool.parent.name.endswith("2.42")
    assert passed != old
    assert ("field query_offset not found" in said) == old


def test_both_promtools_keep_an_alert_firing(pinned_promtool: Path, tmp_path: Path) -> None:
    """The rule as it is written; the series ends after five minutes."""
    asked = 'rulers: {prometheus: "2.42"}\nprometheus: {limit: 500, keep_firing_for: 20m}\n'
    text = metric_rules_for(asked, tmp_path)
    target = (
        'job="kube-proxy", instance="10.0.0.1:10249", node="n", pod="p", namespace="kube-system"'
    )
    restarts = 'kube_pod_container_status_restarts_total{namespace="kube-system", container="kube-proxy", pod="p"}'
    alert = "KubeProxyRestarting"
    at = {
        minutes: {
            "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
            "eval_time": f"{minutes}m",
            "exp_samples": [{"labels": "{}", "value": firing}],
        }
        for minutes, firing in ((0, 0), (6, 1), (20, 1), (60, 0))
    }
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": restarts, "values": "0 1 2 3 4 5 5x100"},
                    {"series": f"up{{{target}}}", "values": "1x100"},
                ],
                "promql_expr_test": list(at.values()),
            }
        ],
    }
    populate(tmp_path, [File("rules.yaml", text), File("tests.yaml", yaml.safe_dump(tests))])
    passed, said = subprocesses.run([str(pinned_promtool), "test", "rules", "tests.yaml"], tmp_path)
    assert passed, said


@pytest.mark.parametrize("path", [METRICS, VICTORIA_LOGS])
def test_vmalert_accepts_what_it_is_asked_for(path: str, vmalert: Path, tmp_path: Path) -> None:
    text = compiled_for(OF_VMALERT, tmp_path)[path]
    assert options_in(text) == {"limit", "keep_firing_for"}
    populate(tmp_path, [File("rules.yaml", text)])
    passed, said = subprocesses.run([str(vmalert), "-dryRun", "-rule=rules.yaml"], tmp_path)
    assert passed, said


def test_vmalert_refuses_a_query_offset(vmalert: Path, tmp_path: Path) -> None:
    """As check/rulers.py has it."""
    populate(tmp_path, [File("rules.yaml", compiled_for(ASKED, tmp_path)[METRICS])])
    passed, said = subprocesses.run([str(vmalert), "-dryRun", "-rule=rules.yaml"], tmp_path)
    assert not passed
    assert "query_offset" in said


def one_rule(group: dict[str, Any], rule: dict[str, Any]) -> File:
    """A rule that fires for each Pod with a line of the last three seconds."""
    expr = 'sum by (pod) (count_over_time({container="kube-proxy"}[3s])) > 0'
    asked = {"alert": "Seen", "expr": expr, **rule}
    text = yaml.safe_dump({"groups": [{"name": "g", "interval": "1s", **group, "rules": [asked]}]})
    return File("rules.yaml", text)


def shown(loki: Loki) -> dict[str, Any] | None:
    """The rule as the ruler has it; None while it has none."""
    rules = loki.rules()
    return dict(rules[0]) if rules else None


def awaited(loki: Loki, **wanted: str) -> dict[str, Any]:
    """The rule once it shows this. Fails if it never does."""
    deadline = time.monotonic() + SECONDS
    while True:
        rule = shown(loki)
        if rule and wanted.items() <= rule.items():
            return rule
        assert time.monotonic() < deadline, (wanted, rule)
        time.sleep(0.2)


def push(loki: Loki, *pods: str) -> None:
    now = str(time.time_ns())
    streams = [{"container": "kube-proxy", "pod": pod} for pod in pods]
    loki.push([{"stream": stream, "values": [[now, "a line"]]} for stream in streams])


def test_loki_2_refuses_the_whole_file_with_any_of_them(pinned_loki: Path, tmp_path: Path) -> None:
    """And takes the one without, which is the file of the default profile."""
    start = RELEASES["2"].start(pinned_loki)
    files = compiled_for("rulers: {}\n", tmp_path)
    with start([File("rules.yaml", files[LOGS])]) as loki:
        deadline = time.monotonic() + SECONDS
        while not loki.rules():
            assert time.monotonic() < deadline
            time.sleep(0.2)
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"limit": 500}, {}),
        ({"query_offset": "1m"}, {}),
        ({}, {"keep_firing_for": "1h"}),
    ]
    good = File("good.yaml", one_rule({"name": "good"}, {"alert": "Good"}).text)
    with ExitStack() as running:
        lokis = [
            running.enter_context(start([one_rule(group, rule), good])) for group, rule in asked
        ]
        time.sleep(5)  # each looks at its files every second
        assert [shown(loki) for loki in lokis] == [None] * len(asked)


def test_loki_3_holds_to_a_limit_and_drops_what_would_keep_an_alert_firing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Why a profile that asks it of Loki is refused: the key is read, and forgotten."""
    release = RELEASES["3"]
    start = release.start(obtained(release.tool, release.tool.pinned[0], tmp_path_factory))
    with start([one_rule({"query_offset": "1m"}, {"keep_firing_for": "1h"})]) as loki:
        awaited(loki, state="inactive")
        push(loki, "a")
        rule = awaited(loki, state="firing")
        assert "keepFiringFor" not in rule
        awaited(loki, state="inactive")
    with start([one_rule({"limit": 1}, {})]) as loki:
        awaited(loki, state="inactive", health="ok")
        push(loki, "a", "b")
        rule = awaited(loki, health="err")
        assert "exceeded limit of 1 with 2 alerts" in rule["lastError"]
        assert rule["alerts"] == []
