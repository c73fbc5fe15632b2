"""What a LogQL expression means, as a tree: servers write layout, brackets, quotes, numbers and clauses anew."""

import math
import operator
from collections.abc import Callable, Mapping
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
_OPENING_BRACKETS, _CLOSING_BRACKETS = "({", ")}"


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
    whole = reader.binary()
    if reader.next is not None:
        raise ValueError(f"{reader.next} is not expected")
    return whole


def _folded_arithmetic(sign: str, left: Tree, right: Tree) -> float | None:
    """Arithmetic of two numbers, which Loki does when it reads them."""
    compute = _ARITHMETIC.get(sign)
    if compute is None or not isinstance(left, float) or not isinstance(right, float):
        return None
    try:
        return compute(left, right)
    except (ArithmeticError, ValueError):
        return None


class _TreeReader:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._at = 0

    @property
    def next(self) -> str | None:
        if self._at == len(self._words):
            return None
        return self._words[self._at].text

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
        if self.next != text:
            return False
        self._at += 1
        return True

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
        matching: list[Tree] = []
        if self._skip("bool"):
            matching.append("bool")
        while self.next in _MATCHING:
            how = self._take("name").text
            labels = self._labels() if self.next == "(" else ()
            if how != "ignoring" or labels:
                matching.append((how, labels))
        return tuple(matching)

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
        if word.kind == "number":
            return float(word.value)
        return ("string", word.value)

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
        says_nothing = how == "by" and not labels
        return () if says_nothing else (how, frozenset(labels))

    def _labels(self) -> tuple[str, ...]:
        self._take("(")
        labels = []
        while not self._skip(")"):
            labels.append(self._take("name", "string").value)
            self._skip(",")
        return tuple(sorted(labels))

    def matchers(self) -> Matchers:
        self._take("{")
        asked = []
        while not self._skip("}"):
            label = self._take("name", "string").value
            sign = self._take("=", "!=", "=~", "!~").text
            value = self._take("string").value
            asked.append((label, sign, value))
            self._skip(",")
        return frozenset(asked)

    def _logs(self, logs: _Logs) -> _Logs:
        """What follows a stream selector; the range may stand before the pipeline or after it."""
        logs = replace(logs, pipeline=logs.pipeline + self._pipeline())
        if not self._skip("["):
            return logs
        window = self._take("number").value
        self._take("]")
        offset = self._length() if self._skip("offset") else None
        return self._logs(replace(logs, window=window, offset=offset))

    def _length(self) -> str:
        """A duration, which may be negative."""
        sign = "-" if self._skip("-") else ""
        return sign + self._take("number").value

    def _pipeline(self) -> tuple[str, ...]:
        """Its words up to the range or the bracket that closes what it stands in."""
        stages: list[str] = []
        depth = 0
        for word in self._words[self._at :]:
            if word.text == "[":
                break
            if word.text in _OPENING_BRACKETS:
                depth += 1
            elif word.text in _CLOSING_BRACKETS:
                depth -= 1
            if depth < 0:
                break
            stages.append(f"{word.kind} {word.value}")
        self._at += len(stages)
        return tuple(stages)
