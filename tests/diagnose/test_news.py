"""What is told while a log is followed."""

from datetime import UTC, datetime, timedelta

from generator.diagnose.diagnosis import Found
from generator.diagnose.news import QUIET, Watch, announcement
from tests import once

ENTRY = next(
    entry for entry in once.inputs().catalog.entries if entry.id == "iptables-backend-mismatch"
)
NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def found(count: int, **places: int) -> Found:
    return Found(ENTRY, count, last=NOW, places=places)


def kinds(watch: Watch, one: Found, now: datetime) -> list[tuple[str, tuple[str, ...]]]:
    return [(news.kind, news.places) for news in watch.news([one], now)]


def test_a_failure_begins_spreads_ends_and_comes_again() -> None:
    watch = Watch()
    assert kinds(watch, found(1, n1=1), NOW) == [("begins", ("n1",))]
    assert kinds(watch, found(1, n1=1), NOW + SECOND) == []
    assert kinds(watch, found(2, n1=2), NOW + 2 * SECOND) == []
    assert kinds(watch, found(3, n1=2, n2=1), NOW + 3 * SECOND) == [("spreads", ("n2",))]
    quiet = NOW + 3 * SECOND + QUIET
    assert kinds(watch, found(3, n1=2, n2=1), quiet - SECOND) == []
    assert kinds(watch, found(3, n1=2, n2=1), quiet) == [("ends", ("n1", "n2"))]
    assert kinds(watch, found(3, n1=2, n2=1), quiet + SECOND) == []
    assert kinds(watch, found(4, n1=3, n2=1), quiet + 2 * SECOND) == [("again", ("n1", "n2"))]
    assert kinds(watch, found(4, n1=3, n2=1), quiet + 2 * SECOND + QUIET) == [
        ("ends", ("n1", "n2"))
    ]


def test_time_severity_node_and_first_step_are_told_and_folded() -> None:
    lines = announcement(Watch().news([found(1, n1=1)], NOW)[0], 80)
    assert lines[0].startswith(
        "2026-11-26T10:00:00Z critical KubeProxyIptablesBackendMismatch on n1: "
    )
    assert max(map(len, lines)) <= 80
    assert "First step: " in " ".join(line.strip() for line in lines)


def test_many_nodes_are_counted_and_a_missing_time_is_said() -> None:
    places = {f"n{number}": 1 for number in range(9)}
    (news,) = Watch().news([Found(ENTRY, 9, places=places)], NOW)
    assert announcement(news, 300)[0].startswith(
        "no time critical KubeProxyIptablesBackendMismatch on n0, n1, n2, n3, n4 and 4 more: "
    )


def test_the_end_says_when_the_last_line_was() -> None:
    watch = Watch()
    watch.news([found(1, n1=1)], NOW)
    (news,) = watch.news([found(1, n1=1)], NOW + QUIET)
    assert announcement(news, 300) == [
        "2026-11-26T10:00:00Z critical KubeProxyIptablesBackendMismatch has ended: no line for 10 minutes, "
        "the last one was at 2026-11-26T10:00:00Z"
    ]
