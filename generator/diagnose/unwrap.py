"""Undoes what collectors and tools wrap around a line that a program printed. No IO."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_MOST_WRAPPINGS = 5  # a docker file, shipped by Fluent Bit, read back from Loki, is three
_MOST_FIELDS = 300  # of a record that are looked at
_FRONT = 400  # characters in which an unknown wrapping is looked for


@dataclass(frozen=True)
class Line:
    """What the program printed, and what the wrapping says of it. `partial`: the rest comes with the next line.

    `program` is the container or the program that the wrapping names; `front` is what stood before the head and
    is no wrapping that is known.
    """

    text: str
    time: datetime | None = None
    node: str | None = None
    pod: str | None = None
    program: str | None = None
    partial: bool = False
    front: str = field(default="", compare=False)


_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_COLOUR_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NODE = r"(?P<node>[\w.-]{1,253})"
_PROGRAM = r"(?P<program>[A-Za-z_(][\w./@()-]{0,99}|[0-9a-f]{12,64})"  # docker's names are numbers
# What some syslogs write between a node and a program.
_PRIORITY = r"(?:[a-z]{2,8}\d?\.(?:emerg|alert|crit|err|error|warn|warning|notice|info|debug) )?"
_POD = r"[a-z0-9][a-z0-9.]{0,252}(?:-[a-z0-9.]+)+"  # no word of a sentence has a hyphen
_ANY_POD = r"[a-z0-9][a-z0-9.-]{0,252}"
_CONTAINER = r"[a-z0-9][a-z0-9-]{0,62}"
_DIGIT_CHARACTERS, _LOWER = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_LETTERS = _LOWER + _LOWER.upper()
# Where container runtimes keep the log of a container.
_FILES = (
    rf"(?P<pod>{_ANY_POD})_[a-z0-9-]{{1,63}}_(?P<program>{_CONTAINER})-[0-9a-f]{{12,64}}(?:\.log)?",
    rf"[a-z0-9-]{{1,63}}_(?P<pod>{_ANY_POD})_[0-9a-f-]{{8,64}}/(?P<program>{_CONTAINER})/\d{{1,9}}\.log",
)
_LOG_FOLDER = r"(?:\S{0,200}(?:/|containers\.))?"
FILES_OF_PODS = tuple(re.compile(_LOG_FOLDER + file) for file in _FILES)
# A pod and its container as stern names them: a pod has the first word of its container's name in its own.
_STERN = (
    r"(?P<pod>(?P<word>[a-z0-9]+)(?:-[a-z0-9.]+){0,20}-[a-z0-9]{5}) (?:› )?"
    r"(?P<program>(?P<same_word>[a-z0-9]+)(?:-[a-z0-9-]{1,63})?) (?P<text>.*)"
)
# Each wrapping in front of a line, with the characters it can begin with (none: any); groups are fields of Line.
# RE2 reads all patterns here too (rules()), so none looks around or back.
_FRONTS = tuple(
    (frozenset(begin), re.compile(pattern, re.DOTALL))
    for begin, pattern in (
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{_TIME}) (?:stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<text>.*)",
        ),  # CRI
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{_TIME}) (?P<labels>\{{[^{{}}]*\}}) +(?P<text>.*)",
        ),  # logcli
        (  # RFC 5424
            f"<{_DIGIT_CHARACTERS}",
            rf"(?:<\d{{1,3}}>1 )?(?P<time>{_TIME}) {_NODE} {_PROGRAM} \S+ \S+ (?:-|\[[^\]]*\]) (?P<text>.*)",
        ),
        # journalctl -o short-iso
        (
            _DIGIT_CHARACTERS,
            rf"(?P<time>{_TIME}) {_NODE} {_PRIORITY}{_PROGRAM}(?:\[\d+\])?: (?P<text>.*)",
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
            rf"[a-z0-9-]{{1,63}}/(?P<pod>{_POD})\[(?P<program>{_CONTAINER})\]: (?P<text>.*)",
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
            rf"\[(?P<pod>{_POD})[ :/](?P<program>{_CONTAINER})\] (?P<text>.*)",
        ),
        ("[", rf"\[(?P<perhaps_pod>{_POD})\] (?P<text>.*)"),  # kubetail, of pods with one container
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
            ("", rf"{_LOG_FOLDER}{file}[:\s](?:\d{{1,9}}[:-])?\s?(?P<text>.*)") for file in _FILES
        ),
        (  # k9s
            _LOWER,
            rf"(?P<perhaps_pod>{_POD}):(?P<perhaps_program>[a-z][a-z0-9-]{{0,62}}) (?P<text>.*)",
        ),
        (_DIGIT_CHARACTERS, rf"(?P<time>{_TIME}) (?P<text>.*)"),  # kubectl logs --timestamps
        ("│┃", r"[│┃] (?P<text>.*)"),  # a box, such as that of k9s
        ("M ", r" *MESSAGE=(?P<text>.*)"),  # journalctl -o export and verbose
        ("", r"[^\x00\n].{0,6}\x00(?P<text>[^\x00].*)"),  # the same with its length in eight bytes
    )
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_LABEL_IN_TEXT = re.compile(r'([\w]+)="((?:[^"\\]|\\.)*)"')
# Keys of records and labels, in lower case with _ for what is no letter; the end of a path of keys is enough.
_NODES = ("node_name", "node", "nodename", "host", "hostname", "host_name", "instance", "computer")
_PODS = ("pod", "pod_name", "podname")
_PROGRAMS = (
    "container_name",
    "container",
    "containername",
    "syslog_identifier",
    "program",
    "appname",
    "app_name",
    "ident",
)
# Keys of names that may be those of a program, or of anything else.
_PERHAPS_PROGRAMS = (
    "comm",
    "systemd_unit",
    "unit",
    "service",
    "app",
    "application",
    "logname",
    "logstreamname",
    "logstream",
)
_DOCKER = {"log", "stream", "time", "attrs"}
TEXTS = (
    "log",
    "message",
    "line",
    "body",
    "msg",
    "_raw",
    "logmessage",
    "logentry",
    "textpayload",
    "text",
)
_TIMES = (
    "time",
    "timestamp",
    "@timestamp",
    "__realtime_timestamp",
    "ts",
    "date",
    "_time",
    "eventtime",
)
KLOG = re.compile(
    r"(?P<level>[IWEF])(?P<month>[01]\d)(?P<day>[0-3]\d) (?P<clock>\d\d:\d\d:\d\d\.\d+) +\d+ (?P<source>\S+):\d+\] "
)
_HEADS = (KLOG, re.compile(r'\{"ts":'), re.compile(r"(?:panic|fatal error): "))
# kube-proxy, also as a part of a name, and what runs it inside itself or passes its output on under its own name.
_CARRIERS = re.compile(
    r"(?:kube|k8s|kubernetes)[-_./]?proxy|\A/?proxy(?:[^a-z]|\Z)|\Asdn\Z|"
    r"hyperkube|k3s|rke2|kubelite|microk8s|k0s|conmon|"
    r"(?:\A|[^a-z])(?:rkt|runc)(?:[^a-z]|\Z)|\A(?:docker[/-])?[0-9a-f]{12,64}\Z",
    re.IGNORECASE,
)
_POD_IN_FRONT = re.compile(
    r"(?:\A|[^\w.-])(?P<pod>kube-proxy-[a-z0-9][a-z0-9-]{0,60})(?:[^\w-]|\Z)"
)
# What else runs on nodes, for names of which it is not known whether they are those of programs.
_NEIGHBOURS = re.compile(
    r"(?:\A|[^a-z])(?P<name>kubelet|containerd|dockerd?|podman|cri-?o|calico|felix|tigera|cilium|hubble|flannel|flanneld|"
    r"weave|antrea|kube-(?:apiserver|controller-manager|scheduler|router|dns|state-metrics|vip|ovn|flannel|multus)|"
    r"etcd|core-?dns|node-local-dns|dnsmasq|nginx|haproxy|envoy|traefik|istio|linkerd|metallb|multus|aws-node|"
    r"vpc-cni|ovn|openvswitch|node-problem-detector|keepalived|systemd|firewalld|fail2ban)(?:[^a-z]|\Z)",
    re.IGNORECASE,
)
# The end of a name that Kubernetes makes up for a Pod has neither vowels nor what looks like one.
_MADE_UP = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\Z")
_OF_PROGRAM = (_CARRIERS, _NEIGHBOURS, _MADE_UP)
# Files of kubelet's that print with klog too; kube-proxy has none of these names.
_KUBELET = re.compile(
    r"[IWEF]\d{4} \S+ +\d+ kubelet[\w]*\.go:|\{\"ts\":[^,]+,\"caller\":\"kubelet/"
)
# The first one found counts; the second is a file and a stream, which name nothing.
_NAMED_IN_FRONT = (
    re.compile(rf"\[(?P<perhaps_pod>{_POD})\]\s*\Z"),
    re.compile(rf"(?:\A|\s){_POD}[:/]std(?:out|err)[:\s]*\Z"),
    re.compile(rf"(?:\A|\s)(?P<perhaps_pod>{_POD})[:/](?P<perhaps_program>{_CONTAINER})[:\s]*\Z"),
)
_TIME_IN_FRONT = re.compile(_TIME)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FRACTION = re.compile(r"[.,](\d{1,6})\d*")
_JSON_VALUE = re.compile(r'"\s*:\s*"\Z')
_JSON_TEXT = re.compile(r'\A[^"\\]*(?:\\.[^"\\]*)+"[\s,\]}]*\Z')
_QUOTED_IN_JSON = re.compile(r'\A(?:[^"\\]|\\.)*')
_QUOTED_IN_CSV = re.compile(r'\A(?:[^"]|"")*')
# Numbers of lines, of lists and of clocks; of an address each part stands before another one.
_LINE_NUMBERS = re.compile(r"(\A|[\s:\[])(?:\d+(?:[.,]\d+)?\.?[:\s\])])+")
_LETTER = re.compile(r"[^\W_]")
_WORDS = re.compile(r"[^\W_][\w.-]*|.", re.DOTALL)
_WORD_CHARACTERS = r"[\w.-]+"
_RECORD = re.compile(
    r'\{ ?"(?:[^t]|t[^s]|ts[^"]|ts"[^:])'
)  # any but klog's own, which begin with ts
# A field as a text of a list, or several in one text.
_TAG = re.compile(r"[A-Za-z_][\w.-]{0,99}:[^\s,]{1,253}")
_TAGS_BYTES = 4000
_DECODER = json.JSONDecoder()


def unwrap(line: str, now: datetime) -> Line:
    """The line inside all its wrappings; the outermost node and pod count, and the innermost time and program.

    What stands in front of the head that a program writes is a wrapping, also one that is not known here.
    `now` decides the year of times that come without one.
    """
    # Web pages and chats write spaces that do not break.
    plain = _COLOUR_ESCAPE.sub("", line) if "\x1b" in line else line
    plain = plain.replace("\u00a0", " ")
    found = Line(plain.rstrip("\r\n"))
    for _ in range(_MOST_WRAPPINGS):
        inner = _inside(found.text, now)
        if inner is None:
            break
        found = _unwrapped_line(found, inner)
    if not begins(found.text):
        inner = _behind_unknown(found.text)
        found = _unwrapped_line(found, inner) if inner else found
    if is_of_kubelet(found.text) and not other_program(found):
        found = replace(found, program="kubelet")
    return found


def wrapping_patterns() -> dict[str, Any]:
    """What undoes wrappings, as data for another program that does the same; its patterns are RE2's too."""
    return {
        "depth": _MOST_WRAPPINGS,
        "fields": _MOST_FIELDS,
        "front": _FRONT,
        "fronts": [
            {"begin": "".join(sorted(begin)), "pattern": for_re2(pattern)}
            for begin, pattern in _FRONTS
        ],
        "files": [rf"\A(?:{for_re2(pattern)})\z" for pattern in FILES_OF_PODS],
        "tags_bytes": _TAGS_BYTES,
        "named_in_front": [for_re2(pattern) for pattern in _NAMED_IN_FRONT],
        "of_program": [for_re2(pattern) for pattern in _OF_PROGRAM],
        "patterns": {name: for_re2(pattern) for name, pattern in _PATTERNS.items()},
        "word": _letters_for_re2(_WORD_CHARACTERS),
        "months": _MONTHS,
        "nodes": _NODES,
        "pods": _PODS,
        "programs": _PROGRAMS,
        "perhaps_programs": _PERHAPS_PROGRAMS,
        "texts": TEXTS,
        "times": _TIMES,
        "docker": sorted(_DOCKER),
    }


_RE2_FLAGS = (("s", re.DOTALL), ("i", re.IGNORECASE), ("m", re.MULTILINE))
# By the names that another program knows them by.
_PATTERNS = {
    "colours": _COLOUR_ESCAPE,
    "label": _LABEL_IN_TEXT,
    "timeInFront": _TIME_IN_FRONT,
    "heads": re.compile("|".join(f"(?:{head.pattern})" for head in _HEADS)),
    "klog": KLOG,
    "kubelet": _KUBELET,
    "podInFront": _POD_IN_FRONT,
    "carriers": _CARRIERS,
    "neighbours": _NEIGHBOURS,
    "jsonValue": _JSON_VALUE,
    "jsonText": _JSON_TEXT,
    "quotedInJson": _QUOTED_IN_JSON,
    "quotedInCsv": _QUOTED_IN_CSV,
    "lineNumbers": _LINE_NUMBERS,
    "tag": re.compile(rf"\A(?:{_TAG.pattern})\Z"),
    "letter": _LETTER,
    "words": _WORDS,
    "record": _RECORD,
}


def for_re2(pattern: re.Pattern[str] | re.Pattern[bytes]) -> str:
    """Python's end of a text, its letters of all languages (bytes have ASCII's) and its flags, as RE2 writes them."""
    written = pattern.pattern
    text = written.decode() if isinstance(written, bytes) else _letters_for_re2(written)
    flags = "".join(letter for letter, flag in _RE2_FLAGS if pattern.flags & flag)
    return (f"(?{flags})" if flags else "") + text.replace(r"\Z", r"\z")


def _letters_for_re2(pattern: str) -> str:
    r"""RE2's \w knows no letters beyond ASCII; here it stands in classes only."""
    return pattern.replace(r"[^\W_]", r"[\p{L}\p{N}]").replace(r"\w", r"\p{L}\p{N}_")


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


def is_of_kubelet(text: str) -> bool:
    """Whether a message itself says that it is kubelet's, whatever its wrapping says."""
    return _KUBELET.match(text) is not None


def other_program(line: Line) -> str | None:
    """The program that printed a line, by its wrapping, if that cannot be kube-proxy."""
    named = line.program or line.pod
    return named if named and not _CARRIERS.search(named) else None


def printed_at(text: str, now: datetime) -> datetime | None:
    """The time in klog's own head, taken for UTC, in the latest year that is not in the future."""
    klog = KLOG.match(text)
    if klog:
        return _in_year(int(klog["month"]), int(klog["day"]), klog["clock"], now)
    if text.startswith('{"ts":'):
        record = _json_record(text)
        return moment(record.get("ts")) if record else None
    return None


def said(text: str) -> str:
    """A message without what differs each time that it is said: klog's time and process."""
    klog = KLOG.match(text)
    return f"{klog['level']} {text[klog.start('source') :]}" if klog else text


def is_error(text: str) -> bool:
    """Whether klog (in text or JSON) or Go's runtime says that this is an error."""
    klog = KLOG.match(text)
    if klog:
        return klog["level"] in "EF"
    if text.startswith('{"ts":'):
        record = _json_record(text)
        return record is not None and "err" in record and "v" not in record
    return text.startswith(("panic: ", "fatal error: "))


def begins(text: str) -> bool:
    """Whether a new message of a program begins here, and no continuation of one."""
    return bool(KLOG.match(text)) or text.startswith(('{"ts":', "panic: ", "fatal error: "))


def opens(text: str) -> bool:
    """Whether a line is the first of a record: with a head, whatever stands before it, or with a wrapping."""
    if begins(text) or text.startswith("{") or KLOG.search(text[:_FRONT]):
        return True
    return _front(text) is not None


def _inside(text: str, now: datetime) -> Line | None:
    if KLOG.match(text):
        return None
    if text.lstrip().startswith("{"):
        record = _json_record(text)
        if record is None or (text.startswith('{"ts":') and _of_klog(record)):
            return None
        return _of_record(text, record)
    groups = _front(text)
    return _of_front(groups, now) if groups else None


def _front(text: str) -> Mapping[str, str | None] | None:
    """What the first wrapping that stands in front of a line says; names that must have a word in common have it."""
    for begin, pattern in _FRONTS:
        found = pattern.fullmatch(text) if not begin or text[:1] in begin else None
        groups = found.groupdict() if found else {}
        if groups and groups.get("word") == groups.get("same_word"):
            return groups
    return None


def _of_front(groups: Mapping[str, str | None], now: datetime) -> Line:
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
    return _with_perhaps(line, groups)


def _time_of_front(groups: Mapping[str, str | None], now: datetime) -> datetime | None:
    short = groups.get("short")
    if short:
        return _in_year(_MONTHS.index(short[:3]) // 3 + 1, int(short[4:6]), short[7:], now)
    time = groups.get("time") or groups.get("unix")
    if time:
        return moment(time)
    dated = groups.get("dated")
    return time_in(dated) if dated else None


def _with_labels(line: Line, labels: str) -> Line:
    values = {key.lower(): value for key, value in _LABEL_IN_TEXT.findall(labels)}
    return replace(
        line,
        node=line.node or _value_at_key(values, _NODES),
        pod=line.pod or _value_at_key(values, _PODS),
        program=line.program or _program(values),
    )


def _with_perhaps(line: Line, groups: Mapping[str, str | None]) -> Line:
    """With names of which it is not sure what they name: where they tell no program, they are that of a node."""
    pod, program = groups.get("perhaps_pod"), groups.get("perhaps_program")
    if not (pod or program):
        return line
    if pod and not names_a_program(pod):
        return replace(line, node=line.node or pod)
    if program and not names_a_program(program):
        return line if pod else replace(line, node=line.node or program)
    return replace(line, pod=line.pod or pod, program=line.program or program)


def names_a_program(name: str) -> bool:
    """Whether a name of which it is not known what it names is that of a program or of a Pod."""
    return any(pattern.search(name) for pattern in _OF_PROGRAM)


def _program(values: Mapping[str, Any]) -> str | None:
    """The program that a record names; under a key of other names too, only one that is known."""
    named = _value_at_key(values, _PROGRAMS)
    if named:
        return named
    perhaps = _NEIGHBOURS.search(_value_at_key(values, _PERHAPS_PROGRAMS) or "")
    return perhaps["name"] if perhaps else None


def _behind_unknown(text: str) -> Line | None:
    """The line from the first head of a program on, and what the text before it tells."""
    record = _record_behind(text)
    if record:
        return record
    near = text[: _FRONT * 2]
    heads = (pattern.search(near) for pattern in _HEADS)
    at = min((head.start() for head in heads if head), default=0)
    if not at or at > _FRONT:
        return None
    front = text[:at]
    line = Line(_without_quotes(front, text[at:]), time_in(front), front=front)
    pod = _POD_IN_FRONT.search(front)
    for pattern in _NAMED_IN_FRONT:
        named = pattern.search(front)
        if named:
            line = _with_perhaps(line, named.groupdict())
            break
    return replace(line, pod=pod["pod"]) if pod else line


def _record_behind(text: str) -> Line | None:
    """The message of a record in JSON behind a front that is not known."""
    begin = _RECORD.search(text[:_FRONT])
    if begin is None:
        return None
    try:
        record, _ = _DECODER.raw_decode(text, begin.start())
    except (ValueError, RecursionError):
        return None
    line = _of_record(text, record) if _names_a_text(record) else None
    if line is None or line.time:
        return line
    return replace(line, time=time_in(text[: begin.start()]))


def _names_a_text(record: Mapping[str, Any]) -> bool:
    """Whether a record has a text under a key for messages, and not only texts of any kind."""
    keys = (key.lower() for key, value in record.items() if isinstance(value, str))
    return any(key in TEXTS for key in keys)


def apart(headed: Line, line: str) -> bool:
    """Whether a line has the front of another origin than one with a head: of the same form, with another name."""
    front = _unnumbered(headed.front)
    if not _LETTER.search(front):
        return False
    form = "".join(
        _WORD_CHARACTERS if _LETTER.match(part) else re.escape(part)
        for part in _WORDS.findall(front)
    )
    here = re.match(form, _unnumbered(line))
    return here is not None and here[0] != front


def _unnumbered(text: str) -> str:
    """Without the times and the numbers of lines that stand before a message."""
    return _LINE_NUMBERS.sub(r"\1", _TIME_IN_FRONT.sub("", text[:_FRONT]))


def _without_quotes(front: str, text: str) -> str:
    """A text of JSON or a field of CSV as it was before it was quoted."""
    in_json = _JSON_VALUE.search(front) or (front.endswith('"') and _JSON_TEXT.match(text))
    if in_json:
        quoted = _QUOTED_IN_JSON.match(text)
        with suppress(ValueError):
            return str(json.loads(f'"{quoted[0]}"')) if quoted else text
        return text
    if not front.endswith('"') or "{" in front:
        return text
    field = _QUOTED_IN_CSV.match(text)
    return field[0].replace('""', '"') if field else text


def time_in(front: str) -> datetime | None:
    found = _TIME_IN_FRONT.search(front)
    return moment(found[0]) if found else None


def _of_record(whole: str, record: Mapping[str, Any]) -> Line | None:
    values_by_path = list(fields(record))
    text = message(values_by_path)
    if text is None or text == whole:
        return None
    values = {name: value for name, value in reversed(values_by_path) if value}
    pod, program = _value_at_key(values, _PODS), _program(values)
    if program is None:
        of_pod = _file_of_pod(values)
        pod, program = pod or of_pod.get("pod"), of_pod.get("program")
    times = (
        moment(value)
        for key in _TIMES
        for name, value in values.items()
        if name.rpartition(".")[2] == key
    )
    return Line(
        text,
        next((time for time in times if time), None),
        _value_at_key(values, _NODES),
        pod,
        program,
        # docker's driver cuts what is longer than 16 KiB, and ends a whole line with its newline.
        {"log", "stream"} <= record.keys() <= _DOCKER and not text.endswith("\n"),
    )


def _file_of_pod(values: Mapping[str, Any]) -> Mapping[str, str | None]:
    """The pod and the container whose log a record says that it is from, by the name of a file."""
    for value in values.values():
        named = isinstance(value, str) and "_" in value and len(value) < _FRONT
        for pattern in FILES_OF_PODS if named else ():
            found = pattern.fullmatch(value)
            if found:
                return found.groupdict()
    return {}


def fields(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a record by their path of keys, in lower case, those on top first; klog's own records whole."""
    waiting: list[tuple[str, Any]] = [("", record)]
    for path, value in waiting:
        if isinstance(value, dict) and not _of_klog(value):
            waiting += [
                (f"{path}.{key}".lower().lstrip("."), child) for key, child in value.items()
            ]
        elif isinstance(value, list) and not (value and isinstance(value[0], int)):
            waiting += [(path, child) for child in value]
        elif path.endswith("tags") and isinstance(value, str) and _is_tags(value):
            tags = [tag.partition(":") for tag in value.split(",")]
            waiting += [(f"{path}.{key}".lower().lstrip("."), child) for key, _, child in tags]
        else:
            yield path, value
        if len(waiting) > _MOST_FIELDS:
            return


def _is_tags(text: str) -> bool:
    """Whether a text is made of fields alone: names before values, as stores write them for what they call tags."""
    if ":" not in text or " " in text or len(text) > _TAGS_BYTES:
        return False
    return all(map(_TAG.fullmatch, text.split(",")))


def _of_klog(record: Mapping[str, Any]) -> bool:
    """Whether a record is a message of klog in JSON."""
    return (
        isinstance(record.get("msg"), str) and "ts" in record and ("v" in record or "err" in record)
    )


def message(values: Sequence[tuple[str, Any]]) -> str | None:
    """What a program printed, among the values of a record: with a head, else under a known key, else the longest."""
    texts: list[tuple[str, str]] = []
    for path, value in values:
        if isinstance(value, dict) and _of_klog(value):
            ordered = {"ts": value["ts"], **value}
            return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
        text = _message_text(value)
        if text is not None:
            texts.append((path, text))
    stripped = (text.lstrip() for _, text in texts)
    headed = [text for text in stripped if begins(text)]
    if headed:
        return max(headed, key=len)  # a record may have a short and a full message
    for key in TEXTS:
        for path, text in texts:
            if path.rpartition(".")[2] == key:
                return text
    return max((text for _, text in texts if " " in text), key=len, default=None)


def _message_text(value: Any) -> str | None:
    """journald's JSON gives the bytes of a message that cannot be printed as numbers."""
    if isinstance(value, list):
        try:
            return bytes(value).decode(errors="replace")
        except (TypeError, ValueError):
            return None
    # JSON can hold half a pair of surrogates, which is no text.
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


def _json_record(text: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _value_at_key(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The text whose path of keys ends with the first one of these names that there is."""
    best: str | None = None
    best_rank = len(names)
    for path, value in values.items():
        if not value or not isinstance(value, str):
            continue
        rank = _rank(path, names)
        if rank < best_rank:
            best, best_rank = value, rank
    return best


@lru_cache(maxsize=_MOST_FIELDS * 10)
def _rank(path: str, names: tuple[str, ...]) -> int:
    """The place of the first name that a path of keys ends with; that behind the last name if it ends with none."""
    plain = re.sub(r"[^a-z0-9]+", "_", path).strip("_")
    for rank, name in enumerate(names):
        if plain == name or plain.endswith(f"_{name}"):
            return rank
    return len(names)


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


def _in_year(month: int, day: int, clock: str, now: datetime) -> datetime | None:
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
