"""Speaks to a VictoriaLogs over HTTP."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from generator.base.shapes import TEXT, Shape, ShapeError, record
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.loki import Series, parts

_PUSH = "/insert/loki/api/v1/push"
_QUERY = "/select/logsql/query"
_STATS = "/select/logsql/stats_query"
_NANO = 1_000_000_000
_SEEN_SECONDS = 30  # within which it shows what it has taken; a second is usual
_LINE = Shape(record({"_msg": TEXT}, _time=TEXT))


class VictoriaLogs:
    """A VictoriaLogs at an address. Its methods raise ToolError if it cannot be reached or refuses."""

    def __init__(self, client: Client) -> None:
        self.url = client.url
        self._client = client

    def push(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """Hand over streams as Loki's push API takes them; the lines are kept as they are, JSON too."""
        for part in parts(streams):
            self._client.request(
                "POST", _PUSH, json={"streams": part}, params={"disable_message_parsing": "1"}
            )

    def wait(self, query: str, count: int, time_range: str) -> None:
        """Until so many lines of a stream can be found. Raises ToolError if they do not come."""
        deadline = time.monotonic() + _SEEN_SECONDS
        while True:
            rows = self.counts(f"{query} _time:{time_range} | stats count() as lines")
            seen = sum(round(value) for _, value in rows)
            if seen >= count:
                return
            if time.monotonic() > deadline:
                raise self._client.error(
                    f"shows {seen} of {count} lines that it has taken; does it keep lines of that age "
                    "(-retentionPeriod)?"
                )
            time.sleep(0.1)

    def counts(self, query: str, at: float | None = None) -> list[tuple[Mapping[str, str], float]]:
        """What a query counts at a time, in seconds: labels and values."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        found = self._client.json(_STATS, answers.VECTOR, params={"query": query, **moment})
        return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]

    def evaluate(self, query: str, start: int, step: float, count: int) -> list[Series]:
        """The answers to a query at `count` steps after the first, each asked alone as vmalert does it."""
        found: dict[tuple[tuple[str, str], ...], dict[int, str]] = {}
        for number in range(count + 1):
            for metric, value in self.counts(query, start + number * step):
                # No label and an empty one are the same; the name of what is counted tells nothing.
                labels = {
                    name: text for name, text in metric.items() if text and name != "__name__"
                }
                found.setdefault(tuple(sorted(labels.items())), {})[number] = f"{value:g}"
        return [Series(dict(labels), values) for labels, values in found.items()]

    def lines(
        self, query: str, start: int, end: int, limit: int | None = None
    ) -> list[tuple[int, str]]:
        """The lines that pass a query, with their times in nanoseconds, oldest first; `end` is not included.

        With a limit, those that come last.
        """
        wanted = {"query": query, "start": str(start), "end": str(end)}
        most = {} if limit is None else {"limit": str(limit)}
        answer = self._client.request("GET", _QUERY, params={**wanted, **most})
        try:
            rows = [_LINE.checked(json.loads(text)) for text in answer.text.split("\n") if text]
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, ShapeError) else ""
            raise self._client.stranger(_QUERY, answer, said) from error
        return sorted((_nanoseconds(row["_time"]), row.get("_msg", "")) for row in rows)


def _nanoseconds(text: str) -> int:
    """A time as RFC 3339 has it, up to nine digits after the second."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = round(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * _NANO + int(fraction.ljust(9, "0"))
