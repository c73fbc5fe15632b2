"""Matchers of an Alertmanager's configuration, read and held against labels as Alertmanager does it. No IO.

Alertmanager has two ways to read them, and prefers the older one wherever it can read the text. RE2 runs each pattern,
so the time grows with the text alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from generator.base.lines import Labels
from generator.base.shapes import cut_short
from generator.query.lexer import Token
from generator.query.signature import compile_whole

_SPACE = "\t\n\f\r "
_LABEL_AND_OPERATOR = re.compile(r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)")
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
_ESCAPE_OF_GO = re.compile(
    r"""\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3})"""
)
_QUOTED_OR_BARE = r"""(?:"(?:[^"\\]|\\.)*+"|[^\s{}!=~,\\"'`]++)"""
_NEWER = re.compile(
    rf"\s*+(?P<label>{_QUOTED_OR_BARE})\s*+(?P<sign>=~|!=|!~|=)\s*+(?P<value>{_QUOTED_OR_BARE})\s*+(?:,\s*+|$)",
    re.DOTALL,
)
_MORE_THAN_WORDS = re.compile(r"[\\.+*?()\[\]{}^$]")  # but for |, which stands between words
_PATTERN_TOO_LARGE = "pattern too large"  # RE2's words


class MatcherError(ValueError):
    """Matchers that Alertmanager would not take."""


class UnfollowedError(Exception):
    """What Alertmanager may well take, and what cannot be followed here in reasonable time or memory."""


@dataclass(frozen=True)
class LabelMatcher:
    """The value of a label is one of some, or matches a pattern; or, negated, it is not so."""

    label: str
    negated: bool
    values: frozenset[str]
    pattern: str | None = None
    beginnings: tuple[str, ...] = ()  # one of them begins each value that the pattern matches

    def holds(self, labels: Labels) -> bool:
        """A label that is missing has the empty value."""
        value = labels.get(self.label, "")
        if self.pattern is None:
            found = value in self.values
        elif value.startswith(self.beginnings):
            found = _pattern_matches(self.pattern, value)
        else:
            found = False
        return found is not self.negated


@lru_cache(maxsize=10_000)
def _pattern_matches(pattern: str, value: str) -> bool:
    return compile_whole(pattern).search(value) is not None


def hold(matchers: tuple[LabelMatcher, ...], labels: Labels) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)


def matchers_of(node: Mapping[str, Any], prefix: str = "") -> tuple[LabelMatcher, ...]:
    """Those of a route, or of one side of an inhibition: `source_` or `target_`.

    Raises MatcherError and UnfollowedError.
    """
    found = []
    for label, value in (node.get(prefix + "match") or {}).items():
        found.append(_label_matcher(label, "=", _as_text(value)))
    for label, value in (node.get(prefix + "match_re") or {}).items():
        found.append(_label_matcher(label, "=~", _as_text(value)))
    for text in node.get(prefix + "matchers") or ():
        found += _parsed(text)
    return tuple(found)


def _as_text(value: object) -> str:
    """As Go reads a scalar of YAML where a text is wanted."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(text: str) -> list[LabelMatcher]:
    try:
        return [_label_matcher(*parts) for parts in _classic(text)]
    except MatcherError as error:
        try:
            return [_label_matcher(*parts) for parts in _newer(text)]
        except MatcherError:
            raise error from None


def _label_matcher(label: str, sign: str, value: str) -> LabelMatcher:
    negated = sign.startswith("!")
    if not sign.endswith("~"):
        return LabelMatcher(label, negated, frozenset((value,)))
    if not _MORE_THAN_WORDS.search(value):
        return LabelMatcher(label, negated, frozenset(value.split("|")))
    try:
        compile_whole(value)
    except ValueError as error:
        said = f"the pattern {cut_short(value)} for {cut_short(label)}: {cut_short(str(error))}"
        if _PATTERN_TOO_LARGE in str(error):
            raise UnfollowedError(said) from error
        raise MatcherError(said) from error
    return LabelMatcher(label, negated, frozenset(), value, _beginnings(value))


def _beginnings(pattern: str) -> tuple[str, ...]:
    """Searching by RE2 costs ten times what a look at the beginning does."""
    nested = not {"(", "[", "\\"}.isdisjoint(pattern)
    if nested and "|" in pattern:
        return ("",)
    return tuple(_beginning(one) for one in pattern.split("|"))


def _beginning(pattern: str) -> str:
    """The characters that stand for themselves, but the last one if it may be left out."""
    special = _MORE_THAN_WORDS.search(pattern)
    if special is None:
        return pattern
    may_be_missing = special[0] in "*?{"
    return pattern[: special.start() - may_be_missing]


def _classic(text: str) -> Iterator[tuple[str, str, str]]:
    """As labels.ParseMatchers of Alertmanager reads a text."""
    for token in _between_commas(text.removeprefix("{").removesuffix("}")):
        head = _LABEL_AND_OPERATOR.match(token)
        if head is None:
            raise MatcherError(f"{cut_short(token)} is no matcher")
        yield head[1], head[2], _classic_value(token[head.end() :].strip(_SPACE))


def _between_commas(text: str) -> list[str]:
    """What stands between the commas that are in no quotes; a comma may end it all."""
    starts, in_quotes, escaped = [0], False, False
    for position, character in enumerate(text):
        if character == "," and not in_quotes:
            starts.append(position + 1)
        elif character == '"' and not escaped:
            in_quotes = not in_quotes
        if character != ",":
            escaped = character == "\\" and not escaped
    parts = [text[start : end - 1] for start, end in pairwise(starts)]
    last = text[starts[-1] :].strip()
    return [*parts, last] if last else parts


def _classic_value(raw: str) -> str:
    """Quotes around a value may be left out; a backslash stays before what needs none."""
    body = raw
    if raw.startswith('"'):
        body = raw[1:-1]
        whole = len(raw) > 1 and raw.endswith('"')
    else:
        whole = True
    plain = _PAIR.sub("", body)
    if raw == body:
        plain = plain.removesuffix("\\")
    if not whole or '"' in plain or "\\" in plain:
        raise MatcherError(f"{cut_short(raw)} has a quote that begins or ends nothing")
    return _PAIR.sub(lambda pair: _UNESCAPED.get(pair[1], pair[0]), body)


def _newer(text: str) -> Iterator[tuple[str, str, str]]:
    """As matcher/parse of Alertmanager reads a text: names of any characters, strings as in Go."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    position = 0
    while position < len(inner):
        found = _NEWER.match(inner, position)
        if found is None:
            raise MatcherError(f"{cut_short(inner[position:])} is no matcher")
        yield _word(found["label"]), found["sign"], _word(found["value"])
        position = found.end()


def _word(text: str) -> str:
    if not text.startswith('"'):
        return text
    if "\\" in _ESCAPE_OF_GO.sub("", text):
        raise MatcherError(f"{cut_short(text)} has a backslash before what needs none")
    try:
        return Token("string", text, 0).value
    except ValueError as error:
        raise MatcherError(f"{cut_short(text)} is no string") from error
