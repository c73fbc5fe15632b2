"""Lines that came before are known again by their bytes: they are not unwrapped and judged again. No IO."""

import json
import re
from dataclasses import dataclass
from typing import TypeVar

from generator.diagnose.lines.keys import TEXTS
from generator.diagnose.lines.klog import is_of_kubelet
from generator.diagnose.lines.line import Line

_MOST = 50_000  # of each kind that are remembered
_LONGEST_LINE = 1 << 12  # bytes of a line; longer ones may be pieces of a message
FRONT_BYTES = 200  # within which a wrapping ends
_KLOG = re.compile(rb"([IWEF])[01]\d[0-3]\d \d\d:\d\d:\d\d\.\d+ +\d+ ")
_KLOG_OR_JSON = re.compile(_KLOG.pattern + rb'|\{"ts":')  # klog's, in text or JSON
# Times, counters and journald's cursors: what differs although nothing else does. All begin with a character of one
# class, which makes the search fast.
_VARYING_BYTES = re.compile(
    rb'[0-9;](?:(?<=".)\d*(?=")|\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?|'
    rb"\d:\d\d:\d\d[\d.,]*|\d{8,}(?:\.\d+)?|(?<=;)[imtx]=[0-9a-f]+)"
)
_NUMBERED = re.compile(rb"(?<![^\s:])\d+(?=[:\s])")  # by grep -n, cat -n and the like
_COUNTED = re.compile(rb"\s*([\w./-]{0,100}?[:-])?\d+(?=[:\t-])")  # the same before a whole line
# `kubectl logs --prefix` names a pod and its container in front of each line: a fleet has thousands of such fronts.
KUBECTL = re.compile(rb"\[pod/(?P<pod>[^/\]\n]+)/(?P<program>[^/\]\n]+)\] ")
CRI_CUT = re.compile(rb" std(?:out|err) P ")  # of a line that a container runtime cut
# The text of a record in JSON under a known key.
_SPOKEN = re.compile(
    rb'"(?:%s)"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"' % "|".join(TEXTS).encode(), re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where lines come from, by their wrapping. There is one of each, so that comparing them is cheap."""

    node: str | None
    pod: str | None
    program: str | None


@dataclass(frozen=True, eq=False)
class Proven:
    """The entries that a line proves, perhaps none. There is one of each, too."""

    owners: frozenset[str]


Known = tuple[Proven, Origin]
OriginNames = tuple[str | None, str | None, str | None]  # of a node, a Pod and a program
Key = TypeVar("Key")
Kept = TypeVar("Kept")


class Memory:
    """What was judged before: messages and wrappings apart where one stands in front of the other, else whole lines."""

    def __init__(self) -> None:
        self._fronts: dict[bytes, Origin] = {}
        self._messages: dict[bytes, Proven] = {}
        self._lines: dict[int, Known] = {}
        self._origins: dict[OriginNames, Origin] = {}
        self._verdicts: dict[frozenset[str], Proven] = {}

    def recall(self, data: bytes, start: int, stop: int, pieces: bool) -> Known | None:
        """What was kept of such a line, whenever it was printed. `pieces`: a line may be the end of another one."""
        record = _spoken_record(data, start, stop)
        if record:
            verdict = self._messages.get(record.message)
            origin = self._fronts.get(record.around)
            if verdict and origin:
                return verdict, origin
            return self._whole(data, start, stop)
        head = _head_near(data, start, stop)
        if head is None:
            return None if pieces else self._whole(data, start, stop)
        front = data[start : head.start()]
        verdict = self._messages.get(_without_time(head, stop))
        if verdict:
            origin = self._fronts.get(front) or self._of_kubectl(front)
            origin = origin or self._origin(timeless(front))
            return (verdict, origin) if origin else None
        return self._whole(data, start, stop) if b'"' in front else None

    def _whole(self, data: bytes, start: int, stop: int) -> Known | None:
        if not self._lines:
            return None
        whole = timeless(data[start:stop])
        same = self._lines.get(hash(whole))
        return same or self._lines.get(_line_key(data, start, stop))

    def origin(self, data: bytes, start: int, stop: int) -> Origin | None:
        """Where a line comes from, if its wrapping is known; what another one inside it says may be missing."""
        kubectl = KUBECTL.match(data, start, stop)
        if kubectl:
            return Origin(None, kubectl["pod"].decode(errors="replace"), None)
        record = _spoken_record(data, start, stop)
        if record:
            return self._fronts.get(record.around)
        reach = min(stop, start + FRONT_BYTES)
        head = _KLOG_OR_JSON.search(data, start, reach)
        if head is None:
            return None
        return self._origin(timeless(data[start : head.start()]))

    def _origin(self, front: bytes) -> Origin | None:
        return self._fronts.get(front) or self._fronts.get(_NUMBERED.sub(b"", front))

    def _of_kubectl(self, front: bytes) -> Origin | None:
        """Where a line comes from that kubectl put its pod in front of, and nothing else stands there."""
        kubectl = KUBECTL.fullmatch(front)
        if kubectl is None:
            return None
        pod, program = (kubectl[name].decode(errors="replace") for name in ("pod", "program"))
        origin = self._one_origin(None, pod, program)
        if origin:
            _put(self._fronts, front, origin)
        return origin

    def _one_origin(self, node: str | None, pod: str | None, program: str | None) -> Origin | None:
        """The one of these names; None where too many are known."""
        named = node, pod, program
        if len(self._origins) >= _MOST and named not in self._origins:
            return None
        return self._origins.setdefault(named, Origin(*named))

    def keep(self, data: bytes, start: int, stop: int, line: Line, owners: frozenset[str]) -> None:
        """Remember a line, and what it proves."""
        if stop - start > _LONGEST_LINE or line.partial or is_of_kubelet(line.text):
            return  # the last one's wrapping would be said to name kubelet
        verdict = self._verdicts.setdefault(owners, Proven(owners))
        origin = self._one_origin(line.node, line.pod, line.program)
        if origin is None:
            return
        record = _spoken_record(data, start, stop)
        if record and record.text() == line.text:
            _put(self._fronts, record.around, origin)
            _put(self._messages, record.message, verdict)
            return
        head = _head_near(data, start, stop)
        if head is None or _printed_from(head, stop) != line.text:
            key = _line_key(data, start, stop)
            _put(self._lines, key, (verdict, origin))
            return
        front = data[start : head.start()]
        if not CRI_CUT.search(front):
            _put(self._fronts, _front_without_numbers(front), origin)
            _put(self._messages, _without_time(head, stop), verdict)


def _head_near(data: bytes, start: int, stop: int) -> re.Match[bytes] | None:
    """klog's head in a line, as far from its beginning as a wrapping reaches."""
    reach = start + FRONT_BYTES
    return _KLOG.search(data, start, reach if reach < stop else stop)


def _without_time(head: re.Match[bytes], stop: int) -> bytes:
    """A message without the time and the process in klog's head: its level, and what stands behind the head."""
    return head[1] + head.string[head.end() : stop]


def _printed_from(head: re.Match[bytes], stop: int) -> str:
    """What a program printed, if it begins with a head."""
    printed = head.string[head.start() : stop]
    return printed.decode(errors="replace").rstrip("\r\n")


@dataclass(frozen=True)
class _Record:
    """A record in JSON: what stands around its text, and this text, as its bytes are.

    The surroundings hold whether the text has klog's head and a newline at its end: the one decides which of several
    texts is the message, the other whether docker's driver cut it.
    """

    around: bytes
    message: bytes
    quoted: bytes

    def text(self) -> str | None:
        """What the program printed, if the record is what it seems."""
        try:
            text = json.loads(b'"%s"' % self.quoted)
        except ValueError:
            return None
        return str(text).rstrip("\r\n")


def _spoken_record(data: bytes, start: int, stop: int) -> _Record | None:
    if stop - start > _LONGEST_LINE or not data.startswith(b"{", start):
        return None
    spoken = _SPOKEN.search(data, start, stop)
    if spoken is None:
        return None
    begin, end = spoken.span(1)
    quoted = data[begin:end]
    head = _KLOG.match(data, begin, end)
    message = _without_time(head, end) if head else quoted
    kind = b"%d%d" % (head is not None, quoted.endswith(b"\\n"))
    before = timeless(data[start:begin])
    behind = timeless(data[end:stop])
    around = b"\0".join((kind, before, behind))
    return _Record(around, b"{" + message, quoted)


def timeless(text: bytes) -> bytes:
    """A line without what differs each time that it is printed or read."""
    return _VARYING_BYTES.sub(b"", text)


def _front_without_numbers(front: bytes) -> bytes:
    return _NUMBERED.sub(b"", timeless(front)) if front else front


def _line_key(data: bytes, start: int, stop: int) -> int:
    """By which a whole line is known again: without its time, and without its number in a listing."""
    counted = _COUNTED.match(data, start, stop)
    if counted is None:
        return hash(timeless(data[start:stop]))
    name = counted[1] or b""
    return hash(name + timeless(data[counted.end() : stop]))


def _put(known: dict[Key, Kept], key: Key, value: Kept) -> None:
    if len(known) < _MOST or key in known:
        known[key] = value
