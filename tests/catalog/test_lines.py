"""Which entry a log line belongs to: the page's own text, the samples of the catalog, and captures of real programs."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from generator.catalog.model import Entry, Sample
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from tests import once
from tests.conftest import ROOT

CATALOG = once.inputs().catalog
SIGNATURES = {entry.id: signature(entry.logs) for entry in CATALOG.entries if entry.logs}


def owners(line: str) -> set[str]:
    """The entries whose compiled filters let a line through, which must not depend on how it is wrapped."""
    found = [
        {owner for owner, s in SIGNATURES.items() if s.matches(dress(line))} for dress in DRESSES
    ]
    assert all(each == found[0] for each in found)
    return found[0]


_MOMENT = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ |\"ts\":[\d.]+")


def apart_from_times(lines: Iterable[str]) -> list[str]:
    """Without those that say again what another has said, with another time in klog's head and nothing else."""
    return list({_MOMENT.sub("", line): line for line in lines}.values())


def owners_of_any(lines: Iterable[str]) -> set[str]:
    return set().union(*(owners(line) for line in apart_from_times(lines)))


PAGE_LINES = {
    "iptables-backend-mismatch": "Failed to execute iptables-restore: exit status 2 (iptables-restore v1.8.4 (legacy): Couldn't load target 'KUBE-MARK-DROP':No such file or directory",
    "iptables-lock-not-mounted": "Failed to execute iptables-restore: exit status 1 (iptables-restore: line xxx failed)",
    "iptables-restore-without-wait": "Failed to execute iptables-restore: exit status 4 (Another app is currently holding the xtables lock. Perhaps you want to use the -w option?)",
    "iptables-lock-held-too-long": 'Failed to ensure that filter chain KUBE-SERVICES exists: error creating chain "KUBE-EXTERNAL-SERVICES": exit status 4: Another app is currently holding the xtables lock. Stopped waiting after 5s.',
    "apiserver-connection-broken": "Failed to list *core.Endpoints: Stream error http2.StreamError{StreamID:0xea1, Code:0x2, Cause:error(nil)} when reading response body, may be caused by closed connection. Please retry.",
    "ipvs-startup-panic": "[signal SIGSEGV: segmentation violation code=0x1 addr=0x50 pc=0x1514fb8]",
    "iptables-save-parse-panic": 'Observed a panic: "slice bounds out of range" (runtime error: slice bounds out of range)',
}


@pytest.mark.parametrize("entry_id", PAGE_LINES)
def test_the_pages_own_text_matches_its_failure_and_no_other(entry_id: str) -> None:
    assert owners(PAGE_LINES[entry_id]) == {entry_id}


SAMPLED = [entry for entry in CATALOG.entries if entry.samples]


@pytest.mark.parametrize("entry", SAMPLED, ids=lambda entry: entry.id)
def test_every_sample_through_the_compiled_filters(entry: Entry) -> None:
    for sample in entry.samples:
        found = owners_of_any(sample.lines)
        if sample.fires:
            assert found == {entry.id}, sample.path
        else:
            assert entry.id not in found, sample.path


# Logs of real programs: what was run and done stands in PROVENANCE.tsv. The ones that show most are samples of the
# catalog; these are the rest.
CAPTURES = ROOT / "tests" / "captures"
FIRES = sorted(CAPTURES.glob("*/fires/*.log"))
SILENT = sorted([*CAPTURES.glob("*/silent/*.log"), *CAPTURES.glob("healthy/*.log")])

# kube-proxy --cleanup of these releases words a refused deletion exactly like a refused sync: the limit that
# the runbook states. Two failures in one run: the wrapper that hides -w meets a lock that is held as well.
KNOWN = {
    "iptables-lock-not-mounted/silent/v1.18.4-legacy-cleanup.log": {"iptables-lock-not-mounted"},
    "iptables-lock-not-mounted/silent/v1.36.3-legacy-cleanup.log": {"iptables-lock-not-mounted"},
    "iptables-restore-without-wait/fires/v1.14.3-legacy187-own-lock.log": {
        "iptables-restore-without-wait",
        "iptables-lock-held-too-long",
    },
    # A match that iptables does not have, in the words of one whose module is missing.
    "iptables-backend-mismatch/silent/byhand-legacy-nosuchmatch-raw.log": {
        "iptables-module-missing"
    },
    "iptables-backend-mismatch/silent/byhand-nft-nosuchmatch-raw.log": {"iptables-module-missing"},
}


def lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", errors="replace").split("\n")


def name(path: Path) -> str:
    return path.relative_to(CAPTURES).as_posix()


def wanted(path: Path) -> set[str]:
    """The entries whose failure a captured log shows."""
    own = {path.parent.parent.name} if path in FIRES else set()
    return KNOWN.get(name(path), own)


@pytest.mark.parametrize("failure", sorted({path.parent.parent.name for path in FIRES}))
def test_a_captured_failure_is_recognised_and_no_other(failure: str) -> None:
    logs = [path for path in FIRES if path.parent.parent.name == failure]
    found = {name(path): owners_of_any(lines(path)) for path in logs}
    assert found == {name(path): wanted(path) for path in logs}


def test_a_captured_look_alike_or_healthy_log_matches_nothing() -> None:
    assert SILENT
    found = {name(path): owners_of_any(lines(path)) for path in SILENT}
    assert found == {name(path): wanted(path) for path in SILENT}


# Entries whose samples of kube-proxy's own runs are cut from the captures of the same name.
CUT_FROM_CAPTURES = (
    "conntrack-sysctl-denied",
    "iptables-module-missing",
    "iptables-mark-kernel-bug",
)
BY_NAME = {
    path.name: path
    for entry_id in CUT_FROM_CAPTURES
    for path in FIRES
    if path.parent.parent.name == entry_id
}
REPRODUCED = [
    pytest.param(sample, id=sample.path)
    for entry in CATALOG.entries
    if entry.id in CUT_FROM_CAPTURES
    for sample in entry.samples
    if Path(sample.path).name in BY_NAME
]


@pytest.mark.parametrize("sample", REPRODUCED)
def test_a_sample_named_like_a_capture_is_a_piece_of_it(sample: Sample) -> None:
    piece = "\n".join(sample.lines)
    assert piece in "\n".join(lines(BY_NAME[Path(sample.path).name]))


def test_every_capture_says_where_it_comes_from() -> None:
    rows = [row.split("\t") for row in (CAPTURES / "PROVENANCE.tsv").read_text().splitlines()]
    assert sorted(path for path, programs, done in rows if programs and done) == sorted(
        map(name, [*FIRES, *SILENT])
    )
