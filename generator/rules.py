"""Compiles catalog and profile into rules. A rule is data; targets only write it down."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from generator import logql, names, promql
from generator.known_builds import KnownBuilds, known_builds
from generator.model import Catalog, Failure, LogSignal, MetricAlert, Profile, Unit
from generator.settings import known_build_hold, log_settings, metric_hold, metric_parameters
from generator.signature import signature

Engine = Literal["loki", "prometheus"]

_WATCHDOG_WINDOW = "5m"
# gitVersion became git_version in 1.19.
_BUILDS = """\
max by ($by, version) (
  label_replace(kubernetes_build_info{gitVersion!="", $kube_proxy}, "version", "$$1", "gitVersion", "(.+)")
  or
  label_replace(kubernetes_build_info{git_version!="", $kube_proxy}, "version", "$$1", "git_version", "(.+)")
)
"""
# Go templates of Prometheus and Loki; what {value} becomes in an observation.
_VALUES: Mapping[Unit, str] = {
    "seconds": "{{ $value | humanizeDuration }}",
    "per_second": '{{ printf "%.2f" $value }}/s',
    "cores": '{{ printf "%.2f" $value }} cores',
    "count": '{{ printf "%.0f" $value }}',
}


_QUERIES = "{{ $own :="
_UPGRADE = "Upgrade kube-proxy to {} or later, with the cluster where that is another minor release."


@dataclass(frozen=True)
class RecordingRule:
    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


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
    """An alert with what its page tells about it. `known_build`: the failure can happen here, and has not yet."""

    entry: Failure
    engine: Engine
    rule: AlertRule
    interval: str
    settings: tuple[AlertSetting, ...]
    known_build: bool = False

    @property
    def title(self) -> str:
        return f"A build with a known failure: {self.entry.title}" if self.known_build else self.entry.title

    @property
    def first_step(self) -> str:
        return _UPGRADE.format("the version that the alert names") if self.known_build else self.entry.first_step

    @property
    def severity_reason(self) -> str:
        return "Nothing has failed yet; the upgrade can be planned." if self.known_build else self.entry.severity_reason

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
    values = promql.placeholders(profile)
    builds = _known_builds(enabled, profile)
    alerts = tuple(alert for entry in enabled for alert in _alerts(entry, catalog, profile, values, builds))
    records = _records(catalog, profile, alerts, values)
    if builds:
        records += (RecordingRule(names.BUILD_RECORD, promql.fill(_BUILDS, values)),)
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


def _known_builds(entries: Iterable[Failure], profile: Profile) -> Mapping[str, Sequence[KnownBuilds]]:
    """The known builds of each entry that has any, by its id."""
    found = {
        entry.id: known_builds(entry) for entry in entries if names.known_build(entry.alert) not in profile.disabled
    }
    return {key: builds for key, builds in found.items() if builds}


def _alerts(
    entry: Failure,
    catalog: Catalog,
    profile: Profile,
    values: Mapping[str, str],
    builds: Mapping[str, Sequence[KnownBuilds]],
) -> Iterable[CompiledAlert]:
    if entry.logs:
        yield _log_alert(entry, entry.logs, profile)
    causes = [names.known_build(cause.alert) for cause in catalog.causes.get(entry.id, ()) if cause.id in builds]
    for alert in entry.metric_alerts:
        yield _metric_alert(entry, alert, profile, values, causes)
    if entry.heartbeat:
        yield _heartbeat(entry, profile)
    if entry.id in builds:
        yield _known_build_alert(entry, builds[entry.id], profile)


def _log_alert(entry: Failure, signal: LogSignal, profile: Profile) -> CompiledAlert:
    in_force = log_settings(entry, signal, profile)
    window, hold, threshold = in_force.window, in_force.hold, _number(in_force.threshold)
    labels = profile.loki.labels
    expr = logql.count(profile.loki.selector, signature(signal), window, labels.by(), threshold)
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


def _metric_alert(
    entry: Failure, alert: MetricAlert, profile: Profile, values: Mapping[str, str], causes: Sequence[str]
) -> CompiledAlert:
    hold = metric_hold(alert, profile)
    parameters = {key: _number(value) for key, value in metric_parameters(alert, profile).items()}
    expr = promql.fill(alert.expr, {**values, **parameters})
    observation = _literal(alert.observation).replace("{value}", _VALUES[alert.unit])
    settings = [AlertSetting(key, parameters[key], parameter.why) for key, parameter in alert.parameters.items()]
    settings.append(AlertSetting("for", hold, "How long the condition must hold."))
    summary = f"{_literal(entry.summary)}{_metric_place(profile)}"
    rule = _rule(entry, alert.name, expr, hold, profile, summary, observation)
    if causes:
        described = rule.annotations["description"] + _named(causes, profile)
        rule = replace(rule, annotations={**rule.annotations, "description": described})
    return CompiledAlert(entry, "prometheus", rule, profile.prometheus.interval, tuple(settings))


def _known_build_alert(entry: Failure, builds: Sequence[KnownBuilds], profile: Profile) -> CompiledAlert:
    """That this kube-proxy is of a build which the fix tables call affected, before it fails."""
    name = names.known_build(entry.alert)
    hold = known_build_hold(name, profile)
    expr = "or\n".join(
        f"label_replace({names.BUILD_RECORD}{{version=~{json.dumps(known.pattern)}}}, "
        f'"fixed_in", "{known.fixed_in}", "", "")\n'
        for known in builds
    )
    upgrade = _UPGRADE.format("{{ $labels.fixed_in }}")
    place = _metric_place(profile)
    rule = AlertRule(
        name,
        expr,
        hold,
        labels=_labels(entry, name, profile, "info"),
        annotations={
            "summary": f"kube-proxy {{{{ $labels.version }}}}{place} has a known failure: {_literal(entry.title)}",
            "description": f"{_literal(_where(entry))} {{{{ $labels.fixed_in }}}} has the fix. First step: {upgrade}",
            "runbook_url": names.runbook_url(profile.base_url, name),
        },
    )
    settings = (AlertSetting("for", hold, "How long a build must be seen; a rollout that passes is not worth a word."),)
    return CompiledAlert(entry, "prometheus", rule, profile.prometheus.interval, settings, known_build=True)


def _where(entry: Failure) -> str:
    """What else must be so, as a sentence."""
    modes = f" in {' and '.join(entry.affected.modes)} mode" if len(entry.affected.modes) < 3 else ""
    systems = f" on {', '.join(entry.affected.os)} and later systems" if entry.affected.os else ""
    return f"It can happen{modes}{systems}."


def _named(causes: Sequence[str], profile: Profile) -> str:
    """A Go template that names the causes which this kube-proxy's build is known for, and where they are fixed.

    It asks for the alerts on known builds that are active at this kube-proxy: the alert is the same without any.
    """
    labels = profile.prometheus.labels
    own, instance, cluster = labels.pod or labels.instance, labels.instance, labels.cluster
    named = "|".join(causes)
    series = f'ALERTS{{alertname=~"{named}",%s{f",{cluster}=%q" if cluster else ""}}}'
    values = f"$own{f' $labels.{cluster}' if cluster else ''}"
    return (
        f'{_QUERIES} printf "{own}=%q" $labels.{own} }}}}'
        f'{{{{ with $labels.{instance} }}}}{{{{ $own = printf "{instance}=%q" . }}}}{{{{ end }}}}'
        f'{{{{ range query (printf `{series}` {values}) | sortByLabel "failure" }}}}{{{{ with .Labels }}}}'
        " kube-proxy {{ .version }} is known for {{ .failure }}, fixed in {{ .fixed_in }}.{{ end }}{{ end }}"
    )


def without_queries(annotation: str) -> str:
    """An annotation for rulers whose templates cannot ask for other series."""
    return annotation.partition(_QUERIES)[0]


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
    return AlertRule(
        alert,
        expr,
        hold,
        labels=_labels(entry, alert, profile, entry.severity),
        annotations={
            "summary": summary,
            "description": f"{observation}. First step: {first_step}" if observation else first_step,
            "runbook_url": names.runbook_url(profile.base_url, alert),
        },
    )


def _labels(entry: Failure, alert: str, profile: Profile, severity: str) -> Mapping[str, str]:
    in_force = str(profile.alerts.get(alert, {}).get("severity", severity))
    return {**profile.labels, "failure": entry.id, "severity": in_force}


def _metric_place(profile: Profile) -> str:
    labels = profile.prometheus.labels
    return _place((("node", labels.node), ("pod", labels.pod), ("instance", labels.instance)), labels.cluster)


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
