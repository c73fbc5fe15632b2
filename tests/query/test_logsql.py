"""LogsQL text; what VictoriaLogs makes of it is in prove/test_on_victorialogs.py."""

import pytest

from generator.query.logsql import always, count, filters, log_query
from generator.query.signature import Signature

OPEN = Signature(("open.",), (), None, ())


def test_filters_are_patterns_in_the_order_of_their_cost() -> None:
    assert filters(Signature(("a.",), ("b.", "c"), "d.", ("e.",))) == [
        "~`a\\.`",
        "~`b\\.|c`",
        "~`d.`",
        "!~`e.`",
    ]
    assert filters(Signature(("a`b",), (), None, ())) == ['~"a`b"']


def test_a_pattern_that_asks_what_stands_beside_has_no_plain_text_at_its_beginning() -> None:
    assert filters(Signature((), (), r"AB\b|x", ("^a", "b$", "c"))) == [
        "~`.?(?:AB\\b|x)`",
        "!~`.?(?:^a)`",
        "!~`.?(?:b$)`",
        "!~`c`",
    ]


def test_an_alert_counts_the_lines_of_a_place() -> None:
    assert count('{app="door"}', OPEN, "10m", ["pod", "node"], "3") == (
        '{app="door"} _time:10m\n'
        "  ~`open\\.`\n"
        "| stats by (pod, node) count() as kube_proxy_lines\n"
        "| filter kube_proxy_lines:>3\n"
    )


def test_recent_lines_are_counted_beside_and_are_no_alert_of_their_own() -> None:
    assert count('{app="door"}', OPEN, "10m", ["pod"], "3", "5m") == (
        '{app="door"} _time:10m\n'
        "  ~`open\\.`\n"
        "| stats by (pod) count() as kube_proxy_lines, count() if (_time:5m) as kube_proxy_recent_lines\n"
        "| filter kube_proxy_lines:>3 kube_proxy_recent_lines:>0\n"
        "| fields pod, kube_proxy_lines\n"
    )


def test_the_watchdog_needs_no_line_and_has_the_label_that_loki_gives_it() -> None:
    assert always("5m") == (
        '{kube_proxy_alerts="watchdog"} _time:5m\n'
        "| stats count() as kube_proxy_lines\n"
        "| format `watchdog` as kube_proxy_alerts\n"
    )


@pytest.mark.parametrize(
    ("expr", "counted"),
    [
        ('{a="b"} _time:5m ~`x` | stats by (pod) count() as n | filter n:>0', '{a="b"}  ~`x`'),
        ("~`| stats _time:5m` _time:1.5h", "~`| stats _time:5m`"),
        ("x | unpack_json | filter y:1 _time:1d | stats count() if (_time:2m) as n", "x | unpack_json | filter y:1"),
        ("_time:10m | stats count() as n", "*"),
        ("stats", "stats"),
    ],
)  # fmt: skip
def test_what_an_expression_counts_is_its_query_without_window_and_statistics(
    expr: str, counted: str
) -> None:
    assert log_query(expr) == counted
