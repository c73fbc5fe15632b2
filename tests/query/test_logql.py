"""LogQL text, within what Loki 2.2 reads."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.query.logql import (
    always,
    count,
    filters,
    log_queries,
    of_place,
    quote,
    renamed,
    selects,
    within,
)
from generator.query.signature import Signature


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (r"a\d'b\"", r"`a\d'b\"`"),
        ("a`b", '"a`b"'),
        ('`"\\', '"`\\"\\\\"'),
        ("a\nb", '"a\\nb"'),
        ("a\rb", '"a\\rb"'),  # Go drops carriage returns from raw strings
        ("tab\there", "`tab\there`"),
        ("é ☃", "`é ☃`"),
        ("\ufeffx", '"\\U0000feffx"'),
    ],
)
def test_quoting(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_unchanged(text: str) -> None:
    """Read back with the rules of Go's lexer; for the escapes used, Python's strings have the same ones."""
    quoted = quote(text)
    if quoted.startswith("`"):
        inside = quoted[1:-1]
        assert "`" not in inside
        assert "\r" not in inside
        assert inside == text
    else:
        assert "\n" not in quoted
        assert ast.literal_eval(quoted) == text


def test_filters_stand_in_the_order_of_their_cost() -> None:
    assert filters(Signature(("a",), ("b.", "c"), "d.", ("e.",))) == [
        "|= `a`",
        "|~ `b\\.|c`",
        "|~ `d.`",
        "!~ `e.`",
    ]
    assert filters(Signature(("a",), (), None, ())) == ["|= `a`"]


@pytest.mark.parametrize(
    "plain",
    ["X.*A|X.*B", "(?i)a.*", "[aA].*", "a\\+b", "[+?]x", "x{2}", ".{0,}a", "(?:.+)*a", "a|"],
)
def test_what_loki_would_take_apart_is_kept_whole(plain: str) -> None:
    assert filters(Signature((), (), plain, ())) == [f"|~ `{plain}.?`"]


@pytest.mark.parametrize("pattern", ["x?y", "a+", "a.b", r"\bx", ".{0,6}a", r"[0-9]\d|a"])
def test_what_loki_hands_to_its_engine_anyhow_stays_as_it_is(pattern: str) -> None:
    assert filters(Signature((), (), pattern, ())) == [f"|~ `{pattern}`"]


def test_an_alert_expression() -> None:
    assert count('{a="b"}', Signature(("x",), (), None, ()), "10m", "cluster, pod", "2") == (
        'sum by (cluster, pod) (\n  count_over_time(\n    {a="b"}\n      |= `x`\n    [10m]\n  )\n) > 2\n'
    )


def test_an_alert_that_asks_for_recent_lines_too() -> None:
    assert count('{a="b"}', Signature(("x",), (), None, ()), "10m", "pod", "2", "3m") == (
        'sum by (pod) (\n  count_over_time(\n    {a="b"}\n      |= `x`\n    [10m]\n  )\n) > 2\n'
        "and\n"
        'sum by (pod) (\n  count_over_time(\n    {a="b"}\n      |= `x`\n    [3m]\n  )\n) > 0\n'
    )


def test_the_watchdog_needs_no_vector_function() -> None:
    assert always("5m") == 'absent_over_time({kube_proxy_alerts="watchdog"}[5m])\n'


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('{a="b"}', '{a="b", t=`1`}'),
        ("{}", "{t=`1`}"),
        ('{a=~"x{1,2}"} |= `{b="c"}`', '{a=~"x{1,2}", t=`1`} |= `{b="c"}`'),
        (
            'sum(rate({a="}"} | line_format "{{.x}}"[1m])) / sum(rate({c="d" }[1m])) # {e="f"}',
            'sum(rate({a="}", t=`1`} | line_format "{{.x}}"[1m])) / sum(rate({c="d", t=`1`}[1m])) # {e="f"}',
        ),
        ('{a="b\\"}"}', '{a="b\\"}", t=`1`}'),
    ],
)
def test_a_matcher_is_added_to_each_stream_selector_and_to_nothing_else(
    expr: str, expected: str
) -> None:
    assert within(expr, "t", "1") == expected


def test_the_lines_of_a_place_are_found_by_labels_of_streams_and_by_what_stands_beside_the_lines() -> (
    None
):
    assert of_place('{a="b"}', {"node": "n.1", "pod": ""}) == (
        '{a="b", node=~`(n\\.1)?`, pod=~`()?`} | node=`n.1` | pod=``'
    )


def test_what_an_expression_counts() -> None:
    expr = 'sum(count_over_time({a="["} |= `[1m]`\n !~ "x"\n [5m])) > 0 or rate({c="d"}[1m])'
    assert log_queries(expr) == ['{a="["} |= `[1m]`\n !~ "x"', '{c="d"}']


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('{a="b"}', '{t_a="b"} | label_format a=t_a, c=t_c'),
        ('rate({a="b", d!~`e`}[1m])', 'rate({t_a="b", t_d!~`e`}[1m] | label_format a=t_a, c=t_c)'),
        (
            'rate({a="b"}[1m] offset -5m |= "x")',
            'rate({t_a="b"}[1m] offset -5m | label_format a=t_a, c=t_c |= "x")',
        ),
        (
            'rate(({a="b"} |= `{a="b"}`)[1m])',
            'rate(({t_a="b"} | label_format a=t_a, c=t_c |= `{a="b"}`)[1m])',
        ),
        (
            'sum by (a) (rate({a="b"} | json [1m])) / rate({c="d"}[1m]) # {a="b"}',
            'sum by (a) (rate({t_a="b"} | label_format a=t_a, c=t_c | json [1m])) / '
            'rate({t_c="d"}[1m] | label_format a=t_a, c=t_c) # {a="b"}',
        ),
    ],
)
def test_labels_have_other_names_in_the_selectors_and_their_own_after_them(
    expr: str, expected: str
) -> None:
    assert renamed(expr, "t_", ["a", "c"]) == expected


@pytest.mark.parametrize(
    ("selector", "is_so"),
    [
        ('{a="b"}', True),
        ('{a="b", c="d"}', False),
        ('{a="b", c=""}', True),
        ('{a="b", c!="d"}', True),
        ('{a=~"b|x"}', True),
        ('{a=~"."}', True),
        ('{a=~"b.+"}', False),
        ('{a!~"b", a!=""}', False),
        ('{a!~"b"}', True),
        ('{c=~".+"}', False),
        ('{x="y"}', False),
    ],
)
def test_which_streams_an_expression_asks_for(selector: str, is_so: bool) -> None:
    assert (
        selects(
            f'sum(rate({{x="z"}}[1m])) / sum(rate({selector} |= `}}` [1m])) > 1',
            [{"q": "r"}, {"a": "b"}],
        )
        is is_so
    )


def test_a_pattern_that_is_none_is_said_in_words_and_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match=r"^\(: missing \)"):
        selects('{a=~"("}', [{"a": "b"}])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("expr", ['{a=~"("}', "{a}", "{a=b}"])
def test_a_selector_that_is_none_is_said(expr: str) -> None:
    with pytest.raises(ValueError, match=r"expected|missing"):
        selects(expr, [{"a": "b"}])
