"""Logs that a terminal, a pager or a mail folded are read as they were; no other log is taken for one."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from generator.diagnose.findings import Findings
from generator.diagnose.folding import unfolded, width
from generator.diagnose.windows import windows
from tests import once
from tests.catalog.test_lines import FIRES, SILENT, name
from tests.conftest import ROOT

CATALOG = once.inputs().catalog
CAPTURED = sorted((ROOT / "tests" / "captures").rglob("*.log"))
SAMPLES = sorted((ROOT / "catalog").glob("*/samples/**/*.log"))
HEAD = "E1124 04:55:01.693781   11948 proxier.go:1285] "
LOCK = f"{HEAD}Failed to ensure that filter chain KUBE-SERVICES exists: exit status 4: Another app is currently "
LOCK += "holding the xtables lock. Stopped waiting after 5s."


def folded(text: str, columns: int) -> bytes:
    """As `fold -w` does it."""
    parts: list[str] = []
    for line in text.split("\n"):
        parts += [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
    return "\n".join(parts).encode()


def below_root(path: Path) -> str:
    return str(path.relative_to(ROOT))


def failures(blocks: list[bytes]) -> set[str]:
    columns = width(blocks[0])
    findings = Findings(CATALOG, datetime(2026, 11, 27, tzinfo=UTC))
    for window in windows(unfolded(blocks, columns) if columns else blocks):
        findings.read(window, "log")
    return {found.entry.id for found in findings.diagnosis().found}


def test_no_log_as_it_was_printed_is_taken_for_folded() -> None:
    assert CAPTURED
    assert SAMPLES
    logs = [*CAPTURED, *SAMPLES]
    assert [below_root(path) for path in logs if width(path.read_bytes()) is not None] == []


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def told_as_it_is(path: Path) -> set[str]:
    return failures([text_of(path).encode()])


@pytest.mark.parametrize("columns", [80, 100])
def test_a_folded_log_tells_the_failures_that_it_told_before(columns: int) -> None:
    assert FIRES
    logs = [*FIRES, *SILENT]
    told = {name(path): failures([folded(text_of(path), columns)]) for path in logs}
    assert told == {name(path): told_as_it_is(path) for path in logs}


@pytest.mark.parametrize("columns", [61, 80, 97, 143])
@pytest.mark.parametrize(
    "front",
    [
        "",
        "2026-11-24T04:55:01.693781000Z stderr F ",
        "Nov 24 04:55:01 node-1 kube-proxy[1234]: ",
        "[pod/kube-proxy-abcde/kube-proxy] ",
    ],
    ids=["klog", "CRI", "syslog", "kubectl"],
)
def test_whatever_stands_in_front(front: str, columns: int) -> None:
    log = "".join(
        f"{front}{line}\n"
        for line in (LOCK, f"{HEAD}Chain 'KUBE-MARK-DROP' does not exist, and so on", LOCK)
    )
    assert b"".join(unfolded([folded(log, columns)], columns)) == log.encode()
    assert failures([folded(log, columns)]) == {
        "iptables-lock-held-too-long",
        "iptables-backend-mismatch",
    }


def test_a_line_of_another_program_is_not_put_behind_a_cut_one() -> None:
    cut = f"Nov 24 04:55:01 node-1 kube-proxy[1]: {LOCK}"[:80]
    other = "Nov 24 04:55:01 node-1 antrea-agent[2]: holding the xtables lock"
    pod = "[pod/kube-proxy-b/kube-proxy] Chain 'KUBE-MARK-DROP' does not exist"
    for line in (other, pod, '{"log":"x"}', f"> {HEAD}x"):
        log = f"{cut}\n{line}\n".encode()
        assert b"".join(unfolded([log], 80)) == log


def test_blocks_may_end_anywhere_and_lines_as_on_windows() -> None:
    log = folded(f"{LOCK}\n{LOCK}\n", 80).replace(b"\n", b"\r\n")
    blocks = [log[at : at + 7] for at in range(0, len(log), 7)]
    assert b"".join(unfolded(blocks, 80)) == f"{LOCK}\n{LOCK}\n".encode()


def test_a_message_of_two_lines_that_comes_again_and_again_is_not_folded() -> None:
    log = (
        100
        * f"{HEAD}Failed to execute iptables-restore: exit status 1 (\niptables-restore: line 7 failed\n)\n"
    )
    assert width(log.encode()) is None
    assert width(b"") is None
    assert width(100 * f"{HEAD}all is well\n".encode()) is None
