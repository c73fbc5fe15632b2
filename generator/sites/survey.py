"""Asks a site's Loki or VictoriaLogs and its Prometheus what they hold of kube-proxy."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from generator.base.names import TEST_LABEL
from generator.base.shapes import Shape
from generator.catalog.profile import LogSource, Profile, Stream
from generator.query import logql
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.victorialogs import RESULT, VictoriaLogs
from generator.sites.fitting import OTHERS, Job, Labels, SiteFacts, State

_BACK_SECONDS = 7 * 24 * 3600  # a kube-proxy that is well prints little
_SERIES_SECONDS = 3600
_LINES = 100  # that are looked at for what stands beside them
_WORD = "kube-proxy"
_KERNEL = ("kernel", "kern")  # the journal's transport, and syslog's facility
_SYNCS = "kubeproxy_sync_proxy_rules_(duration_seconds|latency_microseconds)_count"


def look(
    logs: Sequence[Profile],
    loki: Client | None,
    metrics: Sequence[Profile],
    prometheus: Client | None,
) -> SiteFacts:
    """What the servers given hold: by the selectors of the profiles, or where these find nothing by a word."""
    own = _sources(logs, "kube-proxy")
    streams = _streams_of_selectors(loki, own, _by_word) if loki else None
    kernels = _sources(logs, "kernel")
    kernel = _streams_of_selectors(loki, kernels, _of_kernel) if loki and kernels else None
    if prometheus is None:
        return SiteFacts(streams, kernel=kernel)
    jobs = _jobs(prometheus, list(dict.fromkeys(row.prometheus.selector for row in metrics)))
    others: dict[str, State] = {}
    for other in OTHERS:
        selectors = dict.fromkeys(getattr(row.prometheus, other.selector) for row in metrics)
        others |= {
            metric: _where_metric_is(prometheus, metric, selectors) for metric in other.shown_by
        }
    return SiteFacts(streams, jobs, others, kernel)


def _sources(profiles: Iterable[Profile], stream: Stream) -> list[LogSource]:
    found = (row.loki.source(stream) for row in profiles)
    return [source for source in found if source]


def in_victorialogs(profile: Profile, store: VictoriaLogs) -> SiteFacts:
    """What a VictoriaLogs has under the selectors of a profile; another one that would fit is not sought.

    Labels need not be those of its streams, so they are looked for in the lines.
    """
    sources = [profile.loki.source("kube-proxy"), profile.loki.source("kernel")]
    streams, kernel = (
        {source.selector: _places(store, source)} if source else None for source in sources
    )
    return SiteFacts(streams, kernel=kernel, logs="VictoriaLogs")


def _places(store: VictoriaLogs, source: LogSource) -> tuple[Labels, ...]:
    """The labels of the profile that lines have, for each place that they come from."""
    now = time.time_ns()
    query = f"{source.selector} | stats by ({', '.join(source.labels.names())}) count() as n"
    rows = store.counts(query, {}, now - _BACK_SECONDS * 1_000_000_000, now)
    filled = [
        {name: text for name, text in labels.items() if text and name != RESULT}
        for labels, count in rows
        if int(count)
    ]
    return tuple(filled)


def _streams_of_selectors(
    loki: Client, sources: Sequence[LogSource], search: Callable[[str, Sequence[str]], str | None]
) -> dict[str, tuple[Labels, ...]]:
    """The streams of each selector, and where these have none those that a search over the labels' values finds."""
    since = {"start": (int(time.time()) - _BACK_SECONDS) * 1_000_000_000}
    names = {label for source in sources for label in source.labels.names()}

    def streams(selector: str) -> tuple[Labels, ...]:
        rows = _listed_values(
            loki, "/loki/api/v1/series", {"match[]": selector, **since}, answers.SERIES
        )
        own = [row for row in rows if TEST_LABEL not in row]  # the others are no log of the site
        if all(names <= row.keys() for row in own):
            return tuple(own)
        beside = dict.fromkeys(names & _metadata(loki, selector, since), "")
        return tuple({**beside, **row} for row in own)

    found = {source.selector: streams(source.selector) for source in sources}
    if any(found.values()):
        return found
    labels = [
        label
        for label in _listed_values(loki, "/loki/api/v1/labels", since)
        if not label.startswith(TEST_LABEL)
    ]
    for label in labels:
        selector = search(label, _listed_values(loki, f"/loki/api/v1/label/{label}/values", since))
        if selector:
            found[selector] = streams(selector)
    return dict(
        sorted(found.items(), key=lambda row: '="' not in row[0])
    )  # one value before a pattern


def _metadata(loki: Client, selector: str, since: Mapping[str, Any]) -> frozenset[str]:
    """The labels that each of the last lines has, also those that no stream has: structured metadata of Loki 3."""
    parameters = {
        "query": logql.within(selector, TEST_LABEL, ""),
        "direction": "backward",
        "limit": _LINES,
        **since,
    }
    answer = loki.json("/loki/api/v1/query_range", answers.STREAMS, params=parameters)
    rows = [frozenset(row["stream"]) for row in answer["data"]["result"]]
    return frozenset.intersection(*rows) if rows else frozenset()


def _by_word(label: str, values: Sequence[str]) -> str | None:
    """A selector for the values of a label that speak of kube-proxy."""
    speaking = [
        value for value in values if _WORD in value and '"' not in value and "\\" not in value
    ]
    if _WORD in speaking:
        speaking = [_WORD]
    if not speaking:
        return None
    return f'{{{label}="{speaking[0]}"}}' if len(speaking) == 1 else f'{{{label}=~".*{_WORD}.*"}}'


def _of_kernel(label: str, values: Sequence[str]) -> str | None:
    """A selector for the value of a label that says a line is the kernel's."""
    return next((f'{{{label}="{word}"}}' for word in _KERNEL if word in values), None)


def _jobs(prometheus: Client, selectors: Sequence[str]) -> dict[str, Job]:
    found = {selector: _job(prometheus, selector) for selector in selectors}
    if any(job.targets for job in found.values()):
        return found
    asked = f'group by (job) ({{__name__=~"{_SYNCS}"}} or up{{job=~".*{_WORD}.*"}})'
    for labels, _ in _query(prometheus, asked):
        if "job" in labels:
            selector = f"{{job={json.dumps(labels['job'])}}}"
            found[selector] = _job(prometheus, selector)
    return found


def _job(prometheus: Client, selector: str) -> Job:
    targets = _query(prometheus, f"up{selector}")
    if not targets:
        return Job()
    since = {"start": int(time.time()) - _SERIES_SECONDS}
    names = _listed_values(
        prometheus, "/api/v1/label/__name__/values", {"match[]": selector, **since}
    )
    versions: dict[str, int] = {}
    for labels, value in _query(
        prometheus, f"count by (gitVersion, git_version) (kubernetes_build_info{selector})"
    ):
        version = labels.get("git_version") or labels.get("gitVersion")
        if version and isfinite(value):
            versions[version] = int(value)
    labels_only = tuple(
        {key: value for key, value in row.items() if key != "__name__"} for row, _ in targets
    )
    return Job(labels_only, sum(value == 1 for _, value in targets), frozenset(names), versions)


def _where_metric_is(prometheus: Client, metric: str, selectors: Iterable[str]) -> State:
    if any(_query(prometheus, f"group({metric}{selector})") for selector in selectors):
        return "here"
    return "elsewhere" if _query(prometheus, f"group({metric})") else "nowhere"


def _query(prometheus: Client, expr: str) -> list[tuple[Labels, float]]:
    answer = prometheus.json("/api/v1/query", answers.VECTOR, params={"query": expr})
    return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]


def _listed_values(
    server: Client, path: str, parameters: Mapping[str, Any], shape: Shape = answers.LISTED
) -> list[Any]:
    """The list that both programs answer with."""
    found: list[Any] = server.json(path, shape, params=parameters).get("data", [])
    return found
