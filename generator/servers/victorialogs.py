"""Speaks to a VictoriaLogs over HTTP."""

import json
from collections.abc import Mapping
from datetime import datetime

from generator.base.shapes import TEXT, Schema, Shape, ShapeError, record
from generator.servers import answers
from generator.servers.http import Client

_QUERY = "/select/logsql/query"
_STATS = "/select/logsql/stats_query"
_NANO = 1_000_000_000
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\z"}
_LINE = Shape(record({"_msg": TEXT}, _time=_TIME))


class VictoriaLogs:
    """A VictoriaLogs at an address, and there the tenant that the endpoint names.

    A tenant is `AccountID:ProjectID`. Its methods raise ToolError if it cannot be reached or refuses.
    """

    def __init__(self, client: Client) -> None:
        self.url = client.url
        self._client = client
        account, _, project = (client.endpoint.tenant or "0:0").partition(":")
        self._headers = {"AccountID": account, "ProjectID": project or "0"}

    def counts(
        self,
        query: str,
        labels: Mapping[str, str],
        start: int | None = None,
        end: int | None = None,
    ) -> list[tuple[Mapping[str, str], str]]:
        """What a query counts, among lines with these labels: labels and values.

        With times, in nanoseconds, among the lines from `start` to before `end`.
        """
        times = {"start": start, "end": end}
        span = {name: str(time) for name, time in times.items() if time is not None}
        parameters = {**_asked(query, labels), **span}
        found = self._client.json(_STATS, answers.COUNTS, params=parameters, headers=self._headers)
        return [(row["metric"], row["value"][1]) for row in found["data"]["result"]]

    def lines(
        self, query: str, labels: Mapping[str, str], start: int, end: int, limit: int | None = None
    ) -> list[tuple[int, str]]:
        """The lines that pass a query, with their times in nanoseconds, oldest first; `end` is not included.

        With a limit, those that come last.
        """
        most = {} if limit is None else {"limit": str(limit)}
        # It leaves out lines whose stream it cannot name yet, unless nothing else of them is asked for.
        query = f"{query} | fields _time, _msg"
        parameters = {**_asked(query, labels), "start": str(start), "end": str(end), **most}
        answer = self._client.request("GET", _QUERY, params=parameters, headers=self._headers)
        try:
            rows = [_LINE.checked(json.loads(text)) for text in answer.text.split("\n") if text]
            found = [(_nanoseconds(row["_time"]), row.get("_msg", "")) for row in rows]
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, ShapeError) else ""
            raise self._client.stranger(_QUERY, answer, said) from error
        return sorted(found)


def _asked(query: str, labels: Mapping[str, str]) -> dict[str, str]:
    """A query for lines with these labels only, whatever it is."""
    return {"query": query, **({"extra_filters": json.dumps(labels)} if labels else {})}


def _nanoseconds(text: str) -> int:
    """A time as RFC 3339 has it, up to nine digits after the second."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = round(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * _NANO + int(fraction.ljust(9, "0"))
