"""A VictoriaLogs that tests fill; the product only asks one."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from generator.servers.loki import parts
from generator.servers.victorialogs import VictoriaLogs

_PUSH = "/insert/loki/api/v1/push"
_SEEN_SECONDS = 30  # within which it shows what it has taken; a second is usual


class Filled(VictoriaLogs):
    """With lines, handed over as Loki takes them."""

    def push(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """Hand over streams as Loki's push API takes them; the lines are kept as they are, JSON too."""
        as_they_are = {"disable_message_parsing": "1"}
        for part in parts(streams):
            body = {"streams": part}
            self._client.request(
                "POST", _PUSH, json=body, params=as_they_are, headers=self._headers
            )

    def wait(self, count: int, labels: Mapping[str, str]) -> None:
        """Until so many lines of the streams with these labels are found. Raises ToolError if they do not come.

        A stream selector finds new streams about a second later than a filter finds their lines.
        """
        stream = f"{{{', '.join(f'{name}={json.dumps(value)}' for name, value in labels.items())}}}"
        deadline = time.monotonic() + _SEEN_SECONDS
        while True:
            seen = sum(int(value) for _, value in self.counts(f"{stream} | stats count() as n", {}))
            if seen >= count:
                return
            if time.monotonic() > deadline:
                raise self._client.error(
                    f"shows {seen} of {count} lines that it was given within {_SEEN_SECONDS} s; "
                    "does it keep lines of that age (-retentionPeriod)?"
                )
            time.sleep(0.1)
