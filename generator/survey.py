"""Asks a site's Loki and Prometheus what they hold of kube-proxy."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from generator.advice import CPU, RESTARTS, Facts, Job, Labels
from generator.model import Preset
from generator.problems import ToolError

_BACK_SECONDS = 7 * 24 * 3600  # a kube-proxy that is well prints little
_SERIES_SECONDS = 3600
_WORD = "kube-proxy"
_SYNCS = "kubeproxy_sync_proxy_rules_(duration_seconds|latency_microseconds)_count"
_REQUEST_SECONDS = 30


class Server:
    """A Loki or Prometheus. Raises ToolError if it cannot be reached, refuses, or is something else."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(timeout=_REQUEST_SECONDS)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        """The data of an answer in the envelope that both programs share."""
        try:
            answer = self._client.get(self.url + path, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ToolError(f"{self.url} cannot be reached: {error}") from error
        if answer.is_error:
            raise ToolError(f"{self.url} answers {answer.status_code} to {path}: {answer.text.strip()[:500]}")
        try:
            return answer.json().get("data", [])
        except (ValueError, AttributeError) as error:
            raise ToolError(f"{self.url} answers {path}, but not as a Loki or Prometheus does") from error


def look(logs: Sequence[Preset], loki: Server | None, metrics: Sequence[Preset], prometheus: Server | None) -> Facts:
    """What the servers given hold: by the selectors of the presets, or where these find nothing by a word."""
    streams = _streams(loki, list(dict.fromkeys(row.profile.loki.selector for row in logs))) if loki else None
    if prometheus is None:
        return Facts(streams)
    jobs = _jobs(prometheus, list(dict.fromkeys(row.profile.prometheus.selector for row in metrics)))
    containers = dict.fromkeys(row.profile.prometheus.container_selector for row in metrics)
    return Facts(streams, jobs, {metric: _state(prometheus, metric, containers) for metric in (RESTARTS, CPU)})


def _streams(loki: Server, selectors: Sequence[str]) -> dict[str, tuple[Labels, ...]]:
    since = {"start": (int(time.time()) - _BACK_SECONDS) * 1_000_000_000}

    def streams(selector: str) -> tuple[Labels, ...]:
        return tuple(loki.get("/loki/api/v1/series", {"match[]": selector, **since}) or ())

    found = {selector: streams(selector) for selector in selectors}
    if any(found.values()):
        return found
    for label in loki.get("/loki/api/v1/labels", since) or ():
        values = loki.get(f"/loki/api/v1/label/{label}/values", since) or ()
        selector = _by_word(label, values)
        if selector:
            found[selector] = streams(selector)
    return dict(sorted(found.items(), key=lambda row: '="' not in row[0]))  # one value before a pattern


def _by_word(label: str, values: Sequence[str]) -> str | None:
    """A selector for the values of a label that speak of kube-proxy."""
    speaking = [value for value in values if _WORD in value and '"' not in value and "\\" not in value]
    if _WORD in speaking:
        speaking = [_WORD]
    if not speaking:
        return None
    return f'{{{label}="{speaking[0]}"}}' if len(speaking) == 1 else f'{{{label}=~".*{_WORD}.*"}}'


def _jobs(prometheus: Server, selectors: Sequence[str]) -> dict[str, Job]:
    found = {selector: _job(prometheus, selector) for selector in selectors}
    if any(job.targets for job in found.values()):
        return found
    asked = f'group by (job) ({{__name__=~"{_SYNCS}"}} or up{{job=~".*{_WORD}.*"}})'
    for labels, _ in _query(prometheus, asked):
        selector = _by_word("job", [labels["job"]]) or f'{{job="{labels["job"]}"}}' if "job" in labels else None
        if selector:
            found[selector] = _job(prometheus, selector)
    return found


def _job(prometheus: Server, selector: str) -> Job:
    targets = _query(prometheus, f"up{selector}")
    if not targets:
        return Job()
    since = {"start": int(time.time()) - _SERIES_SECONDS}
    names = prometheus.get("/api/v1/label/__name__/values", {"match[]": selector, **since})
    versions: dict[str, int] = {}
    for labels, value in _query(prometheus, f"count by (gitVersion, git_version) (kubernetes_build_info{selector})"):
        version = labels.get("git_version") or labels.get("gitVersion")
        if version:
            versions[version] = int(value)
    labels_only = tuple({key: value for key, value in row.items() if key != "__name__"} for row, _ in targets)
    return Job(labels_only, sum(value == 1 for _, value in targets), frozenset(names), versions)


def _state(prometheus: Server, metric: str, containers: Iterable[str]) -> str:
    if any(_query(prometheus, f"group({metric}{selector})") for selector in containers):
        return "here"
    return "elsewhere" if _query(prometheus, f"group({metric})") else "nowhere"


def _query(prometheus: Server, expr: str) -> list[tuple[Labels, float]]:
    answer = prometheus.get("/api/v1/query", {"query": expr})
    try:
        return [(row["metric"], float(row["value"][1])) for row in answer["result"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(f"{prometheus.url} answers, but not as a Prometheus does") from error
