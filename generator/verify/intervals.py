"""When Alertmanager's time intervals are active. No IO."""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from amlint import timeintervals
from amlint.timeintervals import Entry, IntervalError, Range

_CYCLE = (
    40  # years in which each day of the month, the 29th of February too, is each day of the week
)

Interval = Sequence[Entry]


def intervals_of(config: Mapping[str, Any]) -> dict[str, Interval]:
    """The time intervals by name; one that cannot be read is left out, and taken for one that mutes."""
    found: dict[str, Interval] = {}
    for key in ("time_intervals", "mute_time_intervals"):
        for row in config.get(key) or ():
            try:
                entries = [timeintervals.parse_entry(one) for one in row.get("time_intervals", ())]
            except IntervalError:
                continue
            found[row["name"]] = entries
    return found


def always_active(interval: Interval) -> bool:
    """Whether it is active at every minute, wherever that is."""
    return timeintervals.always_active(list(interval))


def ever_active(interval: Interval, today: date) -> bool:
    """Whether it is active at any time from a day on."""
    return any(_entry_ever_active(entry, today) for entry in interval)


def _entry_ever_active(entry: Entry, today: date) -> bool:
    if entry.times == []:
        return False
    weekdays = _numbers_in(entry.weekdays, 0, 6)
    months = _numbers_in(entry.months, 1, 12)
    for year in _years(entry.years, today.year):
        for month in months:
            first, length = monthrange(year, month)
            for day in _days(entry.days_of_month, length):
                on_time = (year, month, day) >= (today.year, today.month, today.day)
                if on_time and (first + day) % 7 in weekdays:  # Go's Sunday is 0, Python's 6
                    return True
    return False


def _numbers_in(ranges: Sequence[Range] | None, first: int, last: int) -> set[int]:
    """Those that lie in any of the ranges; all of them where none is asked for."""
    found: set[int] = set()
    for begin, end in [(first, last)] if ranges is None else set(ranges):
        found.update(range(max(begin, first), min(end, last) + 1))
    return found


def _years(ranges: Sequence[Range] | None, this: int) -> Iterator[int]:
    """From this year on, so many of each range that every day of the month has been every day of the week."""
    for begin, end in [(this, this + _CYCLE)] if ranges is None else set(ranges):
        first = max(begin, this)
        yield from range(first, min(end, first + _CYCLE) + 1)


def _days(ranges: Sequence[Range] | None, length: int) -> Iterator[int]:
    """The days of a month with so many days; negative ones are counted from its end."""
    for begin, end in [(1, length)] if ranges is None else set(ranges):
        first = begin if begin > 0 else length + begin + 1
        last = end if end > 0 else length + end + 1
        yield from range(max(first, 1), min(last, length) + 1)
