"""The catalog and the profile as values. No IO; fields are named as in catalog/*.schema.json, which describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from generator.base import names
from generator.base.document import Document
from generator.catalog.profile import Stream
from generator.catalog.releases import minor

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the gravest first
Mode = Literal["iptables", "ipvs", "nftables", "userspace"]  # how kube-proxy works
MODES: tuple[Mode, ...] = get_args(Mode)
Evidence = Literal["documented", "source", "reproduced"]
Unit = Literal["seconds", "per_second", "cores", "count"]
Place = Literal["kubectl", "node", "kube-proxy"]
Cites = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    key: str
    title: str
    url: str | None = None
    edition: str | None = None


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
        return range(minor(self.first), minor(self.last) + 1)

    @property
    def oldest(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.split(".")))

    def holds(self, release: tuple[int, ...]) -> bool:
        """Whether a release, such as (1, 14, 4), is one of these."""
        return release >= self.oldest and release[1] in self.minors()


@dataclass(frozen=True)
class OtherSystems:
    """Releases that can have a failure on other operating systems than the entry's, and what else must be so there."""

    first: str
    last: str
    modes: tuple[str, ...]
    only: str
    sources: Cites


@dataclass(frozen=True)
class Affected:
    modes: tuple[str, ...]
    os: tuple[str, ...]
    other_os: tuple[OtherSystems, ...]
    versions: Versions
    since: str | None
    text: str
    sources: Cites


@dataclass(frozen=True)
class TkeFix:
    """One row of a vendor table: the TKE clusters it is about, and what to do there. `edition` is a source's key."""

    sign: Literal["<", "=", ">"]
    minor: int
    action: Literal["none", "upgrade-kube-proxy", "upgrade-cluster"]
    minimum: str | None
    edition: str

    @property
    def cluster(self) -> str:
        """The clusters as the table writes them."""
        return f"1.{self.minor}" if self.sign == "=" else f"{self.sign} 1.{self.minor}"

    def lists(self, minor: int) -> bool:
        """Whether the row is about a minor release."""
        match self.sign:
            case "<":
                return minor < self.minor
            case ">":
                return minor > self.minor
        return minor == self.minor


@dataclass(frozen=True)
class MinimumSystem:
    """An operating system, and its oldest release with the fix."""

    name: str
    minimum: str


@dataclass(frozen=True)
class MinimumVersion:
    """An add-on, known by what `match` matches, and its oldest version with the fix.

    `ends`: it alone ends the failure.
    """

    name: str
    match: str
    minimum: str
    sources: Cites
    ends: bool = False


@dataclass(frozen=True)
class TkeFixes:
    rows: tuple[TkeFix, ...]
    sources: Cites
    note: str | None = None


@dataclass(frozen=True)
class OsFixes:
    rows: tuple[MinimumSystem, ...]
    sources: Cites
    note: str | None = None


@dataclass(frozen=True)
class UpstreamFix:
    """A change of Kubernetes. `ends`: the proxy modes where it ends the failure; `since`: the minor with the bug.

    `unless`: what must be so for the failure to happen in spite of the change.
    """

    change: str
    sources: Cites
    fixed_in: tuple[str, ...] = ()
    note: str | None = None
    ends: tuple[str, ...] = ()
    since: str | None = None
    unless: str | None = None


@dataclass(frozen=True)
class Value:
    """Values of a setting of which any one of these is true."""

    at_most: str | None = None
    at_least: str | None = None
    equals: str | None = None
    unset: bool = False


@dataclass(frozen=True)
class Setting:
    """What is looked at (a flag, a variable, or a file of the node that Pods must mount), and which values hurt.

    `safe` are those that are known to be well, all others where it is None. `name`, `found` and `change_to` are words.
    """

    name: str
    change_to: str
    why: str
    sources: Cites
    flag: str | None = None
    variable: str | None = None
    path: str | None = None
    found: str | None = None
    value: Value | None = None
    safe: Value | None = None
    ends: bool = False

    @property
    def key(self) -> str:
        return self.flag or self.variable or self.path or self.name


@dataclass(frozen=True)
class Fixes:
    tke: TkeFixes | None = None
    upstream: tuple[UpstreamFix, ...] = ()
    os: OsFixes | None = None
    components: tuple[MinimumVersion, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def tke_rows(self) -> tuple[TkeFix, ...]:
        return self.tke.rows if self.tke else ()

    @property
    def deciding_settings(self) -> tuple[Setting, ...]:
        """Those that make the failure by themselves."""
        return tuple(setting for setting in self.settings if setting.ends)

    @property
    def deciding_components(self) -> tuple[MinimumVersion, ...]:
        """Those whose version ends it by itself."""
        return tuple(wanted for wanted in self.components if wanted.ends)


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
class Milder:
    """Of a signal's lines those that hold a text: they are less grave, and have an alert of their own."""

    alert: str
    holds: str
    severity: Severity
    severity_reason: str


@dataclass(frozen=True)
class LogSignal:
    """A line matches if it holds every text of `contains`, any of the variants, and nothing of `exclude`.

    `stream`: whose lines are searched, kube-proxy's or the kernel's of the node. `recent`: a shorter window in which
    lines must have come too.
    """

    stream: Stream
    contains: tuple[str, ...]
    variants: tuple[Variant, ...]
    exclude: tuple[Exclusion, ...]
    range: str | None
    threshold: int
    hold: str
    persistence: str | None
    recent: str | None = None
    milder: Milder | None = None


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
    """An alert on metrics; of the entry's severity if it has none of its own."""

    name: str
    expr: str
    hold: str
    observation: str
    unit: Unit
    versions: Versions
    parameters: Mapping[str, Parameter]
    severity: Severity | None = None
    severity_reason: str | None = None
    about: Literal["kube-proxy", "node", "cluster"] = "kube-proxy"
    summary: str | None = None  # of this alert, where the entry's says more than it has seen


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
class Entry:
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
    explains: tuple[str, ...]
    logs: LogSignal | None
    records: tuple[Record, ...]
    metric_alerts: tuple[MetricAlert, ...]
    heartbeat: Literal["logs", "metrics"] | None
    samples: tuple[Sample, ...]
    replaces: str | None
    document: Document
    unit_tests: Mapping[str, str]  # promtool's, by the name of the file
    log_tests: LogTests | None

    def steps(self) -> tuple[Step, ...]:
        """All steps in the order of the page: what stops the damage, the diagnosis, the other mitigations."""
        first = tuple(step for step in self.mitigation if step.stops_damage)
        return (
            *first,
            *self.diagnosis,
            *(step for step in self.mitigation if not step.stops_damage),
        )

    @property
    def milder(self) -> Milder | None:
        """The alert on those of its lines that are less grave."""
        return self.logs.milder if self.logs else None

    def is_milder(self, alert: str) -> bool:
        return self.milder is not None and self.milder.alert == alert

    def log_alerts(self) -> tuple[str, ...]:
        """Names of the alerts on its lines, the own one first."""
        if not self.logs:
            return ()
        return (self.alert, self.milder.alert) if self.milder else (self.alert,)

    def severity_of(self, alert: str) -> Severity:
        own = self._own(alert)
        return own.severity if own and own.severity else self.severity

    def severity_reason_of(self, alert: str) -> str:
        own = self._own(alert)
        return own.severity_reason if own and own.severity_reason else self.severity_reason

    def _own(self, alert: str) -> MetricAlert | Milder | None:
        """The alert that may have a severity of its own."""
        if self.is_milder(alert):
            return self.milder
        return next((row for row in self.metric_alerts if row.name == alert), None)

    @property
    def by_builds_alone(self) -> bool:
        """Whether no line and no metric shows it, so that the builds which have it are all that is known."""
        return not (self.logs or self.metric_alerts or self.heartbeat)

    def alerts(self) -> tuple[str, ...]:
        """Names of all alerts of the entry, the own one first; that on known builds where there is no other."""
        if self.by_builds_alone:
            return (names.known_build(self.alert),)
        others = [alert.name for alert in self.metric_alerts if alert.name != self.alert]
        return (self.alert, *self.log_alerts()[1:], *others)

    @property
    def tests_path(self) -> str:
        """Where its unit tests are, or would be."""
        return self.document.path.removesuffix("failure.yaml") + "tests.yaml"


@dataclass(frozen=True)
class Metric:
    """A metric that kube-proxy exports, or the `program` named. `late`: it may be without series until it happens."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: frozenset[str]
    versions: Versions | None
    top_bucket: float | None
    program: str | None
    late: bool


@dataclass(frozen=True)
class Harmless:
    """A message that kube-proxy prints as an error although nothing is wrong; an RE2 pattern over its joined lines."""

    id: str
    pattern: str
    reason: str
    versions: Versions
    evidence: Evidence
    origin: str


@dataclass(frozen=True)
class Reference:
    title: str
    url: str | None = None


@dataclass(frozen=True)
class KnownBug:
    """A bug of some releases that no line and no metric shows, or what is deprecated; `fix` says when it is there."""

    id: str
    title: str
    effect: str
    modes: tuple[str, ...]
    fix: UpstreamFix
    sources: tuple[Reference, ...]


@dataclass(frozen=True)
class Catalog:
    entries: tuple[Entry, ...]
    metrics: Mapping[str, Metric]
    harmless: tuple[Harmless, ...] = ()
    known_bugs: tuple[KnownBug, ...] = ()

    @cached_property
    def causes(self) -> Mapping[str, tuple[Entry, ...]]:
        """The entries that can be behind each symptom; a symptom without any is left out."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            for symptom in (*entry.inhibits, *entry.explains):
                found.setdefault(symptom, []).append(entry)
        return {symptom: tuple(entries) for symptom, entries in found.items()}
