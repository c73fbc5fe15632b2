"""Writes recorded series out: the same expression for who has no recording rules. Knows nothing of kube-proxy."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import promql_parser

from generator.query import lexer, promql
from generator.query.lexer import Token

_MARK = "chosen"  # a label that no series has
_ABSENCE = (("absent", "("), ("absent_over_time", "("))  # they make labels of their matchers


@dataclass(frozen=True)
class _Reading:
    """How an expression reads a series: with which matchers, over which range, and what stands around it."""

    series: str
    selector: str
    window: str
    before: tuple[str, ...]
    behind: str


def written_out(expr: str, records: Mapping[str, str]) -> str:
    """An expression in which each series of `records` is replaced by what records it.

    Raises ValueError where it is read in a way that no expression can stand for.
    """
    tokens = list(lexer.tokens(expr))
    parts: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind == "name" and token.text in records:
            reading, place = _reading_at(tokens, place)
            series = _narrowed(records[token.text], _matchers_of(reading))
            parts += [series, _subquery(reading.window)]
        else:
            parts.append(token.text)
            place += 1
    return "".join(parts)


def _reading_at(tokens: Sequence[Token], place: int) -> tuple[_Reading, int]:
    """How the series whose name stands here is read, and the place behind that."""
    selector, end = _enclosed(tokens, place + 1, "{", "}")
    window, end = _enclosed(tokens, end, "[", "]")
    before = lexer.without_gaps(tokens[:place])
    behind = lexer.without_gaps(tokens[end:])
    reading = _Reading(
        series=tokens[place].text,
        selector=selector,
        window=window,
        before=tuple(token.text for token in before[-2:]),
        behind=behind[0].text if behind else "",
    )
    return reading, end


def _matchers_of(reading: _Reading) -> Sequence[Any]:
    """The matchers of a series. Raises ValueError where no expression can stand for what is read."""
    series, selector = reading.series, reading.selector
    if not reading.window and reading.behind in ("offset", "@"):
        raise ValueError(
            f"{series} is recorded, and {reading.behind} needs a series that is stored; "
            f"read it over a range, as in last_over_time({series}[5m] {reading.behind} …)"
        )
    matchers = promql.parse(series + selector).matchers
    if matchers.or_matchers:
        raise ValueError(f"{series}{selector}: `or` of a recorded series cannot be written out")
    if matchers.matchers and reading.before in _ABSENCE:
        raise ValueError(
            f"{reading.before[0]} of the recorded {series} needs a series that is stored; leave out {selector}"
        )
    found: Sequence[Any] = matchers.matchers
    return found


def _enclosed(tokens: Sequence[Token], place: int, opening: str, closing: str) -> tuple[str, int]:
    """What stands between brackets that open here, with them, and the place behind; else nothing and the place here."""
    begin = place
    while begin < len(tokens) and tokens[begin].kind == "gap":
        begin += 1
    texts = [token.text for token in tokens[begin:]]
    if not texts or texts[0] != opening:
        return "", place
    length = texts.index(closing) + 1
    return "".join(texts[:length]), begin + length


def _subquery(window: str) -> str:
    """The range of a series as that of an expression."""
    return window if ":" in window else window.replace("]", ":]")


def _narrowed(expr: str, matchers: Sequence[Any]) -> str:
    """The series of an expression that fit the matchers.

    PromQL has no matchers for an expression: the series that fit get a mark, by which `unless` and `and` tell them from
    the same ones without it.
    """
    series = f"(\n{expr.strip()}\n)"
    for matcher in matchers:
        pattern = json.dumps(_as_pattern(matcher), ensure_ascii=False)
        marked = f'label_replace({series}, "{_MARK}", "yes", "{matcher.name}", {pattern})'
        if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.Re):
            series = f'label_replace({marked} unless {series}, "{_MARK}", "", "", "")'
        else:
            series = f"({marked} and {series})"
    return series


def _as_pattern(matcher: Any) -> str:
    """What a matcher asks for or excludes, as a regular expression."""
    value = str(matcher.value)
    if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual):
        return re.escape(value)
    return value
