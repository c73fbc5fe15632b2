"""Texts of a rule's annotations as Go templates: Prometheus and Loki print them as they are meant.

Where a kube-proxy is, is in the labels of the alert, which the template prints.
"""

import re
from collections.abc import Mapping

from generator.catalog.profile import Profile


def literal_text(text: str) -> str:
    """Text as a Go template that prints it unchanged, whatever template comes after it."""
    return re.sub(r"\{{2,}|\{$", lambda braces: f'{{{{ "{braces[0]}" }}}}', text)


def metric_place(profile: Profile) -> str:
    """Where the kube-proxy of an alert on metrics is."""
    labels = profile.prometheus.labels
    by_kind = {"node": labels.node, "pod": labels.pod, "instance": labels.instance}
    return place_template(by_kind, labels.cluster)


def node_place(profile: Profile) -> str:
    """Where the node of an alert on node_exporter's metrics is."""
    metrics = profile.prometheus
    return place_template({"node": metrics.node_label}, metrics.labels.cluster)


def place_template(labels: Mapping[str, str | None], cluster: str | None) -> str:
    """A Go template for ` on node x (cluster y)`, from the first label that is not empty."""
    text = ""
    for kind, label in reversed(list(labels.items())):
        if label:
            place = f"{{{{ with $labels.{label} }}}} on {kind} {{{{ . }}}}"
            otherwise = f"{{{{ else }}}}{text}" if text else ""
            text = f"{place}{otherwise}{{{{ end }}}}"
    if cluster:
        text += f"{{{{ with $labels.{cluster} }}}} (cluster {{{{ . }}}}){{{{ end }}}}"
    return text
