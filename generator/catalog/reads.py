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
    return {record.name: record.expr for entry in catalog.entries for record in entry.records}


def metric_of(series: str, metrics: Mapping[str, Metric]) -> Metric | None:
    if series in metrics:
        return None if metrics[series].type == "histogram" else metrics[series]
    for suffix in _SUFFIXES:
        found = metrics.get(series.removesuffix(suffix)) if series.endswith(suffix) else None
        if found and found.type == "histogram":
            return found
    return None


def metrics_read(alert: MetricAlert, catalog: Catalog, profile: Profile) -> list[Metric]:
    """The metrics that an alert reads, through recording rules too. The inputs must have passed the checks."""
    values = placeholders.of_site(profile)
    tree = promql.parse(promql.fill(alert.expr, {**values, **stand_ins(alert)}))
    return [
        metric for metric, _ in metrics_behind(tree, records_of(catalog), catalog.metrics, values)
    ]


def metrics_behind(
    tree: Any, records: Mapping[str, str], metrics: Mapping[str, Metric], values: Mapping[str, str]
) -> Iterator[tuple[Metric, bool]]:
    """The metrics an expression reads, through its recording rules too, and whether a quantile is made of each."""
    trees = [tree]
    for selection in promql.selections(tree):
        if selection.series in records:
            with suppress(KeyError, ValueError):  # reported where the record stands
                trees.append(promql.parse(promql.fill(records[selection.series], values)))
    for read in trees:
        calls = {
            node.func.name for node in promql.walk(read) if isinstance(node, promql_parser.Call)
        }
        for selection in promql.selections(read):
            metric = metric_of(selection.series, metrics)
            if metric:
                yield metric, "histogram_quantile" in calls and selection.series.endswith("_bucket")


def stand_ins(alert: MetricAlert) -> dict[str, str]:
    """Values of an alert's parameters with which its expression can be read."""
    return {
        key: row.default if isinstance(row.default, str) else "1"
        for key, row in alert.parameters.items()
    }
