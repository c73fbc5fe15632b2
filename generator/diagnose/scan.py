"""Finds, in bytes, the few lines that are worth a look: one pass for many literals at once. No IO."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import re2

from generator.diagnose import hints
from generator.diagnose.hints import NOTHING_TOLD, Hints
from generator.diagnose.lines.klog import begins, is_error, is_of_kubelet, printed_at, said
from generator.diagnose.lines.line import Line
from generator.diagnose.lines.moments import moment, time_in
from generator.diagnose.lines.programs import other_program
from generator.diagnose.lines.re2_dialect import for_re2
from generator.diagnose.lines.unknown_fronts import apart
from generator.diagnose.lines.unwrap import unwrap
from generator.diagnose.memory import (
    CRI_CUT,
    FRONT_BYTES,
    KUBECTL,
    Known,
    Memory,
    Origin,
    Proven,
    timeless,
)
from generator.diagnose.searching import KeySearch
from generator.diagnose.sections import Sections, is_border
from generator.diagnose.windows import AROUND, Window
from generator.query.signature import Signature, Signatures

# What no wrapping escapes: JSON encoders write the other characters in several ways.
_SAFE = re.compile(r"[ !#$%()*,\-.0-9:;=?@A-Z\[\]^_`a-z{|}~]+")
_SHORTEST_KEY = 3
_SHOWN_LINES = 3  # of a message, after the one that proves a failure
_REST_LINES = 200  # of one message; a panic prints its stack
_LINES_BACK = 12  # in which the head of a message is looked for that bears its time
_OTHERS = 50  # lines of others between those of one message
_JUDGED, _JUDGED_LENGTH = (
    20_000,
    2_000,
)  # messages whose entries are remembered, and their characters
_KEPT, _KEPT_LENGTH = 5_000, 4_000  # errors whose lines are remembered, and the characters of these
_REST_BYTES = 1 << 16
_ALIKE_BYTES = 1 << 12  # of an error and its lines, by which errors are compared
_SAME_POD, _ANOTHER_POD = b"\1", b"\2"  # in place of the front of a line, of the same pod or not
_PIECES = 64  # of a line that a container runtime cut
_TOLD_BYTES, _TOLD_WORDS, _TOLD_TIMES = 100, 10_000, 100
_CUT_BYTES = 1 << 13  # container runtimes cut lines that are twice as long
_BEGINS = re.compile(rb"[IWEF][01]\d[0-3]\d \d\d:\d\d:|\\?\"ts\\?\":|panic: |fatal error: ")
_DIGITS = b"0123456789"
_HINTS = frozenset(hints.KEYS)
_DOCKER_CUT = re.compile(rb'"log\\*" *:')  # it may be quoted in another record
# docker's driver writes the newline of a line that it did not cut.
_DOCKER_WHOLE = re.compile(rb'\{"log": ?"[^"\\]*(?:\\.[^"\\]*)*\\n", ?"stream":')
# An error's head with the two characters before it: no word, but perhaps AM or PM, what JSON writes for a tab, or a
# colour's end.
_HEAD = re.compile(
    rb"(?:\A|[^0-9A-Za-z_]|[AP]M|\\[nrt]|[\[0-9;][mK])[EF][01]\d[0-3]\d \d\d:\d\d:\Z"
)
_BEFORE_HEAD, _HEAD_BYTES = 2, 12
_NAMED_BYTES = 200  # of a line: klog's head and the source file stand in them
_KLOG_TIME = re.compile(rb"[IWEF][01]\d[0-3]\d \d\d:\d\d:\d\d\.\d+ ")
# klog's head with its file, in text and in JSON, and the stack of a kube-proxy that died.
SPEAKING: Any = re2.compile(  # many times faster over much that does not match
    rb"[IWEF][01]\d[0-3]\d \d\d:\d\d:\d\d\.\d{1,9} +\d+ [\w./-]{1,200}:\d+\]"
    rb'|caller\\?":\\?"[\w./-]{1,200}\.go:\d|k8s\.io/kubernetes/|"MESSAGE" ?: ?\['
)
_BLANKS = (b" ", b"\t")
_LAST_LINES = 20
_LOOKS = (
    1000  # lines of other programs in a window, after which there is probably none of kube-proxy
)
_TITLE_BYTES = 100  # of a record of the journal, in which its time is
_EXPORT_TIME = re.compile(rb"^__REALTIME_TIMESTAMP=(\d+)$", re.MULTILINE)
_EXPORT_NODE = re.compile(rb"^ *_HOSTNAME=(\S+)$", re.MULTILINE)
_EXPORT_PROGRAM = re.compile(rb"^ *SYSLOG_IDENTIFIER=(\S+)$", re.MULTILINE)
_MESSAGE = re.compile(rb" *MESSAGE[=\n]")
_FIELD = re.compile(rb" *[A-Z_][A-Z0-9_]*=|\n")  # or the empty line between records
_VERBOSE_TITLE = re.compile(rb"^\S.*\[s=", re.MULTILINE)
# klog's head of an error in text: its letter and the month. In JSON it is the key `err`, quoted in one way or another.
_ERROR_DATES = frozenset(f"{level}{month:02}" for level in "EF" for month in range(1, 13))
_JSON_ERROR = '"err'
_ERRORS = frozenset([*_ERROR_DATES, _JSON_ERROR, "panic: ", "fatal error: "])
# journald writes a message that cannot be printed as a list of numbers.
_NUMBERS = ('"MESSAGE":[', '"MESSAGE": [', '"MESSAGE" : [')


@dataclass(frozen=True)
class Event:
    """A line that matters: `owners` are the entries it proves, `hints` what it tells of its kube-proxy.

    `error`: it is the first line of an error, and `rest` are the lines that belong to it. `count`: it stands for so
    many lines that differ in their times only, or errors that differ in numbers only; if it has no text, it only
    counts them, and if the count is 0, they were counted already, and it tells a time. `at` is its place in the window.
    """

    line: Line
    owners: frozenset[str]
    hints: Hints
    error: bool = False
    rest: tuple[str, ...] = ()
    count: int = 1
    at: int = 0


@dataclass(frozen=True)
class Surroundings:
    """The number of a line in its source, and the lines of the same message before and after it."""

    number: int
    before: str | None
    after: tuple[str, ...]


def head_patterns() -> dict[str, Any]:
    """What finds lines, as data for another program that does the same; the patterns are RE2's too."""
    return {
        "around_head": [_BEFORE_HEAD, _HEAD_BYTES],
        "lines_back": _LINES_BACK,
        "last_lines": _LAST_LINES,
        "rest_lines": _REST_LINES,
        "others": _OTHERS,
        "pieces": _PIECES,
        "looks": _LOOKS,
        "patterns": {
            "speaking": SPEAKING.pattern.decode(),
            "errorHead": for_re2(_HEAD),
            "message": rf"\A(?:{for_re2(_MESSAGE)})",
            "field": rf"\A(?:{for_re2(_FIELD)})",
            "verboseTitle": for_re2(_VERBOSE_TITLE),
            "journalTime": for_re2(_EXPORT_TIME),
            "journalNode": for_re2(_EXPORT_NODE),
            "journalProgram": for_re2(_EXPORT_PROGRAM),
        },
    }


_Clocked = tuple[bytes, int]  # the time in the head of klog's of a line, and its place


class _Sought:
    """How lines of signatures are found: by texts that each of them holds."""

    def __init__(self, signatures: Mapping[str, Signature]) -> None:
        own = [keys_of(signature) for signature in signatures.values()]
        self.every = not all(own)
        self.signatures = Signatures(signatures)
        needed = tuple(dict.fromkeys(key for keys in own for key in keys))
        # Two passes over few keys are faster than one over all, and no sign of an error hides what a signature needs.
        self.searches = (KeySearch(needed), KeySearch((*hints.KEYS, *_ERRORS, *_NUMBERS)))
        # What else must be in the line, for keys that ordinary lines hold too.
        self.company: dict[str, tuple[bytes, ...]] = {}
        for signature, keys in zip(signatures.values(), own, strict=True):
            for key in keys:
                alone = key in self.company or _hides(key, needed)
                self.company[key] = () if alone else _company_of(key, signature)


# To make this takes longer than to read a short log, and many logs may be read for the same signatures.
@lru_cache(maxsize=4)
def _sought(signatures: tuple[tuple[str, Signature], ...]) -> _Sought:
    return _Sought(dict(signatures))


class Scanner:
    """Finds what a signature matches in whatever wrapping, what tells of the kube-proxy, and all errors."""

    def __init__(self, signatures: Mapping[str, Signature], each: bool = False) -> None:
        """`each`: no event stands for several lines, as their times may matter one by one."""
        self._each = each
        self._sought = _sought(tuple(signatures.items()))
        self.searches = self._sought.searches
        self._told: dict[bytes, int] = {}
        self._memory = Memory()
        self._lines: dict[int, tuple[str, ...]] = {}
        self._judged: dict[str, tuple[frozenset[str], Hints]] = {}
        self._sections = Sections()

    def events(self, window: Window, now: datetime) -> Iterator[Event]:
        """`now` decides the year of times that come without one."""
        data, done = window.data, window.begin
        places = self._places(window)
        self._sections.enter(window, now)
        alike: dict[int, _Alike] = {}
        again: dict[tuple[Known, Origin | None], _Again] = {}
        pieces = bool(CRI_CUT.search(data))
        for number, (at, key) in enumerate(places):
            if at < done:
                continue
            start, stop = _bounds(data, at)
            section = self._sections.at(start)
            # What stands around or before such a line tells who printed it.
            journal = _in_journal(data, start)
            indented = data[start : start + 1] in _BLANKS
            dependent = journal or (indented and _is_named_above(data, start))
            known = (
                None if self._each or dependent else self._memory.recall(data, start, stop, pieces)
            )
            if known:
                done = stop
                if known[0].owners:
                    row = again.get((known, section))
                    if row is None:
                        again[known, section] = row = _Again(at)
                    row.count += 1
                    row.last = at
                continue
            text, lines = 0, None
            if key in _ERRORS and not self._each:
                text = _key_of_alike(data, start, stop, key, _errors_only(places, number, stop))
                if journal:
                    text = hash((text, *_printer(data, start, stop)))
                if section:
                    text = hash((text, section))
                before = alike.get(text)
                if before:
                    before.count += 1
                    before.last = at
                    done = stop
                    continue
                lines = self._lines.get(text)
            event, done = self._event(data, at, now, lines)
            if not dependent and (not event.error or event.owners):
                self._remember(data, start, stop, done, event)
            event = replace(event, line=_told_by_heading(section, event.line)) if section else event
            if text and event.error and not event.owners:
                alike[text] = _Alike(at, event)
                self._keep(text, event.rest)
            if event.owners or event.error or event.hints != NOTHING_TOLD:
                yield event
        for one in alike.values():
            if one.count:
                line = self._line(data, one.last, now)
                yield replace(one.event, line=line, count=one.count)
        yield from self._repeated(data, again, now)

    def _remember(self, data: bytes, start: int, stop: int, end: int, event: Event) -> None:
        """Keep what a line says if it says so by itself: it is whole, and tells nothing of its kube-proxy."""
        if stop == end and event.hints == NOTHING_TOLD:
            self._memory.keep(data, start, stop, event.line, event.owners)

    def _repeated(
        self,
        data: bytes,
        again: Mapping[tuple[Known, Origin | None], "_Again"],
        now: datetime,
    ) -> Iterator[Event]:
        """Lines that came before, counted by where they come from; the first and the last of all with their times."""
        ends: dict[tuple[Proven, str | None], tuple[list[_Clocked], list[_Clocked]]] = {}
        for ((verdict, origin), section), row in again.items():
            line = _told_by_heading(
                section, Line("", None, origin.node, origin.pod, origin.program)
            )
            yield Event(line, verdict.owners, NOTHING_TOLD, count=row.count)
            firsts, lasts = ends.setdefault((verdict, other_program(line)), ([], []))
            firsts.append((_clock(data, row.first), row.first))
            lasts.append((_clock(data, row.last), row.last))
        for (verdict, _), (firsts, lasts) in ends.items():
            # By klog's clock, and by place, as at New Year the smaller date is the later one.
            chosen = {min(firsts)[1], max(lasts)[1], max(at for _, at in lasts)}
            chosen |= {at for clock, at in (*firsts, *lasts) if not clock}
            for at in sorted(chosen):
                yield Event(self._line(data, at, now), verdict.owners, NOTHING_TOLD, count=0, at=at)

    def speaks(self, window: Window, now: datetime) -> bool:
        """Whether there is a line that kube-proxy may have printed: klog's, and no other program is named."""
        data, at = window.data, window.begin
        self._sections.enter(window, now)
        for _ in range(_LOOKS):
            head = SPEAKING.search(data, at, window.end)
            if head is None:
                return False
            place = head.start()
            section = self._sections.at(place)
            if not other_program(_told_by_heading(section, _whole_line(data, place, now)[0])):
                return True
            at = _bounds(data, place)[1]
            if section and other_program(_told_by_heading(section, Line(""))):
                at = self._sections.end(place) or window.end
        return False

    def setting(self, window: Window, event: Event, now: datetime) -> Surroundings:
        """Where the line of an event stands, and among what."""
        line, start, stop = _whole_line(window.data, event.at, now)
        number = window.number + window.data.count(b"\n", window.begin, start)
        before = None if begins(line.text) else self._heading(window.data, start, line, now)
        after = islice(self._continuation(window.data, start, stop, line, now), _SHOWN_LINES)
        return Surroundings(
            number, before.text if before and is_error(before.text) else None, tuple(after)
        )

    def last_time(self, window: Window, now: datetime) -> datetime | None:
        """The time of the last line that bears one, of the last few."""
        at = window.end
        for _ in range(_LAST_LINES):
            if at <= window.begin:
                return None
            line, at, _ = _whole_line(window.data, at - 1, now)
            time = line.time or printed_at(line.text, now)
            if time:
                return time
        return None

    def explained(self, lines: Iterable[str]) -> bool:
        """Whether one of the lines belongs to an entry."""
        return any(self._owners(line) for line in lines)

    def _owners(self, text: str) -> frozenset[str]:
        return self._judge(text)[0]

    def _judge(self, text: str) -> tuple[frozenset[str], Hints]:
        """The entries that a line proves, and what it tells. What has been said before is not judged again."""
        key = said(text)
        judged = self._judged.get(key)
        if judged is None:
            judged = self._sought.signatures.owners(text), hints.hints_in(text)
            if len(self._judged) < _JUDGED and len(key) < _JUDGED_LENGTH:
                self._judged[key] = judged
        return judged

    def _places(self, window: Window) -> Sequence[tuple[int, str]]:
        """Where keys are found, in order; with a signature that has none, where lines begin."""
        data = window.data
        if self._sought.every:
            return [(start, "") for start in _line_starts(window)]
        needed, others = self.searches
        places = [
            (at, key)
            for at, key in needed.places(window)
            if _accompanied(data, at, self._sought.company[key])
        ]
        for at, key in others.places(window):
            if key in _ERROR_DATES:
                wanted = _begins_an_error(data, at)
            else:
                wanted = key not in _HINTS or self._news(data, at)
            if wanted:
                places.append((at, key))
        return sorted(places)

    def _news(self, data: bytes, at: int) -> bool:
        """Whether a line tells something that was not told in the same words many times."""
        end = data.find(b"\n", at) + 1 or len(data)
        words = data[at : min(end, at + _TOLD_BYTES)]
        times = self._told.get(words, 0)
        if times or len(self._told) < _TOLD_WORDS:
            self._told[words] = times + 1
        return times < _TOLD_TIMES

    def _keep(self, text: int, rest: tuple[str, ...]) -> None:
        """Remember which lines belong to an error, so that they are not looked for in each window."""
        if len(self._lines) < _KEPT and sum(map(len, rest)) < _KEPT_LENGTH:
            self._lines[text] = rest

    def _line(self, data: bytes, at: int, now: datetime) -> Line:
        """The line at a place with all that is known of it."""
        line, start, _ = _whole_line(data, at, now)
        line = self._with_neighbours(data, start, line, now)
        return _told_by_heading(self._sections.at(start), line)

    def _with_neighbours(self, data: bytes, start: int, line: Line, now: datetime) -> Line:
        """The line, with what its neighbours know of it: the time of the message that it belongs to."""
        if line.time:
            return line
        time = printed_at(line.text, now)
        before = None if time else self._heading(data, start, line, now)
        if before is None:
            return replace(line, time=time)
        line = replace(line, time=before.time or printed_at(before.text, now))
        if data[start : start + 1] not in _BLANKS or line.node or line.pod or line.program:
            return line
        # The journal writes a message of several lines so: the others are indented.
        return replace(line, node=before.node, pod=before.pod, program=before.program)

    def _heading(self, data: bytes, start: int, line: Line, now: datetime) -> Line | None:
        """The line with klog's head before the one that begins at a place, if they are of the same program."""
        first = self._sections.begin(start)
        for _ in range(_LINES_BACK):
            if start <= first:
                return None
            start, stop = _bounds(data, start - 1)
            if data.startswith((b"==", b"--"), start) and is_border(
                _unwrapped(data, start, stop, now).text
            ):
                return None
            record = data.startswith(b"{", start)  # which names much else first
            if _KLOG_TIME.search(data, start, stop) if record else _klog_head(data, start, stop):
                origin = self._memory.origin(data, start, stop)
                if origin and _elsewhere(origin, line):
                    continue
                before = _unwrapped(data, start, stop, now)
                if not _elsewhere(before, line) and not apart(before, line.text):
                    return before
        return None

    def _continuation(
        self, data: bytes, start: int, stop: int, first: Line, now: datetime
    ) -> Iterator[str]:
        """The lines that belong to an error: up to the next message, without what another program or node printed."""
        front = _front_of_head(data, start, stop)
        journal = _in_journal(data, start)
        limit = min(len(data), stop + _REST_BYTES, self._sections.end(start) or len(data))
        others = 0
        for _ in range(_REST_LINES):
            if stop >= limit:
                return
            start, stop = _bounds(data, stop)
            if journal and _FIELD.match(data, start) and not _MESSAGE.match(data, start):
                continue
            if front is not None and not journal and _front_of_head(data, start, stop) == front:
                return  # a message behind the same wrapping; there is no need to take it off
            origin = self._memory.origin(data, start, stop)
            elsewhere = origin is not None and _elsewhere(origin, first)
            line = first if elsewhere else _unwrapped(data, start, stop, now)
            if is_border(line.text):
                return
            if elsewhere or _elsewhere(line, first) or apart(first, line.text):
                others += 1
                if others > _OTHERS:
                    return
                continue
            if begins(line.text):
                return
            yield line.text

    def _event(
        self, data: bytes, at: int, now: datetime, rest: tuple[str, ...] | None = None
    ) -> tuple[Event, int]:
        """The message at a place, and where it ends; what belongs to it and begins a line of its own comes again.

        `rest` are the lines that belong to it, if that is known.
        """
        line, start, stop = _whole_line(data, at, now)
        (owners, told), error = self._judge(line.text), is_error(line.text)
        if owners or error:
            line = self._with_neighbours(data, start, line, now)
        if not error or owners or line.text.startswith("{"):  # klog's JSON is one line
            rest = ()
        elif rest is None:
            rest = tuple(self._continuation(data, start, stop, line, now))
        return Event(line, owners, told, error, rest, at=at), stop


def _begins_an_error(data: bytes, at: int) -> bool:
    """Whether the letter and the month at a place are those of an error's head."""
    begin = at - _BEFORE_HEAD if at > _BEFORE_HEAD else 0
    return _HEAD.search(data[begin : at + _HEAD_BYTES]) is not None


def _key_of_alike(data: bytes, start: int, stop: int, key: str, plain: bool) -> int:
    """What is the same of errors that are alike: all but numbers, but of a message that may be known all but its time.

    klog's JSON is one line; an error in text is told from another by the lines that follow too.
    """
    end = min(stop if key == _JSON_ERROR else _rest_stop(data, stop), start + _ALIKE_BYTES)
    pod = KUBECTL.match(data, start, stop)
    begin = pod.end() if pod else start
    head = _klog_head(data, start, stop)
    front = data[begin : head.start()] if head else b""
    message = data[head.end() : stop] if head else data[begin:stop]
    rest = data[stop:end]
    if pod:  # which one it is says nothing, but which of the lines that follow are its own
        front += pod["program"]
        rest = KUBECTL.sub(_ANOTHER_POD, rest.replace(pod[0], _SAME_POD))
    in_json = message.startswith(b"{") if head is None else b'"' in front
    if in_json:
        front, message, rest = timeless(front), timeless(message), timeless(rest)
    around = (front + rest).translate(None, _DIGITS)
    return hash((around, message.translate(None, _DIGITS) if plain else message))


def _printer(data: bytes, start: int, stop: int) -> tuple[bytes | None, ...]:
    """The node and the program of a record of the journal."""
    record = _journal_record(data, start, stop)
    found = (pattern.search(record) for pattern in (_EXPORT_NODE, _EXPORT_PROGRAM))
    return tuple(one[1] if one else None for one in found)


def _is_named_above(data: bytes, start: int) -> bool:
    """Whether the line with klog's head above may say who printed this one: by a wrapping, or as kubelet's."""
    for _ in range(_LINES_BACK):
        if not start:
            return False
        start, stop = _bounds(data, start - 1)
        head = _klog_head(data, start, stop)
        if head:
            named = data[start : min(stop, start + _NAMED_BYTES)].decode(errors="replace")
            return head.start() > start or is_of_kubelet(named)
    return False


class _Alike:
    """How often an error came again in a window, and where last."""

    def __init__(self, at: int, event: Event) -> None:
        self.count, self.last, self.event = 0, at, event


class _Again:
    """How often a line came again in a window, and where first and last."""

    def __init__(self, at: int) -> None:
        self.count, self.first, self.last = 0, at, at


def _clock(data: bytes, at: int) -> bytes:
    """The time in the head of klog's in a line, or in one of those before; empty if there is none."""
    start, stop = _bounds(data, at)
    for _ in range(_LINES_BACK):
        head = _klog_head(data, start, stop)
        if head or not start:
            return head[0][1:] if head else b""
        start, stop = _bounds(data, start - 1)
    return b""


def _told_by_heading(section: Origin | None, line: Line) -> Line:
    """A line with what the heading above it says, where its own wrapping does not."""
    if section is None:
        return line
    program = line.program or (None if line.pod else section.program)
    return replace(
        line, node=line.node or section.node, pod=line.pod or section.pod, program=program
    )


def _accompanied(data: bytes, at: int, company: tuple[bytes, ...]) -> bool:
    """Whether all these texts are in the line; taken for granted if it may be a part of one that was cut."""
    if not company:
        return True
    start = data.rfind(b"\n", max(0, at - _CUT_BYTES), at)
    stop = data.find(b"\n", at, at + _CUT_BYTES)
    if start < 0 or stop < 0:
        return True
    before = data.rfind(b"\n", max(0, start - _CUT_BYTES), start)
    if before < 0:
        return True
    return all(data.find(text, start, stop) >= 0 for text in company)


def _whole_line(data: bytes, at: int, now: datetime) -> tuple[Line, int, int]:
    """The line at a place, with its pieces if the container runtime cut it, and where they begin and end."""
    start, stop = _bounds(data, at)
    line = _unwrapped(data, start, stop, now)
    pieces = [line.text]
    while start and len(pieces) < _PIECES and (earlier := _cut_before(data, start, now)):
        start = _bounds(data, start - 1)[0]
        pieces.insert(0, earlier.text)
        line = replace(line, time=earlier.time)
    partial = line.partial
    while partial and stop < len(data) and len(pieces) < 2 * _PIECES:
        begin, stop = _bounds(data, stop)
        following = _unwrapped(data, begin, stop, now)
        pieces.append(following.text)
        partial = following.partial
    if len(pieces) > 1:
        line = replace(line, text="".join(pieces), partial=partial)
    return line, start, stop


def _cut_before(data: bytes, start: int, now: datetime) -> Line | None:
    """The line before, if the container runtime cut it there."""
    begin, stop = _bounds(data, start - 1)
    if stop != start:
        return None
    if _DOCKER_WHOLE.match(data, begin, stop):
        return None
    record = data.startswith(b"{", begin)
    cut = CRI_CUT.search(data, begin, stop if record else min(stop, begin + 100))
    if not cut and not (record and _DOCKER_CUT.search(data, begin, stop)):
        return None
    line = _unwrapped(data, begin, stop, now)
    return line if line.partial else None


def _errors_only(places: Sequence[tuple[int, str]], number: int, stop: int) -> bool:
    """Whether nothing but signs of an error is found from a place on up to the end of its line."""
    while number < len(places) and places[number][0] < stop:
        if places[number][1] not in _ERRORS:
            return False
        number += 1
    return True


def _line_starts(window: Window) -> Iterator[int]:
    at = window.begin
    while at < window.end:
        yield at
        at = window.data.find(b"\n", at) + 1 or window.end


def _hides(key: str, needed: Sequence[str]) -> bool:
    """Whether a text that a signature needs may not be found where this one is, because they share characters."""
    ends = tuple(key[index:] for index in range(1, len(key)))
    others = (text for text in needed if text != key)
    return any(text in key or text.startswith(ends) for text in others)


def _rest_stop(data: bytes, begin: int) -> int:
    """About where the lines end that belong to an error."""
    limit = min(len(data), begin + _REST_BYTES)
    while begin < limit:
        stop = data.find(b"\n", begin, limit) + 1 or limit
        record = data.startswith(b"{", begin)  # which names much else first
        reach = stop if record else min(stop, begin + FRONT_BYTES)
        if _BEGINS.search(data, begin, reach):
            return begin
        begin = stop
    return limit


def _klog_head(data: bytes, start: int, stop: int) -> re.Match[bytes] | None:
    """klog's head in a line, as far from its beginning as a wrapping reaches."""
    return _KLOG_TIME.search(data, start, min(stop, start + FRONT_BYTES))


def _front_of_head(data: bytes, start: int, stop: int) -> bytes | None:
    """What stands before klog's head in a line, without its numbers; None if it has no head."""
    head = _klog_head(data, start, stop)
    return data[start : head.start()].translate(None, _DIGITS) if head else None


def _elsewhere(line: Line | Origin, other: Line) -> bool:
    """Whether the wrappings say that two lines are of different programs, pods or nodes."""
    return (
        _are_two(line.program, other.program)
        or _are_two(line.pod, other.pod)
        or _are_two(line.node, other.node)
    )


def _are_two(name: str | None, other: str | None) -> bool:
    """Whether these are names of two; what has no name may be any."""
    return bool(name and other and name != other)


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the line at a place begins and ends, its newline included; of an endless line what is near."""
    nearest = at - AROUND if at > AROUND else 0
    farthest = at + AROUND
    start = data.rfind(b"\n", nearest, at) + 1 or nearest
    stop = data.find(b"\n", at, farthest) + 1 or min(len(data), farthest)
    return start, stop


def _unwrapped(data: bytes, start: int, stop: int, now: datetime) -> Line:
    line = unwrap(data[start:stop].decode(errors="replace"), now)
    return (
        _with_fields(line, _journal_record(data, start, stop)) if _in_journal(data, start) else line
    )


def _in_journal(data: bytes, start: int) -> bool:
    """Whether a line is the message of a record that journalctl wrote as a block of fields."""
    return bool(_MESSAGE.match(data, start)) or data.endswith(b"\nMESSAGE\n", 0, start)


def _journal_record(data: bytes, start: int, stop: int) -> bytes:
    """The block of fields around a message: with -o export between empty lines, with -o verbose indented."""
    nearest = max(0, start - AROUND)
    if data.startswith(b" ", start):
        begin = data.rfind(b"[s=", nearest, start)
        title = data.rfind(b"\n", nearest, max(begin, nearest)) + 1 or nearest
        after = _VERBOSE_TITLE.search(data, stop - 1)
        return data[title : after.start() if after else len(data)]
    begin = data.rfind(b"\n\n", nearest, start)
    end = data.find(b"\n\n", stop - 1, stop + AROUND) + 1 or len(data)
    return data[max(nearest, begin) : end]


def _with_fields(line: Line, record: bytes) -> Line:
    """A message with the fields of its record in the journal."""
    time = moment(_field_in(record, _EXPORT_TIME))
    if time is None:
        title = record[:_TITLE_BYTES].decode(errors="replace")
        time = time_in(title)
    return replace(
        line,
        time=time,
        node=_field_in(record, _EXPORT_NODE) or line.node,
        program=line.program or _field_in(record, _EXPORT_PROGRAM),
    )


def _field_in(record: bytes, pattern: re.Pattern[bytes]) -> str | None:
    found = pattern.search(record)
    return found[1].decode(errors="replace") if found else None


def keys_of(signature: Signature) -> list[str]:
    """Texts of which each matching line holds one, however it is wrapped; none if there are no such texts."""
    longest = max(map(_longest_run_of, signature.literals), key=len, default="")
    if longest:
        return [longest]
    each = [_longest_run_of(literal) for literal in signature.any_of]
    return each if all(each) else []


def _company_of(key: str, signature: Signature) -> tuple[bytes, ...]:
    """What else is in each line that a signature matches, besides the key that it is looked for by."""
    runs: list[str] = []
    for literal in signature.literals:
        runs.extend(_runs(literal))
    return tuple(run.encode() for run in runs if run != key)


def _longest_run_of(literal: str) -> str:
    return max(_runs(literal), key=len, default="")


def _runs(text: str) -> list[str]:
    return [run for run in _SAFE.findall(text) if len(run) >= _SHORTEST_KEY]
