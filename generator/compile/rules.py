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
from generator.catalog.profile import Engine, LogSource, Profile
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

Values = Mapping[str, str]  # what the placeholders of expressions stand for
BuildsByEntry = Mapping[str, Sequence[KnownBuilds]]


def compile_rules(catalog: Catalog, profile: Profile) -> Rules:
    """Compile every entry that the profile does not disable. The inputs must have passed the checks."""
    enabled = [entry for entry in catalog.entries if entry.id not in profile.disabled]
    values = placeholders.of_site(profile)
    builds = _known_builds(enabled, profile)
    alone: list[CompiledAlert] = []
    for entry in enabled:
        alone += _alerts_of_entry(entry, profile, values, builds)
    inhibitions = tuple(_inhibitions_of_alerts(alone, profile))
    alerts = []
    for alert in alone:
        explained = _with_causes(alert, alone, inhibitions, catalog, profile)
        linked = _with_links(explained, profile)
        alerts.append(_with_annotations(linked, profile))
    records = _recording_rules(catalog, profile, alerts, values)
    if builds:
        records.append(RecordingRule(names.BUILD_RECORD, builds_of(values)))
    recording = _recording_groups(records, profile)
    return Rules(
        groups={
            "loki": _groups_by_entry(alerts, "loki", profile),
            "prometheus": recording + _groups_by_entry(alerts, "prometheus", profile),
        },
        alerts=tuple(alerts),
        inhibitions=inhibitions,
    )


def builds_of(values: Values) -> str:
    """An expression for the version of each kube-proxy, with what the placeholders stand for."""
    return promql.fill(_BUILDS, values)


def _groups_by_entry(
    alerts: Iterable[CompiledAlert], engine: Engine, profile: Profile
) -> tuple[RuleGroup, ...]:
    """One group for each entry, so that a slow or broken one holds up no other."""
    by_entry: dict[str, list[AlertRule]] = {}
    for alert in alerts:
        if alert.engine == engine:
            rules = by_entry.setdefault(alert.entry.id, [])
            rules.append(alert.rule)
    groups = []
    for name, rules in by_entry.items():
        groups.append(_group_of_engine(name, engine, rules, profile))
    return tuple(groups)


def _recording_groups(records: Sequence[RecordingRule], profile: Profile) -> tuple[RuleGroup, ...]:
    """The group of the recording rules, where there are any."""
    if not records:
        return ()
    group = _group_of_engine("records", "prometheus", records, profile)
    # The limit is for alerts; a record has a series for each kube-proxy, as many as there are.
    return (replace(group, limit=0),)


def _group_of_engine(
    name: str, engine: Engine, rules: Iterable[RecordingRule | AlertRule], profile: Profile
) -> RuleGroup:
    """A group with the options that the site asks of its ruler."""
    options = profile.loki if engine == "loki" else profile.prometheus
    return RuleGroup(
        name=names.rule_group(name),
        interval=options.interval,
        rules=tuple(rules),
        limit=int(options.limit),
        query_offset="0s" if engine == "loki" else profile.prometheus.query_offset,
    )


def _recording_rules(
    catalog: Catalog, profile: Profile, alerts: Iterable[CompiledAlert], values: Values
) -> list[RecordingRule]:
    """The enabled entries' recording rules, and those of disabled entries that an alert still uses."""
    used = _series_read(alerts) if profile.disabled else set()
    rules = []
    for entry in catalog.entries:
        disabled = entry.id in profile.disabled
        for record in entry.records:
            if not disabled or record.name in used:
                expr = promql.fill(record.expr, values)
                rules.append(RecordingRule(record.name, expr))
    return rules


def _series_read(alerts: Iterable[CompiledAlert]) -> set[str]:
    """The series that the alerts of Prometheus read."""
    series: set[str] = set()
    for alert in alerts:
        if alert.engine == "prometheus":
            selections = promql.selections(promql.parse(alert.rule.expr))
            series.update(selection.series for selection in selections)
    return series


def _known_builds(entries: Iterable[Entry], profile: Profile) -> BuildsByEntry:
    """The known builds of each entry that has any, by its id."""
    by_entry = {}
    for entry in entries:
        if names.known_build(entry.alert) in profile.disabled:
            continue
        builds = known_builds(entry, profile.kube_proxy.mode)
        if builds:
            by_entry[entry.id] = builds
    return by_entry


def _alerts_of_entry(
    entry: Entry,
    profile: Profile,
    values: Values,
    builds: BuildsByEntry,
) -> Iterable[CompiledAlert]:
    signal = entry.logs
    source = profile.loki.source(signal.stream) if signal else None
    if signal and source:
        for name, filters in by_alert(entry).items():
            yield _log_alert(entry, signal, name, filters, source, profile)
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
        severity_of_cause = cause.rule.labels["severity"]
        by_place: dict[Place, list[str]] = {}
        for symptom in failing:
            place = _meeting(cause, symptom, profile)
            severity_of_symptom = symptom.rule.labels["severity"]
            if place and inhibition.as_grave(severity_of_cause, severity_of_symptom):
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
            return inhibition.cluster(profile)
        says_more = (cause.engine, other.engine) == ("loki", "prometheus")
    elif cause.of_cluster or cause.milder:
        says_more = False
    else:
        says_more = other.entry.id in cause.entry.inhibits
    if not says_more:
        return None
    labels = cause.labels(profile)
    return inhibition.meeting_place(labels, other.labels(profile), profile)


def _with_causes(
    alert: CompiledAlert,
    alerts: Sequence[CompiledAlert],
    inhibitions: Sequence[Inhibition],
    catalog: Catalog,
    profile: Profile,
) -> CompiledAlert:
    """A symptom's description names what may be behind it: alerts that come beside it, and known builds."""
    if alert.known_build:
        return alert
    behind = {cause.id for cause in catalog.causes.get(alert.entry.id, ())}
    causes = [other for other in alerts if other.entry.id in behind]
    builds = [cause.rule.alert for cause in causes if cause.known_build]
    beside = _causes_beside(alert, causes, inhibitions)
    description = alert.rule.annotations["description"]
    if beside:
        description += _behind(beside)
    if builds and alert.engine == "prometheus":
        description += _known_causes(builds, profile)
    return alert.saying({"description": description})


def _causes_beside(
    alert: CompiledAlert, causes: Iterable[CompiledAlert], inhibitions: Iterable[Inhibition]
) -> list[str]:
    """The causes' alerts that fire beside this one without holding it back, and that its first step does not name."""
    symptom = alert.rule.alert
    holding_back = {held.cause for held in inhibitions if symptom in held.symptoms}
    beside = []
    for cause in causes:
        name = cause.rule.alert
        if cause.known_build or cause.of_cluster or cause.milder:
            continue
        if name not in holding_back and name not in alert.entry.first_step:
            beside.append(name)
    return beside


def _with_links(alert: CompiledAlert, profile: Profile) -> CompiledAlert:
    """With annotations that lead into the site's Grafana, if the profile says where that is."""
    if not profile.grafana.url:
        return alert
    labels = alert.labels(profile)
    variables = ("cluster", "node", "pod", "instance")
    narrowed_by = [(variable, getattr(labels, variable, None)) for variable in variables]
    links = {grafana_links.BOARD: grafana_links.board(profile.grafana, narrowed_by)}
    if alert.source and alert.filters:
        settings = {setting.name: setting.value for setting in alert.settings}
        links[grafana_links.LOGS] = grafana_links.explore_link(
            profile.grafana, alert.source, alert.filters, settings["range"]
        )
    return alert.saying(links)


def _with_annotations(alert: CompiledAlert, profile: Profile) -> CompiledAlert:
    """With those of the site's own."""
    own = profile.alert_annotations.get(alert.rule.alert, {})
    return alert.saying({**profile.annotations, **own})


def _behind(causes: Sequence[str]) -> str:
    """A sentence for who is woken: Alertmanager knows of these alerts, a template of the ruler does not."""
    *others, last = causes
    alternatives = f"{', '.join(others)} or {last}" if others else last
    return f" If {alternatives} fires there too, it names the cause."


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
    threshold = number(in_force.threshold)
    labels = source.labels
    place = _place_template({"node": labels.node, "pod": labels.pod}, labels.cluster)
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
        summary=f"{_literal(entry.summary)}{place}",
        observation=f"{_VALUES['count']} matching log lines within {window}",
    )
    line = matched_line.annotation(source, filters, window)
    rule = replace(
        rule,
        labels={**inhibition.copies(labels, profile), **rule.labels},
        annotations={**rule.annotations, matched_line.ANNOTATION: line},
    )
    why = signal.persistence or "Fires above this many lines in the range."
    keep = keep_firing_for(alert, profile.loki.keep_firing_for, profile)
    settings = (
        AlertSetting("threshold", threshold, why),
        AlertSetting("range", window, "Window the lines are counted in."),
        AlertSetting("for", hold, "How long the condition must hold; shorter than the range."),
        *_kept_firing(keep),
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
        parameters[name] = number(value)
        why = alert.parameters[name].why
        settings.append(AlertSetting(name, parameters[name], why))
    settings.append(AlertSetting("for", hold, "How long the condition must hold."))
    settings += _kept_firing(keep)
    place = _node_place(profile) if alert.about == "node" else _metric_place(profile)
    observation = _literal(alert.observation)
    rule = _alerting_rule(
        entry,
        alert.name,
        profile,
        expr=promql.fill(alert.expr, {**values, **parameters}),
        hold=hold,
        summary=f"{_literal(alert.summary or entry.summary)}{place}",
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


def _kept_firing(keep: str) -> Sequence[AlertSetting]:
    if not seconds(keep):
        return ()
    return (AlertSetting("keep_firing_for", keep, "How long it goes on firing once it is over."),)


def _known_build_alert(
    entry: Entry, builds: Sequence[KnownBuilds], profile: Profile, values: Values
) -> CompiledAlert:
    """That this kube-proxy is of a build which the fix tables call affected, before it fails."""
    name = names.known_build(entry.alert)
    hold = known_build_hold(name, profile)
    keep = keep_firing_for(name, profile.prometheus.keep_firing_for, profile)
    expressions = [_builds_expression(known, values) for known in builds]
    rule = AlertRule(
        name,
        "or\n".join(expressions),
        hold,
        labels=_labels_of_alert(entry, name, profile, "info"),
        annotations=_known_build_annotations(entry, name, builds, profile),
        keep=keep,
    )
    why = "How long a build must be seen; a rollout that passes is not worth a word."
    return CompiledAlert(
        entry=entry,
        engine="prometheus",
        rule=rule,
        interval=profile.prometheus.interval,
        settings=(AlertSetting("for", hold, why), *_kept_firing(keep)),
        known_build=True,
        conditions=conditions(entry, builds, profile.kube_proxy.mode),
    )


def _known_build_annotations(
    entry: Entry, alert: str, builds: Sequence[KnownBuilds], profile: Profile
) -> Mapping[str, str]:
    version, fixed_in = "{{ $labels.version }}", "{{ $labels.fixed_in }}"
    place = _metric_place(profile)
    if entry.by_builds_alone:
        first_step = _literal(entry.first_step)
    else:
        first_step = UPGRADE.format(fixed_in)
    condition = _condition_template(builds) + _notes(builds)
    return {
        "summary": f"kube-proxy {version}{place} has a known failure: {_literal(entry.title)}",
        "description": f"{condition} {fixed_in} has the fix. First step: {first_step}",
        "runbook_url": profile.runbook_url(alert),
    }


def _builds_expression(known: KnownBuilds, values: Values) -> str:
    """The kube-proxies of these builds, without those whose metrics show that they are in another mode."""
    pattern = json.dumps(known.pattern)
    builds = f"{names.BUILD_RECORD}{{version=~{pattern}}}"
    if known.not_in_iptables_mode:
        builds += promql.fill(_NOT_IN_IPTABLES_MODE, values)
    return f'label_replace({builds}, "fixed_in", "{known.fixed_in}", "", "")\n'


def _condition_template(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of the sentence that says what else must be so; where it differs, by the version."""
    versions_of: dict[str, list[str]] = {}  # by the sentence
    for known in builds:
        patterns = versions_of.setdefault(known.where, [])
        patterns.append(known.pattern)
    usual = max(versions_of, key=lambda sentence: len(versions_of[sentence]))
    template = _literal(usual)
    for sentence, patterns in versions_of.items():
        if sentence == usual:
            continue
        these = f"match `^(?:{'|'.join(patterns)})$` $labels.version"
        otherwise = template
        template = f"{{{{ if {these} }}}}{_literal(sentence)}{{{{ else }}}}{otherwise}{{{{ end }}}}"
    return template


def _notes(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of what else is to be known of each fix."""
    notes = {known.fixed_in: known.note for known in builds if known.note}
    template = ""
    for fix, note in notes.items():
        of_this_fix = f'eq $labels.fixed_in "{fix}"'
        template += f"{{{{ if {of_this_fix} }}}} {_literal(note)}{{{{ end }}}}"
    return template


def _known_causes(causes: Sequence[str], profile: Profile) -> str:
    """A Go template that names the causes which this kube-proxy's build is known for, and where they are fixed.

    It asks for the alerts on known builds that are active at this kube-proxy: the alert is the same without any.
    """
    labels = profile.prometheus.labels
    instance = labels.instance
    cluster = labels.cluster
    own = labels.pod or instance
    matchers = f'alertname=~"{"|".join(causes)}",%s'
    arguments = "$own"
    if cluster:
        matchers += f",{cluster}=%q"
        arguments += f" $labels.{cluster}"
    query = f"query (printf `ALERTS{{{matchers}}}` {arguments})"
    return (
        f'{_QUERIES} printf "{own}=%q" $labels.{own} }}}}'
        f'{{{{ with $labels.{instance} }}}}{{{{ $own = printf "{instance}=%q" . }}}}{{{{ end }}}}'
        f'{{{{ range {query} | sortByLabel "failure" }}}}{{{{ with .Labels }}}}'
        " kube-proxy {{ .version }} is known for {{ .failure }}, fixed in {{ .fixed_in }}.{{ end }}{{ end }}"
    )


def without_queries(annotation: str) -> str:
    """An annotation for rulers whose templates cannot ask for other series."""
    return annotation.partition(_QUERIES)[0]


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
        summary=_literal(entry.summary),
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
    description = _literal(entry.first_step)
    if observation:
        description = f"{observation}. First step: {description}"
    return AlertRule(
        alert,
        expr,
        hold,
        labels=_labels_of_alert(entry, alert, profile, entry.severity_of(alert).level),
        annotations={
            "summary": summary,
            "description": description,
            "runbook_url": profile.runbook_url(alert),
        },
    )


def _labels_of_alert(entry: Entry, alert: str, profile: Profile, default: str) -> Mapping[str, str]:
    in_force = severity(alert, default, profile)
    return {**profile.labels, "failure": entry.id, "severity": in_force}


def _metric_place(profile: Profile) -> str:
    labels = profile.prometheus.labels
    by_kind = {"node": labels.node, "pod": labels.pod, "instance": labels.instance}
    return _place_template(by_kind, labels.cluster)


def _node_place(profile: Profile) -> str:
    metrics = profile.prometheus
    return _place_template({"node": metrics.node_label}, metrics.labels.cluster)


def _place_template(labels: Mapping[str, str | None], cluster: str | None) -> str:
    """A Go template for ` on node x (cluster y)`, from the first label that is not empty."""
    text = ""
    for kind, label in reversed(list(labels.items())):
        if label:
            place = f"{{{{ with $labels.{label} }}}} on {kind} {{{{ . }}}}"
            otherwise = f"{{{{ else }}}}{text}" if text else ""
            text = f"{place}{otherwise}{{{{ end }}}}"
    if cluster:
        text += f"{{{{ with $labels.{cluster} }}}} (cluster {{{{ . }}}}){{{{ end }}}}"
    return text


def _literal(text: str) -> str:
    """Text as a Go template that prints it unchanged, whatever template comes after it."""
    return re.sub(r"\{{2,}|\{$", lambda braces: f'{{{{ "{braces[0]}" }}}}', text)


def number(value: float | str) -> str:
    """A parameter as PromQL: durations as they are, whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    whole = int(value)
    return repr(whole if whole == value else value)
