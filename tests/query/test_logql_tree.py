"""LogQL as a tree: what a ruler prints anew is the same, what means something else is not."""

import pytest

from generator.query import lexer, logql_tree
from tests.expressions import LOGQL

OURS = """sum by (node, pod) (
  count_over_time(
    {container="kube-proxy"}  # why
      |= `a"b`
      |~ `c\\d`
    [60m]
  )
) > 3
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            OURS,
            '(sum by(node,pod)(count_over_time({container="kube-proxy"} |= "a\\"b" |~ "c\\\\d"[1h])) > 3)',
        ),
        (
            OURS,
            "sum(count_over_time(({container='kube-proxy'} |= 'a\"b' |~ `c\\d`)[1h])) by (pod, node) > 3.0",
        ),
        ('rate({a="b", c!="d"}[90s])', 'rate({c!="d",a="b"}[1m30s])'),
        ('rate({a="b"}[5m] |= "x")', 'rate({a="b"} |= "x" [5m])'),
        ('rate({a="b"}[5m] offset 60m)', 'rate({a="b"}[5m] offset 1h)'),
        ('sum by () (rate({a="b"}[5m]))', 'sum(rate({a="b"}[5m]))'),
        ('rate({a="b"}[5m]) > 2 ^ 3 ^ 2', '(rate({a="b"}[5m]) > 512)'),
        ('rate({a="b"}[5m]) > 1e6', 'rate({a="b"}[5m]) > 1e+06'),
        ('rate({a="b"}[5m]) > 10 / 4', 'rate({a="b"}[5m]) > 2.5'),
        ('absent_over_time({a="b"}[5m])', "absent_over_time({a=`b`}[300s])"),
    ],
)
def test_an_expression_means_the_same_however_it_is_written(one: str, other: str) -> None:
    assert logql_tree.tree(one) == logql_tree.tree(other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("container", "app"),
        ("kube-proxy", "kube-router"),
        ('="kube', '=~"kube'),
        ("|=", "!="),
        ("|~", "|="),
        ("60m", "60s"),
        ("> 3", "> 4"),
        ("> 3", ">= 3"),
        ("> 3", "> bool 3"),
        ("> 3", "/ 0"),
        ("by (node, pod)", "by (node)"),
        ("by (node, pod)", "without (node, pod)"),
        ("sum", "max"),
        ("count_over_time", "rate"),
        ('|= `a"b`\n      |~ `c\\d`', '|~ `c\\d`\n      |= `a"b`'),
        ("[60m]", "[60m] offset 1m"),
    ],
)
def test_what_means_something_else_is_another_tree(old: str, new: str) -> None:
    assert old in OURS
    assert logql_tree.tree(OURS) != logql_tree.tree(OURS.replace(old, new))


@pytest.mark.parametrize("expr", LOGQL)
@pytest.mark.parametrize("gap", [" ", "\n\t", " # a } comment\n"])
def test_layout_and_comments_do_not_count(expr: str, gap: str) -> None:
    assert logql_tree.tree(gap.join(token.text for token in lexer.words(expr))) == logql_tree.tree(
        expr
    )


@pytest.mark.parametrize(
    ("one", "other"), [("{0} - {1}", "{1} - {0}"), ("{0} - ({1} - 1)", "{0} - {1} - 1")]
)
def test_the_order_of_operands_counts(one: str, other: str) -> None:
    sides = ('rate({a="b"}[5m])', 'rate({c="d"}[5m])')
    assert logql_tree.tree(one.format(*sides)) != logql_tree.tree(other.format(*sides))


@pytest.mark.parametrize(
    "text",
    ["", "sum(", "{a=", "{a}", "sum by (x", 'rate({a="b"}[5m]) >', 'rate({a="b"}[5m])) > 1', "a b"],
)
def test_what_is_no_expression_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not expected|ends too early"):
        logql_tree.tree(text)
