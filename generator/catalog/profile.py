"""The facts of a site as values. No IO; fields are named as in catalog/profile.schema.json, which describes them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from generator.base import names
from generator.base.document import Document

RunsAs = Literal["daemonset", "static-pod", "systemd", "k3s"]
Stream = Literal["kube-proxy", "kernel"]


@dataclass(frozen=True)
class LogLabels:
    cluster: str | None
    namespace: str | None
    pod: str | None
    node: str | None

    def names(self) -> list[str]:
        """The labels of one kube-proxy, the broadest first."""
        return [label for label in (self.cluster, self.namespace, self.pod, self.node) if label]

    def by(self) -> str:
        """The same for a grouping."""
        return ", ".join(self.names())


@dataclass(frozen=True)
class MetricLabels:
    cluster: str | None
    namespace: str | None
    pod: str | None
    node: str | None
    instance: str


@dataclass(frozen=True)
class LogSource:
    """Which streams hold the lines of a program, and their labels that say where a line comes from."""

    selector: str
    labels: LogLabels


@dataclass(frozen=True)
class LokiProfile:
    """`kernel`: the kernel logs of the nodes, of which no Pod is a part; None where nobody collects them."""

    selector: str
    labels: LogLabels
    kernel: LogSource | None
    interval: str
    range: str
    ingest_delay: str
    limit: int
    keep_firing_for: str

    def source(self, stream: Stream) -> LogSource | None:
        return self.kernel if stream == "kernel" else LogSource(self.selector, self.labels)


@dataclass(frozen=True)
class PrometheusProfile:
    selector: str
    container_selector: str
    node_selector: str
    labels: MetricLabels
    interval: str
    limit: int
    keep_firing_for: str
    query_offset: str

    @property
    def node_label(self) -> str:
        """What alerts on a node call it; kube-proxy's targets need not have the label."""
        return self.labels.node or "node"


@dataclass(frozen=True)
class Rulers:
    """The releases of the programs that evaluate the rules, of those that the site names."""

    loki: str | None = None
    prometheus: str | None = None
    cortex: str | None = None
    vmalert: str | None = None

    def named(self) -> Mapping[str, str]:
        return {key: release for key, release in asdict(self).items() if release}


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
class Disabled:
    """An entry, or an alert on known builds, that a site leaves out; `until` is the last day, such as 2027-03-31."""

    id: str
    reason: str | None = None
    until: str | None = None


@dataclass(frozen=True)
class DisabledCheck:
    """A check that a site overrules, of these entries or (without any) of all; `until` is the last day."""

    check: str
    reason: str
    of: tuple[str, ...] = ()
    until: str | None = None


@dataclass(frozen=True)
class Receivers:
    """Names of Alertmanager receivers, by severity; the watchdogs have their own."""

    critical: str
    warning: str
    info: str
    watchdog: str


@dataclass(frozen=True)
class GrafanaProfile:
    """Its address, uids of data sources, and the folder of the alert rules."""

    url: str | None
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
    """The facts of a site, defaults filled in. `alerts` maps alert name to its changed settings, `alert_annotations`
    to its extra annotations. `disabled` are the ids left out today, `lapsed` those that were until a day that is
    over; so are `disabled_checks` and `lapsed_checks`.

    `clusters` are those that must be there; without any, a cluster is one that has metrics.
    """

    clusters: tuple[str, ...]
    kube_proxy: KubeProxyProfile
    loki: LokiProfile
    prometheus: PrometheusProfile
    rulers: Rulers
    alerts: Mapping[str, Mapping[str, float | str]]
    alert_annotations: Mapping[str, Mapping[str, str]]
    disabled: frozenset[str]
    lapsed: tuple[Disabled, ...]
    disabled_checks: tuple[DisabledCheck, ...]
    lapsed_checks: tuple[DisabledCheck, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    outputs: tuple[str, ...]
    receivers: Receivers
    grafana: GrafanaProfile
    kubernetes: KubernetesProfile
    servers: Mapping[str, ServerProfile]
    base_url: str
    style: Literal["markdown", "site"]  # what is published at base_url
    document: Document

    def runbook_url(self, alert: str) -> str:
        return self.page_url(names.runbook_file(alert))

    def page_url(self, file: str) -> str:
        """Where the page is read that is made of a Markdown file."""
        published = names.site_page(file) if self.style == "site" else file
        return f"{self.base_url.rstrip('/')}/{published}"


@dataclass(frozen=True)
class Preset:
    """A profile that is shipped for others to extend. `sections` are those of loki, prometheus, kube_proxy it sets."""

    name: str
    profile: Profile

    @property
    def sections(self) -> frozenset[str]:
        return frozenset(self.profile.document.data) & {"loki", "prometheus", "kube_proxy"}
