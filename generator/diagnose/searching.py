"""Searches bytes for many texts at once. No IO."""

from collections.abc import Iterator, Sequence

import ahocorasick_rs

from generator.diagnose.windows import Window

_SLICE = 1 << 18  # bytes that are searched at once: what is found in them is held at once


class KeySearch:
    """Searches for many texts at once; of those that begin at one place the first one is found."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        # With leftmost matches the library searches with vector instructions.
        self._automaton = ahocorasick_rs.BytesAhoCorasick(
            [key.encode() for key in keys], matchkind=ahocorasick_rs.MatchKind.LeftmostFirst
        )
        self._longest = max(map(len, keys), default=0)

    def places(self, window: Window) -> Iterator[tuple[int, str]]:
        """Where a text begins that is new in a window, and which one."""
        data = memoryview(window.data)
        for begin in range(window.begin, window.end, _SLICE):
            end = min(begin + _SLICE, window.end)
            searched = data[begin : end + self._longest]
            for index, start, _ in self._automaton.find_matches_as_indexes(searched):
                if begin + start < end:
                    yield begin + start, self.keys[index]
