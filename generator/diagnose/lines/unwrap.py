"""Undoes what collectors and tools wrap around a line that a program printed. No IO."""

import re
from dataclasses import replace
from datetime import datetime

from generator.diagnose.lines.fronts import known_front, line_behind
from generator.diagnose.lines.json_and_csv import json_record
from generator.diagnose.lines.klog import KLOG, begins, is_of_kubelet, is_record_of_klog
from generator.diagnose.lines.line import FRONT_CHARACTERS, Line
from generator.diagnose.lines.programs import other_program
from generator.diagnose.lines.records import line_of_record
from generator.diagnose.lines.unknown_fronts import line_behind_unknown

MOST_WRAPPINGS = 5  # a docker file, shipped by Fluent Bit, read back from Loki, is three
COLOUR_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def unwrap(line: str, now: datetime) -> Line:
    """The line inside all its wrappings; the outermost node and pod count, and the innermost time and program.

    What stands in front of the head that a program writes is a wrapping, also one that is not known here.
    `now` decides the year of times that come without one.
    """
    # Web pages and chats write spaces that do not break.
    plain = COLOUR_ESCAPE.sub("", line) if "\x1b" in line else line
    plain = plain.replace("\u00a0", " ")
    found = Line(plain.rstrip("\r\n"))
    for _ in range(MOST_WRAPPINGS):
        inner = _inside(found.text, now)
        if inner is None:
            break
        found = _unwrapped_line(found, inner)
    if not begins(found.text):
        inner = line_behind_unknown(found.text)
        found = _unwrapped_line(found, inner) if inner else found
    if is_of_kubelet(found.text) and not other_program(found):
        found = replace(found, program="kubelet")
    return found


def _unwrapped_line(outer: Line, inner: Line) -> Line:
    return Line(
        inner.text.rstrip("\r\n"),
        inner.time or outer.time,
        outer.node or inner.node,
        outer.pod or inner.pod,
        inner.program or outer.program,
        outer.partial or inner.partial,
        inner.front,
    )


def _inside(text: str, now: datetime) -> Line | None:
    if KLOG.match(text):
        return None
    if text.lstrip().startswith("{"):
        record = json_record(text)
        if record is None or (text.startswith('{"ts":') and is_record_of_klog(record)):
            return None
        return line_of_record(text, record)
    groups = known_front(text)
    return line_behind(groups, now) if groups else None


def opens(text: str) -> bool:
    """Whether a line is the first of a record: with a head, whatever stands before it, or with a wrapping."""
    if begins(text) or text.startswith("{") or KLOG.search(text[:FRONT_CHARACTERS]):
        return True
    return known_front(text) is not None
