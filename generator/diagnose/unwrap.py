"""Undoes what collectors and tools wrap around a line that a program printed. No IO."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_DEPTH = 5  # a docker file, shipped by Fluent Bit, read back from Loki, is three


@dataclass(frozen=True)
class Line:
    """What the program printed, and what the wrapping says of it. `partial`: the rest comes with the next line."""

    text: str
    time: datetime | None = None
    node: str | None = None
    pod: str | None = None
    partial: bool = False


_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Each wrapping in front of a line; the groups are fields of Line.
_FRONTS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"(?P<time>{_TIME}) (?:stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<text>.*)",  # CRI
        rf"(?P<time>{_TIME}) (?P<labels>\{{[^{{}}]*\}}) +(?P<text>.*)",  # logcli
        rf"(?P<time>{_TIME}) (?P<node>[\w.-]+) [\w./@-]+(?:\[\d+\])?: (?P<text>.*)",  # journalctl -o short-iso
        rf"(?P<short>{_MONTH} [ \d]\d \d\d:\d\d:\d\d)(?:\.\d+)? (?P<node>[\w.-]+) [\w./@-]+(?:\[\d+\])?: "
        r"(?P<text>.*)",  # journalctl, syslog
        r"\[pod/(?P<pod>[^/\]]+)/[^\]]+\] (?P<text>.*)",  # kubectl logs --prefix
        r"(?:[a-z0-9-]+ › )?(?P<pod>[a-z0-9.-]*kube-proxy[a-z0-9.-]*) (?:›? ?)(?P<container>[a-z0-9-]+)(?: [|│])? "
        r"(?P<text>.*)",  # stern
        rf"(?P<time>{_TIME}) (?P<text>.*)",  # kubectl logs --timestamps
        r"MESSAGE=(?P<text>.*)",  # journalctl -o export
        r"[^\x00\n].{0,6}\x00(?P<text>[^\x00].*)",  # the same with its length in eight bytes
    )
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NODES = (
    "node_name",
    "node",
    "host",
    "hostname",
    "_HOSTNAME",
    "pod_node_name",
    "nodename",
    "k8s_node_name",
    "instance",
)
_PODS = ("pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name")
_DOCKER = {"log", "stream", "time", "attrs"}
_TEXTS = ("log", "MESSAGE", "line", "message", "body", "msg", "_raw")
_TIMES = ("time", "timestamp", "@timestamp", "__REALTIME_TIMESTAMP", "ts", "date", "_time")
KLOG = re.compile(
    r"(?P<level>[IWEF])(?P<month>[01]\d)(?P<day>[0-3]\d) (?P<clock>\d\d:\d\d:\d\d\.\d+) +\d+ (?P<source>\S+):\d+\] "
)


def unwrap(line: str, now: datetime) -> Line:
    """The line inside all its wrappings; the outermost node and pod count, and the innermost time that one gives.

    `now` decides the year of times that come without one.
    """
    found = Line((_COLOURS.sub("", line) if "\x1b" in line else line).rstrip("\r\n"))
    for _ in range(_DEPTH):
        inner = _inside(found.text, now)
        if inner is None:
            break
        found = Line(
            inner.text.rstrip("\r\n"),
            inner.time or found.time,
            found.node or inner.node,
            found.pod or inner.pod,
            found.partial or inner.partial,
        )
    return found


def printed_at(text: str, now: datetime) -> datetime | None:
    """The time in klog's own head, taken for UTC, in the latest year that is not in the future."""
    klog = KLOG.match(text)
    if klog:
        return _in_year(int(klog["month"]), int(klog["day"]), klog["clock"], now)
    if text.startswith('{"ts":'):
        record = _record(text)
        return _moment(record.get("ts")) if record else None
    return None


def is_error(text: str) -> bool:
    """Whether klog (in text or JSON) or Go's runtime says that this is an error."""
    klog = KLOG.match(text)
    if klog:
        return klog["level"] in "EF"
    if text.startswith('{"ts":'):
        record = _record(text)
        return record is not None and "err" in record and "v" not in record
    return text.startswith(("panic: ", "fatal error: "))


def begins(text: str) -> bool:
    """Whether a new message of a program begins here, and no continuation of one."""
    return bool(KLOG.match(text)) or text.startswith(('{"ts":', "panic: ", "fatal error: "))


def _inside(text: str, now: datetime) -> Line | None:
    if KLOG.match(text) or text.startswith('{"ts":'):
        return None
    if text.startswith("{"):
        record = _record(text)
        return _of_record(record) if record else None
    for pattern in _FRONTS:
        found = pattern.fullmatch(text)
        if found:
            return _of_front(found.groupdict(), now)
    return None


def _of_front(groups: Mapping[str, str | None], now: datetime) -> Line:
    labels = dict(_LABEL.findall(groups.get("labels") or ""))
    short = groups.get("short")
    return Line(
        groups["text"] or "",
        _in_year(_MONTHS.index(short[:3]) // 3 + 1, int(short[4:6]), short[7:], now)
        if short
        else _moment(groups.get("time")),
        groups.get("node") or _first(labels, _NODES),
        groups.get("pod") or _first(labels, _PODS),
        groups.get("tag") == "P",
    )


def _of_record(record: Mapping[str, Any]) -> Line | None:
    text = next((_text(record[key]) for key in _TEXTS if key in record), None)
    if text is None:
        return None
    places = [record, *(row for row in record.values() if isinstance(row, dict))]
    return Line(
        text,
        next((time for key in _TIMES if (time := _moment(record.get(key)))), None),
        next((node for place in places if (node := _first(place, _NODES))), None),
        next((pod for place in places if (pod := _first(place, _PODS))), None),
        # docker's driver cuts what is longer than 16 KiB, and ends a whole line with its newline.
        "log" in record and record.keys() <= _DOCKER and not text.endswith("\n"),
    )


def _text(value: Any) -> str | None:
    """journald's JSON gives the bytes of a message that cannot be printed as numbers."""
    if isinstance(value, list):
        try:
            return bytes(value).decode(errors="replace")
        except (TypeError, ValueError):
            return None
    return value if isinstance(value, str) else None


def _record(text: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _first(labels: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if isinstance(value := labels.get(name), str) and value), None)


def _moment(value: Any) -> datetime | None:
    """A time as text, or as a number since 1970 in seconds, milliseconds (klog), microseconds (journald) or finer."""
    try:
        if isinstance(value, str) and not value.isdigit():
            at = datetime.fromisoformat(re.sub(r"[.,](\d{1,6})\d*", r".\1", value))
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        number = float(value)
        while number > 1e11:
            number /= 1000
        return datetime.fromtimestamp(number, UTC) if number > 0 else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _in_year(month: int, day: int, clock: str, now: datetime) -> datetime | None:
    """A time without a year: the latest one that is not in the future (clocks may differ by a day)."""
    hour, minute, second = clock[:15].split(":")
    whole, _, fraction = second.partition(".")
    for year in range(now.year + 1, now.year - 8, -1):  # the next 29th of February may be far
        try:
            at = datetime(year, month, day, int(hour), int(minute), int(whole), int(fraction.ljust(6, "0")), UTC)
        except ValueError:
            continue
        if at <= now + timedelta(days=1):
            return at
    return None
