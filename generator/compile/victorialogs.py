"""The log alerts for vmalert on VictoriaLogs: those for the Loki ruler, with LogsQL in the place of LogQL. No IO."""

from dataclasses import replace

from generator.catalog.profile import Profile
from generator.catalog.settings import keep_firing_for, log_settings
from generator.compile import grafana_links, matched_line
from generator.compile.rule import AlertRule, CompiledAlert, RuleGroup, Rules
from generator.compile.rules import WATCHDOG_WINDOW, number
from generator.query import logsql


def groups(rules: Rules, profile: Profile) -> tuple[RuleGroup, ...]:
    """The groups of the Loki rules, written for VictoriaLogs."""
    written = {
        alert.rule.alert: rule(alert, profile) for alert in rules.alerts if alert.engine == "loki"
    }
    return tuple(
        replace(group, rules=tuple(written[one.alert] for one in _alerts_of_group(group)))
        for group in rules.groups["loki"]
    )


def rule(alert: CompiledAlert, profile: Profile) -> AlertRule:
    """An alert of Loki's, with an expression and a query for its line that VictoriaLogs understands."""
    signal, source, filters = alert.entry.logs, alert.source, alert.filters
    if signal is None or source is None or filters is None:
        return replace(alert.rule, expr=logsql.always(WATCHDOG_WINDOW))
    in_force = log_settings(alert.rule.alert, signal, profile)
    threshold, window = number(in_force.threshold), in_force.window
    line = {matched_line.ANNOTATION: matched_line.of_victorialogs(source, filters, window)}
    shared = {
        name: text
        for name, text in alert.rule.annotations.items()
        if name != grafana_links.LOGS  # asks a Loki
    }
    return replace(
        alert.rule,
        expr=logsql.count(
            source.selector, filters, window, source.labels.names(), threshold, signal.recent
        ),
        annotations=shared | line,
        keep=keep_firing_for(alert.rule.alert, profile.loki.keep_firing_for, profile),
    )


def _alerts_of_group(group: RuleGroup) -> list[AlertRule]:
    return [one for one in group.rules if isinstance(one, AlertRule)]
