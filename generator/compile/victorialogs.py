"""The log alerts for vmalert on VictoriaLogs: those for the Loki ruler, with LogsQL in the place of LogQL. No IO."""

from dataclasses import replace

from generator.catalog.profile import Profile
from generator.catalog.settings import keep_firing_for, log_settings
from generator.compile import grafana_links, matched_line
from generator.compile.alerts import WATCHDOG_WINDOW
from generator.compile.rule import AlertRule, CompiledAlert, RuleGroup, Rules
from generator.query import logsql, promql


def groups(rules: Rules, profile: Profile) -> tuple[RuleGroup, ...]:
    """The groups of the Loki rules, written for VictoriaLogs."""
    written = {}
    for alert in rules.alerts:
        if alert.engine == "loki":
            written[alert.rule.alert] = rule(alert, profile)
    rewritten = []
    for group in rules.groups["loki"]:
        alerts = tuple(written[name] for name in _alert_names(group))
        rewritten.append(replace(group, rules=alerts))
    return tuple(rewritten)


def rule(alert: CompiledAlert, profile: Profile) -> AlertRule:
    """An alert of Loki's, with an expression and a query for its line that VictoriaLogs understands."""
    signal = alert.entry.logs
    source = alert.source
    filters = alert.filters
    if signal is None or source is None or filters is None:
        return replace(alert.rule, expr=logsql.always(WATCHDOG_WINDOW))
    name = alert.rule.alert
    in_force = log_settings(name, signal, profile)
    window = in_force.window
    expr = logsql.count(
        selector=source.selector,
        signature=filters,
        window=window,
        by=source.labels.names(),
        threshold=promql.number(in_force.threshold),
        recent=signal.recent,
    )
    annotations = dict(alert.rule.annotations)
    annotations.pop(grafana_links.LOGS, None)  # asks a Loki
    annotations[matched_line.ANNOTATION] = matched_line.of_victorialogs(source, filters, window)
    return replace(
        alert.rule,
        expr=expr,
        annotations=annotations,
        keep=keep_firing_for(name, profile.loki.keep_firing_for, profile),
    )


def _alert_names(group: RuleGroup) -> list[str]:
    return [rule.alert for rule in group.rules if isinstance(rule, AlertRule)]
