"""What was quoted is read as it was before."""

from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import NOW


def test_quotes_of_a_csv_field_are_undone() -> None:
    line = '2026-01-02T03:04:05Z,"E1124 05:02:22.318010   18053 a.go:1] ""Failed"" err=""x, y""",node-1'
    assert unwrap(line, NOW).text == 'E1124 05:02:22.318010   18053 a.go:1] "Failed" err="x, y"'
