"""Texts that stand for what a pattern matches."""

import pytest

from generator.verify.matching_texts import witnesses


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("blue", ["blue"]),
        ("prod-.*", ["prod-", "prod-a", "prod-0"]),
        ("prod-.+", ["prod-a", "prod-0"]),
        ("(eu|us)-[0-9]+", ["eu-0", "eu-9", "us-0", "us-9"]),
        ("a|b|c", ["a", "b", "c"]),
        ("node-[^0-9]", ["node-a", "node-x"]),
        (r"a\.b", ["a.b"]),
        (r"x\d{3}", ["x000"]),
        ("ab?", ["a", "ab"]),
        ("(?i)blue", ["blue"]),
        ("^(?:a|b)$", ["a", "b"]),
        ("(?P<place>a)+?", ["a"]),
        (r"[[:digit:]]\pL", ["0a", "0x"]),
        ("[]a]", ["a", "]"]),
        (".*-(x{1,10}){1,10}", ["-x", "a-x", "0-x"]),
    ],
)
def test_some_texts_that_it_matches(pattern: str, expected: list[str]) -> None:
    found = witnesses(pattern)
    assert sorted(found) == sorted(expected)


def test_a_long_pattern_has_none() -> None:
    assert witnesses("x" * 1000) == []


@pytest.mark.parametrize(
    "pattern", ["(" * 90 + "a" + ")" * 90, "((a{1,10}){1,10}){1,10}", "(a|b)" * 40]
)
def test_what_is_nested_or_repeated_has_few(pattern: str) -> None:
    assert 1 <= len(witnesses(pattern)) <= 6
