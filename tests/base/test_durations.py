import pytest

from generator.base.durations import seconds


@pytest.mark.parametrize(
    ("text", "value"), [("0s", 0), ("90s", 90), ("1h30m", 5400), ("1d", 86400), ("500ms", 0.5)]
)
def test_durations_in_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "10", "1m1h", "-1s", "ten"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        seconds(text)
