"""Whether a rule that a server shows, printed in its own way, is the one that was written."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from generator.base import durations
from generator.compile.rule import Language
from generator.query import lexer, logql_tree, promql

Group = Mapping[str, Any]
_DURATIONS = ("interval", "for", "keep_firing_for", "query_offset")


def rule_name(rule: Group) -> str:
    return str(rule.get("alert") or rule.get("record") or "")


def shown_otherwise(language: Language, rule: Group, shown: Group) -> list[str]:
    """What of a rule a server shows otherwise than its file says; `shown` is in the form of Prometheus's rules API."""
    differs = {
        "its expression": not same(language, str(rule["expr"]), str(shown.get("query", ""))),
        "its labels": dict(rule.get("labels") or {}) != dict(shown.get("labels") or {}),
        "its annotations": dict(rule.get("annotations") or {})
        != dict(shown.get("annotations") or {}),
        "`for`": _seconds(rule.get("for")) != float(shown.get("duration") or 0),
        "`keep_firing_for`": _seconds(rule.get("keep_firing_for"))
        != float(shown.get("keepFiringFor") or 0),
    }
    return [what for what, is_so in differs.items() if is_so]


def _seconds(value: Any) -> float:
    return durations.seconds(str(value)) if value else 0.0


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
            return durations.shortest_text(
                durations.seconds(f"{value}s" if isinstance(value, int) else str(value))
            )
    return value.strip() if key == "expr" else value


def same(language: Language, one: str, other: str) -> bool:
    """Whether two expressions mean the same. What the parser does not know is compared word for word."""
    if language == "victorialogs":  # vmalert shows it as it is written
        return lexer.plain(one) == lexer.plain(other)
    tree = logql_tree.tree if language == "loki" else promql.tree_of
    try:
        return bool(tree(one) == tree(other))
    except ValueError:
        return lexer.plain(one) == lexer.plain(other)
