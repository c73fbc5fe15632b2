"""The rules that a file of unit tests can see anything of.

promtool evaluates every rule that it is given at every step of every test: with all of them it takes ten times as long.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from generator.compile.rule import AlertRule, RecordingRule, RuleGroup
from generator.query import promql

# What gives something where no series is: without them an expression of missing series is empty.
_OF_NOTHING = frozenset(
    (
        "absent",
        "absent_over_time",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "hour",
        "minute",
        "month",
        "scalar",
        "vector",
        "year",
    )
)
_OF_ALERTS = frozenset(("ALERTS", "ALERTS_FOR_STATE"))  # what alerts give


def needed(groups: Sequence[RuleGroup], text: str) -> list[RuleGroup]:
    """The rules that the tests of a text name, and those that these name in turn, if they can give anything there."""
    rules = {}
    for group in groups:
        for rule in group.rules:
            rules[_rule_name(rule)] = rule
    words = _words(text)
    named = {name: rules[name] for name in _named(rules, words)}
    wanted = _answering(named, words | _OF_ALERTS)
    chosen = []
    for group in groups:
        kept = tuple(rule for rule in group.rules if _rule_name(rule) in wanted)
        if kept:
            chosen.append(replace(group, rules=kept))
    return chosen


def _named(rules: Mapping[str, RecordingRule | AlertRule], words: set[str]) -> set[str]:
    """The names of rules that are among words, and those that these rules name in turn."""
    named: set[str] = set()
    waiting = words & rules.keys()
    while waiting:
        name = waiting.pop()
        named.add(name)
        others = _words(_texts_of_rule(rules[name])) & rules.keys()
        waiting |= others - named
    return named


def _answering(rules: Mapping[str, RecordingRule | AlertRule], there: set[str]) -> set[str]:
    """Those that can give anything, where the series of these names are there, and with them what the rules record."""
    answering: set[str] = set()
    found = set(rules)
    while found:
        found = {
            name
            for name, rule in rules.items()
            if name not in answering and _can_answer(rule.expr, there)
        }
        answering |= found
        there = there | found
    return answering


def _can_answer(expr: str, there: set[str]) -> bool:
    """Whether an expression can give anything; so it is of one that cannot be read, or names no series."""
    if _words(expr) & _OF_NOTHING:
        return True
    try:
        selections = promql.selections(promql.parse(expr))
    except ValueError:  # promtool says what is wrong
        return True
    read = [_words(selection.series) for selection in selections]
    return not read or any(name <= there for name in read)


def _rule_name(rule: RecordingRule | AlertRule) -> str:
    return rule.record if isinstance(rule, RecordingRule) else rule.alert


def _texts_of_rule(rule: RecordingRule | AlertRule) -> str:
    """All of a rule that can name another: its expression, and the queries in its annotations."""
    texts = [rule.expr]
    if isinstance(rule, AlertRule):
        texts += rule.annotations.values()
    return "\n".join(texts)


def _words(text: str) -> set[str]:
    """All that can be a name; of `\\nrate` both `nrate` and `rate`, as a letter after a backslash can belong to it."""
    without_escapes = re.sub(r"\\.", " ", text)
    return set(re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*", f"{text} {without_escapes}"))
