"""How rule groups are written as YAML."""

from collections.abc import Iterable
from typing import Any

from generator.base.file import File, yaml_file
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup


def rules_file(path: str, groups: Iterable[RuleGroup]) -> File:
    """A rule file as Prometheus and the Loki ruler read it."""
    return yaml_file(path, {"groups": groups_data(groups)})


def groups_data(groups: Iterable[RuleGroup]) -> list[dict[str, Any]]:
    """Rule groups as every ruler and operator reads them."""
    return [_group(group) for group in groups]


def _group(group: RuleGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "interval": group.interval,
        "rules": [rule_data(rule) for rule in group.rules],
    }


def rule_data(rule: RecordingRule | AlertRule) -> dict[str, Any]:
    """A rule as a rule file says it."""
    if isinstance(rule, RecordingRule):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.record, "expr": rule.expr, **labels}
    hold = {} if rule.hold == "0s" else {"for": rule.hold}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **hold,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }
