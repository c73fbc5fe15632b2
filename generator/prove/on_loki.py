"""A real Loki as the store on which log rules are proven."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from generator.base.lines import NANOSECONDS_A_SECOND, Labels
from generator.base.names import TEST_LABEL
from generator.base.problems import ToolError
from generator.catalog.model import LogStream
from generator.prove import log_tests
from generator.prove.over_time import Suite
from generator.query import logql
from generator.query.signature import Signature
from generator.servers.loki import Loki, Series

_ADDED = {"service_name": "unknown_service"}  # by Loki 3 to streams that have no such label


class OnLoki:
    """Keeps the streams of each test apart by a label, and hidden in a Loki that others use."""

    name = "Loki"

    def __init__(self, loki: Loki, hidden: bool = False) -> None:
        self._loki = loki
        self._hidden = hidden

    def hold(self, streams: Sequence[LogStream], start: int) -> "_HeldByLoki":
        mark = uuid.uuid4().hex
        base = start * NANOSECONDS_A_SECOND
        filled = [stream for stream in streams if stream.lines]
        pushed = [log_tests.push(stream, mark, base, self._hidden) for stream in filled]
        self._loki.push(pushed)
        return _HeldByLoki(self._loki, streams, mark, start, self._hidden)


class _HeldByLoki:
    def __init__(
        self, loki: Loki, streams: Sequence[LogStream], mark: str, start: int, hidden: bool
    ) -> None:
        self._loki = loki
        self._streams = streams
        self._mark = mark
        self._start = start
        self._hidden = hidden

    def evaluate(
        self, expr: str, step: float, numbers: Collection[int], before: int = 0
    ) -> list[Series]:
        # At all steps up to the last, for which a Loki reads the lines once; and at one more, as it leaves out those of
        # the very last moment.
        return self._loki.evaluate(self._own(expr), self._start, step, max(numbers) + 1)

    def counted(self, expr: str, length: float) -> list[tuple[float, str]]:
        begin = self._start * NANOSECONDS_A_SECOND
        end = begin + round(length * NANOSECONDS_A_SECOND)
        lines = []
        for query in logql.log_queries(self._own(expr)):
            for time, line in self._loki.lines(query, begin, end):
                lines.append(((time - begin) / NANOSECONDS_A_SECOND, line))
        return lines

    def found(self, filters: Signature) -> set[int]:
        (stream,) = self._streams
        selector = f'{{{TEST_LABEL}="{self._mark}"}}'
        query = " ".join([selector, *logql.filters(filters)])
        begin, end = log_tests.times_of_stream(stream, self._start * NANOSECONDS_A_SECOND)
        lines = self._loki.lines(query, begin, end)
        return {time - begin for time, _ in lines}

    def _own(self, expr: str) -> str:
        return log_tests.query(expr, self._streams, self._mark, self._hidden)


def unseen(loki: Loki, suites: Iterable[Suite]) -> None:
    """Raises ToolError if a rule that is loaded in this Loki would see the streams that the tests push hidden."""
    streams = [{**_ADDED, TEST_LABEL: "any"}]
    for suite in suites:
        for test in suite.tests.tests:
            for stream in test.streams:
                pushed = log_tests.push(stream, "any", 0, hidden=True)
                streams.append({**_ADDED, **pushed["stream"]})
    seeing = {rule["name"] for rule in loki.rules() if _sees(rule, streams)}
    if seeing:
        listed = ", ".join(sorted(seeing))
        raise ToolError(
            f"the ruler of {loki.url} has rules that would see the lines of the tests, and might alert: "
            f"{listed}; leave --loki out, and one is started for the tests, or name one without these rules"
        )


def _sees(rule: Mapping[str, Any], streams: Sequence[Labels]) -> bool:
    try:
        return logql.selects(str(rule["query"]), streams)
    except ValueError:
        return True  # what cannot be read may select anything
