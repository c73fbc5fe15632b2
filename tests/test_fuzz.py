"""What bounds a test with made-up inputs in time: `make fuzz` ends, and a failure is still made smaller."""

import pytest
from hypothesis.errors import UnsatisfiedAssumption

from tests.conftest import OutOfTime, for_seconds


def test_a_test_that_is_out_of_time_tries_no_more() -> None:
    tried: list[int] = []
    out_of_time = for_seconds(tried.append, -1)
    with pytest.raises(OutOfTime):
        out_of_time(1)
    assert tried == []
    in_time = for_seconds(tried.append, 60)
    in_time(1)
    assert tried == [1]


def test_an_example_that_failed_fails_again_after_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(value: int) -> None:
        assert value < 3

    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bounded = for_seconds(test, 1)
    with pytest.raises(AssertionError):
        bounded(3)
    now = 2.0
    with pytest.raises(AssertionError):
        bounded(3)


def test_an_example_that_was_not_wanted_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(value: int) -> None:
        if value:
            raise UnsatisfiedAssumption
        raise AssertionError

    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bounded = for_seconds(test, 1)
    with pytest.raises(UnsatisfiedAssumption):
        bounded(1)
    now = 2.0
    with pytest.raises(OutOfTime):
        bounded(0)
