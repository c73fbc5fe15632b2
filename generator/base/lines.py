"""What a line of a store has beside its text: labels and a time."""

from collections.abc import Mapping

Labels = Mapping[str, str]
TimedLine = tuple[int, str]  # its time in nanoseconds since 1970, and its text
NANOSECONDS_A_SECOND = 1_000_000_000
