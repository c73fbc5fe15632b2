"""From an alert to the node: how NODE and POD are found from the labels that the alert carries at a site. No IO."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generator.catalog.profile import KubeProxyProfile, Profile
from generator.compile.rule import CompiledAlert, Rules
from generator.query import promql
from generator.steps.deployment import find_pod, in_pod, kubectl

Kind = Literal["node", "pod", "instance"]


@dataclass(frozen=True)
class Carried:
    """The label by which an alert tells one kube-proxy from another, and what that is a name of."""

    kind: Kind
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
    found = carried(alert, rules, profile)
    site = profile.kube_proxy
    lines = _in_pod(found, site) if in_pod(site) else _node_steps(found)
    pods = f"{kubectl(site)} get pods -l {site.pod_selector} -o wide"
    return Whereabouts(
        shell="\n".join(lines),
        listed=pods if in_pod(site) else "kubectl get nodes -o wide",
        matcher=f' {found.label}="${found.kind.upper()}"' if found else "",
    )


def carried(alert: CompiledAlert, rules: Rules, profile: Profile) -> Carried | None:
    """The surest of the labels that an alert of this rule has; None where it is not about one kube-proxy."""
    metrics = profile.prometheus.labels
    # Also of alerts on a node, which have it in any case; whether an alert has it at all is seen below.
    node = metrics.node if alert.known_build else profile.prometheus.node_label
    names: dict[Kind, str | None]
    if alert.entry.kind == "watchdog":
        return None
    if alert.source:
        logs = alert.source.labels
        # The presets that read files have the path of one in the place of the Pod.
        names = {"node": logs.node, "pod": logs.pod if logs.pod != "filename" else None}
    elif in_pod(profile.kube_proxy):
        # Targets of Pods have the Pod's name; the node's they have only where somebody copies it into a label.
        names = {"pod": metrics.pod, "node": node, "instance": metrics.instance}
    else:
        names = {"node": node, "instance": metrics.instance}
    if alert.engine == "prometheus" and not alert.known_build:
        # An alert carries what its expression groups by; those of lines and of builds are always for one kube-proxy.
        grouping = _grouping_labels(alert.rule.expr, rules.records)
        names = {kind: label for kind, label in names.items() if label in grouping}
    return next((Carried(kind, label) for kind, label in names.items() if label), None)


def _grouping_labels(expr: str, records: Mapping[str, str]) -> set[str]:
    """The labels that an expression groups by, by itself or in the recording rules that it reads."""
    tree = promql.parse(expr)
    read = [records[row.series] for row in promql.selections(tree) if row.series in records]
    return promql.grouping_labels(tree).union(*(_grouping_labels(one, records) for one in read))


def _in_pod(found: Carried | None, site: KubeProxyProfile) -> list[str]:
    node_of_pod = f"NODE=$({kubectl(site)} get pod \"$POD\" -o jsonpath='{{.spec.nodeName}}')"
    pod_of_node = find_pod(site, 'spec.nodeName="$NODE"')
    match found:
        case Carried("node", label):
            return [f"NODE=name-of-the-node  # the alert's label {label}", pod_of_node]
        case Carried("pod", label):
            return [f"POD=name-of-the-pod  # the alert's label {label}", node_of_pod]
        case Carried("instance", label):
            return [*_address_steps(label), find_pod(site, 'status.podIP="$ADDRESS"'), node_of_pod]
        case _:
            return ["NODE=name-of-the-node", pod_of_node]


def _node_steps(found: Carried | None) -> list[str]:
    match found:
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
