"""What the placeholders of an expression stand for at a site."""

import json

from generator.catalog.profile import Profile
from generator.query import promql


def of_site(profile: Profile) -> dict[str, str]:
    """What the placeholders of an expression stand for at a site.

    $kube_proxy, $container and $node_exporter are label matchers; $by, $pod and $cluster are labels. A target of
    node_exporter has $node_target, and the name of its node is $node, in alerts by $by_node. $namespace and $daemonset
    are the names of kube-proxy's. $expected is a series for each cluster that must be there, $expected_by the label
    that tells them apart; with none named, one series and no label.
    """
    labels = profile.prometheus.labels
    pod = [label for label in (labels.cluster, labels.namespace, labels.pod) if label]
    return {
        "kube_proxy": promql.inside(profile.prometheus.selector),
        "container": promql.inside(profile.prometheus.container_selector),
        "node_exporter": promql.inside(profile.prometheus.node_selector),
        "node_target": ", ".join(label for label in (labels.cluster, labels.instance) if label),
        "node": profile.prometheus.node_label,
        "by_node": ", ".join(
            label for label in (labels.cluster, profile.prometheus.node_label) if label
        ),
        "by": ", ".join([*pod, *([labels.node] if labels.node else []), labels.instance]),
        "pod": ", ".join(pod),
        "cluster": labels.cluster or "",
        "namespace": profile.kube_proxy.namespace,
        "daemonset": profile.kube_proxy.daemonset,
        "expected": " or ".join(
            _constant_series(labels.cluster or "", name) for name in profile.clusters
        )
        or "vector(1)",
        "expected_by": (labels.cluster or "") if profile.clusters else "",
    }


def _constant_series(label: str, value: str) -> str:
    """An expression that gives one series, of this label only."""
    return f'label_replace(vector(1), "{label}", {json.dumps(value, ensure_ascii=False).replace("$", "$$")}, "", "")'
