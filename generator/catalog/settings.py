"""What an alert's numbers are at a site: the profile's where it sets them, the catalog's elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from generator.base.problems import Location
from generator.catalog.model import Entry, LogSignal, MetricAlert
from generator.catalog.profile import Profile


@dataclass(frozen=True)
class LogSettings:
    window: str
    threshold: float
    hold: str


def log_settings(alert: str, signal: LogSignal, profile: Profile) -> LogSettings:
    changed = profile.alerts.get(alert, {})
    window = signal.range or profile.loki.range
    return LogSettings(
        window=str(changed.get("range", window)),
        threshold=float(changed.get("threshold", signal.threshold)),
        hold=str(changed.get("for", signal.hold)),
    )


def keep_firing_for(alert: str, general: str, profile: Profile) -> str:
    """How long an alert goes on firing once it is over; `general` is what all of its kind do."""
    changed = profile.alerts.get(alert, {})
    return str(changed.get("keep_firing_for", general))


def severity(alert: str, default: str, profile: Profile) -> str:
    changed = profile.alerts.get(alert, {})
    return str(changed.get("severity", default))


def metric_hold(alert: MetricAlert, profile: Profile) -> str:
    changed = profile.alerts.get(alert.name, {})
    return str(changed.get("for", alert.hold))


def metric_parameters(alert: MetricAlert, profile: Profile) -> Mapping[str, float | str]:
    changed = profile.alerts.get(alert.name, {})
    values = {}
    for key, parameter in alert.parameters.items():
        values[key] = changed.get(key, parameter.default)
    return values


def known_build_hold(alert: str, profile: Profile) -> str:
    changed = profile.alerts.get(alert, {})
    return str(changed.get("for", "10m"))


def setting_place(
    profile: Profile, alert: str, key: str, entry: Entry, *path: str | int
) -> Location:
    """Where the value in force stands: in the profile, or else at `path` in the entry."""
    if key in profile.alerts.get(alert, {}):
        return profile.document.at("alerts", alert, key)
    return entry.document.at(*path)
