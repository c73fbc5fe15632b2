"""The catalog and the profile as values. No IO; fields are named as in catalog/*.schema.json, which describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from generator.document import Document

Severity = Literal["critical", "warning", "info"]
Evidence = Literal["documented", "source", "reproduced"]
Unit = Literal["seconds", "per_second", "cores", "count"]
RunsAs = Literal["daemonset", "static-pod", "systemd", "k3s"]
Place = Literal["kubectl", "node", "kube-proxy"]
Cites = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    key: str
    title: str
    url: str | None = None


@dataclass(frozen=True)
class Statement:
    text: str
    sources: Cites


@dataclass(frozen=True)
class Step:
    """An instruction. `where` its commands run; `changes` says what they change, where they change anything.

    `stops_damage`: nothing gets worse once it is done. `do`, `run` and `expect` are templates over the words of a site.
    """

    do: str
    sources: Cites
    where: Place | None = None
    run: str | None = None
    changes: str | None = None
    stops_damage: bool = False
    yaml: str | None = None
    expect: str | None = None


@dataclass(frozen=True)
class Versions:
    """Minor releases of kube-proxy, both ends included, such as 1.10 and 1.37. The first may have a patch: 1.14.4."""

    first: str
    last: str

    def minors(self) -> range:
        return range(int(self.first.split(".")[1]), int(self.last.split(".")[1]) + 1)

    @property
    def oldest(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.split(".")))

    def holds(self, release: tuple[int, ...]) -> bool:
        """Whether a release, such as (1, 14, 4), is one of these."""
        return release >= self.oldest and release[1] in self.minors()


@dataclass(frozen=True)
class Affected:
    modes: tuple[str, ...]
    os: tuple[str, ...]
    versions: Versions
    text: str
    sources: Cites


@dataclass(frozen=True)
class TkeFix:
    """One row of a vendor table: a TKE cluster version and what to do there."""

    cluster: str
    action: Literal["none", "upgrade-kube-proxy", "upgrade-cluster"]
    minimum: str | None = None


@dataclass(frozen=True)
class MinimumVersion:
    """An operating system or an add-on, and its oldest version with the fix; `ends`: it alone ends the failure."""

    name: str
    minimum: str
    sources: Cites = ()
    ends: bool = False


@dataclass(frozen=True)
class TkeFixes:
    rows: tuple[TkeFix, ...]
    sources: Cites
    note: str | None = None


@dataclass(frozen=True)
class OsFixes:
    rows: tuple[MinimumVersion, ...]
    sources: Cites
    note: str | None = None


@dataclass(frozen=True)
class UpstreamFix:
    """A change of Kubernetes. `ends`: the proxy modes where it ends the failure; `since`: the minor with the bug."""

    change: str
    sources: Cites
    fixed_in: tuple[str, ...] = ()
    note: str | None = None
    ends: tuple[str, ...] = ()
    since: str | None = None


@dataclass(frozen=True)
class Setting:
    name: str
    change_to: str
    why: str
    sources: Cites
    found: str | None = None
    ends: bool = False


@dataclass(frozen=True)
class Fixes:
    tke: TkeFixes | None = None
    upstream: tuple[UpstreamFix, ...] = ()
    os: OsFixes | None = None
    components: tuple[MinimumVersion, ...] = ()
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Variant:
    """One wording of a log line: a literal or an RE2 pattern, found anywhere in the line.

    `holds` is text that each line of the pattern holds; searching for it first is cheap.
    """

    name: str
    printed_by: str
    evidence: Evidence
    sources: Cites
    literal: str | None = None
    pattern: str | None = None
    holds: str | None = None


@dataclass(frozen=True)
class Exclusion:
    pattern: str
    reason: str


@dataclass(frozen=True)
class LogSignal:
    """A line matches if it holds every text of `contains`, any of the variants, and nothing of `exclude`."""

    contains: tuple[str, ...]
    variants: tuple[Variant, ...]
    exclude: tuple[Exclusion, ...]
    range: str | None
    threshold: int
    hold: str
    persistence: str | None


@dataclass(frozen=True)
class Parameter:
    """A number an alert's expression uses (or a duration, as text); `below` is where it stops being able to fire."""

    default: float | str
    why: str
    below: float | None = None


@dataclass(frozen=True)
class Record:
    name: str
    expr: str
    why: str


@dataclass(frozen=True)
class MetricAlert:
    name: str
    expr: str
    hold: str
    observation: str
    unit: Unit
    versions: Versions
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class Sample:
    """A file of raw log lines. `fires`: at least one line matches the entry. Otherwise none does."""

    path: str
    name: str
    fires: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class LogStream:
    """What one program writes in a test: the labels its collector gives, and lines with seconds from the start."""

    labels: Mapping[str, str]
    lines: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class LogTest:
    """Log lines in, alerts out. `checks` are promtool's alert_rule_test, as they stand in the file."""

    name: str
    streams: tuple[LogStream, ...]
    checks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class LogTests:
    """A file of tests of Loki rules. Rule files are patterns relative to it; the interval is in seconds."""

    path: str
    rule_files: tuple[str, ...]
    interval: float
    tests: tuple[LogTest, ...]


@dataclass(frozen=True)
class Failure:
    """One entry of the catalog: a failure, a symptom or a watchdog."""

    id: str
    kind: Literal["failure", "symptom", "watchdog"]
    alert: str
    title: str
    status: Literal["experimental", "stable", "deprecated"]
    status_reason: str | None
    severity: Severity
    severity_reason: str
    summary: str
    first_step: str
    sources: tuple[Source, ...]
    affected: Affected
    meaning: Statement
    impact: Statement
    causes: tuple[Statement, ...]
    diagnosis: tuple[Step, ...]
    mitigation: tuple[Step, ...]
    fixes: Fixes
    false_positives: tuple[Statement, ...]
    related: tuple[tuple[str, str], ...]
    inhibits: tuple[str, ...]
    logs: LogSignal | None
    records: tuple[Record, ...]
    metric_alerts: tuple[MetricAlert, ...]
    heartbeat: Literal["logs", "metrics"] | None
    samples: tuple[Sample, ...]
    replaces: str | None
    document: Document
    unit_tests: str | None
    log_tests: LogTests | None

    def steps(self) -> tuple[Step, ...]:
        """All steps in the order of the page: what stops the damage, the diagnosis, the other mitigations."""
        first = tuple(step for step in self.mitigation if step.stops_damage)
        return (*first, *self.diagnosis, *(step for step in self.mitigation if not step.stops_damage))

    def alerts(self) -> tuple[str, ...]:
        """Names of all alerts of the entry, the entry's own first."""
        others = [alert.name for alert in self.metric_alerts if alert.name != self.alert]
        return (self.alert, *others)


@dataclass(frozen=True)
class Metric:
    """A metric that kube-proxy exports, or the `program` named."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: frozenset[str]
    versions: Versions | None
    top_bucket: float | None
    program: str | None


@dataclass(frozen=True)
class Catalog:
    entries: tuple[Failure, ...]
    metrics: Mapping[str, Metric]

    @cached_property
    def causes(self) -> Mapping[str, tuple[Failure, ...]]:
        """The entries that inhibit each symptom; a symptom without any is left out."""
        found: dict[str, list[Failure]] = {}
        for entry in self.entries:
            for symptom in entry.inhibits:
                found.setdefault(symptom, []).append(entry)
        return {symptom: tuple(entries) for symptom, entries in found.items()}


@dataclass(frozen=True)
class LogLabels:
    cluster: str | None
    namespace: str | None
    pod: str | None
    node: str | None

    def by(self) -> str:
        """The labels of one kube-proxy, for a grouping."""
        return ", ".join(label for label in (self.cluster, self.namespace, self.pod, self.node) if label)


@dataclass(frozen=True)
class MetricLabels:
    cluster: str | None
    namespace: str | None
    pod: str | None
    node: str | None
    instance: str


@dataclass(frozen=True)
class LokiProfile:
    selector: str
    labels: LogLabels
    interval: str
    range: str
    ingest_delay: str


@dataclass(frozen=True)
class PrometheusProfile:
    selector: str
    container_selector: str
    labels: MetricLabels
    interval: str


@dataclass(frozen=True)
class KubeProxyProfile:
    """How kube-proxy runs at a site. `log_file`: where its log is on the node if it prints none; `mode`: its proxy
    mode, if all nodes have the same.
    """

    runs_as: RunsAs
    namespace: str
    pod_selector: str
    daemonset: str
    config_map: str | None
    unit: str
    log_file: str | None
    metrics_address: str
    mode: str | None


@dataclass(frozen=True)
class Receivers:
    """Names of Alertmanager receivers, by severity; the watchdogs have their own."""

    critical: str
    warning: str
    info: str
    watchdog: str


@dataclass(frozen=True)
class GrafanaProfile:
    """Uids of data sources, and the folder of the alert rules."""

    loki: str
    prometheus: str
    folder: str


@dataclass(frozen=True)
class KubernetesProfile:
    namespace: str
    labels: Mapping[str, str]
    operator_tenant: str
    sidecar_tenant: str


@dataclass(frozen=True)
class ServerProfile:
    """How to speak to a server; secrets are in the files named."""

    url: str | None = None
    prefix: str | None = None
    tenant: str | None = None
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Profile:
    """The facts of a site, defaults filled in. `alerts` maps alert name to its changed settings.

    `clusters` are those that must be there; without any, a cluster is one that has metrics.
    """

    clusters: tuple[str, ...]
    kube_proxy: KubeProxyProfile
    loki: LokiProfile
    prometheus: PrometheusProfile
    alerts: Mapping[str, Mapping[str, float | str]]
    disabled: frozenset[str]
    labels: Mapping[str, str]
    receivers: Receivers
    grafana: GrafanaProfile
    kubernetes: KubernetesProfile
    servers: Mapping[str, ServerProfile]
    base_url: str
    document: Document


@dataclass(frozen=True)
class Preset:
    """A profile that is shipped for others to extend. `sections` are those of loki, prometheus, kube_proxy it sets."""

    name: str
    profile: Profile

    @property
    def sections(self) -> frozenset[str]:
        return frozenset(self.profile.document.data) & {"loki", "prometheus", "kube_proxy"}
