"""The rules as objects of a cluster, for the Prometheus operator, the Loki operator and Loki's Helm chart."""

from collections.abc import Mapping
from typing import Any

from generator.base import names
from generator.base.file import File, yaml_file
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import RecordingRule, RuleGroup, Rules
from generator.compile.rule_files import groups_data, rules_file
from generator.outputs.objects import manifest
from generator.query import logql, promql

_KUBERNETES_FOLDER = "kubernetes"
_PORT = 10249  # kube-proxy's metrics; its DaemonSets do not declare it
_JOB = "kube-proxy"
_SELECTED_NOTE = """\
An object that no selector takes is ignored without a word. The Prometheus of kube-prometheus-stack takes those with the
label `release`, whose value is the name of its Helm release (helm list -A), unless {setting} is
false. Set it in the profile: `kubernetes: {{labels: {{release: …}}}}`. What any Prometheus takes is said by its
{selector} (kubectl get prometheus -A -o yaml)."""
_PROMETHEUS_RULE_NOTE = _SELECTED_NOTE.format(
    setting="ruleSelectorNilUsesHelmValues", selector="ruleSelector"
)
_POD_MONITOR_NOTE = f"""\
Lets Prometheus scrape kube-proxy; not needed where something does already (kube-prometheus-stack brings its own).
kube-proxy serves metrics on 127.0.0.1 unless it is told otherwise, and then no scrape reaches it. Set
`metricsBindAddress: 0.0.0.0:10249` in its ConfigMap (kubeadm: kube-system/kube-proxy, config.conf), or the flag
`--metrics-bind-address=0.0.0.0:10249` in its DaemonSet, and restart it. The port is then open on every node.
{_SELECTED_NOTE.format(setting="podMonitorSelectorNilUsesHelmValues", selector="podMonitorSelector")}"""
_ALERTING_RULE_NOTE = """\
For the Loki operator; where Loki's Helm chart runs, use the ConfigMap in its place. The operator takes what fits
`spec.rules` of the LokiStack: its `selector` the labels, which are `kubernetes: {labels: …}` of the profile, and its
`namespaceSelector` the namespace."""
_CONFIG_MAP_NOTE = """\
For the rules sidecar of Loki's Helm chart; where the Loki operator runs, use the AlertingRule in its place."""
_RECORDING_RULE_NOTE = """\
For the Loki operator: the lines of each failure as a metric, which its ruler writes to Prometheus. Other rulers get no
such file, as that of Loki 2.2 has no recording rules."""
_LINES_WINDOW = "5m"
_KUSTOMIZATION_NOTE = """\
A base: the Prometheus operator and Loki's Helm chart. With the Loki operator, put loki.alertingrule.yaml in the place
of loki.configmap.yaml; add kube-proxy.podmonitor.yaml where nothing scrapes kube-proxy yet."""


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    written = []
    resources = []
    if rules.groups["prometheus"]:
        spec: dict[str, Any] = {"groups": groups_data(rules.groups["prometheus"])}
        rule = manifest("monitoring.coreos.com/v1", "PrometheusRule", profile, {"spec": spec})
        written.append(
            yaml_file(
                f"{_KUBERNETES_FOLDER}/prometheus.prometheusrule.yaml", rule, _PROMETHEUS_RULE_NOTE
            )
        )
        written.append(
            yaml_file(
                f"{_KUBERNETES_FOLDER}/kube-proxy.podmonitor.yaml",
                _pod_monitor(profile),
                _POD_MONITOR_NOTE,
            )
        )
        resources.append("prometheus.prometheusrule.yaml")
    if rules.groups["loki"]:
        spec = {
            "tenantID": profile.kubernetes.operator_tenant,
            "groups": groups_data(rules.groups["loki"]),
        }
        rule = manifest("loki.grafana.com/v1", "AlertingRule", profile, {"spec": spec})
        written.append(
            yaml_file(f"{_KUBERNETES_FOLDER}/loki.alertingrule.yaml", rule, _ALERTING_RULE_NOTE)
        )
        spec = {
            "tenantID": profile.kubernetes.operator_tenant,
            "groups": groups_data([_recording(rules, profile)]),
        }
        rule = manifest("loki.grafana.com/v1", "RecordingRule", profile, {"spec": spec})
        written.append(
            yaml_file(f"{_KUBERNETES_FOLDER}/loki.recordingrule.yaml", rule, _RECORDING_RULE_NOTE)
        )
        written.append(
            yaml_file(
                f"{_KUBERNETES_FOLDER}/loki.configmap.yaml",
                _config_map(rules, profile),
                _CONFIG_MAP_NOTE,
            )
        )
        resources.append("loki.configmap.yaml")
    base = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    }
    return [
        *written,
        yaml_file(f"{_KUBERNETES_FOLDER}/kustomization.yaml", base, _KUSTOMIZATION_NOTE),
    ]


def _recording(rules: Rules, profile: Profile) -> RuleGroup:
    """The matching lines of each failure at each place."""
    return RuleGroup(
        names.rule_group("failure-lines"),
        profile.loki.interval,
        tuple(
            RecordingRule(
                f"kube_proxy:failure_lines:count{_LINES_WINDOW}",
                logql.lines(
                    alert.source.selector, alert.filters, _LINES_WINDOW, alert.source.labels.by()
                ),
                {**profile.labels, "failure": alert.entry.id},
            )
            for alert in rules.alerts
            if alert.source and alert.filters
        ),
    )


def _pod_monitor(profile: Profile) -> Mapping[str, Any]:
    """Scrapes the Pods' addresses, with the labels that the rules go by."""
    address = {"sourceLabels": ["__meta_kubernetes_pod_ip"], "targetLabel": "__address__"}
    relabelings: list[Mapping[str, Any]] = [
        {**address, "regex": "([^:]+)", "replacement": f"$1:{_PORT}"},
        {**address, "regex": "(.+:.+)", "replacement": f"[$1]:{_PORT}"},
        {
            "targetLabel": "job",
            "replacement": promql.pinned(profile.prometheus.selector).get("job", _JOB),
        },
    ]
    if profile.prometheus.labels.node:
        node = {
            "sourceLabels": ["__meta_kubernetes_pod_node_name"],
            "targetLabel": profile.prometheus.labels.node,
        }
        relabelings.append(node)
    spec = {
        "namespaceSelector": {"matchNames": ["kube-system"]},
        "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
        "podMetricsEndpoints": [{"relabelings": relabelings}],
    }
    return manifest("monitoring.coreos.com/v1", "PodMonitor", profile, {"spec": spec})


def _config_map(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """The sidecar takes ConfigMaps with this label, and writes their files into the folder of this annotation."""
    text = rules_file("kube-proxy.rules.yaml", rules.groups["loki"]).text
    folder = f"/rules/{profile.kubernetes.sidecar_tenant}"
    return manifest(
        "v1",
        "ConfigMap",
        profile,
        {"data": {"kube-proxy.rules.yaml": text}},
        name=f"{names.TOOL}-loki",
        labels={**profile.kubernetes.labels, "loki_rule": ""},
        annotations={"k8s-sidecar-target-directory": folder},
    )
