"""Metric alerts at sites that are unlike the default, which the catalog's own unit tests cannot speak of."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from generator.base import subprocesses
from tests.conftest import metric_rules_for

Labels = Mapping[str, str]


def braces(labels: Labels) -> str:
    return "{" + ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items()) + "}"


class Site:
    """The rules of a profile, in a folder where promtool runs."""

    def __init__(self, profile: str, promtool: Path, folder: Path) -> None:
        self.promtool, self.folder = promtool, folder
        (folder / "rules.yaml").write_text(metric_rules_for(profile, folder))

    def run(self, *arguments: str) -> None:
        passed, said = subprocesses.run([str(self.promtool), *arguments], self.folder)
        assert passed, said

    def fires(
        self, alert: str, series: Mapping[str, str], at: str, expected: Sequence[Labels]
    ) -> None:
        """Of this name these alerts fire and no other, by all their labels."""
        state = {"alertname": alert, "alertstate": "firing"}
        samples = [
            {"labels": "ALERTS" + braces({**state, **labels}), "value": 1} for labels in expected
        ]
        inputs = [{"series": name, "values": values} for name, values in series.items()]
        checks = [{"expr": "ALERTS" + braces(state), "eval_time": at, "exp_samples": samples}]
        test = {"interval": "30s", "input_series": inputs, "promql_expr_test": checks}
        tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": [test]}
        (self.folder / "tests.yaml").write_text(yaml.safe_dump(tests))
        self.run("test", "rules", "tests.yaml")


def not_running(namespace: str, daemonset: str) -> dict[str, str]:
    """One Pod that does not run, and two nodes without any."""
    pod = {"job": "ksm", "namespace": namespace, "pod": "a"}
    owner = {"node": "n1", "created_by_kind": "DaemonSet", "created_by_name": daemonset}
    owned = braces({"job": "ksm", "namespace": namespace, "daemonset": daemonset})
    return {
        "kube_pod_info" + braces({**pod, **owner}): "1x100",
        "kube_pod_container_status_running" + braces({**pod, "container": "kube-proxy"}): "0x100",
        "kube_daemonset_status_desired_number_scheduled" + owned: "3x100",
        "kube_daemonset_status_current_number_scheduled" + owned: "1x100",
    }


def its_alerts(namespace: str, daemonset: str) -> list[Labels]:
    rule = {"failure": "not-running", "severity": "critical", "namespace": namespace}
    return [{**rule, "daemonset": daemonset}, {**rule, "pod": "a", "node": "n1"}]


def test_a_site_whose_targets_have_no_label_but_the_instance(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    profile = "prometheus: {labels: {cluster: null, namespace: null, pod: null, node: null}}\n"
    site = Site(profile, pinned_promtool, tmp_path)
    site.run("check", "rules", "rules.yaml")
    series = not_running("kube-system", "kube-proxy")
    site.fires("KubeProxyNotRunning", series, "20m", its_alerts("kube-system", "kube-proxy"))
    # Nothing tells which container belongs to which target.
    targets = {
        'up{job="kube-proxy", instance="a"}': "1x100",
        'up{job="kube-proxy", instance="b"}': "1x100",
    }
    running = {
        'kube_pod_container_status_running{namespace="kube-system", pod="c", container="kube-proxy"}': "1x100"
    }
    site.fires("KubeProxyMetricsMissing", {**targets, **running}, "30m", [])


def test_a_kube_proxy_of_another_name_is_looked_for_under_that_name(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    profile = (
        "kube_proxy: {namespace: openshift-sdn, daemonset: sdn-proxy}\n"
        'prometheus: {container_selector: \'{namespace="openshift-sdn", container="kube-proxy"}\'}\n'
    )
    site = Site(profile, pinned_promtool, tmp_path)
    series = not_running("openshift-sdn", "sdn-proxy") | not_running("kube-system", "kube-proxy")
    site.fires("KubeProxyNotRunning", series, "20m", its_alerts("openshift-sdn", "sdn-proxy"))


def test_a_long_min_sync_period_needs_a_threshold_above_it(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    """Changes come all the time, and are written every six minutes."""
    series = {
        'kubeproxy_sync_proxy_rules_last_timestamp_seconds{job="kube-proxy", instance="a"}': " ".join(
            f"{360 * turn + 1}x11" for turn in range(10)
        ),
        'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{job="kube-proxy", instance="a"}': "5+30x119",
        'kubeproxy_sync_proxy_rules_duration_seconds_count{job="kube-proxy", instance="a"}': " ".join(
            f"{turn}x11" for turn in range(10)
        ),
    }
    false_alarm = {"failure": "rules-stale", "severity": "critical", "instance": "a"}
    unaware = Site("disabled: []\n", pinned_promtool, tmp_path)
    unaware.fires("KubeProxyRulesStale", series, "35m30s", [false_alarm])
    aware = Site("alerts: {KubeProxyRulesStale: {threshold: 420}}\n", pinned_promtool, tmp_path)
    aware.fires("KubeProxyRulesStale", series, "35m30s", [])
