"""Times as logs write them: with a zone or without, with a year or without, as numbers. No IO."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
TIME_IN_FRONT = re.compile(TIME)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FRACTION = re.compile(r"[.,](\d{1,6})\d*")


def moment(value: Any) -> datetime | None:
    """A time as text, or as a number since 1970 in seconds, milliseconds (klog), microseconds (journald) or finer."""
    try:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            return _written_moment(value)
        number = 0.0 if isinstance(value, bool) else float(value)
        while math.isfinite(number) and number > 1e11:
            number /= 1000
        return datetime.fromtimestamp(number, UTC) if number > 0 else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _written_moment(text: str) -> datetime:
    """A time as text, in UTC unless it says another zone; of its fraction microseconds count."""
    time = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def time_in(front: str) -> datetime | None:
    """The first time with a date that stands in a text."""
    found = TIME_IN_FRONT.search(front)
    return moment(found[0]) if found else None


def in_year(month: int, day: int, clock: str, now: datetime) -> datetime | None:
    """A time without a year: the latest one that is not in the future (clocks may differ by a day)."""
    hour, minute, second = clock[:15].split(":")
    whole, _, fraction = second.partition(".")
    latest = now + timedelta(days=1)
    for year in range(latest.year, now.year - 8, -1):  # the next 29th of February may be far
        try:
            at = datetime(
                year,
                month,
                day,
                int(hour),
                int(minute),
                int(whole),
                int(fraction.ljust(6, "0")),
                UTC,
            )
        except ValueError:
            continue
        if at <= latest:
            return at
    return None
