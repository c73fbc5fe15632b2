"""What a line's wrapping tells, and what is inside."""

from datetime import UTC, datetime

import pytest

from generator.diagnose.unwrap import Line, is_error, printed_at, unwrap
from generator.dress import DRESSES

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = 'E1124 05:02:22.318010   18053 proxier.go:473] Failed "x" <a>\tü'
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("dress", DRESSES)
def test_every_dress_comes_off(dress: object) -> None:
    assert callable(dress)
    assert unwrap(dress(TEXT), NOW).text == TEXT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (TEXT, Line(TEXT)),
        (f"2026-01-02T03:04:05Z stderr F {TEXT}", Line(TEXT, AT)),
        (f"2026-01-02T03:04:05Z stderr P {TEXT}", Line(TEXT, AT, partial=True)),
        ('{"log":"half","stream":"stderr","time":"2026-01-02T03:04:05Z"}', Line("half", AT, partial=True)),
        (f"Jan  2 03:04:05 node-1 kube-proxy[12]: {TEXT}", Line(TEXT, AT, "node-1")),
        (f"Dec  2 03:04:05 node-1 k3s[12]: {TEXT}", Line(TEXT, AT.replace(2025, 12), "node-1")),
        (f"2026-01-02T04:04:05+0100 node-1 kube-proxy[12]: {TEXT}", Line(TEXT, AT, "node-1")),
        (f'2026-01-02T03:04:05Z {{node_name="n", pod="p"}} {TEXT}', Line(TEXT, AT, "n", "p")),
        (f"[pod/kube-proxy-x7k2p/kube-proxy] {TEXT}", Line(TEXT, pod="kube-proxy-x7k2p")),
        (f"kube-proxy-x7k2p kube-proxy {TEXT}", Line(TEXT, pod="kube-proxy-x7k2p")),
        (f"MESSAGE={TEXT}", Line(TEXT)),
        ('{"MESSAGE":[97,9,98],"_HOSTNAME":"n","__REALTIME_TIMESTAMP":"1767323045000000"}', Line("a\tb", AT, "n")),
        ('{"message":"a","kubernetes":{"pod_node_name":"n","pod_name":"p"}}', Line("a", None, "n", "p")),
        ('{"log": "cut off', Line('{"log": "cut off')),
        ("{" * 100_000, Line("{" * 100_000)),
        ("[" * 100_000, Line("[" * 100_000)),
    ],
)
def test_what_a_wrapping_tells(line: str, expected: Line) -> None:
    assert unwrap(line, NOW) == expected


def test_klogs_json_is_what_the_program_printed() -> None:
    line = '{"ts":1795489964118.2734,"caller":"a.go:1","msg":"Failed","err":"why"}'
    assert unwrap(line, NOW).text == line
    assert printed_at(line, NOW) == datetime(2026, 11, 24, 3, 12, 44, 118273, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "year"),
    [("E1124 05:02:22.3", 2026), ("E1125 20:00:00.0", 2026), ("E1127 05:02:22.3", 2025), ("E0229 05:02:22.3", 2024)],
)
def test_a_time_without_a_year_is_the_latest_that_is_not_in_the_future(head: str, year: int) -> None:
    found = printed_at(f"{head}       1 a.go:1] x", NOW)
    assert found is not None
    assert found.year == year


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (TEXT, True),
        (TEXT.replace("E", "F", 1), True),
        (TEXT.replace("E", "W", 1), False),
        ("panic: oh", True),
        ("no panic: oh", False),
        ('{"ts":1.5,"msg":"a","err":"b"}', True),
        ('{"ts":1.5,"msg":"a","v":0,"err":"b"}', False),
    ],
)
def test_what_is_an_error(line: str, error: bool) -> None:
    assert is_error(line) is error
