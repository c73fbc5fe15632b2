"""What collectors and tools write in front of a line, and what it says. No IO."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from generator.diagnose.lines.keys import NODES, PODS, value_at_key
from generator.diagnose.lines.line import Line
from generator.diagnose.lines.moments import TIME, in_year, moment, time_in
from generator.diagnose.lines.pod_names import CONTAINER_NAME, LOG_FILES, LOG_FOLDER, POD_NAME
from generator.diagnose.lines.programs import program_in, with_uncertain_names

_NODE = r"(?P<node>[\w.-]{1,253})"
_PROGRAM = r"(?P<program>[A-Za-z_(][\w./@()-]{0,99}|[0-9a-f]{12,64})"  # docker's names are numbers
# What some syslogs write between a node and a program.
_PRIORITY = r"(?:[a-z]{2,8}\d?\.(?:emerg|alert|crit|err|error|warn|warning|notice|info|debug) )?"
_DIGIT_CHARACTERS, _LOWER = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_LETTERS = _LOWER + _LOWER.upper()
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# A pod and its container as stern names them: a pod has the first word of its container's name in its own.
_STERN = (
    r"(?P<pod>(?P<word>[a-z0-9]+)(?:-[a-z0-9.]+){0,20}-[a-z0-9]{5}) (?:› )?"
    r"(?P<program>(?P<same_word>[a-z0-9]+)(?:-[a-z0-9-]{1,63})?) (?P<text>.*)"
)
# Each wrapping in front of a line, with the characters it can begin with (none: any); groups are fields of Line.
# RE2 reads all patterns here too (wrapping_patterns), so none looks around or back.
FRONTS = tuple(
    (frozenset(begin), re.compile(pattern, re.DOTALL))
    for begin, pattern in (
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{TIME}) (?:stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<text>.*)",
        ),  # CRI
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{TIME}) (?P<labels>\{{[^{{}}]*\}}) +(?P<text>.*)",
        ),  # logcli
        (  # RFC 5424
            f"<{_DIGIT_CHARACTERS}",
            rf"(?:<\d{{1,3}}>1 )?(?P<time>{TIME}) {_NODE} {_PROGRAM} \S+ \S+ (?:-|\[[^\]]*\]) (?P<text>.*)",
        ),
        # journalctl -o short-iso
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{TIME}) {_NODE} {_PRIORITY}{_PROGRAM}(?:\[\d+\])?: (?P<text>.*)",
        ),
        (  # journalctl, syslog
            "JFMASOND",
            rf"(?P<short>{_MONTH} [ \d]\d \d\d:\d\d:\d\d)(?:\.\d+)? "
            rf"{_NODE} {_PRIORITY}{_PROGRAM}(?:\[\d+\])?: (?P<text>.*)",
        ),
        (  # OpenWrt's syslog
            _LETTERS,
            rf"[A-Z][a-z]{{2}} (?P<short>{_MONTH} [ \d]\d \d\d:\d\d:\d\d) \d{{4}} "
            rf"{_PRIORITY}{_PROGRAM}(?:\[\d+\])?: (?P<text>.*)",
        ),
        # journalctl -o short-unix
        (
            _DIGIT_CHARACTERS,
            rf"(?P<unix>\d{{9,12}}\.\d+) {_NODE} {_PRIORITY}{_PROGRAM}(?:\[\d+\])?: (?P<text>.*)",
        ),
        (  # journalctl and syslog in any language and order of the date
            "",
            r"(?P<dated>[^\[\]]{0,60}?\d\d:\d\d(?::\d\d)?[^\[\]]{0,30}?) "
            rf"{_NODE} {_PRIORITY}{_PROGRAM}\[\d+\]: (?P<text>.*)",
        ),
        (  # kail
            _LOWER,
            rf"[a-z0-9-]{{1,63}}/(?P<pod>{POD_NAME})\[(?P<program>{CONTAINER_NAME})\]: (?P<text>.*)",
        ),
        (_LETTERS, rf"{_PROGRAM}\[\d+\]: (?P<text>.*)"),
        (  # journalctl -o short-monotonic and short-delta
            "[",
            rf"\[ *\d+\.\d+(?: <[^<>]*>)?\] {_NODE} {_PROGRAM}\[\d+\]: (?P<text>.*)",
        ),
        (
            "[",
            rf"\[(?:[A-Z][a-z]{{2}}) (?P<short>{_MONTH} [ \d]\d \d\d:\d\d:\d\d) \d{{4}}\] (?P<text>.*)",
        ),  # dmesg -T
        (
            "[",
            r"\[pod/(?P<pod>[^/\]]+)/(?P<program>[^/\]]+)\] (?P<text>.*)",
        ),  # kubectl logs --prefix
        (  # kubetail
            "[",
            rf"\[(?P<pod>{POD_NAME})[ :/](?P<program>{CONTAINER_NAME})\] (?P<text>.*)",
        ),
        (  # kubetail, of pods with one container
            "[",
            rf"\[(?P<perhaps_pod>{POD_NAME})\] (?P<text>.*)",
        ),
        (  # stern
            _LOWER,
            r"(?P<pod>[a-z0-9.-]{0,200}kube-proxy[a-z0-9.-]{0,200}) (?:› )?(?P<program>[a-z0-9-]{1,63})(?: [|│])? "
            r"(?P<text>.*)",
        ),
        (
            _LOWER,
            r"[a-z0-9-]{1,63} › (?P<pod>[a-z0-9.-]{1,253}) (?:› ?)?(?P<program>[a-z0-9-]{1,63})(?: [|│])? (?P<text>.*)",
        ),
        (_LOWER, rf"[a-z0-9-]{{1,63}} {_STERN}"),  # behind a namespace
        (_LOWER, _STERN),
        (  # docker service logs
            _LOWER,
            rf"(?P<perhaps_program>[a-z][\w.-]{{0,99}}?)\.\d+\.[a-z0-9]{{3,25}}@{_NODE} +[|│] (?P<text>.*)",
        ),
        (  # docker compose
            _LOWER,
            r"(?P<perhaps_program>[a-z][\w.-]{0,99}?)[-_]\d{1,3} +[|│] (?P<text>.*)",
        ),
        *(  # grep over these files, and stores that name streams after them
            ("", rf"{LOG_FOLDER}{file}[:\s](?:\d{{1,9}}[:-])?\s?(?P<text>.*)") for file in LOG_FILES
        ),
        (  # k9s
            _LOWER,
            rf"(?P<perhaps_pod>{POD_NAME}):(?P<perhaps_program>[a-z][a-z0-9-]{{0,62}}) (?P<text>.*)",
        ),
        (_DIGIT_CHARACTERS, rf"(?P<time>{TIME}) (?P<text>.*)"),  # kubectl logs --timestamps
        ("│┃", r"[│┃] (?P<text>.*)"),  # a box, such as that of k9s
        ("M ", r" *MESSAGE=(?P<text>.*)"),  # journalctl -o export and verbose
        ("", r"[^\x00\n].{0,6}\x00(?P<text>[^\x00].*)"),  # the same with its length in eight bytes
    )
)
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
LABEL_IN_TEXT = re.compile(r'([\w]+)="((?:[^"\\]|\\.)*)"')


def known_front(text: str) -> Mapping[str, str | None] | None:
    """What the first wrapping that stands in front of a line says; names that must have a word in common have it."""
    for begin, pattern in FRONTS:
        found = pattern.fullmatch(text) if not begin or text[:1] in begin else None
        groups = found.groupdict() if found else {}
        if groups and groups.get("word") == groups.get("same_word"):
            return groups
    return None


def line_behind(groups: Mapping[str, str | None], now: datetime) -> Line:
    """The line behind a front, with what the front says of it."""
    line = Line(
        groups["text"] or "",
        _time_of_front(groups, now),
        groups.get("node"),
        groups.get("pod"),
        groups.get("program"),
        groups.get("tag") == "P",
    )
    labels = groups.get("labels")
    if labels:
        line = _with_labels(line, labels)
    return with_uncertain_names(line, groups)


def _time_of_front(groups: Mapping[str, str | None], now: datetime) -> datetime | None:
    short = groups.get("short")
    if short:
        return in_year(MONTHS.index(short[:3]) // 3 + 1, int(short[4:6]), short[7:], now)
    time = groups.get("time") or groups.get("unix")
    if time:
        return moment(time)
    dated = groups.get("dated")
    return time_in(dated) if dated else None


def _with_labels(line: Line, labels: str) -> Line:
    values = {key.lower(): value for key, value in LABEL_IN_TEXT.findall(labels)}
    return replace(
        line,
        node=line.node or value_at_key(values, NODES),
        pod=line.pod or value_at_key(values, PODS),
        program=line.program or program_in(values),
    )
