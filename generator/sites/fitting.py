"""From what Loki and Prometheus of a site hold to its profile, and to what the rules would not see there. No IO."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from msgspec.structs import asdict

from generator.base.lines import Labels
from generator.catalog.model import Catalog, Entry, Metric
from generator.catalog.profile import Engine, LogSource, Preset, Profile, Stream
from generator.catalog.reads import metrics_read
from generator.fixes.tables import is_before
from generator.fixes.versions import Version, parse_version

MetricState = Literal["here", "elsewhere", "nowhere"]

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
    others: Mapping[str, MetricState] = field(default_factory=dict)
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
        effect = "blind" if self.blind else "weaker"
        return f"{effect}: {', '.join(self.alerts)}: {self.what}; {self.change}"


def choose(
    presets: Sequence[Preset], engine: Engine, seen: Mapping[str, Sequence[Labels]]
) -> Choice | None:
    """The preset that fits best what was found; None if nothing was."""
    able = [preset for preset in presets if engine in preset.sections]
    filled = [selector for selector, series in seen.items() if series]
    candidates = [(preset, selector) for selector, preset in product(filled, able)]
    if not candidates:
        return None

    def fit(candidate: tuple[Preset, str]) -> tuple[bool, int, int]:
        preset, selector = candidate
        return _fit(preset, engine, selector, seen[selector])

    preset, selector = max(candidates, key=fit)
    is_own = selector == _selector(preset, engine)
    return Choice(preset, None if is_own else selector)


def _fit(
    preset: Preset, engine: Engine, selector: str, series: Sequence[Labels]
) -> tuple[bool, int, int]:
    """The more of the labels that a preset itself names are there the better; of equals the one that needs no other."""
    document = preset.profile.document
    stated = document.data[engine].get("labels", {}).values()
    score = 0
    for label in filter(None, stated):
        score += 1 if _any_has_label(series, label) else -1
    is_own = selector == _selector(preset, engine)
    return is_own, score, -len(document.below)


def _any_has_label(series: Sequence[Labels], label: str) -> bool:
    return any(label in labels for labels in series)


def _selector(preset: Preset, engine: Engine) -> str:
    if engine == "loki":
        return preset.profile.loki.selector
    return preset.profile.prometheus.selector


def kernel_log(preset: Preset, facts: SiteFacts) -> Mapping[str, Any] | None:
    """What a profile says of the kernel's log beside its preset: nothing where that is right, or unknown."""
    if facts.kernel is None:
        return {}
    own = preset.profile.loki.kernel
    if own and facts.kernel.get(own.selector):
        return {}
    filled = [selector for selector, streams in facts.kernel.items() if streams]
    if not filled:
        return None
    selector = filled[0]
    streams = facts.kernel[selector]
    labels = {"cluster": preset.profile.loki.labels.cluster, "node": _node_label(streams)}
    return {"selector": selector, "labels": labels}


def _node_label(streams: Sequence[Labels]) -> str | None:
    """The label that seems to name the node."""
    for label in _NODE_LABELS:
        if _any_has_label(streams, label):
            return label
    return None


def clusters(facts: SiteFacts, logs: str | None, metrics: str | None) -> tuple[str, ...]:
    """The clusters seen in streams and targets, by these labels."""
    seen: set[str] = set()
    for streams in (facts.streams or {}).values():
        seen |= _label_values(streams, logs)
    for job in (facts.jobs or {}).values():
        seen |= _label_values(job.targets, metrics)
    return tuple(sorted(seen))


def _label_values(series: Iterable[Labels], label: str | None) -> set[str]:
    if not label:
        return set()
    return {labels[label] for labels in series if labels.get(label)}


def findings(catalog: Catalog, profile: Profile, facts: SiteFacts) -> list[Gap]:
    """What the rules of a profile would not see at the site, and what to change there."""
    gaps = list(_of_logs(catalog, profile, facts))
    gaps += _of_metrics(catalog, profile, facts)
    return gaps


def _of_logs(catalog: Catalog, profile: Profile, facts: SiteFacts) -> Iterator[Gap]:
    seen: Mapping[Stream, Mapping[str, tuple[Labels, ...]] | None] = {
        "kube-proxy": facts.streams,
        "kernel": facts.kernel,
    }
    for stream, found in seen.items():
        source = profile.loki.source(stream)
        alerts = tuple(_alerts_on(stream, catalog, profile))
        if source and alerts and found is not None:
            yield from _of_streams(stream, source, found, alerts, profile, facts.logs)


def _enabled(catalog: Catalog, profile: Profile) -> list[Entry]:
    return [entry for entry in catalog.entries if entry.id not in profile.disabled]


def _alerts_on(stream: Stream, catalog: Catalog, profile: Profile) -> Iterator[str]:
    for entry in _enabled(catalog, profile):
        if entry.logs and entry.logs.stream == stream:
            yield from entry.log_alerts()


def _of_streams(
    stream: Stream,
    source: LogSource,
    found: Mapping[str, tuple[Labels, ...]],
    alerts: tuple[str, ...],
    profile: Profile,
    store: str,
) -> Iterator[Gap]:
    """What the rules on one log would not see. That of the kernel is used where a site has it."""
    selector = source.selector
    streams = found.get(selector, ())
    if not streams:
        change = _SHIP[stream]
        others = [other for other, their_streams in found.items() if their_streams]
        if others:
            change += f"; perhaps {others[0]}, which has streams"
        what = f"{store} has no stream {selector}"
        yield Gap(what, change, alerts, needed=stream == "kube-proxy")
    elif not _say_where(streams, source):
        whose = "the node or the Pod" if stream == "kube-proxy" else "the node"
        what = f"no stream {selector} has a label for {whose}, so an alert does not say where it is"
        yield Gap(what, _SET_LABEL, alerts, blind=False)
    else:
        yield from _of_labels(source, streams, alerts, profile)


def _say_where(streams: Sequence[Labels], source: LogSource) -> bool:
    """Whether streams have the label of the node or of the Pod."""
    labels = {source.labels.node, source.labels.pod} - {None}
    return any(not labels.isdisjoint(stream) for stream in streams)


def _of_labels(
    source: LogSource, streams: Sequence[Labels], alerts: tuple[str, ...], profile: Profile
) -> Iterator[Gap]:
    """Labels of the profile that streams lack, each by itself."""
    for kind, label in asdict(source.labels).items():
        lacking = sum(label not in labels for labels in streams)
        if not label or not lacking:
            continue
        some_have_it = lacking < len(streams)
        if some_have_it or _is_expected(kind, label, profile):
            what = f"{lacking} of {len(streams)} streams {source.selector} have no label {label} for the {kind}"
            yield Gap(what, _SET_LABEL, alerts, blind=False)


def _is_expected(kind: str, label: str, profile: Profile) -> bool:
    """Every site has nodes and Pods; a cluster or namespace is no more than a default, if nothing else speaks of it."""
    if kind in ("node", "pod") or label != kind:
        return True
    return kind == "cluster" and bool(profile.clusters)


def _of_metrics(catalog: Catalog, profile: Profile, facts: SiteFacts) -> Iterator[Gap]:
    if facts.jobs is None:
        return
    job = facts.jobs.get(profile.prometheus.selector, Job())
    reads = _metrics_by_alert(catalog, profile)
    own = {alert: read for alert, read in reads.items() if _reads_kube_proxy(read)}
    here = {metric for metric, state in facts.others.items() if state == "here"}
    total = len(job.targets)
    if not total or job.up < total:
        what = f"{total - job.up} of {total} targets of kube-proxy do not answer"
        if not total:
            what = f"Prometheus has no target up{profile.prometheus.selector}"
        alerts = tuple(alert for alert, read in own.items() if here.isdisjoint(read))
        yield Gap(what, _BIND, alerts, blind=not job.up)
    if job.up:
        yield from _of_versions(catalog, profile, job)
        yield from _of_series(own, job)
    not_here = facts.others.keys() - here
    for other in OTHERS:
        for metric in other.shown_by:
            if metric in not_here:
                state = facts.others[metric]
                yield from _of_other(other, metric, state, reads, profile, job)
                break


def _of_other(
    other: Other,
    metric: str,
    state: MetricState,
    reads: Mapping[str, Mapping[str, Metric]],
    profile: Profile,
    job: Job,
) -> Iterator[Gap]:
    """What suffers because a program tells nothing of what is asked for, as this metric of it shows."""
    what, change = f"{metric} is not there", f"scrape {other.where}"
    if state == "elsewhere":
        selected = (
            "of kube-proxy's container" if other.of_pods else profile.prometheus.node_selector
        )
        what = f"no {metric} is {selected}"
        change = f"set `prometheus: {{{other.selector}: …}}`"
    blind, weaker = [], []
    about_no_pods = other.of_pods and not profile.kube_proxy.in_pod
    for alert, read in reads.items():
        programs = {metric.program for metric in read.values()}
        if other.program not in programs:
            continue
        if _reads_kube_proxy(read):
            weaker.append(alert)
        elif None not in programs and not about_no_pods:
            blind.append(alert)
    if not job.up:
        blind, weaker = blind + weaker, []
    if blind:
        yield Gap(what, change, tuple(blind), needed=False)
    if weaker:
        yield Gap(what, change, tuple(weaker), blind=False)


def _reads_kube_proxy(read: Mapping[str, Metric]) -> bool:
    """Whether one of the metrics is kube-proxy's own."""
    own = [metric.name for metric in read.values() if metric.program is None]
    return any(name != "up" for name in own)


def _metrics_by_alert(catalog: Catalog, profile: Profile) -> dict[str, dict[str, Metric]]:
    """The metrics that each alert reads, by name."""
    reads: dict[str, dict[str, Metric]] = {}
    for entry in _enabled(catalog, profile):
        for alert in entry.metric_alerts:
            metrics = metrics_read(alert, catalog, profile)
            reads[alert.name] = {metric.name: metric for metric in metrics}
    return reads


def _of_versions(catalog: Catalog, profile: Profile, job: Job) -> Iterator[Gap]:
    """Alerts whose metrics the kube-proxy of the site does not have yet."""
    for text, count in sorted(job.versions.items()):
        version = parse_version(text)
        late = tuple(_alerts_after(version, catalog, profile)) if version else ()
        if late:
            what = f"{count} of the targets are kube-proxy {text}, which does not export what they read"
            yield Gap(what, "a newer release does", late)


def _alerts_after(version: Version, catalog: Catalog, profile: Profile) -> Iterator[str]:
    """The alerts that begin with a later release, of failures that this one can have."""
    for entry in _enabled(catalog, profile):
        if is_before(entry, version.minor):
            continue
        for alert in entry.metric_alerts:
            if version.release < alert.versions.oldest:
                yield alert.name


def _of_series(reads: Mapping[str, Mapping[str, Metric]], job: Job) -> Iterator[Gap]:
    """Metrics that every version of the site exports and no target shows: something drops them on the way."""
    versions = [version for version in map(parse_version, job.versions) if version]
    metrics: dict[str, Metric] = {}
    for read in reads.values():
        metrics |= {name: metric for name, metric in read.items() if metric.versions}
    shown = {name for name in metrics if _shows(job, name)}
    for name, metric in metrics.items():
        if name in shown or metric.late or not _is_exported(metric, versions):
            continue
        blind: list[str] = []
        weaker: list[str] = []
        for alert, read in reads.items():
            if name in read:
                suffering = blind if shown.isdisjoint(read) else weaker
                suffering.append(alert)
        what = f"no target shows {name}, which its kube-proxy exports"
        change = "let the scrape keep it (metric_relabel_configs, keep lists of the agent)"
        if blind:
            yield Gap(what, change, tuple(blind))
        if weaker:
            yield Gap(what, change, tuple(weaker), blind=False)


def _shows(job: Job, name: str) -> bool:
    """Whether a target shows a metric; of a histogram, its count."""
    return name in job.series or f"{name}_count" in job.series


def _is_exported(metric: Metric, versions: Sequence[Version]) -> bool:
    """Whether each of these versions has the metric; of no version that is known nobody can say."""
    if not metric.versions or not versions:
        return False
    return all(metric.versions.holds(version.release) for version in versions)
