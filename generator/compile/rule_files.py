"""How rule groups are written as YAML."""

from collections.abc import Iterable
from typing import Any

from generator.base.durations import seconds
from generator.base.file import File, yaml_file
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup


def rules_file(path: str, groups: Iterable[RuleGroup]) -> File:
    """A rule file as Prometheus and the Loki ruler read it."""
    return yaml_file(path, {"groups": groups_data(groups)})


def groups_data(groups: Iterable[RuleGroup]) -> list[dict[str, Any]]:
    """Rule groups as every ruler and operator reads them."""
    return [_group_data(group) for group in groups]


def _group_data(group: RuleGroup) -> dict[str, Any]:
    limit = {"limit": group.limit} if group.limit else {}
    return {
        "name": group.name,
        "interval": group.interval,
        **limit,
        **_lasting("query_offset", group.query_offset),
        "rules": [rule_data(rule) for rule in group.rules],
    }


def rule_data(rule: RecordingRule | AlertRule) -> dict[str, Any]:
    """A rule as a rule file says it."""
    if isinstance(rule, RecordingRule):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.record, "expr": rule.expr, **labels}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **_lasting("for", rule.hold),
        **_lasting("keep_firing_for", rule.keep),
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }


def _lasting(key: str, duration: str) -> dict[str, str]:
    """A key with its duration, and none for no time at all: old rulers refuse a file with a key unknown to them."""
    return {key: duration} if seconds(duration) else {}
