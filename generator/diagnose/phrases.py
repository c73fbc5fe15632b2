"""Times, sizes, numbers and lists as people read them. No IO."""

from collections.abc import Sequence
from datetime import datetime

SHOWN = 5  # of a list, to a person
_SHOWN_CHARACTERS = 400  # of a line of a log, to a person


def written_time(time: datetime | None) -> str | None:
    """A time in UTC, as a log says it."""
    if time is None:
        return None
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def readable_size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def first_few(words: Sequence[str]) -> str:
    """The first words of a list, and how many more there are."""
    shown = ", ".join(words[:SHOWN])
    more = len(words) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def shortened(line: str) -> str:
    """A line of a log, cut where it is too long to be read."""
    if len(line) <= _SHOWN_CHARACTERS:
        return line
    return f"{line[: _SHOWN_CHARACTERS - 1]}…"
