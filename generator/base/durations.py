"""Durations as Prometheus and Loki write them: `90s`, `1h30m`."""

import re

from promql_parser import parse_duration

_YEARS = 100  # rulers count nanoseconds, of which 64 bits hold 292 years
_MILLISECONDS = {
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}


def seconds(text: str) -> float:
    """Length of a duration in seconds. Raises ValueError if it is not one."""
    if text == "0":
        return 0.0
    if not re.fullmatch("([0-9]+(ms|[smhdwy]))+", text):
        raise ValueError("not a duration such as 90s, 10m or 1h30m")
    if re.fullmatch("0+(ms|[smhdwy])", text):
        return 0.0  # which the parser refuses, and `for: 0s` is
    try:
        length = float(parse_duration(text).total_seconds())
    except OverflowError as error:
        raise ValueError(f"longer than {_YEARS} years") from error
    if length > _YEARS * 365 * 86_400:
        raise ValueError(f"longer than {_YEARS} years")
    return length


def shortest_text(length: float) -> str:
    """A length in seconds as it is written shortest: 600 is 10m, 5400 is 1h30m."""
    text = ""
    left = round(length * 1000)
    for unit, size in _MILLISECONDS.items():
        count, left = divmod(left, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"
