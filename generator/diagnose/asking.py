"""Looks for failures where the logs and metrics are: the compiled queries, asked of Loki and Prometheus."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from generator.base.names import TEST_LABEL
from generator.base.shapes import Shape
from generator.catalog.model import MetricAlert
from generator.catalog.profile import Profile
from generator.compile.rule import CompiledAlert, Rules
from generator.diagnose.findings import Findings, Proof, Span
from generator.diagnose.unwrap import unwrap
from generator.query import logql
from generator.servers import answers
from generator.servers.http import Client

_NANO = 1_000_000_000
_PROOFS = 2


def in_loki(loki: Client, rules: Rules, span: Span, findings: Findings) -> None:
    """Count the lines of each log alert in a span, which has both ends; only a few lines of each are fetched."""
    if span.begin is None or span.end is None:
        raise ValueError("Loki is asked for a span with both ends")
    since, now = max(1.0, (span.end - span.begin).total_seconds()), span.end
    asked = [(alert, alert.source.labels) for alert in rules.alerts if alert.source]
    findings.sought(alert.entry.id for alert, _ in asked)
    for alert, labels in asked:
        by = ", ".join(label for label in (labels.pod, labels.node) if label)
        # One that wants recent lines too asks for the same ones again.
        query = logql.log_queries(logql.within(alert.rule.expr, TEST_LABEL, ""))[0]
        expr = f"sum by ({by}) (count_over_time({query} [{round(since)}s]))"
        for row in _rows(
            loki, "/loki/api/v1/query", answers.COUNTS, query=expr, time=_nanoseconds(now)
        ):
            place = _place(row["metric"], (labels.node, labels.pod)) or "not told"
            findings.count(alert.entry.id, place, int(float(row["value"][1])))
            _prove(loki, alert, query, row["metric"], place, since, now, findings)


def _prove(
    loki: Client,
    alert: CompiledAlert,
    query: str,
    stream: Mapping[str, str],
    place: str,
    since: float,
    now: datetime,
    findings: Findings,
) -> None:
    """The first lines and the last one of a place."""
    for label, value in stream.items():
        query = logql.within(query, label, value)
    end = _nanoseconds(now)
    span = {"query": query, "start": end - round(since * _NANO), "end": end}
    for direction, limit in (("forward", _PROOFS), ("backward", 1)):
        found = _rows(
            loki,
            "/loki/api/v1/query_range",
            answers.LINES,
            **span,
            direction=direction,
            limit=limit,
        )
        for at, text in sorted((int(at), text) for row in found for at, text in row["values"]):
            time = datetime.fromtimestamp(at / _NANO, UTC)
            findings.prove(alert.entry.id, Proof(unwrap(text, now).text, loki.name, time, place))


def in_prometheus(prometheus: Client, rules: Rules, profile: Profile, findings: Findings) -> None:
    """Which metric alerts hold now. Recording rules are written out, since they may not be loaded there."""
    labels = profile.prometheus.labels
    for alert in rules.alerts:
        metric = next(
            (one for one in alert.entry.metric_alerts if one.name == alert.rule.alert), None
        )
        if metric is None:
            continue
        findings.sought([alert.entry.id])
        found = _rows(
            prometheus,
            "/api/v1/query",
            answers.VECTOR,
            query=rules.written_out(alert.rule.expr),
        )
        for row in found:
            place = _place(row["metric"], (labels.node, labels.pod, labels.instance))
            said = _observed(metric, float(row["value"][1]))
            findings.measured(
                alert.entry.id, f"{place}: {said}" if place else said, [place] if place else []
            )


def _observed(metric: MetricAlert, value: float) -> str:
    form = {
        "seconds": "{:.3g} s",
        "per_second": "{:.2f}/s",
        "cores": "{:.2f} cores",
        "count": "{:.0f}",
    }[metric.unit]
    return metric.observation.replace("{value}", form.format(value))


def _rows(server: Client, path: str, shape: Shape, **parameters: Any) -> list[Any]:
    rows: list[Any] = server.json(path, shape, params=parameters)["data"]["result"]
    return rows


def _place(labels: Mapping[str, str], names: Iterable[str | None]) -> str | None:
    return next((labels[name] for name in names if name and labels.get(name)), None)


def _nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * _NANO)
