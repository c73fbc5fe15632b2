"""Checks of metric signals: expressions speak of metrics that exist, and thresholds can be reached."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
            known = {**values, **stand_ins(alert)} if alert else values
            try:
                filled = promql.fill(expr, known)
                tree = promql.parse(filled)
            except KeyError as error:
                there_are = ", ".join(f"${name}" for name in sorted(known))
                yield Problem(at(), f"${error.args[0]} is no placeholder; there are {there_are}")
                continue
            except ValueError as error:
                yield Problem(at(), f"not PromQL: {error}")
                continue
            readable = records if alert else {}
            for message in _tree_problems(tree, catalog.metrics, readable, targets):
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
    named = (
        site.labels.cluster,
        site.labels.namespace,
        site.labels.pod,
        site.labels.instance,
        site.node_label,
    )
    labels = {label for label in named if label}
    for selector in (site.selector, site.container_selector, site.node_selector):
        labels.update(matcher.name for matcher in promql.matchers(selector))
    return labels


def _tree_problems(
    tree: Any, metrics: Mapping[str, Metric], records: Mapping[str, str], targets: set[str]
) -> Iterator[str]:
    labels = targets | {"le"}
    for selection in promql.selections(tree):
        series = selection.series
        if series in records:
            continue
        metric = metric_of(series, metrics)
        if metric is None:
            instead = "it is a histogram: use its _bucket, _sum or _count"
            if series not in metrics:
                instead = hint(series, [*metrics, *records], f"if it exists, {_ADD}")
            yield f"unknown metric '{series}'; {instead}"
            continue
        labels |= metric.labels
        strange = selection.labels - targets - metric.labels - {"le"}
        for label in sorted(strange):
            yield f"{series} has no label '{label}'"
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
            return _aggregate_carries_family(node, metrics)
        case promql_parser.Call():
            if node.func.name in ("absent", "absent_over_time"):
                return False
            return any(_carries_family(argument, metrics) for argument in node.args)
        case promql_parser.BinaryExpr():
            return _binary_carries_family(node, metrics)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return _carries_family(node.expr, metrics)
        case _:
            return False


def _aggregate_carries_family(node: Any, metrics: Mapping[str, Metric]) -> bool:
    if node.modifier is None:
        return False
    is_named = _FAMILY in node.modifier.labels
    if node.modifier.type == promql_parser.AggModifierType.By:
        return is_named
    return not is_named and _carries_family(node.expr, metrics)


def _binary_carries_family(node: Any, metrics: Mapping[str, Metric]) -> bool:
    left = _carries_family(node.lhs, metrics)
    right = _carries_family(node.rhs, metrics)
    operator = str(node.op)
    if operator in ("and", "unless"):
        return left
    on = _labels_on(node.modifier)
    if operator != "or" and on is not None:
        return _FAMILY in on
    return left or right


def _labels_on(modifier: Any) -> Sequence[str] | None:
    """The labels that the result of `on (…)` between single series has, and no others; None without it."""
    if not modifier or not modifier.matching:
        return None
    if modifier.card != promql_parser.VectorMatchCardinality.OneToOne:
        return None
    if modifier.matching.type != promql_parser.LabelModifierType.Include:
        return None
    labels: Sequence[str] = modifier.matching.labels
    return labels


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
    missing = [minor for minor in alert.versions.minors() if minor not in covered]
    return ", ".join(f"1.{minor}" for minor in missing)


def thresholds_can_fire(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A threshold lies below its parameter's limit, and below the top bucket of the histogram it is compared with."""
    values = placeholders.of_site(profile)
    records = records_of(catalog)
    for entry in catalog.entries:
        for index, alert in enumerate(entry.metric_alerts):
            at = ("signals", "metrics", "alerts", index, "parameters")
            parameters = metric_parameters(alert, profile)
            for key, value in parameters.items():
                limit = alert.parameters[key].below
                if _is_reached(limit, value):
                    where = setting_place(profile, alert.name, key, entry, *at, key, "default")
                    yield Problem(
                        where,
                        f"{alert.name}: {key} {value:g} can never fire; it must be below {limit:g}",
                    )
            ceiling = _ceiling(alert, records, catalog.metrics, values)
            threshold = parameters.get("threshold")
            if _is_reached(ceiling, threshold):
                where = setting_place(
                    profile, alert.name, "threshold", entry, *at, "threshold", "default"
                )
                yield Problem(
                    where,
                    f"{alert.name}: threshold {threshold:g} can never fire; the histogram ends at {ceiling:g} s "
                    "and no quantile exceeds it",
                )


def _is_reached(limit: float | None, value: object) -> bool:
    """Whether a number is not below a limit, where there is one."""
    return limit is not None and isinstance(value, float | int) and value >= limit


def _ceiling(
    alert: MetricAlert,
    records: Mapping[str, str],
    metrics: Mapping[str, Metric],
    values: Mapping[str, str],
) -> float | None:
    """The lowest top bucket, in seconds, of the histograms whose quantile an alert reads; None if it reads none."""
    try:
        tree = promql.parse(promql.fill(alert.expr, {**values, **stand_ins(alert)}))
        read = list(metrics_behind(tree, records, metrics, values))
    except (KeyError, ValueError):
        return None  # reported by expressions_are_sound
    tops = []
    for metric, is_quantile in read:
        if is_quantile and metric.top_bucket is not None:
            per_second = 1e6 if metric.name.endswith("_microseconds") else 1
            tops.append(metric.top_bucket / per_second)
    return min(tops, default=None)
