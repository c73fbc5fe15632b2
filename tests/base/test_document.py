"""YAML with positions."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generator.base import document
from generator.base.document import parse, plain_values
from generator.base.problems import Location


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


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "f.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("? [1]\n: 2\n", "f.yaml:1:3: a key must be a plain word"),
        ("--- 1\n--- 2\n", "f.yaml:2:1: not valid YAML: but found another document"),
        ("a: \x01\n", "f.yaml: not valid YAML: control characters are not allowed"),
        ("&a [*a]\n", "f.yaml:1:5: not valid YAML: the alias *a stands inside of what it names"),
        ("a: " + "[" * 100_000, "f.yaml:1:103: not valid YAML: nested more than 100 levels deep"),
        ("- " * 100_000 + "a", "f.yaml:1:201: not valid YAML: nested more than 100 levels deep"),
        ("? " * 100_000 + "a", "f.yaml:1:201: not valid YAML: nested more than 100 levels deep"),
        ("{a: " * 100_000, "f.yaml:1:401: not valid YAML: nested more than 100 levels deep"),
        (BOMB, "f.yaml:6:20: not valid YAML: aliases stand for more than 100000 values"),
    ],
)
def test_broken_files_are_problems_not_tracebacks(text: str, message: str) -> None:
    problems = [str(problem) for problem in parse(text, "f.yaml")[1]]
    assert len(problems) == 1
    assert problems[0].startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "<<: &a [*a]",
        "[" * 100_000,
        "a: 2026-99-99",
        f"a: {'9' * 5000}",
        "a: [",
        "? [1]\n: 2",
        "!!int",
        "a: !!python/name:os.system x",
    ],
)
def test_what_cannot_be_loaded_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        plain_values(text)


@pytest.mark.parametrize(
    "number", ["0x" + "f" * 5000, "9" * 5000, "1" + ":1" * 500_000, "1" + ":1" * 500_000 + ".5"]
)
def test_a_number_that_nobody_can_print_is_refused(number: str) -> None:
    """Two of these were read as numbers, which ended the next that printed them; two took for ever."""
    with pytest.raises(ValueError, match=r"a number of \d+ characters \(line 2, column 4\)"):
        plain_values(f"a: 1\nb: {number}\n")


def test_merged_mappings_count_as_often_as_they_are_merged() -> None:
    layers = "".join(f"- &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 9))
    with pytest.raises(ValueError, match="aliases stand for more"):
        plain_values(f"- &a0 {{k: v}}\n{layers}")


def test_a_hundred_levels_are_fine_and_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(document, "_within_limits", looked.append)
    text = "[" * 100 + ", ".join(["1"] * 1000) + "]" * 100
    found = plain_values(text)
    for _ in range(99):
        (found,) = found
    assert found == [1] * 1000
    assert looked == [text]


def test_a_plain_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at all events first costs as much as the reading."""
    looked: list[str] = []
    monkeypatch.setattr(document, "_within_limits", looked.append)
    assert plain_values("a: [b & c, 1]\nd: {e: true}\n") == {"a": ["b & c", 1], "d": {"e": True}}
    assert looked == []


def test_a_few_aliases_are_fine() -> None:
    assert plain_values("a: &a {b: 1}\nc: [*a, *a]\nd: {<<: *a, e: 2}\n") == {
        "a": {"b": 1},
        "c": [{"b": 1}, {"b": 1}],
        "d": {"b": 1, "e": 2},
    }


NODES = st.recursive(
    st.text("ab*&![]{}-:? \n'\"|>#%@", max_size=8),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text("ab<", max_size=3), children, max_size=4)
    ),
)
WORDS = [
    "&a ",
    "*a",
    "*b",
    "&b ",
    "[",
    "]",
    "{",
    "}",
    "- ",
    "? ",
    ": ",
    ", ",
    "\n",
    "  ",
    "x",
    "<<",
    "!!int ",
    "!!float ",
    "!!timestamp ",
    "'",
    '"',
    ">",
    "---",
    "%",
]
PIECES = st.lists(st.sampled_from(WORDS), max_size=60).map("".join)


@given(st.one_of(PIECES, NODES.map(yaml.safe_dump), PIECES.map(lambda text: text * 400)))
def test_no_text_does_harm(text: str) -> None:
    """It is read, or refused as YAML is."""
    found, problems = parse(text, "f.yaml")
    assert found.data is None or json.dumps(found.data)
    assert all(problem.where.path == "f.yaml" for problem in problems)
    with suppress(ValueError):
        plain_values(text)
