"""From an alert to the node: how NODE and POD are found from the labels that the alert carries at a site. No IO."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generator.catalog.profile import KubeProxyProfile, LogLabels, Profile
from generator.compile.rule import CompiledAlert, Rules
from generator.query import promql
from generator.steps.deployment import find_pod, kubectl

PlaceKind = Literal["node", "pod", "instance"]


@dataclass(frozen=True)
class Carried:
    """The label by which an alert tells one kube-proxy from another, and what that is a name of."""

    kind: PlaceKind
    label: str


@dataclass(frozen=True)
class Whereabouts:
    """Shell that sets NODE, and POD where there is one. `listed`: what shows all nodes, where the label is missing.

    `matcher` is of the alerts of this kube-proxy, in a silence; empty where the alert is not about one.
    """

    shell: str
    listed: str
    matcher: str


def whereabouts(alert: CompiledAlert, rules: Rules, profile: Profile) -> Whereabouts:
    told_by = carried(alert, rules, profile)
    site = profile.kube_proxy
    if site.in_pod:
        lines = _pod_steps(told_by, site)
        listed = f"{kubectl(site)} get pods -l {site.pod_selector} -o wide"
    else:
        lines = _node_steps(told_by)
        listed = "kubectl get nodes -o wide"
    matcher = ""
    if told_by:
        matcher = f' {told_by.label}="${told_by.kind.upper()}"'
    return Whereabouts("\n".join(lines), listed, matcher)


def carried(alert: CompiledAlert, rules: Rules, profile: Profile) -> Carried | None:
    """The surest of the labels that an alert of this rule has; None where it is not about one kube-proxy."""
    if alert.entry.kind == "watchdog":
        return None
    if alert.source:
        candidates = _labels_of_lines(alert.source.labels)
    else:
        candidates = _labels_of_targets(alert, profile)
    if alert.engine == "prometheus" and not alert.known_build:
        # An alert carries what its expression groups by; those of lines and of builds are always for one kube-proxy.
        grouping = _grouping_labels(alert.rule.expr, rules.records)
        candidates = [candidate for candidate in candidates if candidate.label in grouping]
    return candidates[0] if candidates else None


def _labels_of_lines(logs: LogLabels) -> list[Carried]:
    """What an alert on lines can be told by, the surest first."""
    # The presets that read files have the path of one in the place of the Pod.
    pod = None if logs.pod == "filename" else logs.pod
    return _named_labels({"node": logs.node, "pod": pod})


def _labels_of_targets(alert: CompiledAlert, profile: Profile) -> list[Carried]:
    """What an alert on metrics can be told by, the surest first."""
    metrics = profile.prometheus.labels
    # Also of alerts on a node, which have it in any case; whether an alert has it at all is seen by its expression.
    node = metrics.node if alert.known_build else profile.prometheus.node_label
    if profile.kube_proxy.in_pod:
        # Targets of Pods have the Pod's name; the node's they have only where somebody copies it into a label.
        return _named_labels({"pod": metrics.pod, "node": node, "instance": metrics.instance})
    return _named_labels({"node": node, "instance": metrics.instance})


def _named_labels(names: Mapping[PlaceKind, str | None]) -> list[Carried]:
    """Of the labels those that the site has a name for."""
    named = []
    for kind, label in names.items():
        if label:
            named.append(Carried(kind, label))
    return named


def _grouping_labels(expr: str, records: Mapping[str, str]) -> set[str]:
    """The labels that an expression groups by, by itself or in the recording rules that it reads."""
    tree = promql.parse(expr)
    labels = set(promql.grouping_labels(tree))
    for selection in promql.selections(tree):
        if selection.series in records:
            labels |= _grouping_labels(records[selection.series], records)
    return labels


def _pod_steps(told_by: Carried | None, site: KubeProxyProfile) -> list[str]:
    node_of_pod = f"NODE=$({kubectl(site)} get pod \"$POD\" -o jsonpath='{{.spec.nodeName}}')"
    pod_of_node = find_pod(site, 'spec.nodeName="$NODE"')
    match told_by:
        case Carried("node", label):
            return [f"NODE=name-of-the-node  # the alert's label {label}", pod_of_node]
        case Carried("pod", label):
            return [f"POD=name-of-the-pod  # the alert's label {label}", node_of_pod]
        case Carried("instance", label):
            pod_of_address = find_pod(site, 'status.podIP="$ADDRESS"')
            return [*_address_steps(label), pod_of_address, node_of_pod]
        case _:
            return ["NODE=name-of-the-node", pod_of_node]


def _node_steps(told_by: Carried | None) -> list[str]:
    match told_by:
        case Carried("node", label):
            return [f"NODE=name-of-the-node  # the alert's label {label}"]
        case Carried("instance", label):
            rows = 'kubectl get nodes -o wide | grep -wF -- "$ADDRESS"'
            return [*_address_steps(label), rows, "NODE=name-of-the-node"]
        case _:
            return ["NODE=name-of-the-node"]


def _address_steps(label: str) -> list[str]:
    # An address of IPv6 stands in brackets before a port.
    return [
        f"INSTANCE=address:port  # the alert's label {label}",
        "ADDRESS=$(echo \"${INSTANCE%:*}\" | tr -d '[]')",
    ]
