"""The alerts of an entry: on its log lines, on metrics, and the heartbeat of a watchdog."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from generator.base.durations import seconds
from generator.catalog import meeting_places
from generator.catalog.model import Entry, LogSignal, MetricAlert, Unit
from generator.catalog.placeholders import Values
from generator.catalog.profile import Engine, LogSource, Profile
from generator.catalog.settings import (
    keep_firing_for,
    log_settings,
    metric_hold,
    metric_parameters,
    severity,
)
from generator.catalog.wordings import by_alert
from generator.compile import matched_line
from generator.compile.go_texts import (
    literal_text,
    metric_place,
    node_place,
    place_template,
)
from generator.compile.rule import AlertRule, AlertSetting, CompiledAlert
from generator.query import logql, promql
from generator.query.signature import Signature

WATCHDOG_WINDOW = "5m"
# Go templates of Prometheus and Loki; what {value} becomes in an observation.
_VALUES: Mapping[Unit, str] = {
    "seconds": "{{ $value | humanizeDuration }}",
    "per_second": '{{ printf "%.2f" $value }}/s',
    "cores": '{{ printf "%.2f" $value }} cores',
    "count": '{{ printf "%.0f" $value }}',
}


def alerts_of_entry(
    entry: Entry,
    profile: Profile,
    values: Values,
) -> Iterable[CompiledAlert]:
    """All of an entry's alerts, but that on its known builds."""
    signal = entry.logs
    source = profile.loki.source(signal.stream) if signal else None
    if signal and source:
        for name, filters in by_alert(entry).items():
            yield _log_alert(entry, signal, name, filters, source, profile)
    for alert in entry.metric_alerts:
        yield _compiled_metric_alert(entry, alert, profile, values)
    if entry.heartbeat:
        yield _heartbeat(entry, profile)


def _log_alert(
    entry: Entry,
    signal: LogSignal,
    alert: str,
    filters: Signature,
    source: LogSource,
    profile: Profile,
) -> CompiledAlert:
    in_force = log_settings(alert, signal, profile)
    window = in_force.window
    hold = in_force.hold
    threshold = promql.number(in_force.threshold)
    labels = source.labels
    place = place_template({"node": labels.node, "pod": labels.pod}, labels.cluster)
    rule = _alerting_rule(
        entry,
        alert,
        profile,
        expr=logql.count(
            selector=source.selector,
            signature=filters,
            window=window,
            by=labels.by(),
            threshold=threshold,
            recent=signal.recent,
        ),
        hold=hold,
        summary=f"{literal_text(entry.summary)}{place}",
        observation=f"{_VALUES['count']} matching log lines within {window}",
    )
    line = matched_line.annotation(source, filters, window)
    rule = replace(
        rule,
        labels={**meeting_places.copies(labels, profile), **rule.labels},
        annotations={**rule.annotations, matched_line.ANNOTATION: line},
    )
    why = signal.persistence or "Fires above this many lines in the range."
    keep = keep_firing_for(alert, profile.loki.keep_firing_for, profile)
    settings = (
        AlertSetting("threshold", threshold, why),
        AlertSetting("range", window, "Window the lines are counted in."),
        AlertSetting("for", hold, "How long the condition must hold; shorter than the range."),
        *kept_firing_setting(keep),
    )
    return CompiledAlert(
        entry=entry,
        engine="loki",
        rule=rule,
        interval=profile.loki.interval,
        settings=settings,
        source=source,
        filters=filters,
    )


def _compiled_metric_alert(
    entry: Entry, alert: MetricAlert, profile: Profile, values: Values
) -> CompiledAlert:
    hold = metric_hold(alert, profile)
    keep = keep_firing_for(alert.name, profile.prometheus.keep_firing_for, profile)
    parameters = {}
    settings = []
    for name, value in metric_parameters(alert, profile).items():
        parameters[name] = promql.number(value)
        why = alert.parameters[name].why
        settings.append(AlertSetting(name, parameters[name], why))
    settings.append(AlertSetting("for", hold, "How long the condition must hold."))
    settings += kept_firing_setting(keep)
    place = node_place(profile) if alert.about == "node" else metric_place(profile)
    observation = literal_text(alert.observation)
    rule = _alerting_rule(
        entry,
        alert.name,
        profile,
        expr=promql.fill(alert.expr, {**values, **parameters}),
        hold=hold,
        summary=f"{literal_text(alert.summary or entry.summary)}{place}",
        observation=observation.replace("{value}", _VALUES[alert.unit]),
    )
    return CompiledAlert(
        entry=entry,
        engine="prometheus",
        rule=replace(rule, keep=keep),
        interval=profile.prometheus.interval,
        settings=tuple(settings),
        of_cluster=alert.about == "cluster",
    )


def kept_firing_setting(keep: str) -> Sequence[AlertSetting]:
    """How a page says how long an alert goes on firing, if it does."""
    if not seconds(keep):
        return ()
    return (AlertSetting("keep_firing_for", keep, "How long it goes on firing once it is over."),)


def _heartbeat(entry: Entry, profile: Profile) -> CompiledAlert:
    engine: Engine
    if entry.heartbeat == "logs":
        engine = "loki"
        interval = profile.loki.interval
        expr = logql.always(WATCHDOG_WINDOW)
    else:
        engine = "prometheus"
        interval = profile.prometheus.interval
        expr = "vector(1)\n"
    rule = _alerting_rule(
        entry,
        entry.alert,
        profile,
        expr=expr,
        hold="0s",
        summary=literal_text(entry.summary),
        observation=None,
    )
    return CompiledAlert(entry, engine, rule, interval, settings=())


def _alerting_rule(
    entry: Entry,
    alert: str,
    profile: Profile,
    *,
    expr: str,
    hold: str,
    summary: str,
    observation: str | None,
) -> AlertRule:
    description = literal_text(entry.first_step)
    if observation:
        description = f"{observation}. First step: {description}"
    return AlertRule(
        alert,
        expr,
        hold,
        labels=labels_of_alert(entry, alert, profile, entry.severity_of(alert).level),
        annotations={
            "summary": summary,
            "description": description,
            "runbook_url": profile.runbook_url(alert),
        },
    )


def labels_of_alert(entry: Entry, alert: str, profile: Profile, default: str) -> Mapping[str, str]:
    """The labels of an alert's rule; `default` is its severity where the site sets none."""
    in_force = severity(alert, default, profile)
    return {**profile.labels, "failure": entry.id, "severity": in_force}
