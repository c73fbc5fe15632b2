"""One line that the tests of this folder wrap, and when."""

from datetime import UTC, datetime

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = 'E1124 05:02:22.318010   18053 proxier.go:473] Failed "x" <a>\tü'
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
