"""When an alert may hold back another: it is as grave, and both are about one kube-proxy."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from generator.model import LogLabels, MetricLabels, Profile

_GRAVITY = ("info", "warning", "critical")
# Agents that read files by path know the Pod by the file only: …/containers/POD_NAMESPACE_CONTAINER-ID.log, or
# …/pods/NAMESPACE_POD_UID/….
_FILE_OF_A_POD = "^/.*/(?:containers/|pods/[^/_]+_)([^/_]+)_.*$"


@dataclass(frozen=True)
class Place:
    """Labels by which two alerts are known to be about one kube-proxy: `equal` are the same, and `key` is not empty.

    Without a key it is a cluster; alerts that name none are of the only one.
    """

    key: str | None
    equal: tuple[str, ...]


def as_grave(cause: str, symptom: str) -> bool:
    """Whether who is told of the cause need not be told of the symptom too, by their severities."""
    return _GRAVITY.index(cause) >= _GRAVITY.index(symptom)


def place(engines: Set[str], profile: Profile) -> Place | None:
    """Where alerts of these engines meet; None if no label tells.

    An alert on metrics may lack the Pod or the node, but never its target.
    """
    if engines == {"prometheus"}:
        labels = profile.prometheus.labels
        kinds = (labels.cluster, labels.namespace, labels.pod, labels.node, labels.instance)
        return Place(labels.instance, tuple(label for label in kinds if label))
    logs = profile.loki.labels
    shared = {kind: getattr(logs, kind) for kind in _kinds(logs, logs)}
    if engines != {"loki"}:
        shared = {kind: getattr(profile.prometheus.labels, kind) for kind in _kinds(logs, profile.prometheus.labels)}
    key = shared.get("pod") or shared.get("node")
    return Place(key, tuple(shared.values())) if key else None


def cluster(profile: Profile) -> Place:
    """Where an alert of a whole cluster meets those of its kube-proxies, logs' among them."""
    label = profile.prometheus.labels.cluster
    return Place(None, (label,) if label and profile.loki.labels.cluster else ())


def copies(profile: Profile) -> Mapping[str, str]:
    """Labels for the alerts on logs, as Go templates: their place, under the names that the metrics have for it.

    Alertmanager compares labels of one name only.
    """
    logs, metrics = profile.loki.labels, profile.prometheus.labels
    names = {kind: (getattr(logs, kind), getattr(metrics, kind)) for kind in _kinds(logs, metrics)}
    return {wanted: _template(kind, own) for kind, (own, wanted) in names.items() if own != wanted}


def _template(kind: str, label: str) -> str:
    """What prints the value of a label; of the file of a Pod the Pod's name."""
    if kind == "pod":
        return f'{{{{ reReplaceAll "{_FILE_OF_A_POD}" "$1" $labels.{label} }}}}'
    return f"{{{{ $labels.{label} }}}}"


def _kinds(logs: LogLabels, others: LogLabels | MetricLabels) -> tuple[str, ...]:
    """What both have a label for and a kube-proxy is told by: its Pod; without Pods its node."""
    both = {kind for kind in ("cluster", "namespace", "pod", "node") if getattr(logs, kind) and getattr(others, kind)}
    wanted = ("cluster", "namespace", "pod") if "pod" in both else ("cluster", "node")
    return tuple(kind for kind in wanted if kind in both)
