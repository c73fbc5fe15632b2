"""What has to change on a ruler: groups that mean the same do not."""

from typing import Any

import pytest

from generator.rulers import plan

RULE = {
    "alert": "A",
    "expr": "up == 0\n",
    "for": "10m",
    "labels": {"severity": "info"},
    "annotations": {"for": "x"},
}
GROUP = {"name": "kube-proxy.a", "interval": "30s", "rules": [RULE]}


def group(**changes: Any) -> dict[str, Any]:
    return {**GROUP, "rules": [{**RULE, **changes}]}


@pytest.mark.parametrize(
    "rewritten",
    [
        {**GROUP, "interval": "0h0m30s"},
        {**GROUP, "limit": None, "query_offset": "0s", "source_tenants": []},
        group(expr="up == 0"),
        group(expr="(up  ==  0.0) # down"),
        group(**{"for": "600s"}),
        group(**{"for": "10m0s"}),
        group(**{"for": 600}),
        group(keep_firing_for="0s"),
        dict(reversed(GROUP.items())),
    ],
    ids=str,
)
def test_a_ruler_may_write_it_otherwise(rewritten: dict[str, Any]) -> None:
    assert plan.changes("prometheus", [GROUP], [rewritten]) == []
    assert plan.changes("prometheus", [rewritten], [GROUP]) == []


@pytest.mark.parametrize(
    "other",
    [
        {**GROUP, "interval": "1m"},
        {**GROUP, "limit": 5},
        {**GROUP, "rules": [RULE, RULE]},
        group(expr="0 == up"),
        group(expr="up == bool 0"),
        group(expr="up == 1"),
        group(**{"for": "5m"}),
        group(labels={"severity": "critical"}),
        group(annotations={"for": "y"}),
        group(annotations={}),
        group(labels=None),
        group(**{"for": "soon"}),
        group(keep_firing_for="1m"),
    ],
    ids=str,
)
def test_what_means_something_else_is_an_update(other: dict[str, Any]) -> None:
    (change,) = plan.changes("prometheus", [GROUP], [other])
    assert (change.kind, change.name) == ("update", "kube-proxy.a")


def test_what_is_missing_is_created_and_what_is_left_over_deleted() -> None:
    found = plan.changes(
        "prometheus",
        [{**GROUP, "name": "kube-proxy.new"}, GROUP],
        [{**GROUP, "name": "kube-proxy.old"}, GROUP],
    )
    assert [(change.kind, change.name) for change in found] == [
        ("create", "kube-proxy.new"),
        ("delete", "kube-proxy.old"),
    ]


def test_an_update_is_told_as_a_diff() -> None:
    (change,) = plan.changes("prometheus", [GROUP], [group(**{"for": "300s"})])
    lines = change.lines()
    assert lines[0].startswith("@@ ")
    assert [line for line in lines[1:] if line[0] in "+-"] == ["-  for: 5m", "+  for: 10m"]


def test_groups_of_others_are_known_by_their_names() -> None:
    assert plan.foreign([GROUP, {"name": "team.latency"}, {"name": "kube-proxyish"}]) == [
        "kube-proxyish",
        "team.latency",
    ]
