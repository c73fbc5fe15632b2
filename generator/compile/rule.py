"""Rules and what is known of each, as values. No IO."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from generator.catalog.meeting_places import Place, PlaceLabels
from generator.catalog.model import SEVERITIES, Entry
from generator.catalog.profile import Engine, LogSource, Profile
from generator.query import recorded
from generator.query.signature import Signature

# Of expressions, as their files are called.
Language = Literal["loki", "prometheus", "victorialogs"]
_SECTIONS: Mapping[str, str] = {
    **{severity: f"Severity {severity}" for severity in SEVERITIES},
    "watchdog": "Watchdogs, always firing",
}
UPGRADE = "Upgrade kube-proxy to {} or later, with the cluster where that is another minor release."


@dataclass(frozen=True)
class RecordingRule:
    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AlertRule:
    """`hold`: how long its condition must hold; `keep`: how long it fires on once that has ended."""

    alert: str
    expr: str
    hold: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    keep: str = "0s"


@dataclass(frozen=True)
class RuleGroup:
    """`limit`: how many alerts or series a rule may give, 0 for any number; `query_offset`: how far back it looks."""

    name: str
    interval: str
    rules: tuple[RecordingRule | AlertRule, ...]
    limit: int = 0
    query_offset: str = "0s"


@dataclass(frozen=True)
class AlertSetting:
    """A number of an alert that a profile can change."""

    name: str
    value: str
    why: str


@dataclass(frozen=True)
class CompiledAlert:
    """An alert with what its page tells about it. `source`: the log that it reads, if it reads one, of which those
    lines count that pass the `filters`.

    `known_build`: the failure can happen here, and has not yet; `conditions`: when such an alert fires and the failure
    cannot happen, as sentences. `of_cluster`: it tells of all kube-proxies of a cluster at once.
    """

    entry: Entry
    engine: Engine
    rule: AlertRule
    interval: str
    settings: tuple[AlertSetting, ...]
    known_build: bool = False
    of_cluster: bool = False
    conditions: tuple[str, ...] = ()
    source: LogSource | None = None
    filters: Signature | None = None

    def labels(self, profile: Profile) -> PlaceLabels:
        """The names of the labels that say where it is."""
        return self.source.labels if self.source else profile.prometheus.labels

    @property
    def milder(self) -> bool:
        """Whether it counts only those of the entry's lines that are less grave."""
        return self.entry.is_milder(self.rule.alert)

    def saying(self, annotations: Mapping[str, str]) -> "CompiledAlert":
        """The same alert with these annotations too, in place of those of the same name."""
        rule = replace(self.rule, annotations={**self.rule.annotations, **annotations})
        return replace(self, rule=rule)

    @property
    def title(self) -> str:
        if self.known_build:
            return f"A build with a known failure: {self.entry.title}"
        return self.entry.title

    @property
    def first_step(self) -> str:
        if self.known_build and not self.entry.by_builds_alone:
            return UPGRADE.format("the version that the alert names")
        return self.entry.first_step

    @property
    def severity_reason(self) -> str:
        if self.known_build:
            return "Nothing has failed yet; the upgrade can be planned."
        return self.entry.severity_of(self.rule.alert).reason

    @property
    def urgency(self) -> str:
        """The severity at this site; watchdogs, which always fire, are apart."""
        return "watchdog" if self.entry.kind == "watchdog" else self.rule.labels["severity"]


@dataclass(frozen=True)
class Section:
    """Alerts that are shown together."""

    title: str
    alerts: tuple[CompiledAlert, ...]


def by_urgency(
    alerts: Iterable[CompiledAlert], order: Callable[[CompiledAlert], Any]
) -> list[Section]:
    """The alerts by severity, the grave ones first, and watchdogs apart; in this order within a section."""
    ordered = sorted(alerts, key=order)
    sections = []
    for urgency, title in _SECTIONS.items():
        shown = [alert for alert in ordered if alert.urgency == urgency]
        if shown:
            sections.append(Section(title, tuple(shown)))
    return sections


@dataclass(frozen=True)
class Inhibition:
    """While the cause fires, these symptoms are held back at the same place; all are names of alerts."""

    cause: str
    symptoms: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Rules:
    """Everything compiled: rule groups by engine, each alert with its background, and what holds back what."""

    groups: Mapping[Engine, tuple[RuleGroup, ...]]
    alerts: tuple[CompiledAlert, ...]
    inhibitions: tuple[Inhibition, ...] = ()

    @cached_property
    def leads_to(self) -> Mapping[str, CompiledAlert]:
        """By entry, the alert that pages lead to: at some sites the one of the entry's own name is not there."""
        return {alert.entry.id: alert for alert in reversed(self.alerts)}

    @cached_property
    def records(self) -> Mapping[str, str]:
        """What each recording rule is made of."""
        expressions = {}
        for group in chain(*self.groups.values()):
            for rule in group.rules:
                if isinstance(rule, RecordingRule):
                    expressions[rule.record] = rule.expr
        return expressions

    def written_out(self, expr: str) -> str:
        """An expression for who evaluates it without the recording rules."""
        return recorded.written_out(expr, self.records)
