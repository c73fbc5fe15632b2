"""PromQL: placeholders, selectors, and what an expression reads."""

import pytest
from msgspec.structs import replace

from generator.catalog import placeholders
from generator.catalog.profile import MetricLabels, Profile, PrometheusProfile
from generator.query import promql
from tests import once

LABELS = MetricLabels(
    cluster="cluster", namespace="namespace", pod="pod", node="node", instance="instance"
)
METRICS = PrometheusProfile(
    '{job="kube-proxy"}',
    '{ namespace="kube-system", container="kube-proxy", }',
    '{job="node-exporter"}',
    LABELS,
    "30s",
    limit=0,
    keep_firing_for="",
    query_offset="",
)
DEFAULT = once.inputs().profile
SITE = replace(DEFAULT, prometheus=METRICS)


def labelled(labels: MetricLabels) -> Profile:
    return replace(SITE, prometheus=replace(METRICS, labels=labels))


def test_placeholders_of_a_site() -> None:
    assert placeholders.of_site(SITE) == {
        "kube_proxy": 'job="kube-proxy"',
        "container": 'namespace="kube-system", container="kube-proxy"',
        "by": "cluster, namespace, pod, node, instance",
        "pod": "cluster, namespace, pod",
        "cluster": "cluster",
        "namespace": "kube-system",
        "daemonset": "kube-proxy",
        "expected": "vector(1)",
        "expected_by": "",
        "node": "node",
        "node_exporter": 'job="node-exporter"',
        "node_target": "cluster, instance",
        "by_node": "cluster, node",
    }


def test_clusters_that_must_be_there_are_series_of_their_own() -> None:
    values = placeholders.of_site(replace(SITE, clusters=("a", 'b"$1')))
    assert values["expected"] == (
        'label_replace(vector(1), "cluster", "a", "", "") or label_replace(vector(1), "cluster", "b\\"$$1", "", "")'
    )
    assert values["expected_by"] == "cluster"


def test_labels_that_a_site_has_not_are_left_out() -> None:
    site = labelled(
        MetricLabels(cluster=None, namespace=None, pod=None, node=None, instance="target")
    )
    values = placeholders.of_site(site)
    assert (values["by"], values["pod"], values["cluster"]) == ("target", "", "")


def test_the_names_of_kube_proxys_objects_are_those_of_the_site() -> None:
    objects = replace(SITE.kube_proxy, namespace="openshift-sdn", daemonset="proxy")
    values = placeholders.of_site(replace(SITE, kube_proxy=objects))
    assert (values["namespace"], values["daemonset"]) == ("openshift-sdn", "proxy")


def test_a_list_of_labels_may_end_with_one_that_a_site_has_not() -> None:
    site = labelled(replace(LABELS, cluster=None))
    tree = promql.parse(promql.fill("max by (node, $cluster) (up)", placeholders.of_site(site)))
    assert promql.grouping_labels(tree) == {"node"}


def test_filling_in() -> None:
    assert promql.fill('a{$x, b=~"c$$"} > $y', {"x": 'j="k"', "y": "3"}) == 'a{j="k", b=~"c$"} > 3'
    with pytest.raises(KeyError, match="z"):
        promql.fill("$z", {})
    with pytest.raises(ValueError, match="Invalid placeholder"):
        promql.fill("a{b=~'c$'}", {})


def test_selections_and_grouping_labels() -> None:
    tree = promql.parse(
        'max by (a) (rate(x_bucket{b="c"}[5m])) * on (d) group_left (e) up{f="g"} unless absent(z offset 1h)'
    )
    assert [(row.series, set(row.labels)) for row in promql.selections(tree)] == [
        ("x_bucket", {"b"}),
        ("up", {"f"}),
        ("z", set()),
    ]
    assert promql.grouping_labels(tree) == {"a", "d", "e"}


@pytest.mark.parametrize("text", ["up", 'up{job="x"}', "1", "sum({a='b'})", '{a="b" or c="d"}', ""])
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        promql.matchers(text)


def test_matchers_of_a_selector() -> None:
    assert [(m.name, m.value) for m in promql.matchers('{a="b", c!~"d"}')] == [
        ("a", "b"),
        ("c", "d"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rate(x[60m])", "rate(x[1h])"),
        ("rate(x[90s] offset 60m)", "rate(x[1m30s] offset 1h)"),
        ("x > 1000000", "x > 1e+06"),
        ("x > 0.0000001", "x > 1e-07"),
        ("x > .5", "x > 0.5"),
        ("x{job='a b'}", 'x{job="a b"}'),
        ("x{a=~`\\d`, b='c'}", 'x{b="c",a=~"\\\\d"}'),
        ("sum(x) by (a, b)", "sum by (b,a) ((x))"),
        ("sum by () (x)", "sum(x)"),
        ("a * ignoring () b # c", "a*b"),
        ('{"x"}', "x"),
        ("x @ 5", "x @ 5.000"),
        ("max_over_time((x)[1h:60s])", "max_over_time(x[60m:1m])"),
    ],
)
def test_an_expression_means_the_same_however_it_is_written(one: str, other: str) -> None:
    assert promql.tree_of(one) == promql.tree_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - b", "b - a"),
        ("a - (b - c)", "a - b - c"),
        ("a or b", "a and b"),
        ("a + on (x) b", "a + b"),
        ("a + on (x) b", "a + ignoring (x) b"),
        ("a * on (x) group_left () b", "a * on (x) group_right () b"),
        ("a == bool 1", "a == 1"),
        ("a >= 1", "a > 1"),
        ("sum(a)", "max(a)"),
        ("sum by (x) (a)", "sum without (x) (a)"),
        ("topk(3, a)", "topk(4, a)"),
        ("x[60m]", "x[60s]"),
        ("x[1h:1m]", "x[1h:2m]"),
        ("x offset 1m", "x offset -1m"),
        ("x @ start()", "x @ end()"),
        ("x > 1e3", "x > 1e4"),
        ("x{a='b'}", "x{a='c'}"),
        ("x{a='b'}", "x{a=~'b'}"),
        ("x{a!='~b'}", "x{a!~'b'}"),
        ("-a", "a"),
        ("label_replace(a, 'b', 'c', 'd', 'e')", "label_replace(a, 'b', 'c', 'e', 'd')"),
    ],
)
def test_what_means_something_else_is_another_tree(one: str, other: str) -> None:
    assert promql.tree_of(one) != promql.tree_of(other)


def test_a_raw_string_keeps_its_backslashes() -> None:
    assert promql.pinned(r"{job=`a\d`}") == {"job": r"a\d"}
