"""Compiles catalog and profile into rules. A rule is data; targets only write it down."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from generator import logql, names, promql
from generator.model import Catalog, Failure, LogSignal, MetricAlert, Profile, Unit
from generator.settings import log_settings, metric_hold, metric_parameters
from generator.signature import signature

Engine = Literal["loki", "prometheus"]

_WATCHDOG_WINDOW = "5m"
# Go templates of Prometheus and Loki; what {value} becomes in an observation.
_VALUES: Mapping[Unit, str] = {
    "seconds": "{{ $value | humanizeDuration }}",
    "per_second": '{{ printf "%.2f" $value }}/s',
    "cores": '{{ printf "%.2f" $value }} cores',
    "count": '{{ printf "%.0f" $value }}',
}


@dataclass(frozen=True)
class RecordingRule:
    record: str
    expr: str


@dataclass(frozen=True)
class AlertRule:
    alert: str
    expr: str
    hold: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class RuleGroup:
    name: str
    interval: str
    rules: tuple[RecordingRule | AlertRule, ...]


@dataclass(frozen=True)
class AlertSetting:
    """A number of an alert that a profile can change."""

    name: str
    value: str
    why: str


@dataclass(frozen=True)
class CompiledAlert:
    """An alert with what its page tells about it."""

    entry: Failure
    engine: Engine
    rule: AlertRule
    interval: str
    settings: tuple[AlertSetting, ...]

    @property
    def urgency(self) -> str:
        """The severity at this site; watchdogs, which always fire, are apart."""
        return "watchdog" if self.entry.kind == "watchdog" else self.rule.labels["severity"]


@dataclass(frozen=True)
class Rules:
    """Everything compiled: rule groups by engine, and each alert with its background."""

    groups: Mapping[Engine, tuple[RuleGroup, ...]]
    alerts: tuple[CompiledAlert, ...]


def compile_rules(catalog: Catalog, profile: Profile) -> Rules:
    """Compile every entry that the profile does not disable. The inputs must have passed the checks."""
    enabled = [entry for entry in catalog.entries if entry.id not in profile.disabled]
    values = promql.placeholders(profile.prometheus, profile.clusters)
    alerts = tuple(alert for entry in enabled for alert in _alerts(entry, profile, values))
    records = _records(catalog, profile, alerts, values)
    interval = profile.prometheus.interval
    recording = (RuleGroup(names.rule_group("records"), interval, records),) if records else ()
    return Rules(
        groups={
            "loki": _groups(alerts, "loki", profile.loki.interval),
            "prometheus": recording + _groups(alerts, "prometheus", interval),
        },
        alerts=alerts,
    )


def _groups(alerts: Iterable[CompiledAlert], engine: Engine, interval: str) -> tuple[RuleGroup, ...]:
    """One group for each entry, so that a slow or broken one holds up no other."""
    by_entry: dict[str, list[AlertRule]] = {}
    for alert in alerts:
        if alert.engine == engine:
            by_entry.setdefault(alert.entry.id, []).append(alert.rule)
    return tuple(RuleGroup(names.rule_group(key), interval, tuple(rules)) for key, rules in by_entry.items())


def _records(
    catalog: Catalog, profile: Profile, alerts: Iterable[CompiledAlert], values: Mapping[str, str]
) -> tuple[RecordingRule, ...]:
    """The enabled entries' recording rules, and those of disabled entries that an alert still uses."""
    used = {
        selection.series
        for alert in alerts
        if alert.engine == "prometheus"
        for selection in promql.selections(promql.parse(alert.rule.expr))
    }
    return tuple(
        RecordingRule(record.name, promql.fill(record.expr, values))
        for entry in catalog.entries
        for record in entry.records
        if entry.id not in profile.disabled or record.name in used
    )


def _alerts(entry: Failure, profile: Profile, values: Mapping[str, str]) -> Iterable[CompiledAlert]:
    if entry.logs:
        yield _log_alert(entry, entry.logs, profile)
    for alert in entry.metric_alerts:
        yield _metric_alert(entry, alert, profile, values)
    if entry.heartbeat:
        yield _heartbeat(entry, profile)


def _log_alert(entry: Failure, signal: LogSignal, profile: Profile) -> CompiledAlert:
    in_force = log_settings(entry, signal, profile)
    window, hold, threshold = in_force.window, in_force.hold, _number(in_force.threshold)
    labels = profile.loki.labels
    by = ", ".join(label for label in (labels.cluster, labels.namespace, labels.pod, labels.node) if label)
    expr = logql.count(profile.loki.selector, signature(signal), window, by, threshold)
    place = _place((("node", labels.node), ("pod", labels.pod)), labels.cluster)
    observation = f"{_VALUES['count']} matching log lines within {window}"
    return CompiledAlert(
        entry,
        "loki",
        _rule(entry, entry.alert, expr, hold, profile, f"{_literal(entry.summary)}{place}", observation),
        profile.loki.interval,
        (
            AlertSetting("threshold", threshold, signal.persistence or "Fires above this many lines in the range."),
            AlertSetting("range", window, "Window the lines are counted in."),
            AlertSetting("for", hold, "How long the condition must hold; shorter than the range."),
        ),
    )


def _metric_alert(entry: Failure, alert: MetricAlert, profile: Profile, values: Mapping[str, str]) -> CompiledAlert:
    hold = metric_hold(alert, profile)
    parameters = {key: _number(value) for key, value in metric_parameters(alert, profile).items()}
    expr = promql.fill(alert.expr, {**values, **parameters})
    labels = profile.prometheus.labels
    place = _place((("node", labels.node), ("pod", labels.pod), ("instance", labels.instance)), labels.cluster)
    observation = _literal(alert.observation).replace("{value}", _VALUES[alert.unit])
    settings = [AlertSetting(key, parameters[key], parameter.why) for key, parameter in alert.parameters.items()]
    settings.append(AlertSetting("for", hold, "How long the condition must hold."))
    return CompiledAlert(
        entry,
        "prometheus",
        _rule(entry, alert.name, expr, hold, profile, f"{_literal(entry.summary)}{place}", observation),
        profile.prometheus.interval,
        tuple(settings),
    )


def _heartbeat(entry: Failure, profile: Profile) -> CompiledAlert:
    engine: Engine = "loki" if entry.heartbeat == "logs" else "prometheus"
    expr = logql.always(_WATCHDOG_WINDOW) if engine == "loki" else "vector(1)\n"
    interval = profile.loki.interval if engine == "loki" else profile.prometheus.interval
    rule = _rule(entry, entry.alert, expr, "0s", profile, _literal(entry.summary), None)
    return CompiledAlert(entry, engine, rule, interval, ())


def _rule(
    entry: Failure, alert: str, expr: str, hold: str, profile: Profile, summary: str, observation: str | None
) -> AlertRule:
    first_step = _literal(entry.first_step)
    severity = str(profile.alerts.get(alert, {}).get("severity", entry.severity))
    return AlertRule(
        alert,
        expr,
        hold,
        labels={**profile.labels, "failure": entry.id, "severity": severity},
        annotations={
            "summary": summary,
            "description": f"{observation}. First step: {first_step}" if observation else first_step,
            "runbook_url": names.runbook_url(profile.base_url, alert),
        },
    )


def _place(labels: Iterable[tuple[str, str | None]], cluster: str | None) -> str:
    """A Go template for ` on node x (cluster y)`, from the first label that is not empty."""
    text = ""
    for word, label in reversed([row for row in labels if row[1]]):
        text = f"{{{{ with $labels.{label} }}}} on {word} {{{{ . }}}}{{{{ else }}}}{text}{{{{ end }}}}"
    if cluster:
        text += f"{{{{ with $labels.{cluster} }}}} (cluster {{{{ . }}}}){{{{ end }}}}"
    return text.replace("{{ else }}{{ end }}", "{{ end }}")


def _literal(text: str) -> str:
    """Text as a Go template that prints it unchanged, whatever template comes after it."""
    return re.sub(r"\{{2,}|\{$", lambda braces: f'{{{{ "{braces[0]}" }}}}', text)


def _number(value: float | str) -> str:
    """A parameter as PromQL: durations as they are, whole numbers without a fraction."""
    return value if isinstance(value, str) else repr(int(value) if value == int(value) else value)
