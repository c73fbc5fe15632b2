"""Made-up logs: nothing ends in a traceback, and what is remembered changes no answer."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as some

from generator.diagnose import sources
from generator.diagnose.findings import Findings, Period
from generator.diagnose.windows import windows
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 27, tzinfo=UTC)
EVER = Period(begin=datetime(2000, 1, 1, tzinfo=UTC))  # each line is then judged by itself
APP = "Another app is currently holding the xtables lock. Stopped waiting after 5s."
FRONTS = [
    "",
    "> ",
    "12:",
    "[pod/kube-proxy-a/kube-proxy] ",
    "[pod/kube-proxy-b/kube-proxy] ",
    "[pod/kube-proxy-11/kube-proxy] ",
    "[pod/kube-proxy-12/kube-proxy] ",
    "[pod/weave-net-a/weave] ",
    "Nov 24 04:55:01 node-1 kube-proxy[7]: ",
    "Nov 24 04:55:02 node-2 kube-proxy[7]: ",
    "Nov 24 04:55:03 node-1 kubelet[8]: ",
    "2026-11-24T04:55:01.5Z stderr F ",
    "2026-11-24T04:55:02.5Z stderr F ",
    "node-7 | ",
]
MESSAGES = [
    "I1124 04:54:58.000001       1 server.go:583] Version: v1.18.4",
    f"E1124 04:55:01.693781       1 proxier.go:647] exit status 4: {APP}",
    f"E1124 04:55:02.693781       1 proxier.go:647] exit status 4: {APP}",
    f"E1124 04:55:03.693781     812 kubelet_network_linux.go:111] exit status 4: {APP}",
    'E1124 04:55:04.693781       1 a.go:17] "It failed" err=<',
    'E1124 04:55:05.693781       1 a.go:17] "It failed" err="no 7"',
    '{"ts":1795496106000.1,"caller":"a.go:17","msg":"It failed","err":"no 8"}',
    f"\t{APP}",
    APP,
    " >",
    "panic: no",
    "",
    "==> kubelet <==",
    "==> kube-proxy [0b5d8e3b4c1d] <==",
    "==> out.txt <==",
    "==== START logs for container weave of pod kube-system/weave-net-a ====",
    "==== END logs for container weave of pod kube-system/weave-net-a ====",
    "## kube-proxy-c",
    "## and now",
    "--",
]
LINES = some.builds("{}{}\n".format, some.sampled_from(FRONTS), some.sampled_from(MESSAGES))


def answer(log: bytes, span: Period | None) -> Any:
    """All that is said, but for what is taken from one of the lines that are alike.

    Times are those of the first and the last of them. Errors of no entry are one where they and the lines up to the
    next message are alike, also where that is another program's and theirs goes on behind it.
    """
    findings = Findings(CATALOG, NOW, span) if span else Findings(CATALOG, NOW)
    for window in windows([log]):
        findings.read(window, "log")
    made = findings.diagnosis()
    return (
        {one.entry.id: (one.count, one.places) for one in made.found},
        sum(one.count for one in made.harmless),
        sorted((one.program, one.entry.id, one.count) for one in made.elsewhere),
        made.speaks,
    )


@given(some.lists(LINES, max_size=20), some.integers(1, 3))
@example([f"{MESSAGES[6]}\n", f"{MESSAGES[6]}\n", f"{MESSAGES[7]}\n"], 1)
@example([f"{MESSAGES[7]}\n", f"{MESSAGES[3]}\n"], 2)
def test_what_came_before_changes_no_answer(lines: list[str], times: int) -> None:
    log = "".join(lines * times).encode()
    assert answer(log, None) == answer(log, EVER)


PIECES = some.one_of(
    some.binary(max_size=30),
    LINES.map(str.encode),
    some.sampled_from(
        [b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"{", b"[", b'"', b"\\n", b"<br>", b"\0"]
    ),
    some.sampled_from(
        [b'{"log":"', b'","stream":"stderr"}\n', b"time,message\n", b"</td><td>", b"\r"]
    ),
)


@given(some.lists(PIECES, max_size=20))
@example([b"time,message\n", b'"', b"\0"])
def test_no_bytes_end_in_a_traceback(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(b"".join(pieces))
        findings = Findings(CATALOG, NOW)
        for source in sources.sources([str(path)], lambda note: None):
            for window in windows(source.blocks):
                findings.read(window, source.name, source.pod, source.node, source.numbered)
        assert findings.diagnosis().last is None or path.stat().st_size
