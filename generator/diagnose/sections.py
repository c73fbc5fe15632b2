"""What headings in a log say of the lines below them: of which program, pod or node they are. No IO."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from generator.diagnose.lines.line import Line
from generator.diagnose.lines.pod_names import FILES_OF_PODS
from generator.diagnose.lines.programs import names_a_program
from generator.diagnose.lines.re2_dialect import for_re2
from generator.diagnose.lines.unwrap import unwrap
from generator.diagnose.memory import Origin
from generator.diagnose.searching import KeySearch
from generator.diagnose.windows import Window

_LONGEST_HEADING = 400  # bytes of a heading
_HEADINGS_KNOWN = 10_000
_OF_ANSIBLE = ("CHANGED", "SUCCESS", "FAILED", "UNREACHABLE!")
_OF_PSSH = ("SUCCESS", "FAILURE")
_HEADING_KEYS = (
    *("==> ", "=== ", "--- ", "# ", "*** "),
    *(f" | {word}" for word in _OF_ANSIBLE),
    *(f"[{word}] " for word in _OF_PSSH),
)
_BEFORE_HEADING, _BEFORE_HEADING_MOST = " \t>*|│", 9  # before a heading
_BEFORE = rf"[{_BEFORE_HEADING}]{{0,{_BEFORE_HEADING_MOST}}}"
_NAME = r"(?:[Pp]od[:/ ] ?)?(?P<name>\S{1,300}?)(?: logs?)?:?"
# Of `minikube logs` (a container, its own commands, the kernel), `kubectl cluster-info dump`, tail, and ansible and
# pssh, which name a node. Nothing that a program prints below one of them is a heading, but another one of them.
_STRONG = tuple(
    re.compile(_BEFORE + pattern)
    for pattern in (
        r'==> (?P<program>\S{1,100}) \["?[0-9a-f]{6,64}"?\] <==',
        r"==> (?P<own>Audit|Last Start) <==",
        r"==> (?P<kernel>dmesg|kernel) <==",
        r"==> (?P<name>.{1,300}) <==",
        r"={3,} START logs for container (?P<program>\S{1,100}) of pod (?:\S{1,100}/)?(?P<pod>\S{1,253}?) ?={3,}",
        r"={3,} (?:START|END) logs .{1,300}",
        rf"(?P<node>\S{{1,253}}) \| (?:{'|'.join(_OF_ANSIBLE)})(?: \| rc=\d+ >>| =>.{{0,300}})",
        rf"\[\d+\] \d\d:\d\d:\d\d \[(?:{'|'.join(_OF_PSSH)})\] (?P<node>\S{{1,253}})(?: .{{1,300}})?",
    )
)
# What a loop of a shell or a person writes above a log; a title of more words names nothing.
_WEAK = tuple(
    re.compile(_BEFORE + pattern)
    for pattern in (
        rf"(?:={{3,}}|-{{3,}}|\*{{3,}}|#{{3,}}) {_NAME} (?:={{3,}}|-{{3,}}|\*{{3,}}|#{{3,}})",
        rf"#{{2,6}} {_NAME}",
        r"#{1,6} .{1,300}",
    )
)
# What journalctl and grep -A put between what they print.
_PARTING_LINE = re.compile(r"-- .{1,100} --|--")
_FILE = re.compile(
    r"(?:.{0,300}/)?(?P<name>[^/]{1,253}?)(?:/logs)?(?:\.(?:log|txt|out|err|json|\d+))*"
)
_KUBE_PROXY_POD = re.compile(r"kube-proxy-[a-z0-9][a-z0-9-]{0,60}")
_OWN = "minikube"
KERNEL = "kernel"  # what syslog and the journal call the program of its lines, too
_NOBODY = Origin(None, None, None)


def section_patterns() -> dict[str, Any]:
    """What tells headings, as data for another program that does the same; its patterns are RE2's too."""
    patterns = {"border": _PARTING_LINE, "file": _FILE, "kubeProxyPod": _KUBE_PROXY_POD}
    return {
        "keys": _HEADING_KEYS,
        "longest": _LONGEST_HEADING,
        "own": _OWN,
        "kernel": KERNEL,
        "strong": [_whole(pattern) for pattern in _STRONG],
        "weak": [_whole(pattern) for pattern in _WEAK],
        "patterns": {name: _whole(pattern) for name, pattern in patterns.items()},
    }


def _whole(pattern: re.Pattern[str]) -> str:
    return rf"\A(?:{for_re2(pattern)})\z"


def is_border(text: str) -> bool:
    """Whether a line parts the logs of several programs, files or times."""
    if _PARTING_LINE.fullmatch(text):
        return True
    if not any(key in text for key in _HEADING_KEYS):
        return False
    if _groups(_STRONG, text) is not None:
        return True
    weak = _groups(_WEAK, text)
    return weak is not None and _origin(weak) is not _NOBODY


class Sections:
    """The headings of a log, window by window; where none is, the last one before holds."""

    def __init__(self) -> None:
        self._search = KeySearch(_HEADING_KEYS)
        self._window: Window | None = None
        self._begins: Sequence[int] = (0,)
        self._origins: Sequence[Origin] = (_NOBODY,)
        self._strong = False  # whether the last heading was
        self._known: dict[bytes, tuple[Origin, bool] | None] = {}

    def enter(self, window: Window, now: datetime) -> None:
        """Look for the headings of a window. One that begins at 0 is the first one of a log."""
        if window is self._window:
            return
        self._window = window
        last = self._origins[-1] if window.begin else _NOBODY
        self._strong = self._strong and last is not _NOBODY
        found = [(window.begin, last)]
        for at, line in self._candidates(window):
            heading = self._heading(line, now)
            if heading is None or (self._strong and not heading[1]):
                continue
            origin, strong = heading
            self._strong = strong and origin is not _NOBODY
            found.append((at, origin))
        self._begins = [at for at, _ in found]
        self._origins = [origin for _, origin in found]

    def at(self, place: int) -> Origin | None:
        """Where the lines at a place come from, if a heading says so."""
        index = bisect_right(self._begins, place) - 1
        origin = self._origins[max(0, index)]  # a line can begin before the window
        return None if origin is _NOBODY else origin

    def begin(self, place: int) -> int:
        """Where the heading above a place stands; 0 where none is in the window."""
        index = bisect_right(self._begins, place) - 1
        return self._begins[index] if index > 0 else 0

    def end(self, place: int) -> int | None:
        """Where the next heading stands; None where no more is in the window."""
        index = bisect_right(self._begins, place)
        return self._begins[index] if index < len(self._begins) else None

    def _candidates(self, window: Window) -> Iterator[tuple[int, bytes]]:
        """Lines that may be headings, and where they begin."""
        data, done = window.data, window.begin
        for at, _ in self._search.places(window):
            if at < done:
                continue
            done = at + 1
            start = data.rfind(b"\n", max(0, at - _LONGEST_HEADING), at) + 1
            stop = data.find(b"\n", at, start + _LONGEST_HEADING)
            whole = start or at <= _LONGEST_HEADING
            if whole and (stop >= 0 or len(data) - start <= _LONGEST_HEADING):
                done = stop if stop >= 0 else len(data)
                yield start, data[start:done]

    def _heading(self, line: bytes, now: datetime) -> tuple[Origin, bool] | None:
        """What a line says as a heading, and whether it is a strong one."""
        if line not in self._known:
            if len(self._known) >= _HEADINGS_KNOWN:
                self._known.clear()
            text = line.decode(errors="replace").rstrip("\r\n")
            # What is wrapped around a heading can be a part of one, too.
            self._known[line] = _heading_of(Line(text)) or _heading_of(unwrap(text, now))
        return self._known[line]


def _heading_of(line: Line) -> tuple[Origin, bool] | None:
    if line.program or line.pod:
        return None  # a program printed it
    for patterns in (_STRONG, _WEAK):
        groups = _groups(patterns, line.text)
        if groups is not None:
            return _origin(groups), patterns is _STRONG
    return None


def _groups(patterns: Sequence[re.Pattern[str]], text: str) -> Mapping[str, str | None] | None:
    for pattern in patterns:
        found = pattern.fullmatch(text)
        if found:
            return found.groupdict()
    return None


def _origin(groups: Mapping[str, str | None]) -> Origin:
    """Where lines come from below a heading with these words; `_NOBODY` if it does not tell."""
    if groups.get("own"):
        return Origin(None, None, _OWN)
    if groups.get("kernel"):
        return Origin(None, None, KERNEL)
    name = groups.get("name")
    if name:
        return _below_file(name)
    node, pod, program = groups.get("node"), groups.get("pod"), groups.get("program")
    return Origin(node, pod, program) if node or pod or program else _NOBODY


def _below_file(name: str) -> Origin:
    """Where lines come from that stand below the name of a file, a pod or a program."""
    of_pod = _groups(FILES_OF_PODS, name)
    if of_pod:
        return Origin(None, of_pod["pod"], of_pod["program"])
    file = _FILE.fullmatch(name)
    plain = file["name"] if file else name
    if _KUBE_PROXY_POD.fullmatch(plain):
        return Origin(None, plain, None)
    return Origin(None, None, plain) if names_a_program(plain) else _NOBODY
