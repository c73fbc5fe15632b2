"""Times, sizes and lists as people read them."""

from datetime import UTC, datetime

import pytest

from generator.diagnose.phrases import (
    first_few,
    plural,
    readable_size,
    shortened,
    written_time,
)


def test_a_time_is_in_utc_and_whole_seconds() -> None:
    assert written_time(datetime(2026, 11, 24, 4, 55, 1, 693781, UTC)) == "2026-11-24T04:55:01Z"
    assert written_time(None) is None


@pytest.mark.parametrize(
    ("count", "size"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (50 << 20, "50 MiB"),
        (3 << 29, "1.5 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_a_size_is_in_the_largest_unit_up_to_gib(count: int, size: str) -> None:
    assert readable_size(count) == size


def test_one_is_no_plural() -> None:
    assert [plural(number, "line") for number in (0, 1, 2)] == ["lines", "line", "lines"]


def test_of_a_long_list_the_first_five_are_named() -> None:
    assert first_few([]) == ""
    assert first_few([*"abcde"]) == "a, b, c, d, e"
    assert first_few([*"abcdefg"]) == "a, b, c, d, e and 2 more"


def test_a_line_that_is_too_long_is_cut_and_says_so() -> None:
    assert shortened("x" * 400) == "x" * 400
    assert shortened("x" * 401) == f"{'x' * 399}…"
