"""Decides, as Loki would, whether a physical log line belongs to a failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import ahocorasick_rs
import re2

_META = frozenset(r"\.+*?()|[]{}^$")


class Pattern(Protocol):
    def search(self, text: str) -> object | None: ...


@cache
def compile_re2(pattern: str) -> Pattern:
    """Compile with RE2, the engine of Loki and Prometheus. Raises ValueError with the reason."""
    options: Any = re2.Options()
    options.log_errors = False
    options.never_capture = (
        True  # nobody reads the groups, and copying hundreds takes milliseconds a line
    )
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
    return compiled


def escape(literal: str) -> str:
    """A literal as an RE2 pattern; only what must be escaped is, so that it stays readable."""
    return "".join("\\" + char if char in _META else char for char in literal)


@dataclass(frozen=True)
class Signature:
    """A log signal as a chain of line filters, in the order in which Loki runs them.

    A line passes if it holds every literal and one of `any_of` (if there are some), the pattern (if there is one) is
    found in it, and no exclusion is.
    """

    literals: tuple[str, ...]
    any_of: tuple[str, ...]
    pattern: str | None
    exclude: tuple[str, ...]

    def matches(self, line: str) -> bool:
        return (
            all(literal in line for literal in self.literals)
            and (not self.any_of or any(literal in line for literal in self.any_of))
            and (self.pattern is None or compile_re2(self.pattern).search(line) is not None)
            and not any(compile_re2(pattern).search(line) for pattern in self.exclude)
        )


class Signatures:
    """Many signatures at once. One pass over a line for literals that each needs keeps the cost of a line flat."""

    def __init__(self, signatures: Mapping[str, Signature]) -> None:
        self._all = list(signatures.items())
        self._unkeyed: list[int] = []
        self._keyed: list[int] = []
        keys: list[str] = []
        for number, (_, signature) in enumerate(self._all):
            longest = max(signature.literals, key=len, default="")
            own = (
                [longest] if longest else [key for key in signature.any_of if all(signature.any_of)]
            )
            keys += own
            self._keyed += [number] * len(own)
            self._unkeyed += [] if own else [number]
        self._literals = ahocorasick_rs.AhoCorasick(keys)

    def owners(self, line: str) -> frozenset[str]:
        """The names of the signatures that the line passes."""
        found = self._literals.find_matches_as_indexes(line, overlapping=True)
        candidates = {self._keyed[index] for index, _, _ in found}
        return frozenset(
            self._all[number][0]
            for number in (*candidates, *self._unkeyed)
            if self._all[number][1].matches(line)
        )
