"""Counts, for each documented failure, the lines that prove it; keeps what else the logs say. No IO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from generator.catalog.model import SEVERITIES, Catalog, Entry, Harmless
from generator.catalog.wordings import by_alert
from generator.diagnose import templates
from generator.diagnose.hints import Hints
from generator.diagnose.scan import Event, Scanner
from generator.diagnose.templates import Template
from generator.diagnose.unwrap import other_program, said
from generator.diagnose.windows import Window
from generator.query.signature import compile_re2

_PROOFS = 3
_LONGEST = 1000  # characters of a line that are shown
_PLACES = 10_000  # that are counted apart; those of a large cluster
_KERNEL = "kernel"  # what syslog and the journal call the program of its lines
_PROGRAMS = 1000  # other programs that are told apart
_MESSAGES = 1000  # that are remembered, harmless or not
_STILL = timedelta(minutes=10)  # before the end of a log, in which a failure goes on
_MESSAGE = 1 << 14  # characters of a message in which a harmless one is looked for


@dataclass(frozen=True)
class Proof:
    """A line that proves a failure, where it stood, and the lines of its message before and after it."""

    text: str
    source: str
    time: datetime | None = None
    place: str = ""
    number: int | None = None
    before: str | None = None
    after: tuple[str, ...] = ()


@dataclass
class Found:
    """A failure that is there. `places` are nodes, else pods, else files, with their number of lines.

    `measured` are metric alerts that hold, as sentences; `known` is what the logs said of these kube-proxies.
    """

    entry: Entry
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    places: dict[str, int] = field(default_factory=dict)
    proofs: list[Proof] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    known: tuple[Hints, ...] = ()
    mild: int = 0  # of the lines, those that are less grave

    @property
    def alert(self) -> str:
        """The alert that these lines give, or metrics where there are none: the gravest."""
        milder = self.entry.milder
        return milder.alert if milder and 0 < self.count == self.mild else self.entry.alert

    @property
    def severity(self) -> str:
        return self.entry.severity_of(self.alert)

    def tally(self, place: str, count: int, mild: bool) -> None:
        self.count += count
        self.mild += count if mild else 0
        if place in self.places or len(self.places) < _PLACES:
            self.places[place] = self.places.get(place, 0) + count

    def prove(self, proof: Proof) -> None:
        if proof.time:
            self.first = min(self.first or proof.time, proof.time)
            self.last = max(self.last or proof.time, proof.time)
        if self.lacks(proof.text, proof.place):
            self.proofs.append(proof)

    def lacks(self, text: str, place: str) -> bool:
        """Whether a line would be a proof of another kind, or from another place, than those that are kept."""
        if len(self.proofs) >= _PROOFS:
            return False
        words = said(text[:_LONGEST])
        return not any(proof.place == place and said(proof.text) == words for proof in self.proofs)


@dataclass
class Elsewhere:
    """Lines like those of a failure that another program printed, with one of them."""

    program: str
    entry: Entry
    example: str
    count: int = 0


@dataclass
class Known:
    """An error that means nothing, and how often it came."""

    harmless: Harmless
    count: int = 0


@dataclass(frozen=True)
class Diagnosis:
    """`found` from cause to symptom; `not_found` was looked for; `not_sought` cannot be seen in what was read.

    `speaks`: kube-proxy may have printed some of the lines that were read. `undated` lines, which bear no time, were
    counted although a time was asked for. `last` is the latest time in what was read. `versions`: the several ones of a
    node.
    """

    found: tuple[Found, ...]
    not_found: tuple[Entry, ...]
    not_sought: tuple[Entry, ...]
    unexplained: tuple[Template, ...]
    others: int
    harmless: tuple[Known, ...]
    elsewhere: tuple[Elsewhere, ...]
    known: Mapping[str, Hints]
    speaks: bool
    undated: int
    last: datetime | None
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Period:
    """The times that are asked for; None is open."""

    begin: datetime | None = None
    end: datetime | None = None

    def holds(self, time: datetime | None) -> bool:
        """Whether a time lies in the span. One that is not known may."""
        return not time or (
            (not self.begin or time >= self.begin) and (not self.end or time <= self.end)
        )


_ALWAYS = Period()
_NOTHING_TOLD = Hints()


class Findings:
    """Takes events, gives a diagnosis. Its size depends on what is found, not on how much is read."""

    def __init__(self, catalog: Catalog, now: datetime, span: Period = _ALWAYS) -> None:
        self._catalog = catalog
        self._entries = {entry.id: entry for entry in catalog.entries if entry.kind != "watchdog"}
        matchers = {
            alert: filters
            for entry in self._entries.values()
            for alert, filters in by_alert(entry).items()
        }
        self._entry_of = {
            alert: entry for entry in self._entries.values() for alert in entry.log_alerts()
        }
        self._scanner = Scanner(matchers, each=span != _ALWAYS)
        self._now = now
        self._in_lines = {entry.id for entry in self._entry_of.values()}
        self._sought: set[str] = set()
        self._found: dict[str, Found] = {}
        self._templates = templates.Templates()
        self._known: dict[str, Hints] = {}
        self._versions: dict[str, dict[str, None]] = {}
        self._span = span
        self._harmless = [(Known(row), compile_re2(row.pattern)) for row in catalog.harmless]
        self._told: dict[str, Known | None] = {}
        self._elsewhere: dict[tuple[str, str], Elsewhere] = {}
        self._speaks = False
        self._undated = 0
        self._last: datetime | None = None

    @property
    def found(self) -> Iterable[Found]:
        """The failures so far, in the order in which they came."""
        return self._found.values()

    def read(
        self,
        window: Window,
        source: str,
        pod: str | None = None,
        node: str | None = None,
        numbered: bool = True,
    ) -> None:
        """Look at the new lines of a window of a source; they may not be `numbered` as those of the file are."""
        self._sought |= self._in_lines
        self._speaks = self._speaks or self._scanner.speaks(window, self._now)
        last = self._scanner.last_time(window, self._now)
        if last:
            self._last = max(self._last or last, last)
        for event in self._scanner.events(window, self._now):
            self._add(event, window, source, pod, node, numbered)

    def _add(
        self,
        event: Event,
        window: Window,
        source: str,
        pod: str | None,
        node: str | None,
        numbered: bool,
    ) -> None:
        line = event.line
        program = other_program(line)
        owners = frozenset(owner for owner in event.owners if self._prints(program, owner))
        if program:
            for owner in event.owners - owners:
                self._of_another(program, owner, event)
            if not owners:
                return
        place = line.node or node or line.pod or pod or source
        if event.hints != _NOTHING_TOLD:
            self.told(place, event.hints)
        if line.time:
            self._last = max(self._last or line.time, line.time)
        if not self._span.holds(line.time):
            return
        if not line.time and self._span != _ALWAYS:
            self._undated += event.count
        for owner in sorted(owners):
            named = self._known.get(place, _NOTHING_TOLD).node or place
            entry = self._entry_of[owner]
            self.count(entry.id, named, event.count, entry.is_milder(owner))
            if line.text:
                proof = Proof(line.text[:_LONGEST], source, line.time, named)
                if self._of(entry.id).lacks(line.text, named):
                    proof = self._placed(proof, window, event, numbered)
                self.prove(entry.id, proof)
        if event.error and not event.owners and not self._scanner.explained(event.rest):
            self._unexplained(event)

    def _prints(self, program: str | None, owner: str) -> bool:
        """Whether a line of another program than kube-proxy, if it is known to be of one, can be of an alert."""
        logs = self._entry_of[owner].logs
        return program is None or (
            program == _KERNEL and logs is not None and logs.stream == "kernel"
        )

    def _placed(self, proof: Proof, window: Window, event: Event, numbered: bool) -> Proof:
        """A proof with the number of its line, if lines of the source have one, and with its message."""
        setting = self._scanner.setting(window, event, self._now)
        return replace(
            proof,
            number=setting.number if numbered else None,
            before=setting.before[:_LONGEST] if setting.before else None,
            after=tuple(line[:_LONGEST] for line in setting.after),
        )

    def _unexplained(self, event: Event) -> None:
        """An error of no entry: known to be harmless, or not known."""
        message = "\n".join([said(event.line.text), *event.rest])[:_MESSAGE]
        if message not in self._told:
            known = next(
                (known for known, pattern in self._harmless if pattern.search(message)), None
            )
            if len(self._told) >= _MESSAGES:
                self._told.clear()
            self._told[message] = known
        known = self._told[message]
        if known:
            known.count += event.count
        else:
            self._templates.add(event.line, event.rest, event.count)

    def _of_another(self, program: str, owner: str, event: Event) -> None:
        key = program, owner
        if key not in self._elsewhere and len(self._elsewhere) < _PROGRAMS:
            self._elsewhere[key] = Elsewhere(
                program, self._entry_of[owner], event.line.text[:_LONGEST]
            )
        if key in self._elsewhere:
            self._elsewhere[key].count += event.count

    def told(self, place: str, hints: Hints) -> None:
        """Note what is known of a kube-proxy from elsewhere."""
        self._known[place] = self._known.get(place, Hints()).and_(hints)
        if hints.version:
            self._versions.setdefault(place, {})[hints.version] = None

    def count(self, entry_id: str, place: str, number: int = 1, mild: bool = False) -> None:
        """Count lines that prove a failure, wherever they were matched; the `mild` ones are less grave."""
        self._of(entry_id).tally(place, number, mild)

    def prove(self, entry_id: str, proof: Proof) -> None:
        """Keep one of the lines, if there are not enough, and its time."""
        self._of(entry_id).prove(proof)

    def _of(self, entry_id: str) -> Found:
        if entry_id not in self._found:
            self._found[entry_id] = Found(self._entries[entry_id])
        return self._found[entry_id]

    def measured(self, entry_id: str, sentence: str, places: Iterable[str]) -> None:
        """Note that a metric alert of an entry holds, at these places."""
        found = self._of(entry_id)
        found.measured.append(sentence)
        for place in places:
            found.places.setdefault(place, 0)

    def sought(self, entry_ids: Iterable[str]) -> None:
        """Note that these were looked for in another way than in lines."""
        self._sought |= {*entry_ids} & self._entries.keys()

    def diagnosis(self) -> Diagnosis:
        for found in self._found.values():
            found.known = self._at(found.places)
        missing = [entry for entry in self._entries.values() if entry.id not in self._found]
        return Diagnosis(
            tuple(ranked(self._catalog, list(self._found.values()), self._last)),
            tuple(entry for entry in missing if entry.id in self._sought),
            tuple(entry for entry in missing if entry.id not in self._sought),
            tuple(self._templates.all()),
            self._templates.others,
            tuple(known for known, _ in self._harmless if known.count),
            tuple(self._elsewhere.values()),
            dict(self._known),
            self._speaks or bool(self._found),
            self._undated,
            self._last,
            self._several(),
        )

    def _several(self) -> Mapping[str, Sequence[str]]:
        """The versions that were seen under one name, where these are several: an upgrade, or nodes of one name."""
        seen: dict[str, dict[str, None]] = {}
        for place, versions in self._versions.items():
            seen.setdefault(self._known[place].node or place, {}).update(versions)
        return {name: tuple(versions) for name, versions in seen.items() if len(versions) > 1}

    def _at(self, places: Iterable[str]) -> tuple[Hints, ...]:
        """What is known of the kube-proxies at these places; if nothing is, of all."""
        by_node = {told.node: told for told in self._known.values() if told.node}
        here = [told for place in places if (told := self._known.get(place) or by_node.get(place))]
        return tuple(dict.fromkeys(here or self._known.values()))


def goes_on(found: Found, last: datetime | None) -> bool | None:
    """Whether lines came up to the end of what was read; None if that is not known."""
    if found.measured:
        return True
    return last - found.last < _STILL if found.last and last else None


def ranked(catalog: Catalog, found: Sequence[Found], last: datetime | None = None) -> list[Found]:
    """What explains another comes before it; then failures before symptoms, and the grave first.

    Of what is as grave, that which is not over comes first, then that on more nodes, then that of more lines.
    """
    explained = {
        one.entry.id: {cause.id for cause in catalog.causes.get(one.entry.id, ())} for one in found
    }
    ids = set(explained)

    def depth(entry_id: str, seen: frozenset[str] = frozenset()) -> int:
        causes = explained[entry_id] & ids - seen - {entry_id}
        return 1 + max((depth(cause, seen | {entry_id}) for cause in causes), default=0)

    def rank(one: Found) -> tuple[int, bool, int, bool, int, int]:
        entry = one.entry
        grave = SEVERITIES.index(one.severity)
        over = goes_on(one, last) is False
        return depth(entry.id), entry.kind != "failure", grave, over, -len(one.places), -one.count

    return sorted(found, key=rank)
