"""The catalog as values. No IO.

What stands in its files is a Struct with the keys of the schema in catalog/, which describes them; where a key is no
good name here, the field says which one it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from msgspec import Struct, field

from generator.base import names
from generator.base.document import Document
from generator.catalog.profile import Number, Stream
from generator.catalog.releases import minor

Level = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Level, ...] = get_args(Level)  # the gravest first
Mode = Literal["iptables", "ipvs", "nftables", "userspace"]  # how kube-proxy works
MODES: tuple[Mode, ...] = get_args(Mode)
Evidence = Literal["documented", "source", "reproduced"]
Unit = Literal["seconds", "per_second", "cores", "count"]
Shell = Literal["kubectl", "node", "kube-proxy"]
Cites = tuple[str, ...]


class Severity(Struct, frozen=True):
    level: Level
    reason: str


class Source(Struct, frozen=True):
    title: str
    url: str | None = None
    edition: str | None = None


class Statement(Struct, frozen=True):
    text: str
    sources: Cites


class Step(Struct, frozen=True):
    """An instruction. `where` its commands run; `changes` says what they change, where they change anything.

    `stops_damage`: nothing gets worse once it is done. `do`, `run` and `expect` are templates over the words of a site.
    """

    do: str
    sources: Cites
    where: Shell | None = None
    run: str | None = None
    changes: str | None = None
    stops_damage: bool = False
    yaml: str | None = None
    expect: str | None = None


class Versions(Struct, frozen=True):
    """Minor releases of kube-proxy, both ends included, such as 1.10 and 1.37. The first may have a patch: 1.14.4."""

    first: str = field(name="from")
    last: str = field(name="to")

    def minors(self) -> range:
        return range(minor(self.first), minor(self.last) + 1)

    @property
    def oldest(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.split(".")))

    def holds(self, release: tuple[int, ...]) -> bool:
        """Whether a release, such as (1, 14, 4), is one of these."""
        return release >= self.oldest and release[1] in self.minors()


class OtherSystems(Struct, frozen=True):
    """Releases that can have a failure on other operating systems than the entry's, and what else must be so there.

    `modes`: the proxy modes that can, where not all of the entry's do.
    """

    first: str = field(name="from")
    last: str = field(name="to")
    only: str
    sources: Cites
    modes: tuple[Mode, ...] = ()


class Affected(Struct, frozen=True):
    modes: tuple[Mode, ...]
    versions: Versions
    text: str
    sources: Cites
    os: tuple[str, ...] = ()
    other_os: tuple[OtherSystems, ...] = ()
    since: str | None = None


class TkeFix(Struct, frozen=True):
    """One row of a vendor table: the TKE clusters it is about, such as `> 1.18`, and what to do there.

    `edition` is the key of its source, where the table has several.
    """

    cluster: str
    action: Literal["none", "upgrade-kube-proxy", "upgrade-cluster"]
    minimum: str | None = None
    edition: str | None = None

    @property
    def sign(self) -> str:
        return self.cluster[0] if self.cluster[0] in "<>" else "="

    @property
    def minor(self) -> int:
        return minor(self.cluster.split()[-1])

    def lists(self, minor: int) -> bool:
        """Whether the row is about a minor release."""
        match self.sign:
            case "<":
                return minor < self.minor
            case ">":
                return minor > self.minor
        return minor == self.minor


class MinimumSystem(Struct, frozen=True):
    """An operating system, and its oldest release with the fix."""

    name: str
    minimum: str


class MinimumVersion(Struct, frozen=True):
    """An add-on, known by what `match` matches, and its oldest version with the fix.

    `ends`: it alone ends the failure.
    """

    name: str
    match: str
    minimum: str
    sources: Cites
    ends: bool = False


class TkeFixes(Struct, frozen=True):
    rows: tuple[TkeFix, ...]
    sources: Cites
    note: str | None = None

    def edition_of(self, row: TkeFix) -> str:
        """The key of the source whose table a row stands in."""
        return row.edition or self.sources[0]

    @property
    def editions(self) -> frozenset[str]:
        return frozenset(map(self.edition_of, self.rows))


class OsFixes(Struct, frozen=True):
    rows: tuple[MinimumSystem, ...]
    sources: Cites
    note: str | None = None


class UpstreamFix(Struct, frozen=True):
    """A change of Kubernetes. `ends`: the proxy modes where it ends the failure; `since`: the minor with the bug.

    `unless`: what must be so for the failure to happen in spite of the change.
    """

    change: str
    sources: Cites
    fixed_in: tuple[str, ...] = ()
    note: str | None = None
    ends: tuple[Mode, ...] = ()
    since: str | None = None
    unless: str | None = None


class Value(Struct, frozen=True):
    """Values of a setting of which any one of these is true."""

    at_most: str | None = None
    at_least: str | None = None
    equals: str | None = None
    unset: bool = False


class Setting(Struct, frozen=True):
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


class Fixes(Struct, frozen=True):
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


class Variant(Struct, frozen=True):
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


class Exclusion(Struct, frozen=True):
    pattern: str
    reason: str


class Milder(Struct, frozen=True):
    """Of a signal's lines those that hold a text: they are less grave, and have an alert of their own."""

    alert: str
    holds: str
    severity: Severity


class LogSignal(Struct, frozen=True):
    """A line matches if it holds every text of `contains`, any of the variants, and nothing of `exclude`.

    `stream`: whose lines are searched, kube-proxy's or the kernel's of the node. `recent`: a shorter window in which
    lines must have come too.
    """

    variants: tuple[Variant, ...]
    stream: Stream = "kube-proxy"
    contains: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    range: str | None = None
    threshold: Number = 0
    hold: str = field(name="for", default="0s")
    persistence: str | None = None
    recent: str | None = None
    milder: Milder | None = None


class Parameter(Struct, frozen=True):
    """A number an alert's expression uses (or a duration, as text); `below` is where it stops being able to fire."""

    default: Number | str
    why: str
    below: Number | None = None


class Record(Struct, frozen=True):
    name: str = field(name="record")
    expr: str
    why: str


class MetricAlert(Struct, frozen=True):
    """An alert on metrics; of the entry's severity if it has none of its own."""

    name: str = field(name="alert")
    expr: str
    hold: str = field(name="for")
    observation: str
    unit: Unit
    versions: Versions
    parameters: Mapping[str, Parameter] = {}
    severity: Severity | None = None
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


class MetricSignals(Struct, frozen=True):
    records: tuple[Record, ...] = ()
    alerts: tuple[MetricAlert, ...] = ()


class Signals(Struct, frozen=True):
    """What shows an entry. `heartbeat`: the alert that always fires, and where its rule is evaluated."""

    logs: LogSignal | None = None
    metrics: MetricSignals = MetricSignals()
    heartbeat: Literal["logs", "metrics"] | None = None


class Related(Struct, frozen=True):
    id: str
    why: str


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of the catalog: a failure, a symptom or a watchdog. Files beside its own are below `document`."""

    id: str
    kind: Literal["failure", "symptom", "watchdog"]
    alert: str
    title: str
    status: Literal["experimental", "stable", "deprecated"]
    status_reason: str | None = None
    severity: Severity
    summary: str
    first_step: str
    sources: Mapping[str, Source]
    affected: Affected
    meaning: Statement
    impact: Statement
    causes: tuple[Statement, ...]
    diagnosis: tuple[Step, ...]
    mitigation: tuple[Step, ...]
    fixes: Fixes
    false_positives: tuple[Statement, ...]
    related: tuple[Related, ...] = ()
    inhibits: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    replaces: str | None = None
    signals: Signals = Signals()
    document: Document
    samples: tuple[Sample, ...] = ()  # the files; where each comes from is said for readers alone
    unit_tests: Mapping[str, str]  # promtool's, by the name of the file
    log_tests: LogTests | None

    @property
    def logs(self) -> LogSignal | None:
        return self.signals.logs

    @property
    def records(self) -> tuple[Record, ...]:
        return self.signals.metrics.records

    @property
    def metric_alerts(self) -> tuple[MetricAlert, ...]:
        return self.signals.metrics.alerts

    @property
    def heartbeat(self) -> Literal["logs", "metrics"] | None:
        return self.signals.heartbeat

    def steps(self) -> tuple[Step, ...]:
        """All steps in the order of the page: what stops the damage, the diagnosis, the other mitigations."""
        first = [step for step in self.mitigation if step.stops_damage]
        later = [step for step in self.mitigation if not step.stops_damage]
        return (*first, *self.diagnosis, *later)

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
        if self.milder:
            return (self.alert, self.milder.alert)
        return (self.alert,)

    def severity_of(self, alert: str) -> Severity:
        own = self._own(alert)
        if own and own.severity:
            return own.severity
        return self.severity

    def _own(self, alert: str) -> MetricAlert | Milder | None:
        """The alert that may have a severity of its own."""
        if self.is_milder(alert):
            return self.milder
        for row in self.metric_alerts:
            if row.name == alert:
                return row
        return None

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


class Metric(Struct, frozen=True):
    """A metric that kube-proxy exports, or the `program` named. `late`: it may be without series until it happens."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: frozenset[str]
    first: str | None = field(name="from", default=None)
    last: str | None = field(name="to", default=None)
    top_bucket: Number | None = None
    program: str | None = None
    late: bool = False

    @property
    def versions(self) -> Versions | None:
        """The releases that export it, where not all do."""
        if self.first and self.last:
            return Versions(self.first, self.last)
        return None


class Harmless(Struct, frozen=True):
    """A message that kube-proxy prints as an error although nothing is wrong; an RE2 pattern over its joined lines."""

    id: str
    pattern: str
    reason: str
    versions: Versions
    evidence: Evidence
    origin: str = field(name="from")


class Reference(Struct, frozen=True):
    title: str
    url: str | None = None


class KnownBug(Struct, frozen=True):
    """A bug of some releases that no line and no metric shows, or what is deprecated."""

    id: str
    title: str
    effect: str
    modes: tuple[Mode, ...]
    since: str
    instead: str
    sources: tuple[Reference, ...]
    fixed_in: tuple[str, ...] = ()

    @property
    def fix(self) -> UpstreamFix:
        """The change that ends it, or what takes the place of what is deprecated; `fixed_in` says when it is there."""
        return UpstreamFix(self.instead, (), self.fixed_in, ends=self.modes, since=self.since)


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
