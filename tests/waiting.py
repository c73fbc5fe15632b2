"""Waiting until something holds; to ask a server costs less than a command that asks it."""

import time
from collections.abc import Callable, Collection

from tests.plain import HTTP

_PAUSE = 0.2


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until it holds, at most so long; whether it does."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return held


def until_arrived(alertmanager: str, alerts: Collection[str], seconds: float) -> None:
    """Wait until an Alertmanager has alerts of these names."""

    def arrived() -> bool:
        found = HTTP.get(f"{alertmanager}/api/v2/alerts").json()
        return {alert["labels"]["alertname"] for alert in found}.issuperset(alerts)

    until(arrived, seconds)


def until_evaluated(ruler: str, seconds: float) -> None:
    """Wait until a ruler that has rules has evaluated each."""

    def evaluated() -> bool:
        groups = HTTP.get(f"{ruler}/api/v1/rules").json()["data"]["groups"]
        times = [rule["lastEvaluation"] for group in groups for rule in group["rules"]]
        return bool(times) and not any(time.startswith("0001-") for time in times)

    until(evaluated, seconds)


def until_scraped(prometheus: str, targets: int, seconds: float) -> None:
    """Wait until a Prometheus knows of so many targets whether they are up."""

    def scraped() -> bool:
        answer = HTTP.get(f"{prometheus}/api/v1/query", params={"query": "up"}).json()
        return len(answer["data"]["result"]) >= targets

    until(scraped, seconds)
