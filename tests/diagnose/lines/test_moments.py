"""Times as logs write them."""

import pytest

from generator.diagnose.lines.line import Line
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import NOW


@pytest.mark.parametrize(
    "time", ["1e999", "Infinity", "NaN", '"' + "9" * 400 + '"', "true", "[]", '"nonsense"', "-1"]
)
def test_a_time_that_is_none_is_not_known(time: str) -> None:
    assert unwrap(f'{{"time":{time},"log":"a"}}', NOW) == Line("a")
