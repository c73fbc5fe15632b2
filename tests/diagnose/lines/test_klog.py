"""What klog and Go's runtime say of a message."""

from datetime import UTC, datetime

import pytest

from generator.diagnose.lines.klog import is_error, printed_at
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import NOW, TEXT


def test_klogs_json_is_what_the_program_printed() -> None:
    line = '{"ts":1795489964118.2734,"caller":"a.go:1","msg":"Failed","err":"why"}'
    assert unwrap(line, NOW).text == line
    assert printed_at(line, NOW) == datetime(2026, 11, 24, 3, 12, 44, 118273, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "year"),
    [
        ("E1124 05:02:22.3", 2026),
        ("E1125 20:00:00.0", 2026),
        ("E1127 05:02:22.3", 2025),
        ("E0229 05:02:22.3", 2024),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_is_not_in_the_future(
    head: str, year: int
) -> None:
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
