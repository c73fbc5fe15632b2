"""Time intervals of Alertmanager: whether they are active at any time from a day on, and at all times."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from amlint import timeintervals
from hypothesis import given
from hypothesis import strategies as st

from generator.verify import intervals

TODAY = date(2026, 1, 2)  # a Friday


def interval(*entries: Mapping[str, Any]) -> intervals.Interval:
    rows = [{"name": "it", "time_intervals": list(entries)}]
    return intervals.intervals_of({"time_intervals": rows})["it"]


@pytest.mark.parametrize(
    ("entry", "active"),
    [
        ({}, True),
        ({"times": []}, False),
        ({"times": [{"start_time": "01:00", "end_time": "02:00"}]}, True),
        ({"weekdays": []}, False),
        ({"weekdays": ["sunday"]}, True),
        ({"years": ["2025"]}, False),
        ({"years": ["2026"], "months": ["january"], "days_of_month": ["1"]}, False),
        ({"years": ["2026"], "months": ["january"], "days_of_month": ["2"]}, True),
        ({"years": ["2026"], "months": ["january"], "weekdays": ["friday"]}, True),
        (
            {"years": ["2026"], "months": ["2"], "days_of_month": ["1"], "weekdays": ["monday"]},
            False,
        ),
        (
            {"years": ["2026"], "months": ["2"], "days_of_month": ["1"], "weekdays": ["sunday"]},
            True,
        ),
        ({"months": ["february"], "days_of_month": ["30"]}, False),
        ({"months": ["february"], "days_of_month": ["-1"]}, True),
        ({"months": ["february"], "days_of_month": ["-31:-29"]}, True),  # of a leap year
        ({"years": ["2026:2027"], "months": ["2"], "days_of_month": ["-31:-29"]}, False),
        ({"years": ["2300:9999999"]}, True),
    ],
)
def test_whether_it_is_ever_active(entry: Mapping[str, Any], active: bool) -> None:
    assert intervals.ever_active(interval(entry), TODAY) is active


def test_what_cannot_be_read_is_left_out() -> None:
    rows = [
        {"name": "broken", "time_intervals": [{"weekdays": ["someday"]}]},
        {"name": "whole", "time_intervals": [{}]},
    ]
    found = intervals.intervals_of({"time_intervals": rows})
    assert list(found) == ["whole"]
    assert intervals.always_active(found["whole"])


def ranges(first: int, last: int) -> st.SearchStrategy[list[str]]:
    pair = st.tuples(st.integers(first, last), st.integers(first, last)).map(sorted)
    return st.lists(pair.map(lambda one: f"{one[0]}:{one[1]}"), max_size=2)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "months": ranges(1, 12),
            "days_of_month": ranges(26, 31),
            "years": ranges(2024, 2030),
            "weekdays": st.lists(st.sampled_from(["monday", "saturday:saturday"]), max_size=1),
        },
    )
)
def test_each_day_looked_at_one_by_one_says_the_same(entry: Mapping[str, Sequence[str]]) -> None:
    found = interval(entry)
    assert intervals.ever_active(found, TODAY) is timeintervals.ever_active(list(found), TODAY)
