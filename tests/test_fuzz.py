"""What bounds a test with made-up inputs in time: `make fuzz` ends, and a failure is still made smaller."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from tests.conftest import OutOfTime, for_seconds


def test_a_test_that_is_out_of_time_tries_no_more() -> None:
    tried: list[int] = []
    out_of_time = for_seconds(tried.append, -1)
    with pytest.raises(OutOfTime):
        out_of_time(1)
    assert tried == [1]
    in_time = for_seconds(tried.append, 60)
    in_time(2)
    assert tried == [1, 2]


def test_what_draws_while_it_runs_ends_in_time_too() -> None:
    """Hypothesis takes a run that draws less than the one before for a fault of the test."""

    @settings(max_examples=10_000, deadline=None, database=None)
    @given(data=st.data())
    def drawing(data: st.DataObject) -> None:
        data.draw(st.integers())
        data.draw(st.text())

    made_up = drawing.hypothesis  # type: ignore[attr-defined]
    made_up.inner_test = for_seconds(made_up.inner_test, 0.2)
    with pytest.raises(OutOfTime):
        drawing()


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

    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bounded = for_seconds(test, 1)
    with pytest.raises(UnsatisfiedAssumption):
        bounded(1)
    now = 2.0
    with pytest.raises(OutOfTime):
        bounded(0)
    with pytest.raises(UnsatisfiedAssumption):
        bounded(1)
