"""Asks a site's Loki or VictoriaLogs and its Prometheus what they hold of kube-proxy."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from math import isfinite
from typing import Any

from generator.base.lines import NANOSECONDS_A_SECOND, Labels
from generator.base.names import TEST_LABEL
from generator.base.shapes import Shape
from generator.catalog.profile import LogSource, Profile, Stream
from generator.query import logql
from generator.servers import answers
from generator.servers.http import Client
from generator.servers.victorialogs import VictoriaLogs
from generator.sites.fitting import OTHERS, Job, MetricState, SiteFacts

_BACK_SECONDS = 7 * 24 * 3600  # a kube-proxy that is well prints little
_SERIES_SECONDS = 3600
_LINES = 100  # that are looked at for what stands beside them
_PROGRAM_NAME = "kube-proxy"
_KERNEL_STREAMS = ("kernel", "kern")  # the journal's transport, and syslog's facility
_SYNCS = "kubeproxy_sync_proxy_rules_(duration_seconds|latency_microseconds)_count"


def look(
    logs: Sequence[Profile],
    loki: Client | None,
    metrics: Sequence[Profile],
    prometheus: Client | None,
) -> SiteFacts:
    """What the servers given hold: by the selectors of the profiles, or where these find nothing by a word."""
    streams, kernel = None, None
    if loki:
        streams = _streams_of_selectors(loki, _sources(logs, "kube-proxy"), _by_word)
        kernels = _sources(logs, "kernel")
        if kernels:
            kernel = _streams_of_selectors(loki, kernels, _of_kernel)
    if prometheus is None:
        return SiteFacts(streams, kernel=kernel)
    selectors = dict.fromkeys(profile.prometheus.selector for profile in metrics)
    jobs = _jobs(prometheus, list(selectors))
    return SiteFacts(streams, jobs, _other_programs(prometheus, metrics), kernel)


def _other_programs(prometheus: Client, profiles: Sequence[Profile]) -> dict[str, MetricState]:
    """Where the metrics of other programs are, as the selectors of the profiles find them."""
    states: dict[str, MetricState] = {}
    for other in OTHERS:
        selectors = dict.fromkeys(
            getattr(profile.prometheus, other.selector) for profile in profiles
        )
        for metric in other.shown_by:
            states[metric] = _where_metric_is(prometheus, metric, selectors)
    return states


def _sources(profiles: Iterable[Profile], stream: Stream) -> list[LogSource]:
    sources = []
    for profile in profiles:
        source = profile.loki.source(stream)
        if source:
            sources.append(source)
    return sources


def in_victorialogs(profile: Profile, store: VictoriaLogs) -> SiteFacts:
    """What a VictoriaLogs has under the selectors of a profile; another one that would fit is not sought.

    Labels need not be those of its streams, so they are looked for in the lines.
    """
    streams = _places_of(profile.loki.source("kube-proxy"), store)
    kernel = _places_of(profile.loki.source("kernel"), store)
    return SiteFacts(streams, kernel=kernel, logs="VictoriaLogs")


def _places_of(
    source: LogSource | None, store: VictoriaLogs
) -> Mapping[str, tuple[Labels, ...]] | None:
    if source is None:
        return None
    return {source.selector: _places(store, source)}


def _places(store: VictoriaLogs, source: LogSource) -> tuple[Labels, ...]:
    """The labels of the profile that lines have, for each place that they come from."""
    now = time.time_ns()
    since = now - _BACK_SECONDS * NANOSECONDS_A_SECOND
    names = ", ".join(source.labels.names())
    query = f"{source.selector} | stats by ({names}) count() as n"
    places = []
    for labels, count in store.counts(query, {}, since, now):
        if not int(count):
            continue
        places.append({name: value for name, value in labels.items() if value})
    return tuple(places)


def _streams_of_selectors(
    loki: Client, sources: Sequence[LogSource], search: Callable[[str, Sequence[str]], str | None]
) -> dict[str, tuple[Labels, ...]]:
    """The streams of each selector, and where these have none those that a search over the labels' values finds."""
    since = {"start": (int(time.time()) - _BACK_SECONDS) * NANOSECONDS_A_SECOND}
    names = {label for source in sources for label in source.labels.names()}
    streams = {}
    for source in sources:
        streams[source.selector] = _streams(loki, source.selector, names, since)
    if any(streams.values()):
        return streams
    for label in _listed_values(loki, "/loki/api/v1/labels", since):
        if label.startswith(TEST_LABEL):
            continue
        values = _listed_values(loki, f"/loki/api/v1/label/{label}/values", since)
        selector = search(label, values)
        if selector:
            streams[selector] = _streams(loki, selector, names, since)
    one_value_first = sorted(streams, key=lambda selector: '="' not in selector)
    return {selector: streams[selector] for selector in one_value_first}


def _streams(
    loki: Client, selector: str, names: Set[str], since: Mapping[str, Any]
) -> tuple[Labels, ...]:
    """The streams of a selector, with an empty value for what stands beside their lines under one of the names."""
    parameters = {"match[]": selector, **since}
    listed = _listed_values(loki, "/loki/api/v1/series", parameters, answers.SERIES)
    own = [labels for labels in listed if TEST_LABEL not in labels]  # others are no log of the site
    if all(names <= labels.keys() for labels in own):
        return tuple(own)
    beside = dict.fromkeys(names & _metadata(loki, selector, since), "")
    return tuple({**beside, **labels} for labels in own)


def _metadata(loki: Client, selector: str, since: Mapping[str, Any]) -> frozenset[str]:
    """The labels that each of the last lines has, also those that no stream has: structured metadata of Loki 3."""
    parameters = {
        "query": logql.within(selector, TEST_LABEL, ""),
        "direction": "backward",
        "limit": _LINES,
        **since,
    }
    answer = loki.json("/loki/api/v1/query_range", answers.STREAMS, params=parameters)
    names = [frozenset(stream["stream"]) for stream in answer["data"]["result"]]
    return frozenset.intersection(*names) if names else frozenset()


def _by_word(label: str, values: Sequence[str]) -> str | None:
    """A selector for the values of a label that speak of kube-proxy."""
    speaking = [value for value in values if _PROGRAM_NAME in value and _needs_no_escape(value)]
    if not speaking:
        return None
    if _PROGRAM_NAME in speaking:
        return f'{{{label}="{_PROGRAM_NAME}"}}'
    if len(speaking) == 1:
        return f'{{{label}="{speaking[0]}"}}'
    return f'{{{label}=~".*{_PROGRAM_NAME}.*"}}'


def _needs_no_escape(value: str) -> bool:
    return '"' not in value and "\\" not in value


def _of_kernel(label: str, values: Sequence[str]) -> str | None:
    """A selector for the value of a label that says a line is the kernel's."""
    for word in _KERNEL_STREAMS:
        if word in values:
            return f'{{{label}="{word}"}}'
    return None


def _jobs(prometheus: Client, selectors: Sequence[str]) -> dict[str, Job]:
    jobs = {selector: _job(prometheus, selector) for selector in selectors}
    if any(job.targets for job in jobs.values()):
        return jobs
    asked = f'group by (job) ({{__name__=~"{_SYNCS}"}} or up{{job=~".*{_PROGRAM_NAME}.*"}})'
    for labels, _ in _query(prometheus, asked):
        if "job" in labels:
            selector = f"{{job={json.dumps(labels['job'])}}}"
            jobs[selector] = _job(prometheus, selector)
    return jobs


def _job(prometheus: Client, selector: str) -> Job:
    up = _query(prometheus, f"up{selector}")
    if not up:
        return Job()
    since = int(time.time()) - _SERIES_SECONDS
    names = _listed_values(
        prometheus, "/api/v1/label/__name__/values", {"match[]": selector, "start": since}
    )
    targets = tuple(_without_name(labels) for labels, _ in up)
    answering = sum(value == 1 for _, value in up)
    return Job(targets, answering, frozenset(names), _build_versions(prometheus, selector))


def _without_name(labels: Labels) -> Labels:
    return {label: value for label, value in labels.items() if label != "__name__"}


def _build_versions(prometheus: Client, selector: str) -> dict[str, int]:
    """How many targets are of which version."""
    expr = f"count by (gitVersion, git_version) (kubernetes_build_info{selector})"
    versions: dict[str, int] = {}
    for labels, value in _query(prometheus, expr):
        version = labels.get("git_version") or labels.get("gitVersion")
        if version and isfinite(value):
            versions[version] = int(value)
    return versions


def _where_metric_is(prometheus: Client, metric: str, selectors: Iterable[str]) -> MetricState:
    for selector in selectors:
        if _query(prometheus, f"group({metric}{selector})"):
            return "here"
    if _query(prometheus, f"group({metric})"):
        return "elsewhere"
    return "nowhere"


def _query(prometheus: Client, expr: str) -> list[tuple[Labels, float]]:
    answer = prometheus.json("/api/v1/query", answers.VECTOR, params={"query": expr})
    samples = []
    for sample in answer["data"]["result"]:
        value = float(sample["value"][1])
        samples.append((sample["metric"], value))
    return samples


def _listed_values(
    server: Client, path: str, parameters: Mapping[str, Any], shape: Shape = answers.LISTED
) -> list[Any]:
    """The list that both programs answer with."""
    found: list[Any] = server.json(path, shape, params=parameters).get("data", [])
    return found
