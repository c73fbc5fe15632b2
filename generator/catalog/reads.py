"""The metrics that an alert reads."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import promql_parser

from generator.catalog import placeholders
from generator.catalog.model import Catalog, Metric, MetricAlert
from generator.catalog.profile import Profile
from generator.query import promql

_SUFFIXES = ("_bucket", "_sum", "_count")


def records_of(catalog: Catalog) -> Mapping[str, str]:
    """The expression of each recording rule."""
    found: dict[str, str] = {}
    for entry in catalog.entries:
        found |= {record.name: record.expr for record in entry.records}
    return found


def metric_of(series: str, metrics: Mapping[str, Metric]) -> Metric | None:
    if series in metrics:
        metric = metrics[series]
        return None if metric.type == "histogram" else metric
    for suffix in _SUFFIXES:
        if not series.endswith(suffix):
            continue
        found = metrics.get(series.removesuffix(suffix))
        if found and found.type == "histogram":
            return found
    return None


def metrics_read(alert: MetricAlert, catalog: Catalog, profile: Profile) -> list[Metric]:
    """The metrics that an alert reads, through recording rules too. The inputs must have passed the checks."""
    values = placeholders.of_site(profile)
    expr = promql.fill(alert.expr, values | stand_ins(alert))
    tree = promql.parse(expr)
    behind = metrics_behind(tree, records_of(catalog), catalog.metrics, values)
    return [metric for metric, _ in behind]


def metrics_behind(
    tree: Any, records: Mapping[str, str], metrics: Mapping[str, Metric], values: Mapping[str, str]
) -> Iterator[tuple[Metric, bool]]:
    """The metrics an expression reads, through its recording rules too, and whether a quantile is made of each."""
    trees = [tree]
    for selection in promql.selections(tree):
        if selection.series in records:
            with suppress(KeyError, ValueError):  # reported where the record stands
                expr = promql.fill(records[selection.series], values)
                trees.append(promql.parse(expr))
    for read in trees:
        has_quantile = "histogram_quantile" in _functions(read)
        for selection in promql.selections(read):
            metric = metric_of(selection.series, metrics)
            if metric:
                yield metric, has_quantile and selection.series.endswith("_bucket")


def _functions(tree: Any) -> set[str]:
    """The functions that an expression calls."""
    calls = (node for node in promql.walk(tree) if isinstance(node, promql_parser.Call))
    return {call.func.name for call in calls}


def stand_ins(alert: MetricAlert) -> dict[str, str]:
    """Values of an alert's parameters with which its expression can be read."""
    return {
        key: row.default if isinstance(row.default, str) else "1"
        for key, row in alert.parameters.items()
    }
