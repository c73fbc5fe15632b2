"""Logs as programs and people pass them on: quoted, coloured, in UTF-16 without a mark, as columns and rows."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generator.diagnose import sources
from generator.diagnose.diagnosis import Diagnosis
from generator.diagnose.findings import Findings
from generator.diagnose.windows import windows
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 25, tzinfo=UTC)
LINES = (
    "I0102 03:04:01.123456       1 server.go:583] Version: v1.18.4",
    "E0102 03:04:05.123456       1 proxier.go:1285] Failed to execute iptables-restore: exit status 4 (",
    "\tAnother app is currently holding the xtables lock. Stopped waiting after 5s.",
    ")",
    'E0102 03:04:06.123456       1 foo.go:12] no idea: "boom" at 10.0.0.1',
)
LOG = "".join(f"{line}\n" for line in LINES)
ROWS = {
    "tables": [
        {
            "name": "PrimaryResult",
            "columns": [
                {"name": "TimeGenerated", "type": "datetime"},
                {"name": "LogEntry", "type": "string"},
            ],
            "rows": [
                [f"2026-01-02T03:04:0{second}Z", line] for second, line in enumerate(LINES, 1)
            ],
        }
    ]
}


def diagnosis(path: Path) -> Diagnosis:
    findings = Findings(CATALOG, NOW)
    for source in sources.sources([str(path)], lambda note: pytest.fail(note)):
        for window in windows(source.blocks):
            findings.read(window, source.name, source.pod, source.node, source.numbered)
    return findings.diagnosis()


@pytest.mark.parametrize(
    "data",
    [
        repr(LOG).encode(),
        repr(LOG.encode()).encode(),
        json.dumps(LOG).encode(),
        repr([LINES[0], "\n".join(LINES[1:4]), LINES[4]]).encode(),
        "".join(f"\x1b[31m{line}\x1b[m\x1b[K\n" for line in LINES).encode(),
        "".join(f"\x1b[35mkp.log\x1b[m\x1b[36m:\x1b[m{line}\n" for line in LINES).encode(),
        LOG.replace("       1 ", "\u00a0\u00a0 1 ").encode(),
        LOG.encode("utf-16-le"),
        LOG.encode("utf-16-be"),
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode(),
    ],
    ids=[
        "repr",
        "repr of bytes",
        "JSON text",
        "repr of a list",
        "coloured",
        "grep in colour",
        "spaces of a page",
        "utf-16-le",
        "utf-16-be",
        "rows",
        "rows, indented",
    ],
)
def test_no_error_is_lost_and_each_has_its_time(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    made = diagnosis(path)
    assert [(found.entry.id, found.count) for found in made.found] == [
        ("iptables-lock-held-too-long", 1)
    ]
    assert made.found[0].first
    assert [(one.count, "no idea" in one.example) for one in made.unexplained] == [(1, True)]
    assert [told.version for told in made.known.values()] == ["v1.18.4"]


def test_a_quoted_text_of_many_megabytes_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(repr(LOG * 40_000))
    made = diagnosis(path)
    assert [found.count for found in made.found] == [40_000]
    assert [one.count for one in made.unexplained] == [40_000]
