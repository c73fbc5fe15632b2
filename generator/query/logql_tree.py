"""What a LogQL expression means, as a tree: servers write layout, brackets, quotes, numbers and clauses anew."""

import math
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from generator.query import lexer
from generator.query.lexer import Token

Matchers = frozenset[tuple[str, str, str]]  # label, sign, value
Tree = Any  # a number, log lines, or a tuple of words and trees

# The later, the closer it binds; ^ alone is read from the right.
_BINDING = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", ">", ">=", "<", "<="),
    ("+", "-"),
    ("*", "/", "%"),
    ("^",),
)
_MATCHING = ("on", "ignoring", "group_left", "group_right")
_GROUPING = ("by", "without")
_OPEN, _CLOSED = "({", ")}"


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": math.pow,
}


@dataclass(frozen=True)
class _Logs:
    """Log lines: of which streams, what they pass, and from which time."""

    matchers: Matchers
    pipeline: tuple[str, ...] = ()
    window: str | None = None
    offset: str | None = None


def stream_matchers(selector: str) -> Matchers:
    """What a stream selector asks of labels. Raises ValueError if it is none."""
    return _TreeReader(lexer.words(selector)).matchers()


def tree(expr: str) -> Tree:
    """The expression, equal for all texts that mean the same. Raises ValueError if it is none."""
    reader = _TreeReader(lexer.words(expr))
    found = reader.binary()
    if reader.next is not None:
        raise ValueError(f"{reader.next} is not expected")
    return found


def _folded_arithmetic(sign: str, left: Tree, right: Tree) -> float | None:
    """Arithmetic of two numbers, which Loki does when it reads them."""
    if sign in _ARITHMETIC and isinstance(left, float) and isinstance(right, float):
        with suppress(ArithmeticError, ValueError):
            return _ARITHMETIC[sign](left, right)
    return None


class _TreeReader:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._at = 0

    @property
    def next(self) -> str | None:
        return self._words[self._at].text if self._at < len(self._words) else None

    def _take(self, *wanted: str) -> Token:
        """The next word, which must be one of those wanted or of such a kind."""
        if self._at == len(self._words):
            raise ValueError("it ends too early")
        word = self._words[self._at]
        if word.text not in wanted and word.kind not in wanted:
            raise ValueError(f"{word.text} is not expected")
        self._at += 1
        return word

    def _skip(self, text: str) -> bool:
        found = self.next == text
        self._at += found
        return found

    def binary(self, level: int = 0) -> Tree:
        """Operators of this level, and of those that bind closer."""
        if level == len(_BINDING):
            return self._operand()
        left = self.binary(level + 1)
        while self.next in _BINDING[level]:
            sign = self._take("sign", "name").text
            matching = self._matching()
            right = self.binary(level if sign == "^" else level + 1)
            folded = _folded_arithmetic(sign, left, right)
            left = (sign, matching, left, right) if folded is None else folded
        return left

    def _matching(self) -> Tree:
        """How the two sides belong together: bool, on, ignoring, group_left, group_right."""
        found: list[Tree] = ["bool"] if self._skip("bool") else []
        while self.next in _MATCHING:
            how, labels = self._take("name").text, self._labels() if self.next == "(" else ()
            found += [] if how == "ignoring" and not labels else [(how, labels)]
        return tuple(found)

    def _operand(self) -> Tree:
        if self.next == "{":
            return self._logs(_Logs(self.matchers()))
        if self._skip("("):
            inner = self.binary()
            self._take(")")
            return self._logs(inner) if isinstance(inner, _Logs) else inner
        if self._skip("-"):
            return -float(self._take("number").value)
        self._skip("+")
        word = self._take("number", "string", "name")
        if word.kind == "name":
            return self._call(word.text)
        return float(word.value) if word.kind == "number" else ("string", word.value)

    def _call(self, name: str) -> Tree:
        """A function or an aggregation, whose grouping stands before or after what it is of."""
        before = self._grouping()
        self._take("(")
        arguments = []
        while not self._skip(")"):
            arguments.append(self.binary())
            if self.next != ")":
                self._take(",")
        return (name, before or self._grouping(), *arguments)

    def _grouping(self) -> Tree:
        """by () is what stands for no grouping, and some servers leave the brackets of without () out."""
        if self.next not in _GROUPING:
            return ()
        how = self._take("name").text
        labels = self._labels() if self.next == "(" else ()
        return (how, frozenset(labels)) if labels or how == "without" else ()

    def _labels(self) -> tuple[str, ...]:
        self._take("(")
        labels = []
        while not self._skip(")"):
            labels.append(self._take("name", "string").value)
            self._skip(",")
        return tuple(sorted(labels))

    def matchers(self) -> Matchers:
        self._take("{")
        found = []
        while not self._skip("}"):
            label, sign, value = (
                self._take("name", "string"),
                self._take("=", "!=", "=~", "!~"),
                self._take("string"),
            )
            found.append((label.value, sign.text, value.value))
            self._skip(",")
        return frozenset(found)

    def _logs(self, logs: _Logs) -> _Logs:
        """What follows a stream selector; the range may stand before the pipeline or after it."""
        logs = replace(logs, pipeline=logs.pipeline + self._pipeline())
        if not self._skip("["):
            return logs
        window = self._take("number").value
        self._take("]")
        offset = None
        if self._skip("offset"):
            offset = f"{'-' if self._skip('-') else ''}{self._take('number').value}"
        return self._logs(replace(logs, window=window, offset=offset))

    def _pipeline(self) -> tuple[str, ...]:
        """Its words up to the range or the bracket that closes what it stands in."""
        found: list[str] = []
        depth = 0
        while self.next is not None and self.next != "[" and (depth or self.next not in _CLOSED):
            word = self._words[self._at]
            depth += (word.text in _OPEN) - (word.text in _CLOSED)
            found.append(f"{word.kind} {word.value}")
            self._at += 1
        return tuple(found)
