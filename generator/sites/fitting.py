"""From what Loki and Prometheus of a site hold to its profile, and to what the rules would not see there. No IO."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec.structs import asdict

from generator.catalog.model import Catalog, Metric
from generator.catalog.profile import LogSource, Preset, Profile, Stream
from generator.catalog.reads import metrics_read
from generator.fixes.tables import is_before
from generator.fixes.versions import parse_version
from generator.steps.deployment import in_pod

Engine = Literal["loki", "prometheus"]
State = Literal["here", "elsewhere", "nowhere"]
Labels = Mapping[str, str]

_BIND = (
    "scrape it, and let it listen where Prometheus reaches it: metricsBindAddress: 0.0.0.0:10249 in its configuration "
    "or --metrics-bind-address=0.0.0.0:10249; its default is 127.0.0.1:10249"
)
_SHIP: Mapping[Stream, str] = {
    "kube-proxy": "ship the log of kube-proxy to it, or say in the profile which streams those are",
    "kernel": "collect the kernel's lines of the journal and name their streams under `loki: {kernel: …}`, or say null "
    "there; the entry's alerts on metrics stay",
}
_NODE_LABELS = ("node", "node_name", "nodename", "host", "hostname", "instance")
_SET_LABEL = "let the collector set one and name it in the profile, or say null there"


@dataclass(frozen=True)
class Other:
    """Another program than kube-proxy, whose metrics are used where a site has them.

    `shown_by`: metrics that show whether it tells of what the profile's `selector` selects.
    """

    program: str
    selector: Literal["container_selector", "node_selector"]
    shown_by: tuple[str, ...]
    where: str

    @property
    def of_pods(self) -> bool:
        return self.selector == "container_selector"


OTHERS = (
    Other(
        "kube-state-metrics",
        "container_selector",
        ("kube_pod_container_status_restarts_total",),
        "kube-state-metrics",
    ),
    Other(
        "cAdvisor",
        "container_selector",
        ("container_cpu_usage_seconds_total",),
        "cAdvisor (kubelet's /metrics/cadvisor)",
    ),
    # The second one has the name of the node.
    Other(
        "node_exporter",
        "node_selector",
        ("node_nf_conntrack_entries", "node_uname_info"),
        "node_exporter",
    ),
)


@dataclass(frozen=True)
class Job:
    """What a Prometheus has under one selector of kube-proxy: targets, how many answer, names of series, versions."""

    targets: tuple[Labels, ...] = ()
    up: int = 0
    series: frozenset[str] = frozenset()
    versions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SiteFacts:
    """What was found, by selector; None where no server was asked. `kernel` are the streams of the nodes' kernels.

    What stands beside each line of a stream (structured metadata of Loki 3) is among its labels, with an empty value.

    `others` says of a metric of another program whether it tells of kube-proxy's container, or of the nodes ("here"),
    of others only ("elsewhere"), or is unknown ("nowhere"). `logs` is the store of logs that was asked.
    """

    streams: Mapping[str, tuple[Labels, ...]] | None = None
    jobs: Mapping[str, Job] | None = None
    others: Mapping[str, State] = field(default_factory=dict)
    kernel: Mapping[str, tuple[Labels, ...]] | None = None
    logs: str = "Loki"


@dataclass(frozen=True)
class Choice:
    """How the data of one engine arrive: a preset, and the selector if it is not the preset's own."""

    preset: Preset
    selector: str | None = None


@dataclass(frozen=True)
class Gap:
    """What is missing at the site, the alerts that suffer, and what to change. They are blind, or see less.

    `needed`: rules rest on it; metrics of other programs than kube-proxy are used where a site has them.
    """

    what: str
    change: str
    alerts: tuple[str, ...]
    blind: bool = True
    needed: bool = True

    def __str__(self) -> str:
        return f"{'blind' if self.blind else 'weaker'}: {', '.join(self.alerts)}: {self.what}; {self.change}"


def choose(
    presets: Sequence[Preset], engine: Engine, found: Mapping[str, Sequence[Labels]]
) -> Choice | None:
    """The preset that fits best what was found; None if nothing was."""
    fitting = [
        (preset, selector, series)
        for selector, series in found.items()
        for preset in presets
        if series and engine in preset.sections
    ]
    if not fitting:
        return None
    preset, selector, _ = max(fitting, key=lambda row: _fit(row[0], engine, row[1], row[2]))
    return Choice(preset, None if selector == _selector(preset, engine) else selector)


def _fit(
    preset: Preset, engine: Engine, selector: str, series: Sequence[Labels]
) -> tuple[bool, int, int]:
    """The more of the labels that a preset itself names are there the better; of equals the one that needs no other."""
    stated = preset.profile.document.data[engine].get("labels", {}).values()
    score = sum(1 if _any_has_label(series, name) else -1 for name in stated if name)
    return _selector(preset, engine) == selector, score, -len(preset.profile.document.below)


def _any_has_label(series: Sequence[Labels], label: str) -> bool:
    return any(label in labels for labels in series)


def _selector(preset: Preset, engine: Engine) -> str:
    return preset.profile.loki.selector if engine == "loki" else preset.profile.prometheus.selector


def kernel_log(preset: Preset, facts: SiteFacts) -> Mapping[str, Any] | None:
    """What a profile says of the kernel's log beside its preset: nothing where that is right, or unknown."""
    if facts.kernel is None:
        return {}
    own = preset.profile.loki.kernel
    if own and facts.kernel.get(own.selector):
        return {}
    selector, streams = next(((key, rows) for key, rows in facts.kernel.items() if rows), ("", ()))
    if not streams:
        return None
    node = next((label for label in _NODE_LABELS if _any_has_label(streams, label)), None)
    return {
        "selector": selector,
        "labels": {"cluster": preset.profile.loki.labels.cluster, "node": node},
    }


def clusters(facts: SiteFacts, logs: str | None, metrics: str | None) -> tuple[str, ...]:
    """The clusters seen in streams and targets, by these labels."""
    streams = [(row, logs) for rows in (facts.streams or {}).values() for row in rows]
    targets = [(row, metrics) for job in (facts.jobs or {}).values() for row in job.targets]
    return tuple(
        sorted({row[label] for row, label in (*streams, *targets) if label and row.get(label)})
    )


def findings(catalog: Catalog, profile: Profile, facts: SiteFacts) -> list[Gap]:
    """What the rules of a profile would not see at the site, and what to change there."""
    return [*_of_logs(catalog, profile, facts), *_of_metrics(catalog, profile, facts)]


def _of_logs(catalog: Catalog, profile: Profile, facts: SiteFacts) -> Iterator[Gap]:
    seen: Mapping[Stream, Mapping[str, tuple[Labels, ...]] | None] = {
        "kube-proxy": facts.streams,
        "kernel": facts.kernel,
    }
    for stream, found in seen.items():
        alerts = tuple(
            alert
            for entry in catalog.entries
            if entry.logs and entry.logs.stream == stream and entry.id not in profile.disabled
            for alert in entry.log_alerts()
        )
        source = profile.loki.source(stream)
        if source and alerts and found is not None:
            yield from _of_streams(stream, source, found, alerts, profile, facts.logs)


def _of_streams(
    stream: Stream,
    source: LogSource,
    found: Mapping[str, tuple[Labels, ...]],
    alerts: tuple[str, ...],
    profile: Profile,
    store: str,
) -> Iterator[Gap]:
    """What the rules on one log would not see. That of the kernel is used where a site has it."""
    selector, labels = source.selector, source.labels
    streams = found.get(selector, ())
    if not streams:
        others = [other for other, rows in found.items() if rows]
        seen = f"; perhaps {others[0]}, which has streams" if others else ""
        what = f"{store} has no stream {selector}"
        yield Gap(what, f"{_SHIP[stream]}{seen}", alerts, needed=stream == "kube-proxy")
    elif not any(_any_has_label(streams, label) for label in (labels.node, labels.pod) if label):
        whose = "the node or the Pod" if stream == "kube-proxy" else "the node"
        what = f"no stream {selector} has a label for {whose}, so an alert does not say where it is"
        yield Gap(what, _SET_LABEL, alerts, blind=False)
    else:
        yield from _of_labels(source, streams, alerts, profile)


def _of_labels(
    source: LogSource, streams: Sequence[Labels], alerts: tuple[str, ...], profile: Profile
) -> Iterator[Gap]:
    """Labels of the profile that streams lack, each by itself."""
    for kind, label in asdict(source.labels).items():
        lacking = sum(label not in row for row in streams)
        if label and lacking and (lacking < len(streams) or _is_expected(kind, label, profile)):
            what = f"{lacking} of {len(streams)} streams {source.selector} have no label {label} for the {kind}"
            yield Gap(what, _SET_LABEL, alerts, blind=False)


def _is_expected(kind: str, label: str, profile: Profile) -> bool:
    """Every site has nodes and Pods; a cluster or namespace is no more than a default, if nothing else speaks of it."""
    return (
        kind in ("node", "pod") or label != kind or (kind == "cluster" and bool(profile.clusters))
    )


def _of_metrics(catalog: Catalog, profile: Profile, facts: SiteFacts) -> Iterator[Gap]:
    if facts.jobs is None:
        return
    job = facts.jobs.get(profile.prometheus.selector, Job())
    reads = _metrics_by_alert(catalog, profile)
    own = {
        name: read
        for name, read in reads.items()
        if any(_of_kube_proxy(metric) for metric in read.values())
    }
    here = {metric for metric, state in facts.others.items() if state == "here"}
    total = len(job.targets)
    if not total or job.up < total:
        what = f"{total - job.up} of {total} targets of kube-proxy do not answer"
        if not total:
            what = f"Prometheus has no target up{profile.prometheus.selector}"
        alerts = tuple(name for name, read in own.items() if not here & read.keys())
        yield Gap(what, _BIND, alerts, blind=not job.up)
    if job.up:
        yield from _of_versions(catalog, profile, job)
        yield from _of_series(own, job)
    for other in OTHERS:
        lacking = next(
            (metric for metric in other.shown_by if metric in facts.others.keys() - here), None
        )
        if lacking:
            yield from _of_other(other, lacking, facts.others[lacking], reads, profile, job)


def _of_other(
    other: Other,
    metric: str,
    state: State,
    reads: Mapping[str, Mapping[str, Metric]],
    profile: Profile,
    job: Job,
) -> Iterator[Gap]:
    """What suffers because a program tells nothing of what is asked for, as this metric of it shows."""
    what, change = f"{metric} is not there", f"scrape {other.where}"
    if state == "elsewhere":
        selected = (
            "of kube-proxy's container" if other.of_pods else f"{profile.prometheus.node_selector}"
        )
        what, change = f"no {metric} is {selected}", f"set `prometheus: {{{other.selector}: …}}`"
    readers = {
        name: read
        for name, read in reads.items()
        if any(row.program == other.program for row in read.values())
    }
    others = tuple(
        name for name, read in readers.items() if any(_of_kube_proxy(row) for row in read.values())
    )
    blind = tuple(
        name for name, read in readers.items() if all(row.program for row in read.values())
    )
    if other.of_pods and not in_pod(profile.kube_proxy):
        blind = ()  # they are about Pods, of which there are none
    if not job.up:
        blind, others = blind + others, ()
    if blind:
        yield Gap(what, change, blind, needed=False)
    if others:
        yield Gap(what, change, others, blind=False)


def _of_kube_proxy(metric: Metric) -> bool:
    return metric.program is None and metric.name != "up"


def _metrics_by_alert(catalog: Catalog, profile: Profile) -> dict[str, dict[str, Metric]]:
    """The metrics that each alert reads."""
    return {
        alert.name: {metric.name: metric for metric in metrics_read(alert, catalog, profile)}
        for entry in catalog.entries
        if entry.id not in profile.disabled
        for alert in entry.metric_alerts
    }


def _of_versions(catalog: Catalog, profile: Profile, job: Job) -> Iterator[Gap]:
    """Alerts whose metrics the kube-proxy of the site does not have yet."""
    for version, count in sorted(job.versions.items()):
        build = parse_version(version)
        late = tuple(
            alert.name
            for entry in catalog.entries
            if entry.id not in profile.disabled
            for alert in entry.metric_alerts
            if build and build.release < alert.versions.oldest and not is_before(entry, build.minor)
        )
        if late:
            what = f"{count} of the targets are kube-proxy {version}, which does not export what they read"
            yield Gap(what, "a newer release does", late)


def _of_series(reads: Mapping[str, Mapping[str, Metric]], job: Job) -> Iterator[Gap]:
    """Metrics that every version of the site exports and no target shows: something drops them on the way."""
    builds = [build for build in map(parse_version, job.versions) if build]
    versioned = {
        metric.name: metric
        for read in reads.values()
        for metric in read.values()
        if metric.versions
    }
    shown = {name for name in versioned if name in job.series or f"{name}_count" in job.series}
    for name, metric in versioned.items():
        exported = (
            metric.versions
            and builds
            and all(metric.versions.holds(build.release) for build in builds)
        )
        if not exported or name in shown or metric.late:
            continue
        what = f"no target shows {name}, which its kube-proxy exports"
        change = "let the scrape keep it (metric_relabel_configs, keep lists of the agent)"
        for blind in (True, False):
            readers = tuple(
                row
                for row, read in reads.items()
                if name in read and blind is not bool(shown & read.keys())
            )
            if readers:
                yield Gap(what, change, readers, blind)
