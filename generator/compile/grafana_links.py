"""Annotations that lead from an alert into a site's Grafana: to its log lines, and to the dashboard. No IO.

They are templates of the ruler, filled with the labels of the alert.
"""

import json
from collections.abc import Iterable
from math import ceil

from generator.base.durations import seconds
from generator.base.names import DASHBOARD
from generator.catalog.profile import GrafanaProfile, LogSource
from generator.compile import matched_line
from generator.query import gotemplate
from generator.query.signature import Signature

LOGS, BOARD = "logs_url", "dashboard_url"
_HOURS = 3  # what is shown of the time before the click
_QUERY_NAME = "the query"


def explore_link(
    grafana: GrafanaProfile, source: LogSource, signature: Signature, window: str
) -> str:
    """A template for the address of Explore (Grafana 10 or later) with the log query of the alert's place."""
    query, arguments = matched_line.format_of_place(source, signature)
    query_of_place = gotemplate.printf(query, arguments)
    hours_counted = ceil(seconds(window) / 3600)
    state = _panes(grafana.loki, max(_HOURS, hours_counted))
    panes = gotemplate.printf(state, [f"({query_of_place})"])
    # A space may be `+` in a form, but not everywhere in an address.
    escaped = r'urlquery | reReplaceAll "\\+" "%20"'
    return f"{_base(grafana)}/explore?schemaVersion=1&panes={{{{ {panes} | {escaped} }}}}"


def _panes(uid: str, hours: int) -> str:
    """The state of Explore as JSON, a format of printf for the query. What can be printed %q escapes as JSON does."""
    query = {
        "refId": "A",
        "expr": _QUERY_NAME,
        "queryType": "range",
        "datasource": {"type": "loki", "uid": uid},
    }
    span = {"from": f"now-{hours}h", "to": "now"}
    state = {"kp": {"datasource": uid, "queries": [query], "range": span}}
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
    return gotemplate.verbatim(text).replace(json.dumps(_QUERY_NAME), "%q")


def board(grafana: GrafanaProfile, labels: Iterable[tuple[str, str | None]]) -> str:
    """A template for the address of the dashboard, narrowed to the alert's place: its variables, and the labels."""
    address = f"{_base(grafana)}/d/{DASHBOARD}?from=now-{_HOURS}h&to=now"
    for variable, label in labels:
        if label:
            chosen = f"&var-{variable}={{{{ . | urlquery }}}}"
            address += f"{{{{ with $labels.{label} }}}}{chosen}{{{{ end }}}}"
    return address


def _base(grafana: GrafanaProfile) -> str:
    return (grafana.url or "").rstrip("/")
