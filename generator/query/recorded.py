"""Writes recorded series out: the same expression for who has no recording rules. Knows nothing of kube-proxy."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import promql_parser

from generator.query import lexer, promql
from generator.query.lexer import Token

_MARK = "chosen"  # a label that no series has


def written_out(expr: str, records: Mapping[str, str]) -> str:
    """An expression in which each series of `records` is replaced by what records it.

    Raises ValueError where it is read in a way that no expression can stand for.
    """
    tokens = list(lexer.tokens(expr))
    parts: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token.kind != "name" or token.text not in records:
            parts.append(token.text)
            continue
        before = [one.text for one in tokens[: place - 1] if one.kind != "gap"]
        selector, place = _enclosed(tokens, place, "{", "}")
        window, place = _enclosed(tokens, place, "[", "]")
        following = next((one.text for one in tokens[place:] if one.kind != "gap"), "")
        if not window and following in ("offset", "@"):
            raise ValueError(
                f"{token.text} is recorded, and {following} needs a series that is stored; "
                f"read it over a range, as in last_over_time({token.text}[5m] {following} …)"
            )
        matchers = promql.parse(token.text + selector).matchers
        if matchers.or_matchers:
            raise ValueError(
                f"{token.text}{selector}: `or` of a recorded series cannot be written out"
            )
        if matchers.matchers and before[-2:] in (["absent", "("], ["absent_over_time", "("]):
            raise ValueError(
                f"{before[-2]} of the recorded {token.text} needs a series that is stored; leave out {selector}"
            )
        parts += [_narrowed(records[token.text], matchers.matchers), _subquery(window)]
    return "".join(parts)


def _enclosed(tokens: Sequence[Token], place: int, opening: str, closing: str) -> tuple[str, int]:
    """What stands between brackets that open here, with them, and the place behind; else nothing and the place here."""
    begin = place
    while begin < len(tokens) and tokens[begin].kind == "gap":
        begin += 1
    if begin == len(tokens) or tokens[begin].text != opening:
        return "", place
    texts = [token.text for token in tokens[begin:]]
    end = begin + texts.index(closing) + 1
    return "".join(texts[: end - begin]), end


def _subquery(window: str) -> str:
    """The range of a series as that of an expression."""
    return window if ":" in window else window.replace("]", ":]")


def _narrowed(expr: str, matchers: Sequence[Any]) -> str:
    """The series of an expression that fit the matchers.

    PromQL has no matchers for an expression: the series that fit get a mark, by which `unless` and `and` tell them from
    the same ones without it.
    """
    found = f"(\n{expr.strip()}\n)"
    for matcher in matchers:
        exact = matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual)
        pattern = json.dumps(
            re.escape(matcher.value) if exact else matcher.value, ensure_ascii=False
        )
        marked = f'label_replace({found}, "{_MARK}", "yes", "{matcher.name}", {pattern})'
        if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.Re):
            found = f'label_replace({marked} unless {found}, "{_MARK}", "", "", "")'
        else:
            found = f"({marked} and {found})"
    return found
