"""When an alert may hold back another: it is as grave, and both are about one kube-proxy."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import asdict

from generator.catalog.model import SEVERITIES
from generator.catalog.profile import LogLabels, MetricLabels, Profile

PlaceLabels = LogLabels | MetricLabels

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
    return SEVERITIES.index(cause) <= SEVERITIES.index(symptom)


def meeting_place(cause: PlaceLabels, symptom: PlaceLabels, profile: Profile) -> Place | None:
    """Where alerts with these labels meet; None if no label tells.

    An alert on metrics may lack the Pod or the node, but never its target.
    """
    if isinstance(cause, MetricLabels) and isinstance(symptom, MetricLabels):
        labels = asdict(cause).values()
        return Place(cause.instance, tuple(filter(None, labels)))
    named = _labels_of_place(cause, symptom, profile)
    shared = {kind: getattr(named, kind) for kind in _kinds(cause, symptom)}
    key = shared.get("pod") or shared.get("node")
    return Place(key, tuple(shared.values())) if key else None


def _labels_of_place(cause: PlaceLabels, symptom: PlaceLabels, profile: Profile) -> PlaceLabels:
    """Whose names both have for the place, thanks to `copies`: those of the metrics, or of kube-proxy's log."""
    if cause == symptom:
        return cause
    metrics = profile.prometheus.labels
    return metrics if metrics in (cause, symptom) else profile.loki.labels


def cluster(profile: Profile) -> Place:
    """Where an alert of a whole cluster meets those of its kube-proxies, logs' among them."""
    label = profile.prometheus.labels.cluster
    if label and profile.loki.labels.cluster:
        return Place(None, (label,))
    return Place(None, ())


def copies(own: LogLabels, profile: Profile) -> Mapping[str, str]:
    """Labels for the alerts on a log, as Go templates: their place, under the names that others have for it.

    Alertmanager compares labels of one name only.
    """
    kinds: dict[str, str] = {}  # by the name that others have for it
    for others in (profile.loki.labels, profile.prometheus.labels):
        for kind in _kinds(own, others):
            kinds[getattr(others, kind)] = kind
    found = {}
    for wanted, kind in kinds.items():
        label = getattr(own, kind)
        if label != wanted:
            found[wanted] = _template(kind, label)
    return found


def _template(kind: str, label: str) -> str:
    """What prints the value of a label; of the file of a Pod the Pod's name."""
    if kind == "pod":
        return f'{{{{ reReplaceAll "{_FILE_OF_A_POD}" "$1" $labels.{label} }}}}'
    return f"{{{{ $labels.{label} }}}}"


def _kinds(logs: PlaceLabels, others: PlaceLabels) -> tuple[str, ...]:
    """What both have a label for and a kube-proxy is told by: its Pod; without Pods its node."""
    both = set()
    for kind in ("cluster", "namespace", "pod", "node"):
        if getattr(logs, kind) and getattr(others, kind):
            both.add(kind)
    wanted = ("cluster", "namespace", "pod") if "pod" in both else ("cluster", "node")
    return tuple(kind for kind in wanted if kind in both)
