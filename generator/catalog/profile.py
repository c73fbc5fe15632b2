"""The facts of a site as values. No IO; they have the keys of catalog/profile.schema.json, which describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict

from generator.base import names
from generator.base.document import Document

Engine = Literal["loki", "prometheus"]  # what evaluates a rule
RunsAs = Literal["daemonset", "static-pod", "systemd", "k3s"]
Stream = Literal["kube-proxy", "kernel"]
Number = int | float  # as it is written: of 3 no 3.0 is made, and to a schema 3.0 is an integer too


class LogLabels(Struct, frozen=True, kw_only=True):
    cluster: str | None
    namespace: str | None = None  # as pod: of the kernel's lines, which come from a node alone
    pod: str | None = None
    node: str | None

    def names(self) -> list[str]:
        """The labels of one kube-proxy, the broadest first."""
        labels = (self.cluster, self.namespace, self.pod, self.node)
        return [label for label in labels if label]

    def by(self) -> str:
        """The same for a grouping."""
        return ", ".join(self.names())


class MetricLabels(Struct, frozen=True):
    cluster: str | None
    namespace: str | None
    pod: str | None
    node: str | None
    instance: str


class LogSource(Struct, frozen=True):
    """Which streams hold the lines of a program, and their labels that say where a line comes from."""

    selector: str
    labels: LogLabels


class LokiProfile(Struct, frozen=True):
    """`kernel`: the kernel logs of the nodes, of which no Pod is a part; None where nobody collects them."""

    selector: str
    labels: LogLabels
    kernel: LogSource | None
    interval: str
    range: str
    ingest_delay: str
    limit: Number
    keep_firing_for: str

    def source(self, stream: Stream) -> LogSource | None:
        if stream == "kernel":
            return self.kernel
        return LogSource(self.selector, self.labels)


class PrometheusProfile(Struct, frozen=True):
    selector: str
    container_selector: str
    node_selector: str
    labels: MetricLabels
    interval: str
    limit: Number
    keep_firing_for: str
    query_offset: str

    @property
    def node_label(self) -> str:
        """What alerts on a node call it; kube-proxy's targets need not have the label."""
        return self.labels.node or "node"


class Rulers(Struct, frozen=True):
    """The releases of the programs that evaluate the rules, of those that the site names."""

    loki: str | None = None
    prometheus: str | None = None
    cortex: str | None = None
    vmalert: str | None = None

    def named(self) -> Mapping[str, str]:
        return {key: release for key, release in asdict(self).items() if release}


class KubeProxyProfile(Struct, frozen=True):
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

    @property
    def in_pod(self) -> bool:
        """Whether it runs in Pods; else it is a program of the node."""
        return self.runs_as in ("daemonset", "static-pod")


class Disabled(Struct, frozen=True):
    """An entry, or an alert on known builds, that a site leaves out; `until` is the last day, such as 2027-03-31."""

    id: str
    reason: str | None = None
    until: str | None = None


class DisabledCheck(Struct, frozen=True):
    """A check that a site overrules, of these entries or (without any) of all; `until` is the last day."""

    check: str
    reason: str
    of: tuple[str, ...] = ()
    until: str | None = None


class Receivers(Struct, frozen=True):
    """Names of Alertmanager receivers, by severity; the watchdogs have their own."""

    critical: str
    warning: str
    info: str
    watchdog: str


class AlertmanagerProfile(Struct, frozen=True):
    receivers: Receivers


class RunbooksProfile(Struct, frozen=True):
    """Where the runbooks are published, and whether these are the Markdown files or the pages of the site."""

    base_url: str
    style: Literal["markdown", "site"]


class GrafanaProfile(Struct, frozen=True):
    """Its address, uids of data sources, and the folder of the alert rules."""

    url: str | None
    loki: str
    prometheus: str
    folder: str


class KubernetesProfile(Struct, frozen=True):
    namespace: str
    labels: Mapping[str, str]
    operator_tenant: str
    sidecar_tenant: str


class ServerProfile(Struct, frozen=True):
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


class Profile(Struct, frozen=True):
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
    alerts: Mapping[str, Mapping[str, Number | str]]
    alert_annotations: Mapping[str, Mapping[str, str]]
    disabled: frozenset[str]
    lapsed: tuple[Disabled, ...]
    disabled_checks: tuple[DisabledCheck, ...]
    lapsed_checks: tuple[DisabledCheck, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    outputs: tuple[str, ...]
    alertmanager: AlertmanagerProfile
    grafana: GrafanaProfile
    kubernetes: KubernetesProfile
    servers: Mapping[str, ServerProfile]
    runbooks: RunbooksProfile
    document: Document

    def runbook_url(self, alert: str) -> str:
        return self.page_url(names.runbook_file(alert))

    def page_url(self, file: str) -> str:
        """Where the page is read that is made of a Markdown file."""
        published = names.site_page(file) if self.runbooks.style == "site" else file
        return f"{self.runbooks.base_url.rstrip('/')}/{published}"


@dataclass(frozen=True)
class Preset:
    """A profile that is shipped for others to extend. `sections` are those of loki, prometheus, kube_proxy it sets."""

    name: str
    profile: Profile

    @property
    def sections(self) -> frozenset[str]:
        return frozenset(self.profile.document.data) & {"loki", "prometheus", "kube_proxy"}
