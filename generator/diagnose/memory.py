"""Lines that came before are known again by their bytes: they are not unwrapped and judged again. No IO."""

import re
from dataclasses import dataclass
from typing import TypeVar

from generator.diagnose.unwrap import Line

_MOST = 50_000  # of each kind that are remembered
_LONGEST = 1 << 12  # bytes of a line; longer ones may be pieces of a message
_FRONT_BYTES = 200  # within which a wrapping ends
_KLOG = re.compile(rb"[IWEF][01]\d[0-3]\d \d\d:\d\d:\d\d\.\d+ +\d+ ")
# Times, counters and journald's cursors: what differs although nothing else does. All begin with a character of one
# class, which makes the search fast.
_VARYING = re.compile(
    rb'[0-9;](?:(?<=".)\d*(?=")|\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?|'
    rb"\d:\d\d:\d\d[\d.,]*|\d{8,}(?:\.\d+)?|(?<=;)[imtx]=[0-9a-f]+)"
)
_NUMBERED = re.compile(rb"(?<![^\s:])\d+(?=[:\s])")  # by grep -n, cat -n and the like
_COUNTED = re.compile(rb"\s*([\w./-]{0,100}?[:-])?\d+(?=[:\t-])")  # the same before a whole line
_CUT = re.compile(rb" std(?:out|err) P ")


@dataclass(frozen=True, eq=False)
class Origin:
    """Where lines come from, by their wrapping. There is one of each, so that comparing them is cheap."""

    node: str | None
    pod: str | None
    program: str | None


@dataclass(frozen=True, eq=False)
class Verdict:
    """The entries that a line proves, perhaps none. There is one of each, too."""

    owners: frozenset[str]


Known = tuple[Verdict, Origin]
Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory:
    """What was judged before: messages and wrappings apart where one stands in front of the other, else whole lines."""

    def __init__(self) -> None:
        self._fronts: dict[bytes, Origin] = {}
        self._messages: dict[bytes, Verdict] = {}
        self._lines: dict[int, Known] = {}
        self._origins: dict[tuple[str | None, str | None, str | None], Origin] = {}
        self._verdicts: dict[frozenset[str], Verdict] = {}

    def recall(self, data: bytes, start: int, stop: int, pieces: bool) -> Known | None:
        """What was kept of such a line, whenever it was printed. `pieces`: a line may be the end of another one."""
        head = _KLOG.search(
            data, start, stop if stop - start < _FRONT_BYTES else start + _FRONT_BYTES
        )
        if head:
            begin, text = head.span()
            verdict = self._messages.get(data[begin : begin + 1] + data[text:stop])
            front = data[start:begin]
            if verdict:
                origin = self._fronts.get(front) or self._origin(timeless(front))
                return (verdict, origin) if origin else None
            if b'"' not in front:
                return None
        elif pieces:
            return None
        if not self._lines:
            return None
        return self._lines.get(hash(timeless(data[start:stop]))) or self._lines.get(
            _line(data, start, stop)
        )

    def _origin(self, front: bytes) -> Origin | None:
        return self._fronts.get(front) or self._fronts.get(_NUMBERED.sub(b"", front))

    def keep(self, data: bytes, start: int, stop: int, line: Line, owners: frozenset[str]) -> None:
        """Remember a line, and what it proves."""
        if stop - start > _LONGEST or line.partial:
            return
        verdict = self._verdicts.setdefault(owners, Verdict(owners))
        named = line.node, line.pod, line.program
        if len(self._origins) >= _MOST:
            return
        origin = self._origins.setdefault(named, Origin(*named))
        head = _KLOG.search(data, start, min(stop, start + _FRONT_BYTES))
        if head and data[head.start() : stop].decode(errors="replace").rstrip("\r\n") == line.text:
            front, message = data[start : head.start()], head[0][:1] + data[head.end() : stop]
            if not _CUT.search(front):
                _put(self._fronts, _front(front), origin)
                _put(self._messages, message, verdict)
        else:
            _put(self._lines, _line(data, start, stop), (verdict, origin))


def timeless(text: bytes) -> bytes:
    """A line without what differs each time that it is printed or read."""
    return _VARYING.sub(b"", text)


def _front(front: bytes) -> bytes:
    return _NUMBERED.sub(b"", timeless(front)) if front else front


def _line(data: bytes, start: int, stop: int) -> int:
    counted = _COUNTED.match(data, start, stop)
    return hash(
        (counted[1] or b"") + timeless(data[counted.end() : stop])
        if counted
        else timeless(data[start:stop])
    )


def _put(known: dict[Key, Value], key: Key, value: Value) -> None:
    if len(known) < _MOST or key in known:
        known[key] = value
