"""Looks for failures where the logs and metrics are: the signatures and the compiled queries, asked of servers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from generator.base.names import TEST_LABEL
from generator.base.shapes import Shape
from generator.catalog.model import MetricAlert
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.diagnose.findings import Findings, Period, Proof
from generator.diagnose.unwrap import unwrap
from generator.query import logql, logsql
from generator.query.signature import Signature
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.victorialogs import VictoriaLogs

_NANO = 1_000_000_000
_PROOFS = 2


@dataclass(frozen=True)
class Wanted:
    """Lines that are asked for: of some streams those that pass the filters, from `start` to `end` in nanoseconds."""

    selector: str
    filters: Signature
    start: int
    end: int


class LogStore(Protocol):
    """Where logs are kept that can be asked; raises ToolError if it cannot be reached or refuses.

    A place is the values of labels, empty for those that a line must not have.
    """

    @property
    def name(self) -> str: ...

    def counts(
        self, wanted: Wanted, by: Sequence[str]
    ) -> Iterable[tuple[Mapping[str, str], int]]: ...

    def first(
        self, wanted: Wanted, place: Mapping[str, str], limit: int
    ) -> list[tuple[int, str]]: ...

    def last(self, wanted: Wanted, place: Mapping[str, str]) -> list[tuple[int, str]]: ...


class InLoki:
    """Asks a Loki for lines."""

    def __init__(self, client: Client) -> None:
        self.name = client.name
        self._client = client

    def counts(self, wanted: Wanted, by: Sequence[str]) -> Iterator[tuple[Mapping[str, str], int]]:
        """How many lines there are by these labels, as far as streams have them."""
        seconds = (wanted.end - wanted.start) // _NANO
        counted = f"count_over_time({self._query(wanted, {})} [{seconds}s])"
        expr = f"sum by ({', '.join(by)}) ({counted})"
        path = "/loki/api/v1/query"
        for row in _asked_rows(self._client, path, answers.COUNTS, query=expr, time=wanted.end):
            yield row["metric"], int(float(row["value"][1]))

    def first(self, wanted: Wanted, place: Mapping[str, str], limit: int) -> list[tuple[int, str]]:
        """The first lines of a place, with their times."""
        return self._lines(wanted, place, direction="forward", limit=limit)

    def last(self, wanted: Wanted, place: Mapping[str, str]) -> list[tuple[int, str]]:
        """The last line of a place, with its time."""
        return self._lines(wanted, place, direction="backward", limit=1)

    def _lines(
        self, wanted: Wanted, place: Mapping[str, str], direction: str, limit: int
    ) -> list[tuple[int, str]]:
        rows = _asked_rows(
            self._client,
            "/loki/api/v1/query_range",
            answers.LINES,
            query=self._query(wanted, place),
            start=wanted.start,
            end=wanted.end,
            direction=direction,
            limit=limit,
        )
        return sorted((int(at), text) for row in rows for at, text in row["values"])

    @staticmethod
    def _query(wanted: Wanted, place: Mapping[str, str]) -> str:
        query = logql.of_place(wanted.selector, place)
        return " ".join([query, *logql.filters(wanted.filters)])


class InVictoriaLogs:
    """Asks a VictoriaLogs for lines."""

    def __init__(self, client: Client) -> None:
        self.name = client.name
        self._store = VictoriaLogs(client)

    def counts(self, wanted: Wanted, by: Sequence[str]) -> Iterator[tuple[Mapping[str, str], int]]:
        """How many lines there are by these labels, empty where a line has none."""
        # Without labels a count has an answer, 0, where nothing is.
        count = f"stats by ({', '.join(by)}) count() as {logsql.LINES} | filter {logsql.LINES}:>0"
        query = f"{self._query(wanted)} | {count}"
        for labels, value in self._store.counts(query, {}, wanted.start, wanted.end):
            yield labels, int(float(value))

    def first(self, wanted: Wanted, place: Mapping[str, str], limit: int) -> list[tuple[int, str]]:
        """The first lines of a place, with their times."""
        query = f"{self._query(wanted)} | first {limit} by (_time)"
        return self._store.lines(query, place, wanted.start, wanted.end)

    def last(self, wanted: Wanted, place: Mapping[str, str]) -> list[tuple[int, str]]:
        """The last line of a place, with its time."""
        return self._store.lines(self._query(wanted), place, wanted.start, wanted.end, limit=1)

    @staticmethod
    def _query(wanted: Wanted) -> str:
        return " ".join([wanted.selector, *logsql.filters(wanted.filters)])


def in_logs(store: LogStore, rules: Rules, span: Period, findings: Findings) -> None:
    """Count the lines of each log alert in a span, which has both ends; only a few lines of each are fetched."""
    if span.begin is None or span.end is None:
        raise ValueError("logs are asked for in a span with both ends")
    seconds = max(1, round((span.end - span.begin).total_seconds()))
    end = _as_nanoseconds(span.end)
    for alert in rules.alerts:
        if alert.source is None or alert.filters is None:
            continue
        findings.sought([alert.entry.id])
        selector = logql.within(alert.source.selector, TEST_LABEL, "")
        wanted = Wanted(selector, alert.filters, end - seconds * _NANO, end)
        labels = alert.source.labels
        by = [label for label in (labels.node, labels.pod) if label]
        counts = [
            ([found.get(label, "") for label in by], n) for found, n in store.counts(wanted, by)
        ]
        for values, count in sorted(counts):  # servers give them in any order
            place = next(filter(None, values), "not told")
            findings.count(alert.entry.id, place, count, alert.milder)
            stream = dict(zip(by, values, strict=True))
            for at, text in [*store.first(wanted, stream, _PROOFS), *store.last(wanted, stream)]:
                time = datetime.fromtimestamp(at / _NANO, UTC)
                proof = Proof(unwrap(text, span.end).text, store.name, time, place)
                findings.prove(alert.entry.id, proof)


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
        found = _asked_rows(
            prometheus,
            "/api/v1/query",
            answers.VECTOR,
            query=rules.written_out(alert.rule.expr),
        )
        for row in found:
            place = _first_label(row["metric"], (labels.node, labels.pod, labels.instance))
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


def _asked_rows(server: Client, path: str, shape: Shape, **parameters: Any) -> list[Any]:
    rows: list[Any] = server.json(path, shape, params=parameters)["data"]["result"]
    return rows


def _first_label(labels: Mapping[str, str], names: Iterable[str | None]) -> str | None:
    return next((labels[name] for name in names if name and labels.get(name)), None)


def _as_nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * _NANO)
