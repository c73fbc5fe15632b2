"""Decides, as Loki would, whether a physical log line belongs to a failure."""

from collections.abc import Mapping, Sequence
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
    # Nobody reads the groups, and copying hundreds takes milliseconds a line.
    options.never_capture = True
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
    return compiled


def compile_whole(pattern: str) -> Pattern:
    """Compiled to match whole values. Raises ValueError with the reason."""
    return compile_re2(f"^(?:{pattern})$")


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
        for literal in self.literals:
            if literal not in line:
                return False
        if self.any_of and not any(literal in line for literal in self.any_of):
            return False
        if self.pattern is not None and not compile_re2(self.pattern).search(line):
            return False
        return not any(compile_re2(pattern).search(line) for pattern in self.exclude)


def _keys(signature: Signature) -> Sequence[str]:
    """Literals of which each line that passes holds one; none where the signature promises no such thing."""
    longest = max(signature.literals, key=len, default="")
    if longest:
        return [longest]
    return signature.any_of if all(signature.any_of) else ()


class Signatures:
    """Many signatures at once. One pass over a line for literals that each needs keeps the cost of a line flat."""

    def __init__(self, signatures: Mapping[str, Signature]) -> None:
        self._all = list(signatures.items())
        self._unkeyed: list[int] = []
        self._keyed: list[int] = []
        keys: list[str] = []
        for number, (_, signature) in enumerate(self._all):
            own = _keys(signature)
            keys += own
            self._keyed += [number] * len(own)
            if not own:
                self._unkeyed.append(number)
        self._literals = ahocorasick_rs.AhoCorasick(keys)

    def owners(self, line: str) -> frozenset[str]:
        """The names of the signatures that the line passes."""
        found = self._literals.find_matches_as_indexes(line, overlapping=True)
        candidates = {self._keyed[index] for index, _, _ in found}
        candidates.update(self._unkeyed)
        owners = []
        for number in candidates:
            name, signature = self._all[number]
            if signature.matches(line):
                owners.append(name)
        return frozenset(owners)
