"""What has to change on a ruler so that it holds the rule groups that it should. No IO."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from generator import durations, lexer, logql_tree, names, promql
from generator.rules import Engine

Group = Mapping[str, Any]

_DURATIONS = ("interval", "for", "keep_firing_for", "query_offset")


@dataclass(frozen=True)
class Change:
    """A group to create, update or delete: as it is to be (None: gone), as it was (None: not there)."""

    name: str
    wanted: Group | None
    loaded: Group | None

    @property
    def kind(self) -> Literal["create", "update", "delete"]:
        if self.loaded is None:
            return "create"
        return "update" if self.wanted is not None else "delete"

    def lines(self) -> list[str]:
        """The change as a unified diff, without its head."""
        before, after = (_text(group).splitlines() for group in (self.loaded, self.wanted))
        return list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


def changes(engine: Engine, wanted: Iterable[Group], loaded: Iterable[Group]) -> list[Change]:
    """The groups that differ, in the order of their names. Groups that mean the same do not."""
    new, old = ({str(group["name"]): group for group in groups} for groups in (wanted, loaded))
    old = {name: _reworded(engine, group, new[name]) if name in new else group for name, group in old.items()}
    return [
        Change(name, new.get(name), old.get(name))
        for name in sorted(new.keys() | old.keys())
        if name not in new or name not in old or meaning(new[name]) != meaning(old[name])
    ]


def _reworded(engine: Engine, loaded: Group, wanted: Group) -> Group:
    """What is loaded, each expression in the words of the one wanted that means the same: only the rest is a change."""
    exprs: dict[str, list[str]] = {}
    for rule in wanted["rules"]:
        exprs.setdefault(rule_name(rule), []).append(str(rule["expr"]))

    def reworded(rule: Group) -> Group:
        expr = str(rule.get("expr", ""))
        alike = (other for other in exprs.get(rule_name(rule), ()) if same(engine, other, expr))
        return {**rule, "expr": next(alike, expr)}

    return {**loaded, "rules": [reworded(rule) for rule in loaded.get("rules", ())]}


def rule_name(rule: Group) -> str:
    return str(rule.get("alert") or rule.get("record") or "")


def shown_otherwise(engine: Engine, rule: Group, shown: Group) -> list[str]:
    """What of a rule a server shows otherwise than its file says; `shown` is in the form of Prometheus's rules API."""
    differs = {
        "its expression": not same(engine, str(rule["expr"]), str(shown.get("query", ""))),
        "its labels": dict(rule.get("labels") or {}) != dict(shown.get("labels") or {}),
        "its annotations": dict(rule.get("annotations") or {}) != dict(shown.get("annotations") or {}),
        "`for`": _seconds(rule.get("for")) != float(shown.get("duration") or 0),
        "`keep_firing_for`": _seconds(rule.get("keep_firing_for")) != float(shown.get("keepFiringFor") or 0),
    }
    return [what for what, is_so in differs.items() if is_so]


def _seconds(value: Any) -> float:
    return durations.seconds(str(value)) if value else 0.0


def foreign(loaded: Iterable[Group]) -> list[str]:
    """Names of the groups that are not ours."""
    prefix = names.rule_group("")
    return sorted(str(group["name"]) for group in loaded if not str(group["name"]).startswith(prefix))


def meaning(value: Any, key: str = "") -> Any:
    """A group or a part of it in one form: rulers write durations anew, and leave out or add what is empty."""
    if key in ("labels", "annotations") and isinstance(value, Mapping):
        return dict(sorted(value.items()))
    if isinstance(value, Mapping):
        parts = {name: meaning(part, name) for name, part in sorted(value.items())}
        return {name: part for name, part in parts.items() if part not in (None, "", "0s", {}, [])}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [meaning(part) for part in value]
    if key in _DURATIONS and value is not None:
        with suppress(ValueError):  # what is none is compared as it stands
            return durations.text(durations.seconds(f"{value}s" if isinstance(value, int) else str(value)))
    return value.strip() if key == "expr" else value


def _text(group: Group | None) -> str:
    return yaml.safe_dump(meaning(group), sort_keys=False, allow_unicode=True, width=1_000_000) if group else ""


def same(engine: Engine, one: str, other: str) -> bool:
    """Whether two expressions mean the same. What the parser does not know is compared word for word."""
    tree = logql_tree.tree if engine == "loki" else promql.tree_of
    try:
        return bool(tree(one) == tree(other))
    except ValueError:
        return lexer.plain(one) == lexer.plain(other)
