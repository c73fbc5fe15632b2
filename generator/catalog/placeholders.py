"""What the placeholders of an expression stand for at a site."""

import json
from collections.abc import Mapping

from generator.catalog.profile import Profile
from generator.query import promql

Values = Mapping[str, str]  # by the names of placeholders


def of_site(profile: Profile) -> dict[str, str]:
    """What the placeholders of an expression stand for at a site.

    $kube_proxy, $container and $node_exporter are label matchers; $by, $pod and $cluster are labels. A target of
    node_exporter has $node_target, and the name of its node is $node, in alerts by $by_node. $namespace and $daemonset
    are the names of kube-proxy's. $expected is a series for each cluster that must be there, $expected_by the label
    that tells them apart; with none named, one series and no label.
    """
    metrics, labels = profile.prometheus, profile.prometheus.labels
    cluster = labels.cluster or ""
    pod = (labels.cluster, labels.namespace, labels.pod)
    expected = [_constant_series(cluster, name) for name in profile.clusters]
    return {
        "kube_proxy": promql.inside(metrics.selector),
        "container": promql.inside(metrics.container_selector),
        "node_exporter": promql.inside(metrics.node_selector),
        "node_target": _grouping(labels.cluster, labels.instance),
        "node": metrics.node_label,
        "by_node": _grouping(labels.cluster, metrics.node_label),
        "by": _grouping(*pod, labels.node, labels.instance),
        "pod": _grouping(*pod),
        "cluster": cluster,
        "namespace": profile.kube_proxy.namespace,
        "daemonset": profile.kube_proxy.daemonset,
        "expected": " or ".join(expected) or "vector(1)",
        "expected_by": cluster if profile.clusters else "",
    }


def _grouping(*labels: str | None) -> str:
    """Those of the labels that a site has."""
    return ", ".join(label for label in labels if label)


def _constant_series(label: str, value: str) -> str:
    """An expression that gives one series, of this label only."""
    quoted = json.dumps(value, ensure_ascii=False).replace("$", "$$")
    return f'label_replace(vector(1), "{label}", {quoted}, "", "")'
