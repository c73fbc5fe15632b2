"""What headings say where a window begins in the middle of a line, and which lines are borders."""

from datetime import UTC, datetime

import pytest

from generator.diagnose.sections import Sections, is_border
from generator.diagnose.windows import Window

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_a_line_that_begins_before_the_window_is_not_of_the_heading_behind_it() -> None:
    data = b"E1124 04:55:01.693781       1 a.go:1] a long line\n==> etcd.log <==\nbelow\n"
    sections = Sections()
    sections.enter(Window(data, 20, len(data)), NOW)
    assert sections.at(0) is None
    below = sections.at(data.index(b"below"))
    assert below is not None
    assert below.program == "etcd"


@pytest.mark.parametrize(
    "text",
    [
        "==> kubelet <==",
        "-- Logs begin at Tue 2026-11-24 --",
        "--",
        "[1] 10:00:00 [SUCCESS] node-2",
        "## kube-proxy-abcde",
    ],
)
def test_a_line_that_parts_logs_is_a_border(text: str) -> None:
    assert is_border(text)


@pytest.mark.parametrize(
    "text", ["", "## and now", "--flag", "E1124 04:55:01.6 1 a.go:1] == no ==", "a | b"]
)
def test_another_line_is_none(text: str) -> None:
    assert not is_border(text)
