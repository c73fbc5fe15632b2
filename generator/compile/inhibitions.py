"""Which alert holds back which: the one that says all that the other does, at the same place."""

from collections.abc import Iterable, Sequence

from generator.catalog import meeting_places
from generator.catalog.meeting_places import Place
from generator.catalog.profile import Profile
from generator.compile.rule import CompiledAlert, Inhibition


def inhibitions_among(alerts: Sequence[CompiledAlert], profile: Profile) -> Iterable[Inhibition]:
    """What each alert holds back. That a failure can happen (a known build) explains no symptom."""
    failing = [alert for alert in alerts if not alert.known_build]
    for cause in failing:
        severity_of_cause = cause.rule.labels["severity"]
        by_place: dict[Place, list[str]] = {}
        for symptom in failing:
            place = _meeting(cause, symptom, profile)
            severity_of_symptom = symptom.rule.labels["severity"]
            if place and meeting_places.as_grave(severity_of_cause, severity_of_symptom):
                symptoms = by_place.setdefault(place, [])
                symptoms.append(symptom.rule.alert)
        for place, symptoms in by_place.items():
            yield Inhibition(cause.rule.alert, tuple(symptoms), place)


def _meeting(cause: CompiledAlert, other: CompiledAlert, profile: Profile) -> Place | None:
    """Where the one alert says all that the other does; None if it does not.

    Of the alerts of one failure that of a cluster says more than those of its kube-proxies, and the one on logs more
    than those on metrics. An alert of a cluster is held back by none of a kube-proxy.
    """
    if other.of_cluster or cause is other:
        return None
    if cause.entry is other.entry:
        if cause.of_cluster:
            return meeting_places.cluster(profile)
        says_more = (cause.engine, other.engine) == ("loki", "prometheus")
    elif cause.of_cluster or cause.milder:
        says_more = False
    else:
        says_more = other.entry.id in cause.entry.inhibits
    if not says_more:
        return None
    labels = cause.labels(profile)
    return meeting_places.meeting_place(labels, other.labels(profile), profile)
