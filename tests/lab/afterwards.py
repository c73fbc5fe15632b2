"""What must hold once failures were provoked: servers hold our rules, and each panel of the dashboard has data."""

import json
import re
import time
from collections.abc import Sequence
from typing import Any

from generator.base.file import File
from tests.lab.stack import Stack

_BY_HAND = "kube-proxy.apiserver-connection-broken"
_MINUTES_BACK = 30
_STEP_SECONDS = 15
# What Grafana puts in the place of its variables.
_VARIABLES = {
    "$__rate_interval": "1m",
    "$__interval": "1m",
    **{f"${name}": ".*" for name in ("cluster", "node", "pod", "instance")},
}


async def problems(running: Stack, files: Sequence[File]) -> list[str]:
    """What is not as it must be, a line each."""
    dashboard = next(file.text for file in files if file.path.endswith(".dashboard.json"))
    return [*await _rules(running), *await _panels(running, dashboard)]


async def _rules(running: Stack) -> list[str]:
    """diff sees what was changed by hand, push repairs it, and verify is content."""
    steps = []
    code, said = await running.command("diff", "--rules-dir", str(running.rules))
    steps.append("" if code == 0 else f"diff after push: {code}: {said}")
    await running.change_by_hand(_BY_HAND)
    code, said = await running.command("diff", "--rules-dir", str(running.rules))
    changed = code == 1 and f"  update {_BY_HAND}\n" in said
    steps.append("" if changed else f"diff after a change by hand: {code}: {said}")
    await running.push()
    code, said = await running.command("diff", "--rules-dir", str(running.rules))
    steps.append("" if code == 0 else f"diff after the repair: {code}: {said}")
    code, said = await running.verified()
    steps.append("" if code == 0 else f"verify: {code}: {said}")
    return [step for step in steps if step]


async def _panels(running: Stack, dashboard: str) -> list[str]:
    """A panel of Prometheus shows data for each of its queries, one of Loki for some of its failures."""
    empty = []
    end = time.time()
    for panel in json.loads(dashboard)["panels"]:
        rows = {
            target["refId"]: await _rows(running, panel, target, end) for target in panel["targets"]
        }
        enough = any if panel["datasource"]["type"] == "loki" else all
        if not enough(rows.values()):
            empty.append(
                f"the panel {panel['title']} has no data for {', '.join(key for key, n in rows.items() if not n)}"
            )
    return empty


async def _rows(running: Stack, panel: Any, target: Any, end: float) -> int:
    expr = filled(target["expr"])
    if panel["type"] == "logs":
        return await running.lines(expr, end - _MINUTES_BACK * 60, end)
    if panel["datasource"]["type"] == "loki":
        return await running.series_of_logs(expr, end - _MINUTES_BACK * 60, _STEP_SECONDS, end)
    return await running.series(expr, end - _MINUTES_BACK * 60, _STEP_SECONDS, end)


def filled(expr: str) -> str:
    """A query of the dashboard as Grafana sends it with everything chosen. Raises ValueError for another variable.

    Names of variables begin with no digit: $1 is the group of a pattern.
    """
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    if left := re.findall(r"\$[A-Za-z_]\w*", expr):
        raise ValueError(f"nobody fills in {', '.join(left)}")
    return expr
