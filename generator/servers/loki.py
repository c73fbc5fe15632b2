"""Speaks to a Loki over HTTP."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.base.lines import NANOSECONDS_A_SECOND, Labels, TimedLine
from generator.base.problems import ToolError
from generator.base.shapes import Shape
from generator.servers import answers
from generator.servers.http import Client

_PUSHED = 500_000  # characters in one push; Loki refuses more than 4 MB, and a character has up to four bytes
_NO_RULER = (403, 404, 405)  # none runs, its API is off, or it is not for us
_LIMIT = 5000  # lines in one answer, Loki's default limit
_TOO_LARGE = "received message larger than max"  # of 4 MB, by default, between the parts of a Loki


PushedStream = Mapping[str, Any]  # as the push API of Loki takes it


@dataclass(frozen=True)
class Series:
    """One series of Loki's answer: labels, and the value at each step that has one."""

    labels: Labels
    values: Mapping[int, str]


class Loki:
    """A Loki at an address. Its methods raise ToolError if it cannot be reached or refuses."""

    def __init__(self, client: Client) -> None:
        self.url = client.url
        self._client = client

    def push(self, streams: Sequence[PushedStream]) -> None:
        """Hand over streams as the push API takes them, some lines at a time."""
        for part in batches(streams):
            self._client.request("POST", "/loki/api/v1/push", json={"streams": part})

    def evaluate(self, expr: str, start: int, step: float, count: int) -> list[Series]:
        """The answers to an expression at `count` steps after the first; `start` in seconds, from `first_step`."""
        begin = start * NANOSECONDS_A_SECOND
        parameters = {
            "query": expr,
            "start": begin,
            "end": begin + round(count * step * NANOSECONDS_A_SECOND),
            "step": f"{step:g}",
        }
        series = []
        for row in self._query(answers.MATRIX, parameters):
            values = {}
            for time, value in row["values"]:
                number = round((float(time) - start) / step)
                values[number] = str(value)
            series.append(Series(row["metric"], values))
        return series

    def lines(self, query: str, start: int, end: int) -> list[TimedLine]:
        """The log lines that pass a query, with their times, oldest first; times in nanoseconds, `end` not included.

        No two lines of the streams asked for may have the same time. Where lines are so long that an answer
        does not get through, fewer are asked for at once.
        """
        lines: list[TimedLine] = []
        limit = _LIMIT
        while True:
            try:
                page = self._page(query, start, end, limit)
            except ToolError as error:
                if limit == 1 or _TOO_LARGE not in str(error):
                    raise
                limit //= 2
                continue
            lines += page
            if len(page) < limit:
                return lines
            start = page[-1][0] + 1

    def _page(self, query: str, start: int, end: int, limit: int) -> list[TimedLine]:
        parameters = {
            "query": query,
            "start": start,
            "end": end,
            "limit": limit,
            "direction": "forward",
        }
        lines = []
        for stream in self._query(answers.LINES, parameters):
            for time, line in stream["values"]:
                lines.append((int(time), line))
        return sorted(lines)

    def rules(self) -> list[Mapping[str, Any]]:
        """The rules that its ruler evaluates, as Prometheus's rules API shows them; none if no ruler can be asked."""
        ruler = self._client.as_prometheus
        answer = ruler.json("/api/v1/rules", answers.RULES, absent=_NO_RULER)
        rules: list[Mapping[str, Any]] = []
        if answer:
            for group in answer["data"].get("groups", ()):
                rules += group.get("rules", ())
        return rules

    def _query(self, shape: Shape, parameters: Mapping[str, Any]) -> list[Any]:
        answer = self._client.json("/loki/api/v1/query_range", shape, params=parameters)
        rows: list[Any] = answer["data"]["result"]
        return rows


def first_step(latest: float, step: float) -> int:
    """The last whole second up to a time at which a query with this step, in seconds, may begin.

    Loki 3 begins at a multiple of the step, whatever it is asked for (its align_queries_with_step).
    """
    multiple = math.lcm(round(step * 1000), 1000)  # milliseconds
    return int(latest * 1000) // multiple * multiple // 1000


def batches(streams: Sequence[PushedStream]) -> Iterator[list[PushedStream]]:
    """The same lines in the same order, in parts that Loki takes at once."""
    part: list[PushedStream] = []
    size = 0
    for stream in streams:
        labels = stream["stream"]
        for value in stream["values"]:
            length = len(str(labels)) + len(value[1])
            if part and size + length > _PUSHED:
                yield part
                part = []
                size = 0
            if not part or part[-1]["stream"] is not labels:
                part.append({"stream": labels, "values": []})
            part[-1]["values"].append(value)
            size += length
    if part:
        yield part
