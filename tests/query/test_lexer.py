"""The words of LogQL and PromQL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.query import lexer


def kinds(expr: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in lexer.words(expr)]


@given(st.text(st.sampled_from("ab01.eE+-`\"'\\#\n\t {}[]()|=~!<>µ☃")))
def test_the_tokens_together_are_the_expression(expr: str) -> None:
    found = list(lexer.tokens(expr))
    assert "".join(token.text for token in found) == expr
    assert all(expr[token.start :].startswith(token.text) for token in found)


def test_what_stands_in_a_string_or_a_comment_is_no_word_of_its_own() -> None:
    assert kinds('{a="}"} |~ `"#[` # {b} "') == [
        *[("sign", "{"), ("name", "a"), ("sign", "="), ("string", '"}"'), ("sign", "}")],
        *[("sign", "|~"), ("string", '`"#[`')],
    ]
    assert kinds(r"'it\'s' != x") == [("string", r"'it\'s'"), ("sign", "!="), ("name", "x")]


@pytest.mark.parametrize(
    "text",
    ["1e6", "1e+06", "1E-3", ".5", "5.", "0x1F", "5m", "1h30m", "1.5s", "10MB", "250µs", "017"],
)
def test_a_number_is_one_word_with_its_unit(text: str) -> None:
    assert kinds(text) == [("number", text)]


def test_what_follows_a_number_is_not_part_of_it() -> None:
    assert kinds("1e6-5m+0x1e+2") == [
        *[("number", "1e6"), ("sign", "-"), ("number", "5m"), ("sign", "+")],
        *[("number", "0x1e"), ("sign", "+"), ("number", "2")],
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1e6", "1e+06"),
        ("1e6", "1000000.0"),
        ("0x1F", "31"),
        (".50", "0.5"),
        ("60m", "1h"),
        ("90s", "1m30s"),
        ("1.5s", "1500ms"),
        ("1h0m0s", "60m"),
        ("7d", "1w"),
        ('"a\\"b"', '`a"b`'),
        ("'a'", '"a"'),
        ('"\\u00e9\\t"', '"é\t"'),
    ],
)
def test_a_value_does_not_depend_on_how_it_is_written(one: str, other: str) -> None:
    (first,), (second,) = lexer.words(one), lexer.words(other)
    assert first.value == second.value


@pytest.mark.parametrize(
    ("one", "other"),
    [("1h", "1m"), ("1h", "3600"), ("1e6", "1e7"), ('"a"', '"b"'), ("1KB", "1KiB")],
)
def test_what_is_something_else_has_another_value(one: str, other: str) -> None:
    (first,), (second,) = lexer.words(one), lexer.words(other)
    assert first.value != second.value


def test_an_expression_without_comments_and_layout_keeps_its_strings() -> None:
    assert lexer.plain(' a  # why\n  + "x  # y"\n') == 'a + "x  # y"'
