"""YAML with positions."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generator.document import parse
from generator.problems import Location


def test_every_value_knows_its_place() -> None:
    document, problems = parse("a:\n  - b: 1\n    c: two\n", "f.yaml")
    assert problems == []
    assert document.data == {"a": [{"b": 1, "c": "two"}]}
    assert document.at("a") == Location("f.yaml", 1, 1)
    assert document.at("a", 0, "c") == Location("f.yaml", 3, 5)


def test_a_missing_value_is_placed_at_its_nearest_parent() -> None:
    document, _ = parse("a:\n  b: 1\n", "f.yaml")
    assert document.at("a", "x", "y") == Location("f.yaml", 1, 1)


def test_duplicate_keys_are_problems() -> None:
    _, problems = parse("a: 1\nb: 2\na: 3\n", "f.yaml")
    assert [str(p) for p in problems] == [
        "f.yaml:3:1: duplicate key 'a'; the first one is on line 1, remove one of them"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("1:30", "1:30"),
        ("0x1f", "0x1f"),
        ("017", 17),
        ("1.18", 1.18),
        (".inf", ".inf"),
        ("2026-01-02", "2026-01-02"),
        ("~", None),
        ('"1"', "1"),
    ],
)
def test_plain_scalars_stay_what_was_written(text: str, value: object) -> None:
    assert parse(f"a: {text}\n", "f.yaml")[0].data == {"a": value}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_from_yaml(text: str) -> None:
    assert parse(yaml.safe_dump({"a": text}), "f.yaml")[0].data == {"a": text}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "f.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("? [1]\n: 2\n", "f.yaml:1:3: a key must be a plain word"),
        ("--- 1\n--- 2\n", "f.yaml:2:1: not valid YAML: but found another document"),
        ("a: \x01\n", "f.yaml: not valid YAML: control characters are not allowed"),
        ("&a [*a]\n", "f.yaml: not valid YAML: maximum recursion depth exceeded"),
    ],
)
def test_broken_files_are_problems_not_tracebacks(text: str, message: str) -> None:
    problems = [str(problem) for problem in parse(text, "f.yaml")[1]]
    assert len(problems) == 1
    assert problems[0].startswith(message)
