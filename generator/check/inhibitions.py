"""Checks of what holds back what: no alert one that is graver, and only where both tell of one kube-proxy."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from generator.base.problems import Location, Problem
from generator.catalog import meeting_places
from generator.catalog.model import Catalog, Entry
from generator.catalog.profile import Profile
from generator.catalog.settings import severity


def symptoms_are_not_graver(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """By the severities in force. A symptom that the profile makes graver comes beside its cause; so it does where the
    cause's alert is less grave than its entry.
    """
    enabled = _by_id(catalog, profile)
    for entry in enabled.values():
        for index, key in enumerate(entry.inhibits):
            if key in enabled:
                yield from _graver(entry, index, enabled[key], profile)


def _by_id(catalog: Catalog, profile: Profile) -> Mapping[str, Entry]:
    """The entries that the profile does not disable."""
    return {entry.id: entry for entry in catalog.entries if entry.id not in profile.disabled}


def _graver(entry: Entry, index: int, symptom: Entry, profile: Profile) -> Iterator[Problem]:
    causes = [name for name in entry.alerts() if not entry.is_milder(name)]
    for cause_alert, symptom_alert in product(causes, symptom.alerts()):
        cause = severity(cause_alert, entry.severity_of(cause_alert).level, profile)
        graver = severity(symptom_alert, symptom.severity_of(symptom_alert).level, profile)
        if meeting_places.as_grave(cause, graver):
            continue
        changed = _changed(profile, symptom_alert) or _changed(profile, cause_alert)
        if changed:
            message = (
                f"{symptom_alert} is {graver} here; "
                f"{cause_alert}, {cause}, does not hold it back, and both come"
            )
            yield Problem(changed, message, "warning")
        elif entry.severity_of(cause_alert).level == entry.severity.level:
            message = (
                f"{cause_alert} ({cause}) must not hold back {symptom_alert}, which is {graver}; "
                f"name '{symptom.id}' under `explains:` instead"
            )
            yield Problem(entry.document.at("inhibits", index), message)


def _changed(profile: Profile, alert: str) -> Location | None:
    """Where the profile gives an alert another severity."""
    if "severity" not in profile.alerts.get(alert, {}):
        return None
    return profile.document.at("alerts", alert, "severity")


def _alerts_that_hold_back(enabled: Mapping[str, Entry]) -> Iterator[str]:
    """The alerts on logs that hold back alerts on metrics."""
    for entry in enabled.values():
        held_back = [enabled[key] for key in entry.inhibits if key in enabled]
        if entry.logs and any(symptom.metric_alerts for symptom in held_back):
            yield entry.alert


def logs_and_metrics_meet(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A warning where failures seen in logs hold back no symptom that is seen in metrics, or perhaps none."""
    causes = list(_alerts_that_hold_back(_by_id(catalog, profile)))
    if not causes:
        return
    place = meeting_places.meeting_place(profile.loki.labels, profile.prometheus.labels, profile)
    labels = profile.document.data.get("prometheus", {}).get("labels", {})
    if place is None:
        yield Problem(
            profile.document.at("loki", "labels"),
            "logs and metrics have no label of the Pod or of the node in common, so alerts on logs, such as "
            f"{causes[0]}, hold back no symptom, and each comes by itself; where both know the node's name, name their "
            "labels of it under `loki: {labels: {node: …}}` and `prometheus: {labels: {node: …}}`",
            "warning",
        )
    elif place.key == profile.prometheus.labels.node and "node" not in labels:
        yield Problem(
            profile.document.at("loki", "labels", "node"),
            f"only the node tells which logs and metrics are of one kube-proxy, and '{place.key}' is only the default "
            f"of its label on metrics; if targets have none, alerts on logs, such as {causes[0]}, hold back no "
            "symptom; name the label under `prometheus: {labels: {node: …}}`, or say null",
            "warning",
        )
