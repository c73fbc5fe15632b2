"""Durations as Prometheus and Loki write them, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.base.durations import seconds, shortest_text


@pytest.mark.parametrize(
    ("written", "value"), [("0s", 0), ("90s", 90), ("1h30m", 5400), ("1d", 86400), ("500ms", 0.5)]
)
def test_durations_in_seconds(written: str, value: float) -> None:
    assert seconds(written) == value


@pytest.mark.parametrize("written", ["", "10", "1m1h", "-1s", "ten"])
def test_what_is_no_duration(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        seconds(written)


SHORTEST = {
    0: "0s", 0.001: "1ms", 0.5: "500ms", 1: "1s", 59: "59s", 60: "1m", 90: "1m30s", 600: "10m", 3_600: "1h",
    5_400: "1h30m", 86_399: "23h59m59s", 86_400: "1d", 90_000: "1d1h", 864_000: "10d", 694_861.001: "8d1h1m1s1ms",
}  # fmt: skip


@pytest.mark.parametrize(("length", "written"), SHORTEST.items())
def test_a_length_is_written_with_each_unit_at_most_once(length: float, written: str) -> None:
    assert shortest_text(length) == written


@given(st.integers(min_value=0, max_value=10**11))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    assert seconds(shortest_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
