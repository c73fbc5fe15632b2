"""Compiles catalog and profile into rules. A rule is data; outputs only write it down."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from generator.base import names
from generator.catalog import placeholders
from generator.catalog.model import Catalog
from generator.catalog.placeholders import Values
from generator.catalog.profile import Engine, Profile
from generator.compile import grafana_links
from generator.compile.alerts import alerts_of_entry
from generator.compile.build_alerts import builds_by_entry, builds_of, known_build_alert
from generator.compile.causes import with_causes
from generator.compile.inhibitions import inhibitions_among
from generator.compile.rule import AlertRule, CompiledAlert, RecordingRule, RuleGroup, Rules
from generator.query import promql


def compile_rules(catalog: Catalog, profile: Profile) -> Rules:
    """Compile every entry that the profile does not disable. The inputs must have passed the checks."""
    enabled = [entry for entry in catalog.entries if entry.id not in profile.disabled]
    values = placeholders.of_site(profile)
    builds = builds_by_entry(enabled, profile)
    alone: list[CompiledAlert] = []
    for entry in enabled:
        alone += alerts_of_entry(entry, profile, values)
        if entry.id in builds:
            alone.append(known_build_alert(entry, builds[entry.id], profile, values))
    inhibitions = tuple(inhibitions_among(alone, profile))
    alerts = []
    for alert in alone:
        explained = with_causes(alert, alone, inhibitions, catalog, profile)
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
