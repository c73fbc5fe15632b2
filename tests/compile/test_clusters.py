"""One Prometheus or Mimir for many clusters: what is missing is noticed for each cluster that the profile names."""

from pathlib import Path

import pytest
import yaml

from generator.base import subprocesses
from tests.conftest import metric_rules_for

SITE = "extends: mimir\nclusters: [c1, c2, c3]\n"

# c1 is well. c2 shows its container, and no target. c3 shows nothing for an hour, then it is back. c4 is not named.
SERIES = {
    'up{cluster="c1", job="kube-proxy", instance="10.0.0.1:10249"}': "1x240",
    'up{cluster="c2", job="kubelet", instance="10.0.0.1:10250"}': "1x240",
    'kube_pod_container_status_restarts_total{cluster="c2", namespace="kube-system", container="kube-proxy"}': "0x240",
    'up{cluster="c3", job="kube-proxy", instance="10.0.0.1:10249"}': "_x120 1x120",
    'up{cluster="c4", job="kube-proxy", instance="10.0.0.1:10249"}': "1x240",
}


def firing(*clusters: str) -> list[dict[str, object]]:
    fixed = 'alertname="KubeProxyMetricsMissing", alertstate="firing", failure="metrics-missing", severity="warning"'
    labels = [f'cluster="{cluster}", ' if cluster else "" for cluster in clusters]
    return [{"labels": f"ALERTS{{{label}{fixed}}}", "value": 1} for label in labels]


def verdict(
    promtool: Path, folder: Path, site: str, series: dict[str, str], at: dict[str, tuple[str, ...]]
) -> str:
    """What promtool says if the alert does not fire for just these clusters at these times."""
    rules = metric_rules_for(site, folder)
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    expr = 'ALERTS{alertname="KubeProxyMetricsMissing", alertstate="firing"}'
    test = {
        "interval": "30s",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": time, "exp_samples": firing(*clusters)}
            for time, clusters in at.items()
        ],
    }
    (folder / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]})
    )
    passed, said = subprocesses.run([str(promtool), "test", "rules", "tests.yaml"], folder)
    return "" if passed else said


def test_a_named_cluster_that_vanished_completely_fires_with_its_name(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    expected = {"14m30s": (), "20m": ("c2", "c3"), "70m": ("c2",)}
    assert verdict(pinned_promtool, tmp_path, SITE, SERIES, expected) == ""


def test_with_nothing_at_all_each_named_cluster_fires(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    other = {'up{cluster="c9", job="kubelet"}': "1x240"}
    assert verdict(pinned_promtool, tmp_path, SITE, other, {"20m": ("c1", "c2", "c3")}) == ""


@pytest.mark.parametrize("site", ["extends: mimir\n", "prometheus: {labels: {cluster: null}}\n"])
def test_without_names_one_alert_tells_that_nothing_is_there(
    site: str, tmp_path: Path, pinned_promtool: Path
) -> None:
    other = {'up{cluster="c9", job="kubelet"}': "1x240"}
    assert verdict(pinned_promtool, tmp_path, site, other, {"20m": ("",)}) == ""


def test_the_label_of_the_site_is_used(tmp_path: Path) -> None:
    site = "clusters: [c1]\nprometheus: {labels: {cluster: k8s_cluster}}\n"
    rules = metric_rules_for(site, tmp_path)
    assert '(label_replace(vector(1), "k8s_cluster", "c1", "", ""))' in rules
    assert "unless on (k8s_cluster)\n" in rules
