"""Messages as klog, which kube-proxy and kubelet print with, and Go's runtime begin them. No IO."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from generator.diagnose.lines.json_and_csv import json_record
from generator.diagnose.lines.moments import in_year, moment

KLOG = re.compile(
    r"(?P<level>[IWEF])(?P<month>[01]\d)(?P<day>[0-3]\d) (?P<clock>\d\d:\d\d:\d\d\.\d+) +\d+ (?P<source>\S+):\d+\] "
)
HEADS = (KLOG, re.compile(r'\{"ts":'), re.compile(r"(?:panic|fatal error): "))
# Files of kubelet's that print with klog too; kube-proxy has none of these names.
KUBELET = re.compile(r"[IWEF]\d{4} \S+ +\d+ kubelet[\w]*\.go:|\{\"ts\":[^,]+,\"caller\":\"kubelet/")


def begins(text: str) -> bool:
    """Whether a new message of a program begins here, and no continuation of one."""
    return bool(KLOG.match(text)) or text.startswith(('{"ts":', "panic: ", "fatal error: "))


def is_error(text: str) -> bool:
    """Whether klog (in text or JSON) or Go's runtime says that this is an error."""
    klog = KLOG.match(text)
    if klog:
        return klog["level"] in "EF"
    if text.startswith('{"ts":'):
        record = json_record(text)
        return record is not None and "err" in record and "v" not in record
    return text.startswith(("panic: ", "fatal error: "))


def printed_at(text: str, now: datetime) -> datetime | None:
    """The time in klog's own head, taken for UTC, in the latest year that is not in the future."""
    klog = KLOG.match(text)
    if klog:
        return in_year(int(klog["month"]), int(klog["day"]), klog["clock"], now)
    if text.startswith('{"ts":'):
        record = json_record(text)
        return moment(record.get("ts")) if record else None
    return None


def said(text: str) -> str:
    """A message without what differs each time that it is said: klog's time and process."""
    klog = KLOG.match(text)
    return f"{klog['level']} {text[klog.start('source') :]}" if klog else text


def is_of_kubelet(text: str) -> bool:
    """Whether a message itself says that it is kubelet's, whatever its wrapping says."""
    return KUBELET.match(text) is not None


def is_record_of_klog(record: Mapping[str, Any]) -> bool:
    """Whether a record is a message of klog in JSON."""
    return (
        isinstance(record.get("msg"), str) and "ts" in record and ("v" in record or "err" in record)
    )
