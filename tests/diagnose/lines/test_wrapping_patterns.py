"""What undoes wrappings, as data for a program whose patterns are RE2's."""

from collections.abc import Iterator
from typing import Any

import pytest

from generator.diagnose.lines.wrapping_patterns import wrapping_patterns
from generator.query.signature import compile_re2


def patterns(value: Any, name: str = "") -> Iterator[str]:
    """The patterns in the rules, wherever they stand: a list has the name of what it is a list of."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from patterns(child, f"{name} {key}")
    elif isinstance(value, list):
        for child in value:
            yield from patterns(child, name)
    elif any(word in name for word in ("pattern", "word", "named_in_front", "of_program")):
        yield value


def test_every_pattern_of_the_rules_is_one_of_re2() -> None:
    given = list(patterns(wrapping_patterns()))
    assert len(given) > 40
    for pattern in given:
        compile_re2(pattern)


def test_what_re2_cannot_read_is_refused() -> None:
    for pattern in (r"(?<![a-z])x", r"x(?![a-z])", r"(?P<word>x)(?P=word)", r"(?:x{1,252}){1,20}"):
        with pytest.raises(ValueError, match=r"\w"):
            compile_re2(pattern)
