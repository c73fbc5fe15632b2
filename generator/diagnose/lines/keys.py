"""Under which keys records and labels name nodes, Pods, programs, times and texts. No IO."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MOST_FIELDS = 300  # of a record that are looked at
# Keys of records and labels, in lower case with _ for what is no letter; the end of a path of keys is enough.
NODES = ("node_name", "node", "nodename", "host", "hostname", "host_name", "instance", "computer")
PODS = ("pod", "pod_name", "podname")
PROGRAMS = (
    "container_name",
    "container",
    "containername",
    "syslog_identifier",
    "program",
    "appname",
    "app_name",
    "ident",
)
# Keys of names that may be those of a program, or of anything else.
PERHAPS_PROGRAMS = (
    "comm",
    "systemd_unit",
    "unit",
    "service",
    "app",
    "application",
    "logname",
    "logstreamname",
    "logstream",
)
TEXTS = (
    "log",
    "message",
    "line",
    "body",
    "msg",
    "_raw",
    "logmessage",
    "logentry",
    "textpayload",
    "text",
)
TIMES = (
    "time",
    "timestamp",
    "@timestamp",
    "__realtime_timestamp",
    "ts",
    "date",
    "_time",
    "eventtime",
)


def value_at_key(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The text whose path of keys ends with the first one of these names that there is."""
    best: str | None = None
    best_rank = len(names)
    for path, value in values.items():
        if not value or not isinstance(value, str):
            continue
        rank = _rank(path, names)
        if rank < best_rank:
            best, best_rank = value, rank
    return best


@lru_cache(maxsize=MOST_FIELDS * 10)
def _rank(path: str, names: tuple[str, ...]) -> int:
    """The place of the first name that a path of keys ends with; that behind the last name if it ends with none."""
    plain = re.sub(r"[^a-z0-9]+", "_", path).strip("_")
    for rank, name in enumerate(names):
        if plain == name or plain.endswith(f"_{name}"):
            return rank
    return len(names)
