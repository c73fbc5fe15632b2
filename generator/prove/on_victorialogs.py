"""A real VictoriaLogs as the store on which log rules for vmalert are proven.

Each test has a tenant of its own, so no rule of the site sees its lines, and its expressions are asked as they are.
"""

import random
import time
from collections.abc import Collection, Sequence

from generator.base.lines import NANOSECONDS_A_SECOND
from generator.base.names import TEST_LABEL
from generator.base.problems import ToolError
from generator.catalog.model import LogStream
from generator.prove import log_tests
from generator.query import logsql
from generator.query.signature import Signature
from generator.servers.loki import Series
from generator.servers.victorialogs import VictoriaLogs

# A window of VictoriaLogs holds the moment in which it begins and not the one in which it ends; Loki's the other way
# round. With this, in nanoseconds, a line counts in the same evaluations.
_EARLIER = 1
_TENANTS = 2**32  # projects that an account can have


class OnVictoriaLogs:
    """Keeps the streams of each test apart as those of a project of its own."""

    name = "VictoriaLogs"

    def __init__(self, store: VictoriaLogs) -> None:
        """Raises ToolError if what stands there does not keep tenants apart: rules of the site would see the tests."""
        self._store = store
        one = self._apart()
        other = self._apart()
        mark = {TEST_LABEL: one.tenant}
        now = str(time.time_ns())
        one.push([{"stream": mark, "values": [[now, "started"]]}])
        one.wait(1, mark)
        seen_by_other = other.counts("* | stats count() as n", mark)
        if seen_by_other != [({}, "0")]:
            raise ToolError(
                f"{store.url} does not keep tenants apart, as something before it sets AccountID and ProjectID; "
                "rules there might see the lines of the tests. Name VictoriaLogs itself, or leave the address out, "
                "and one is started for the tests"
            )

    def hold(self, streams: Sequence[LogStream], start: int) -> "_HeldByVictoriaLogs":
        own = self._apart()
        base = start * NANOSECONDS_A_SECOND - _EARLIER
        filled = [stream for stream in streams if stream.lines]
        pushed = [log_tests.push(stream, own.tenant, base, hidden=False) for stream in filled]
        own.push(pushed)
        count = sum(len(stream.lines) for stream in filled)
        own.wait(count, {TEST_LABEL: own.tenant})
        return _HeldByVictoriaLogs(own, streams, start)

    def _apart(self) -> VictoriaLogs:
        return self._store.of_project(random.randrange(_TENANTS))  # noqa: S311 - no secret


class _HeldByVictoriaLogs:
    def __init__(self, store: VictoriaLogs, streams: Sequence[LogStream], start: int) -> None:
        self.store = store
        self._streams = streams
        self._start = start

    def evaluate(
        self, expr: str, step: float, numbers: Collection[int], before: int = 0
    ) -> list[Series]:
        return self.store.evaluate(expr, self._start, step, numbers, before)

    def counted(self, expr: str, length: float) -> list[tuple[float, str]]:
        begin = self._start * NANOSECONDS_A_SECOND - _EARLIER
        end = begin + round(length * NANOSECONDS_A_SECOND)
        counted = []
        for at, line in self.store.lines(logsql.log_query(expr), {}, begin, end):
            seconds = (at - begin) / NANOSECONDS_A_SECOND
            counted.append((seconds, line))
        return counted

    def found(self, filters: Signature) -> set[int]:
        (stream,) = self._streams
        base = self._start * NANOSECONDS_A_SECOND - _EARLIER
        begin, end = log_tests.times_of_stream(stream, base)
        query = " ".join(logsql.filters(filters))
        lines = self.store.lines(query, {}, begin, end)
        return {at - begin for at, _ in lines}
