"""Whether a rule that a server shows, printed in its own way, is the one that was written."""

from collections.abc import Mapping
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
    differing = []
    shown_expr = str(shown.get("query", ""))
    if not same(language, str(rule["expr"]), shown_expr):
        differing.append("its expression")
    if _texts(rule, "labels") != _texts(shown, "labels"):
        differing.append("its labels")
    if _texts(rule, "annotations") != _texts(shown, "annotations"):
        differing.append("its annotations")
    shown_hold = float(shown.get("duration") or 0)
    if _seconds(rule.get("for")) != shown_hold:
        differing.append("`for`")
    shown_keep = float(shown.get("keepFiringFor") or 0)
    if _seconds(rule.get("keep_firing_for")) != shown_keep:
        differing.append("`keep_firing_for`")
    return differing


def _texts(rule: Group, key: str) -> dict[str, Any]:
    """The labels or annotations of a rule, which may be left out where there are none."""
    return dict(rule.get(key) or {})


def _seconds(value: Any) -> float:
    return durations.seconds(str(value)) if value else 0.0


def meaning(value: Any, key: str = "") -> Any:
    """A group or a part of it in one form: rulers write durations anew, and leave out or add what is empty."""
    if isinstance(value, Mapping):
        ordered = dict(sorted(value.items()))
        return ordered if key in ("labels", "annotations") else _without_empty(ordered)
    if isinstance(value, list | tuple):
        return [meaning(part) for part in value]
    if key in _DURATIONS and value is not None:
        with suppress(ValueError):  # what is none is compared as it stands
            return _shortest_duration(value)
    return value.strip() if key == "expr" else value


def _without_empty(group: Group) -> dict[str, Any]:
    """The parts of a group in one form, but for those that say what is so without them."""
    kept = {}
    for name, value in group.items():
        part = meaning(value, name)
        if part not in (None, "", "0s", {}, []):
            kept[name] = part
    return kept


def _shortest_duration(duration: str | int) -> str:
    """A duration as it is written shortest; a bare number is of seconds."""
    text = f"{duration}s" if isinstance(duration, int) else str(duration)
    return durations.shortest_text(durations.seconds(text))


def same(language: Language, one: str, other: str) -> bool:
    """Whether two expressions mean the same. What the parser does not know is compared word for word."""
    if language != "victorialogs":  # vmalert shows it as it is written
        tree = logql_tree.tree if language == "loki" else promql.tree_of
        with suppress(ValueError):
            return bool(tree(one) == tree(other))
    return lexer.plain(one) == lexer.plain(other)
