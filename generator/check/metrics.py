"""Checks of metric signals: expressions speak of metrics that exist, and thresholds can be reached."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import promql_parser

from generator.base.document import Path
from generator.base.names import TOOL
from generator.base.problems import Location, Problem
from generator.base.suggest import hint
from generator.catalog import placeholders
from generator.catalog.model import Catalog, Entry, Metric, MetricAlert
from generator.catalog.profile import Profile
from generator.catalog.reads import metric_of, metrics_behind, records_of, stand_ins
from generator.catalog.settings import metric_parameters, setting_place
from generator.query import promql, recorded

_FAMILY = "ip_family"
_ADD = f"add it to metrics.yaml, beside the entry's folder; `{TOOL} schema metrics` describes it"


def expressions_are_sound(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Each expression parses, names metrics and labels that exist in its releases, and aggregates ip_family away."""
    records = records_of(catalog)
    try:
        values = placeholders.of_site(profile)
        targets = _target_labels(profile)
    except ValueError:
        return  # the selector itself is reported by the checks of the profile
    for entry in catalog.entries:
        for path, expr, alert in _expressions(entry):
            at = partial(entry.document.at, *path)
            parameters = stand_ins(alert) if alert else {}
            try:
                filled = promql.fill(expr, {**values, **parameters})
                tree = promql.parse(filled)
            except KeyError as error:
                known = ", ".join(f"${name}" for name in sorted({**values, **parameters}))
                yield Problem(at(), f"${error.args[0]} is no placeholder; there are {known}")
                continue
            except ValueError as error:
                yield Problem(at(), f"not PromQL: {error}")
                continue
            for message in _tree_problems(tree, catalog.metrics, records if alert else {}, targets):
                yield Problem(at(), message)
            if alert:
                yield from _not_written_out(filled, records, at)
                missing = _uncovered(tree, alert, records, catalog.metrics, values)
                if missing:
                    yield Problem(
                        at(),
                        f"none of its metrics exists in {missing}; narrow `versions` or use another metric",
                    )


def _not_written_out(
    expr: str, records: Mapping[str, str], at: Callable[[], Location]
) -> Iterable[Problem]:
    """Some rulers evaluate an alert without the recording rules."""
    try:
        recorded.written_out(expr, records)
    except ValueError as error:
        yield Problem(at(), str(error))


def _expressions(entry: Entry) -> Iterator[tuple[Path, str, MetricAlert | None]]:
    for index, record in enumerate(entry.records):
        yield ("signals", "metrics", "records", index, "expr"), record.expr, None
    for index, alert in enumerate(entry.metric_alerts):
        yield ("signals", "metrics", "alerts", index, "expr"), alert.expr, alert


def _target_labels(profile: Profile) -> set[str]:
    """Labels that series get from the scrape target rather than from the program."""
    site = profile.prometheus
    selectors = (site.selector, site.container_selector, site.node_selector)
    named = {matcher.name for text in selectors for matcher in promql.matchers(text)}
    labels = site.labels
    return named | {
        label
        for label in (
            labels.cluster,
            labels.namespace,
            labels.pod,
            site.node_label,
            labels.instance,
        )
        if label
    }


def _tree_problems(
    tree: Any, metrics: Mapping[str, Metric], records: Mapping[str, str], targets: set[str]
) -> Iterator[str]:
    labels = targets | {"le"}
    for selection in promql.selections(tree):
        if selection.series in records:
            continue
        metric = metric_of(selection.series, metrics)
        if metric is None:
            if selection.series in metrics:
                yield f"unknown metric '{selection.series}'; it is a histogram: use its _bucket, _sum or _count"
                continue
            meant = hint(selection.series, [*metrics, *records], f"if it exists, {_ADD}")
            yield f"unknown metric '{selection.series}'; {meant}"
            continue
        labels |= metric.labels
        for label in sorted(selection.labels - targets - metric.labels - {"le"}):
            yield f"{selection.series} has no label '{label}'"
    for label in sorted(promql.grouping_labels(tree) - labels):
        yield f"no metric of this expression has the label '{label}'"
    if _carries_family(tree, metrics):
        yield f"the result carries {_FAMILY} from 1.33 on and would fire once for each; aggregate it away with by ($by)"


def _carries_family(node: Any, metrics: Mapping[str, Metric]) -> bool:
    """Whether the series of a node can have the label ip_family."""
    match node:
        case promql_parser.VectorSelector():
            metric = metric_of(node.name or "", metrics)
            return metric is not None and _FAMILY in metric.labels
        case promql_parser.MatrixSelector():
            return _carries_family(node.vector_selector, metrics)
        case promql_parser.AggregateExpr():
            if node.modifier is None:
                return False
            named = _FAMILY in node.modifier.labels
            if node.modifier.type == promql_parser.AggModifierType.By:
                return named
            return not named and _carries_family(node.expr, metrics)
        case promql_parser.Call():
            return node.func.name not in ("absent", "absent_over_time") and any(
                _carries_family(argument, metrics) for argument in node.args
            )
        case promql_parser.BinaryExpr():
            left, right = _carries_family(node.lhs, metrics), _carries_family(node.rhs, metrics)
            operator = str(node.op)
            if operator == "or":
                return left or right
            if operator in ("and", "unless"):
                return left
            matching = node.modifier.matching if node.modifier else None
            one_to_one = (
                node.modifier
                and node.modifier.card == promql_parser.VectorMatchCardinality.OneToOne
            )
            if matching and one_to_one and matching.type == promql_parser.LabelModifierType.Include:
                return _FAMILY in matching.labels
            return left or right
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return _carries_family(node.expr, metrics)
        case _:
            return False


def _uncovered(
    tree: Any,
    alert: MetricAlert,
    records: Mapping[str, str],
    metrics: Mapping[str, Metric],
    values: Mapping[str, str],
) -> str:
    """The releases an alert is for in which none of its kube-proxy metrics exists."""
    covered: set[int] = set()
    for metric, _ in metrics_behind(tree, records, metrics, values):
        if metric.versions is None:
            return ""
        covered.update(metric.versions.minors())
    if not covered:
        return ""  # nothing known is read, which is reported by itself
    return ", ".join(f"1.{minor}" for minor in alert.versions.minors() if minor not in covered)


def thresholds_can_fire(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A threshold lies below its parameter's limit, and below the top bucket of the histogram it is compared with."""
    values = placeholders.of_site(profile)
    records = records_of(catalog)
    for entry in catalog.entries:
        for index, alert in enumerate(entry.metric_alerts):
            at = ("signals", "metrics", "alerts", index, "parameters")
            for key, value in metric_parameters(alert, profile).items():
                limit = alert.parameters[key].below
                if limit is not None and isinstance(value, float | int) and value >= limit:
                    where = setting_place(profile, alert.name, key, entry, *at, key, "default")
                    yield Problem(
                        where,
                        f"{alert.name}: {key} {value:g} can never fire; it must be below {limit:g}",
                    )
            ceiling = _ceiling(alert, records, catalog.metrics, values)
            threshold = metric_parameters(alert, profile).get("threshold")
            if ceiling is not None and isinstance(threshold, float | int) and threshold >= ceiling:
                where = setting_place(
                    profile, alert.name, "threshold", entry, *at, "threshold", "default"
                )
                yield Problem(
                    where,
                    f"{alert.name}: threshold {threshold:g} can never fire; the histogram ends at {ceiling:g} s "
                    "and no quantile exceeds it",
                )


def _ceiling(
    alert: MetricAlert,
    records: Mapping[str, str],
    metrics: Mapping[str, Metric],
    values: Mapping[str, str],
) -> float | None:
    """The lowest top bucket, in seconds, of the histograms whose quantile an alert reads; None if it reads none."""
    try:
        tree = promql.parse(promql.fill(alert.expr, {**values, **stand_ins(alert)}))
        tops = [
            metric.top_bucket / (1e6 if metric.name.endswith("_microseconds") else 1)
            for metric, quantile in metrics_behind(tree, records, metrics, values)
            if quantile and metric.top_bucket is not None
        ]
    except (KeyError, ValueError):
        return None  # reported by expressions_are_sound
    return min(tops, default=None)
