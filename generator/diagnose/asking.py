"""Looks for failures where the logs and metrics are: the signatures and the compiled queries, asked of servers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from generator.base.lines import NANOSECONDS_A_SECOND, TimedLine
from generator.base.names import TEST_LABEL
from generator.base.shapes import Shape
from generator.catalog.model import Entry, MetricAlert
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.diagnose.diagnosis import Proof
from generator.diagnose.findings import Findings, Period
from generator.diagnose.lines.unwrap import unwrap
from generator.query import logql, logsql
from generator.query.signature import Signature
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.victorialogs import VictoriaLogs

_PROOFS_ASKED = 2
_FORM_OF_UNIT = {
    "seconds": "{:.3g} s",
    "per_second": "{:.2f}/s",
    "cores": "{:.2f} cores",
    "count": "{:.0f}",
}

AskedPlace = Mapping[str, str]  # the values of labels, empty for those that a line must not have


@dataclass(frozen=True)
class Wanted:
    """Lines that are asked for: of some streams those that pass the filters, from `start` to `end` in nanoseconds."""

    selector: str
    filters: Signature
    start: int
    end: int


class LogStore(Protocol):
    """Where logs are kept that can be asked; raises ToolError if it cannot be reached or refuses."""

    @property
    def name(self) -> str: ...

    def counts(self, wanted: Wanted, by: Sequence[str]) -> Iterable[tuple[AskedPlace, int]]: ...

    def first(self, wanted: Wanted, place: AskedPlace, limit: int) -> list[TimedLine]: ...

    def last(self, wanted: Wanted, place: AskedPlace) -> list[TimedLine]: ...


class InLoki:
    """Asks a Loki for lines."""

    def __init__(self, client: Client) -> None:
        self.name = client.name
        self._client = client

    def counts(self, wanted: Wanted, by: Sequence[str]) -> Iterator[tuple[AskedPlace, int]]:
        """How many lines there are by these labels, as far as streams have them."""
        seconds = (wanted.end - wanted.start) // NANOSECONDS_A_SECOND
        counted = f"count_over_time({self._query(wanted, {})} [{seconds}s])"
        labels = ", ".join(by)
        rows = _asked_rows(
            self._client,
            "/loki/api/v1/query",
            answers.COUNTS,
            query=f"sum by ({labels}) ({counted})",
            time=wanted.end,
        )
        for row in rows:
            yield row["metric"], int(_value_of_row(row))

    def first(self, wanted: Wanted, place: AskedPlace, limit: int) -> list[TimedLine]:
        """The first lines of a place, with their times."""
        return self._lines(wanted, place, direction="forward", limit=limit)

    def last(self, wanted: Wanted, place: AskedPlace) -> list[TimedLine]:
        """The last line of a place, with its time."""
        return self._lines(wanted, place, direction="backward", limit=1)

    def _lines(
        self, wanted: Wanted, place: AskedPlace, direction: str, limit: int
    ) -> list[TimedLine]:
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
        lines: list[TimedLine] = []
        for row in rows:
            lines.extend((int(at), text) for at, text in row["values"])
        return sorted(lines)

    @staticmethod
    def _query(wanted: Wanted, place: AskedPlace) -> str:
        query = logql.of_place(wanted.selector, place)
        return " ".join([query, *logql.filters(wanted.filters)])


class InVictoriaLogs:
    """Asks a VictoriaLogs for lines."""

    def __init__(self, client: Client) -> None:
        self.name = client.name
        self._store = VictoriaLogs(client)

    def counts(self, wanted: Wanted, by: Sequence[str]) -> Iterator[tuple[AskedPlace, int]]:
        """How many lines there are by these labels, empty where a line has none."""
        # Without labels a count has an answer, 0, where nothing is.
        counted = f"stats by ({', '.join(by)}) count() as {logsql.COUNTED_LINES}"
        query = f"{self._query(wanted)} | {counted} | filter {logsql.COUNTED_LINES}:>0"
        for labels, value in self._store.counts(query, {}, wanted.start, wanted.end):
            yield labels, int(float(value))

    def first(self, wanted: Wanted, place: AskedPlace, limit: int) -> list[TimedLine]:
        """The first lines of a place, with their times."""
        query = f"{self._query(wanted)} | first {limit} by (_time)"
        return self._store.lines(query, place, wanted.start, wanted.end)

    def last(self, wanted: Wanted, place: AskedPlace) -> list[TimedLine]:
        """The last line of a place, with its time."""
        return self._store.lines(self._query(wanted), place, wanted.start, wanted.end, limit=1)

    @staticmethod
    def _query(wanted: Wanted) -> str:
        return " ".join([wanted.selector, *logsql.filters(wanted.filters)])


def in_logs(store: LogStore, rules: Rules, span: Period, findings: Findings) -> None:
    """Count the lines of each log alert in a span, which has both ends; only a few lines of each are fetched."""
    if span.begin is None or span.end is None:
        raise ValueError("logs are asked for in a span with both ends")
    length = span.end - span.begin
    seconds = max(1, round(length.total_seconds()))
    end = _as_nanoseconds(span.end)
    start = end - seconds * NANOSECONDS_A_SECOND
    for alert in rules.alerts:
        if alert.source is None or alert.filters is None:
            continue
        findings.sought([alert.entry.id])
        selector = logql.within(alert.source.selector, TEST_LABEL, "")
        wanted = Wanted(selector, alert.filters, start, end)
        labels = alert.source.labels
        by = [label for label in (labels.node, labels.pod) if label]
        for place, count in _counts_by_place(store, wanted, by):
            named = next(filter(None, place.values()), "not told")
            findings.count(alert.entry.id, named, count, alert.milder)
            first = store.first(wanted, place, _PROOFS_ASKED)
            last = store.last(wanted, place)
            for at, text in (*first, *last):
                time = datetime.fromtimestamp(at / NANOSECONDS_A_SECOND, UTC)
                line = unwrap(text, span.end)
                proof = Proof(line.text, store.name, time, named)
                findings.prove(alert.entry.id, proof)


def _counts_by_place(
    store: LogStore, wanted: Wanted, by: Sequence[str]
) -> Iterator[tuple[AskedPlace, int]]:
    """How many lines there are at each place, with all of its labels; servers give them in any order."""
    counts: list[tuple[list[str], int]] = []
    for labels, count in store.counts(wanted, by):
        values = [labels.get(label, "") for label in by]
        counts.append((values, count))
    for values, count in sorted(counts):
        yield dict(zip(by, values, strict=True)), count


def in_prometheus(prometheus: Client, rules: Rules, profile: Profile, findings: Findings) -> None:
    """Which metric alerts hold now. Recording rules are written out, since they may not be loaded there."""
    labels = profile.prometheus.labels
    names = (labels.node, labels.pod, labels.instance)
    for alert in rules.alerts:
        metric = _metric_alert_named(alert.rule.alert, alert.entry)
        if metric is None:
            continue
        findings.sought([alert.entry.id])
        rows = _asked_rows(
            prometheus,
            "/api/v1/query",
            answers.VECTOR,
            query=rules.written_out(alert.rule.expr),
        )
        for row in rows:
            place = _first_label(row["metric"], names)
            observed = _observed(metric, _value_of_row(row))
            sentence = f"{place}: {observed}" if place else observed
            findings.measured(alert.entry.id, sentence, [place] if place else [])


def _metric_alert_named(name: str | None, entry: Entry) -> MetricAlert | None:
    alerts = (alert for alert in entry.metric_alerts if alert.name == name)
    return next(alerts, None)


def _observed(metric: MetricAlert, value: float) -> str:
    form = _FORM_OF_UNIT[metric.unit]
    return metric.observation.replace("{value}", form.format(value))


def _value_of_row(row: Mapping[str, Any]) -> float:
    """Of a row of an answer: its value comes behind a time, as a text."""
    return float(row["value"][1])


def _asked_rows(server: Client, path: str, shape: Shape, **parameters: Any) -> list[Any]:
    answer = server.json(path, shape, params=parameters)
    rows: list[Any] = answer["data"]["result"]
    return rows


def _first_label(labels: Mapping[str, str], names: Iterable[str | None]) -> str | None:
    """The value of the first of these labels that is there and not empty."""
    values = (labels.get(name) for name in names if name)
    return next(filter(None, values), None)


def _as_nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * NANOSECONDS_A_SECOND)
