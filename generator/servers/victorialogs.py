"""Speaks to a VictoriaLogs over HTTP."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Self

from generator.base.lines import NANOSECONDS_A_SECOND, Labels, TimedLine
from generator.base.shapes import TEXT, Schema, Shape, ShapeError, record
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.loki import PushedStream, Series, batches

_PUSH = "/insert/loki/api/v1/push"
_FLUSH = "/internal/force_flush"
_QUERY = "/select/logsql/query"
_STATS = "/select/logsql/stats_query"
_SEEN_SECONDS = 30  # within which it shows what it has taken; a second is usual
_POLL_SECONDS = 0.05
# Statuses of a part of it that only takes lines, or of one that does not allow that.
_NOT_OURS = (400, 401, 403, 404, 405)
_RESULT = "__name__"  # the label with the name of what was counted
LabelledValue = tuple[Labels, str]
_LabelPairs = tuple[tuple[str, str], ...]
_TIME_TEXT: Schema = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\z",
}
_LINE = Shape(record({"_msg": TEXT}, _time=_TIME_TEXT))


class VictoriaLogs:
    """A VictoriaLogs at an address, and there the tenant that the endpoint names.

    A tenant is `AccountID:ProjectID`. Its methods raise ToolError if it cannot be reached or refuses.
    """

    def __init__(self, client: Client, tenant: str | None = None) -> None:
        self.url = client.url
        self._client = client
        self.tenant = tenant or client.endpoint.tenant or "0:0"
        self._account, _, project = self.tenant.partition(":")
        self._headers = {"AccountID": self._account, "ProjectID": project or "0"}

    def of_project(self, project: int) -> Self:
        """The same VictoriaLogs, and there another project of the account."""
        return type(self)(self._client, f"{self._account}:{project}")

    def push(self, streams: Sequence[PushedStream]) -> None:
        """Hand over streams as Loki's push API takes them; the lines are kept as they are, JSON too."""
        as_they_are = {"disable_message_parsing": "1"}
        for part in batches(streams):
            self._client.request(
                "POST",
                _PUSH,
                json={"streams": part},
                params=as_they_are,
                headers=self._headers,
            )
        # By itself it does so after a second; where this is refused, that is waited for.
        self._client.request("GET", _FLUSH, allow=_NOT_OURS)

    def wait(self, count: int, labels: Labels) -> None:
        """Until so many lines of the streams with these labels are found. Raises ToolError if they do not come.

        A stream selector finds new streams about a second later than a filter finds their lines.
        """
        matchers = []
        for name, value in labels.items():
            matchers.append(f"{name}={json.dumps(value)}")
        selector = ", ".join(matchers)
        query = f"{{{selector}}} | stats count() as n"
        deadline = time.monotonic() + _SEEN_SECONDS
        while True:
            seen = 0
            for _, value in self.counts(query, {}):
                seen += int(value)
            if seen >= count:
                return
            if time.monotonic() > deadline:
                raise self._client.error(
                    f"shows {seen} of {count} lines that it was given within {_SEEN_SECONDS} s; "
                    "does it keep lines of that age (-retentionPeriod)?"
                )
            time.sleep(_POLL_SECONDS)

    def evaluate(
        self, expr: str, start: int, step: float, numbers: Iterable[int], before: int = 0
    ) -> list[Series]:
        """The answers to an expression at the steps with these numbers, each as vmalert gets it.

        And at so many steps before each of them, back to one at which there is none. Step 0 is at `start`, in seconds.
        Raises ValueError if an answer has several values for the same labels.
        """
        answered: dict[int, list[LabelledValue]] = {}
        for last in numbers:
            for number in range(last, max(last - before, 0) - 1, -1):
                if number not in answered:
                    later = round(number * step * NANOSECONDS_A_SECOND)
                    answered[number] = self._at(expr, start * NANOSECONDS_A_SECOND + later)
                if not answered[number]:
                    break
        return _as_series(answered, expr)

    def _at(self, expr: str, moment: int) -> list[LabelledValue]:
        """The answer to an expression at a time in nanoseconds: labels and values."""
        return self._statistics(answers.VECTOR, {"query": expr, "time": str(moment)})

    def counts(
        self,
        query: str,
        labels: Labels,
        start: int | None = None,
        end: int | None = None,
    ) -> list[LabelledValue]:
        """What a query counts, among lines with these labels: labels and values.

        With times, in nanoseconds, among the lines from `start` to before `end`.
        """
        parameters = _query_parameters(query, labels)
        if start is not None:
            parameters["start"] = str(start)
        if end is not None:
            parameters["end"] = str(end)
        return self._statistics(answers.COUNTS, parameters)

    def _statistics(self, shape: Shape, parameters: Mapping[str, str]) -> list[LabelledValue]:
        """The rows of an answer: labels, without the name of what was counted, and values."""
        answer = self._client.json(_STATS, shape, params=parameters, headers=self._headers)
        rows: list[LabelledValue] = []
        for series in answer["data"]["result"]:
            labels = {name: text for name, text in series["metric"].items() if name != _RESULT}
            _, value = series["value"]
            rows.append((labels, value))
        return rows

    def lines(
        self, query: str, labels: Labels, start: int, end: int, limit: int | None = None
    ) -> list[TimedLine]:
        """The lines that pass a query, with their times in nanoseconds, oldest first; `end` is not included.

        With a limit, those that come last.
        """
        # It leaves out lines whose stream it cannot name yet, unless nothing else of them is asked for.
        parameters = _query_parameters(f"{query} | fields _time, _msg", labels)
        parameters["start"] = str(start)
        parameters["end"] = str(end)
        if limit is not None:
            parameters["limit"] = str(limit)
        answer = self._client.request("GET", _QUERY, params=parameters, headers=self._headers)
        try:
            lines = [_read_line(text) for text in answer.text.split("\n") if text]
        except (ValueError, RecursionError) as error:
            where = str(error) if isinstance(error, ShapeError) else ""
            raise self._client.stranger(_QUERY, answer, where) from error
        return sorted(lines)


def _as_series(answered: Mapping[int, Sequence[LabelledValue]], expr: str) -> list[Series]:
    """The answers to an expression by the numbers of their steps, brought together by labels."""
    by_labels: dict[_LabelPairs, dict[int, str]] = {}
    for number, answer in answered.items():
        for labels, value in answer:
            key = tuple(sorted(labels.items()))
            values = by_labels.setdefault(key, {})
            if number in values:
                raise ValueError(
                    "VictoriaLogs gives several results for the same labels, which vmalert tells apart by "
                    f"`stats_result`; let the query give one: {expr}"
                )
            values[number] = value
    return [Series(dict(key), values) for key, values in by_labels.items()]


def _query_parameters(query: str, labels: Labels) -> dict[str, str]:
    """A query for lines with these labels only, whatever it is."""
    if not labels:
        return {"query": query}
    return {"query": query, "extra_filters": json.dumps(labels)}


def _read_line(text: str) -> TimedLine:
    """A line of an answer: its time in nanoseconds, and its text."""
    line = _LINE.checked(json.loads(text))
    return _read_nanoseconds(line["_time"]), line.get("_msg", "")


def _read_nanoseconds(text: str) -> int:
    """A time as RFC 3339 has it, up to nine digits after the second."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(f"{whole}+00:00")
    nanoseconds = int(fraction.ljust(9, "0"))
    return round(moment.timestamp()) * NANOSECONDS_A_SECOND + nanoseconds
