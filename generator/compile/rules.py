"""Compiles catalog and profile into rules. A rule is data; outputs only write it down."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from generator.base import names
from generator.base.durations import seconds
from generator.catalog import inhibition, placeholders
from generator.catalog.inhibition import Place
from generator.catalog.model import Catalog, Entry, LogSignal, MetricAlert, Unit
from generator.catalog.profile import LogSource, Profile
from generator.catalog.settings import (
    keep_firing_for,
    known_build_hold,
    log_settings,
    metric_hold,
    metric_parameters,
    severity,
)
from generator.catalog.wordings import by_alert
from generator.compile import grafana_links, matched_line
from generator.compile.rule import (
    UPGRADE,
    AlertRule,
    AlertSetting,
    CompiledAlert,
    Engine,
    Inhibition,
    RecordingRule,
    RuleGroup,
    Rules,
)
from generator.fixes.known_builds import KnownBuilds, conditions, known_builds
from generator.query import logql, promql
from generator.query.signature import Signature

WATCHDOG_WINDOW = "5m"
# gitVersion became git_version in 1.19.
_BUILDS = """\
max by ($by, version) (
  label_replace(kubernetes_build_info{gitVersion!="", $kube_proxy}, "version", "$$1", "gitVersion", "(.+)")
  or
  label_replace(kubernetes_build_info{git_version!="", $kube_proxy}, "version", "$$1", "git_version", "(.+)")
)
"""
# The number of rules is shown in iptables mode only, once the first sync has begun.
_NOT_IN_IPTABLES_MODE = " unless on ($by) kubeproxy_sync_proxy_rules_iptables_total{$kube_proxy}"
# Go templates of Prometheus and Loki; what {value} becomes in an observation.
_VALUES: Mapping[Unit, str] = {
    "seconds": "{{ $value | humanizeDuration }}",
    "per_second": '{{ printf "%.2f" $value }}/s',
    "cores": '{{ printf "%.2f" $value }} cores',
    "count": '{{ printf "%.0f" $value }}',
}


_QUERIES = "{{ $own :="


def compile_rules(catalog: Catalog, profile: Profile) -> Rules:
    """Compile every entry that the profile does not disable. The inputs must have passed the checks."""
    enabled = [entry for entry in catalog.entries if entry.id not in profile.disabled]
    values = placeholders.of_site(profile)
    builds = _known_builds(enabled, profile)
    alone = tuple(
        alert for entry in enabled for alert in _alerts_of_entry(entry, profile, values, builds)
    )
    inhibitions = tuple(_inhibitions_of_alerts(alone, profile))
    explained = (_with_causes(alert, alone, inhibitions, catalog, profile) for alert in alone)
    linked = (_with_links(alert, profile) for alert in explained)
    alerts = tuple(_with_annotations(alert, profile) for alert in linked)
    records = _recording_rules(catalog, profile, alerts, values)
    if builds:
        records += (RecordingRule(names.BUILD_RECORD, builds_of(values)),)
    # The limit is for alerts; a record has a series for each kube-proxy, as many as there are.
    recording = (
        (replace(_group_of_engine("records", "prometheus", records, profile), limit=0),)
        if records
        else ()
    )
    return Rules(
        groups={
            "loki": _groups_by_entry(alerts, "loki", profile),
            "prometheus": recording + _groups_by_entry(alerts, "prometheus", profile),
        },
        alerts=alerts,
        inhibitions=inhibitions,
    )


def builds_of(values: Mapping[str, str]) -> str:
    """An expression for the version of each kube-proxy, with what the placeholders stand for."""
    return promql.fill(_BUILDS, values)


def _groups_by_entry(
    alerts: Iterable[CompiledAlert], engine: Engine, profile: Profile
) -> tuple[RuleGroup, ...]:
    """One group for each entry, so that a slow or broken one holds up no other."""
    by_entry: dict[str, list[AlertRule]] = {}
    for alert in alerts:
        if alert.engine == engine:
            by_entry.setdefault(alert.entry.id, []).append(alert.rule)
    return tuple(_group_of_engine(key, engine, rules, profile) for key, rules in by_entry.items())


def _group_of_engine(
    name: str, engine: Engine, rules: Iterable[RecordingRule | AlertRule], profile: Profile
) -> RuleGroup:
    """A group with the options that the site asks of its ruler."""
    asked = profile.loki if engine == "loki" else profile.prometheus
    offset = profile.prometheus.query_offset if engine == "prometheus" else "0s"
    return RuleGroup(names.rule_group(name), asked.interval, tuple(rules), int(asked.limit), offset)


def _recording_rules(
    catalog: Catalog, profile: Profile, alerts: Iterable[CompiledAlert], values: Mapping[str, str]
) -> tuple[RecordingRule, ...]:
    """The enabled entries' recording rules, and those of disabled entries that an alert still uses."""
    used = _series_read(alerts) if profile.disabled else set()
    return tuple(
        RecordingRule(record.name, promql.fill(record.expr, values))
        for entry in catalog.entries
        for record in entry.records
        if entry.id not in profile.disabled or record.name in used
    )


def _series_read(alerts: Iterable[CompiledAlert]) -> set[str]:
    """The series that the alerts of Prometheus read."""
    return {
        selection.series
        for alert in alerts
        if alert.engine == "prometheus"
        for selection in promql.selections(promql.parse(alert.rule.expr))
    }


def _known_builds(
    entries: Iterable[Entry], profile: Profile
) -> Mapping[str, Sequence[KnownBuilds]]:
    """The known builds of each entry that has any, by its id."""
    mode = profile.kube_proxy.mode
    found = {
        entry.id: known_builds(entry, mode)
        for entry in entries
        if names.known_build(entry.alert) not in profile.disabled
    }
    return {key: builds for key, builds in found.items() if builds}


def _alerts_of_entry(
    entry: Entry,
    profile: Profile,
    values: Mapping[str, str],
    builds: Mapping[str, Sequence[KnownBuilds]],
) -> Iterable[CompiledAlert]:
    source = profile.loki.source(entry.logs.stream) if entry.logs else None
    if entry.logs and source:
        for name, filters in by_alert(entry).items():
            yield _log_alert(entry, entry.logs, name, filters, source, profile)
    for alert in entry.metric_alerts:
        yield _compiled_metric_alert(entry, alert, profile, values)
    if entry.heartbeat:
        yield _heartbeat(entry, profile)
    if entry.id in builds:
        yield _known_build_alert(entry, builds[entry.id], profile, values)


def _inhibitions_of_alerts(
    alerts: Sequence[CompiledAlert], profile: Profile
) -> Iterable[Inhibition]:
    """What each alert holds back. That a failure can happen (a known build) explains no symptom."""
    failing = [alert for alert in alerts if not alert.known_build]
    for cause in failing:
        found: dict[Place, list[str]] = {}
        for symptom in failing:
            place = _meeting(cause, symptom, profile)
            if place and inhibition.as_grave(
                cause.rule.labels["severity"], symptom.rule.labels["severity"]
            ):
                found.setdefault(place, []).append(symptom.rule.alert)
        for place, symptoms in found.items():
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
            return inhibition.cluster(profile)
        says_more = (cause.engine, other.engine) == ("loki", "prometheus")
    else:
        told = other.entry.id in cause.entry.inhibits
        says_more = told and not (cause.of_cluster or cause.milder)
    return (
        inhibition.meeting_place(cause.labels(profile), other.labels(profile), profile)
        if says_more
        else None
    )


def _with_causes(
    alert: CompiledAlert,
    alerts: Sequence[CompiledAlert],
    inhibitions: Sequence[Inhibition],
    catalog: Catalog,
    profile: Profile,
) -> CompiledAlert:
    """A symptom's description names what may be behind it: alerts that come beside it, and known builds."""
    behind = {cause.id for cause in catalog.causes.get(alert.entry.id, ())}
    causes = [other for other in alerts if other.entry.id in behind]
    held_by = {one.cause for one in inhibitions if alert.rule.alert in one.symptoms}
    beside = [
        cause.rule.alert
        for cause in causes
        if not (cause.known_build or cause.of_cluster or cause.milder)
        and cause.rule.alert not in held_by
        and cause.rule.alert not in alert.entry.first_step
    ]
    builds = [
        cause.rule.alert for cause in causes if cause.known_build and alert.engine == "prometheus"
    ]
    said = (_behind(beside) if beside else "") + (_known_causes(builds, profile) if builds else "")
    if not said or alert.known_build:
        return alert
    return alert.saying({"description": alert.rule.annotations["description"] + said})


def _with_links(alert: CompiledAlert, profile: Profile) -> CompiledAlert:
    """With annotations that lead into the site's Grafana, if the profile says where that is."""
    if not profile.grafana.url:
        return alert
    labels = alert.labels(profile)
    places = [
        (name, getattr(labels, name, None)) for name in ("cluster", "node", "pod", "instance")
    ]
    links = {grafana_links.BOARD: grafana_links.board(profile.grafana, places)}
    if alert.source and alert.filters:
        window = next(one.value for one in alert.settings if one.name == "range")
        links[grafana_links.LOGS] = grafana_links.explore_link(
            profile.grafana, alert.source, alert.filters, window
        )
    return alert.saying(links)


def _with_annotations(alert: CompiledAlert, profile: Profile) -> CompiledAlert:
    """With those of the site's own."""
    own = profile.alert_annotations.get(alert.rule.alert, {})
    return alert.saying({**profile.annotations, **own})


def _behind(causes: Sequence[str]) -> str:
    """A sentence for who is woken: Alertmanager knows of these alerts, a template of the ruler does not."""
    *others, last = causes
    names_of = f"{', '.join(others)} or {last}" if others else last
    return f" If {names_of} fires there too, it names the cause."


def _log_alert(
    entry: Entry,
    signal: LogSignal,
    alert: str,
    filters: Signature,
    source: LogSource,
    profile: Profile,
) -> CompiledAlert:
    in_force = log_settings(alert, signal, profile)
    window, hold, threshold = in_force.window, in_force.hold, number(in_force.threshold)
    labels = source.labels
    expr = logql.count(source.selector, filters, window, labels.by(), threshold, signal.recent)
    place = _place_template((("node", labels.node), ("pod", labels.pod)), labels.cluster)
    observation = f"{_VALUES['count']} matching log lines within {window}"
    rule = _alerting_rule(
        entry, alert, expr, hold, profile, f"{_literal(entry.summary)}{place}", observation
    )
    line = matched_line.annotation(source, filters, window)
    return CompiledAlert(
        entry,
        "loki",
        replace(
            rule,
            labels={**inhibition.copies(labels, profile), **rule.labels},
            annotations={**rule.annotations, matched_line.ANNOTATION: line},
        ),
        profile.loki.interval,
        (
            AlertSetting(
                "threshold",
                threshold,
                signal.persistence or "Fires above this many lines in the range.",
            ),
            AlertSetting("range", window, "Window the lines are counted in."),
            AlertSetting("for", hold, "How long the condition must hold; shorter than the range."),
            *_kept_firing(keep_firing_for(alert, profile.loki.keep_firing_for, profile)),
        ),
        source=source,
        filters=filters,
    )


def _compiled_metric_alert(
    entry: Entry, alert: MetricAlert, profile: Profile, values: Mapping[str, str]
) -> CompiledAlert:
    hold = metric_hold(alert, profile)
    parameters = {key: number(value) for key, value in metric_parameters(alert, profile).items()}
    expr = promql.fill(alert.expr, {**values, **parameters})
    observation = _literal(alert.observation).replace("{value}", _VALUES[alert.unit])
    settings = [
        AlertSetting(key, parameters[key], parameter.why)
        for key, parameter in alert.parameters.items()
    ]
    settings.append(AlertSetting("for", hold, "How long the condition must hold."))
    keep = keep_firing_for(alert.name, profile.prometheus.keep_firing_for, profile)
    settings += _kept_firing(keep)
    place = _node_place(profile) if alert.about == "node" else _metric_place(profile)
    summary = f"{_literal(alert.summary or entry.summary)}{place}"
    rule = _alerting_rule(entry, alert.name, expr, hold, profile, summary, observation)
    of_cluster = alert.about == "cluster"
    return CompiledAlert(
        entry,
        "prometheus",
        replace(rule, keep=keep),
        profile.prometheus.interval,
        tuple(settings),
        of_cluster=of_cluster,
    )


def _kept_firing(keep: str) -> Sequence[AlertSetting]:
    if not seconds(keep):
        return ()
    return (AlertSetting("keep_firing_for", keep, "How long it goes on firing once it is over."),)


def _known_build_alert(
    entry: Entry, builds: Sequence[KnownBuilds], profile: Profile, values: Mapping[str, str]
) -> CompiledAlert:
    """That this kube-proxy is of a build which the fix tables call affected, before it fails."""
    name = names.known_build(entry.alert)
    hold = known_build_hold(name, profile)
    expr = "or\n".join(_builds_expression(known, values) for known in builds)
    upgrade = UPGRADE.format("{{ $labels.fixed_in }}")
    first_step = _literal(entry.first_step) if entry.by_builds_alone else upgrade
    fix = f"{{{{ $labels.fixed_in }}}} has the fix. First step: {first_step}"
    place = _metric_place(profile)
    keep = keep_firing_for(name, profile.prometheus.keep_firing_for, profile)
    rule = AlertRule(
        name,
        expr,
        hold,
        labels=_labels_of_alert(entry, name, profile, "info"),
        annotations={
            "summary": f"kube-proxy {{{{ $labels.version }}}}{place} has a known failure: {_literal(entry.title)}",
            "description": f"{_condition_template(builds)}{_notes(builds)} {fix}",
            "runbook_url": profile.runbook_url(name),
        },
        keep=keep,
    )
    settings = (
        AlertSetting(
            "for", hold, "How long a build must be seen; a rollout that passes is not worth a word."
        ),
        *_kept_firing(keep),
    )
    when = conditions(entry, builds, profile.kube_proxy.mode)
    return CompiledAlert(
        entry, "prometheus", rule, profile.prometheus.interval, settings, True, conditions=when
    )


def _builds_expression(known: KnownBuilds, values: Mapping[str, str]) -> str:
    """The kube-proxies of these builds, without those whose metrics show that they are in another mode."""
    builds = f"{names.BUILD_RECORD}{{version=~{json.dumps(known.pattern)}}}"
    if known.not_in_iptables_mode:
        builds += promql.fill(_NOT_IN_IPTABLES_MODE, values)
    return f'label_replace({builds}, "fixed_in", "{known.fixed_in}", "", "")\n'


def _condition_template(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of the sentence that says what else must be so; where it differs, by the version."""
    said: dict[str, list[str]] = {}
    for known in builds:
        said.setdefault(known.where, []).append(known.pattern)
    usual = max(said, key=lambda text: len(said[text]))
    text = _literal(usual)
    for other in [text for text in said if text != usual]:
        whole = f"^(?:{'|'.join(said[other])})$"
        text = f"{{{{ if match `{whole}` $labels.version }}}}{_literal(other)}{{{{ else }}}}{text}{{{{ end }}}}"
    return text


def _notes(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of what else is to be known of each fix."""
    said = {known.fixed_in: known.note for known in builds if known.note}
    return "".join(
        f'{{{{ if eq $labels.fixed_in "{fix}" }}}} {_literal(note)}{{{{ end }}}}'
        for fix, note in said.items()
    )


def _known_causes(causes: Sequence[str], profile: Profile) -> str:
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


def _heartbeat(entry: Entry, profile: Profile) -> CompiledAlert:
    engine: Engine = "loki" if entry.heartbeat == "logs" else "prometheus"
    expr = logql.always(WATCHDOG_WINDOW) if engine == "loki" else "vector(1)\n"
    interval = profile.loki.interval if engine == "loki" else profile.prometheus.interval
    rule = _alerting_rule(entry, entry.alert, expr, "0s", profile, _literal(entry.summary), None)
    return CompiledAlert(entry, engine, rule, interval, ())


def _alerting_rule(
    entry: Entry,
    alert: str,
    expr: str,
    hold: str,
    profile: Profile,
    summary: str,
    observation: str | None,
) -> AlertRule:
    first_step = _literal(entry.first_step)
    return AlertRule(
        alert,
        expr,
        hold,
        labels=_labels_of_alert(entry, alert, profile, entry.severity_of(alert).level),
        annotations={
            "summary": summary,
            "description": f"{observation}. First step: {first_step}"
            if observation
            else first_step,
            "runbook_url": profile.runbook_url(alert),
        },
    )


def _labels_of_alert(entry: Entry, alert: str, profile: Profile, default: str) -> Mapping[str, str]:
    return {**profile.labels, "failure": entry.id, "severity": severity(alert, default, profile)}


def _metric_place(profile: Profile) -> str:
    labels = profile.prometheus.labels
    return _place_template(
        (("node", labels.node), ("pod", labels.pod), ("instance", labels.instance)), labels.cluster
    )


def _node_place(profile: Profile) -> str:
    return _place_template(
        (("node", profile.prometheus.node_label),), profile.prometheus.labels.cluster
    )


def _place_template(labels: Iterable[tuple[str, str | None]], cluster: str | None) -> str:
    """A Go template for ` on node x (cluster y)`, from the first label that is not empty."""
    text = ""
    for word, label in reversed([row for row in labels if row[1]]):
        text = (
            f"{{{{ with $labels.{label} }}}} on {word} {{{{ . }}}}{{{{ else }}}}{text}{{{{ end }}}}"
        )
    if cluster:
        text += f"{{{{ with $labels.{cluster} }}}} (cluster {{{{ . }}}}){{{{ end }}}}"
    return text.replace("{{ else }}{{ end }}", "{{ end }}")


def _literal(text: str) -> str:
    """Text as a Go template that prints it unchanged, whatever template comes after it."""
    return re.sub(r"\{{2,}|\{$", lambda braces: f'{{{{ "{braces[0]}" }}}}', text)


def number(value: float | str) -> str:
    """A parameter as PromQL: durations as they are, whole numbers without a fraction."""
    return value if isinstance(value, str) else repr(int(value) if value == int(value) else value)
