"""Counts, for each documented failure, the lines that prove it; keeps what else the logs say. No IO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from generator.catalog.model import Catalog, Entry
from generator.catalog.wordings import by_alert
from generator.diagnose import templates
from generator.diagnose.diagnosis import (
    SHOWN_CHARACTERS,
    CountedHarmless,
    Diagnosis,
    Elsewhere,
    Found,
    Proof,
)
from generator.diagnose.hints import NOTHING_TOLD, Hints
from generator.diagnose.lines.klog import said
from generator.diagnose.lines.programs import other_program
from generator.diagnose.ranking import ranked
from generator.diagnose.scan import Event, Scanner
from generator.diagnose.sections import KERNEL
from generator.diagnose.windows import Window
from generator.query.signature import Signature, compile_re2

_MOST_PROGRAMS = 1000  # other programs that are told apart
_MESSAGES = 1000  # that are remembered, harmless or not
_SEARCHED_CHARACTERS = 1 << 14  # characters of a message in which a harmless one is looked for


@dataclass(frozen=True)
class Period:
    """The times that are asked for; None is open."""

    begin: datetime | None = None
    end: datetime | None = None

    def holds(self, time: datetime | None) -> bool:
        """Whether a time lies in the span. One that is not known may."""
        if time is None:
            return True
        if self.begin and time < self.begin:
            return False
        return self.end is None or time <= self.end


_ALWAYS = Period()


@dataclass(frozen=True)
class _Piece:
    """A window of a source. `pod` and `node` wrote it, where that is known; its lines may not be `numbered`."""

    window: Window
    source: str
    pod: str | None
    node: str | None
    numbered: bool


class Findings:
    """Takes events, gives a diagnosis. Its size depends on what is found, not on how much is read."""

    def __init__(self, catalog: Catalog, now: datetime, span: Period = _ALWAYS) -> None:
        self._catalog = catalog
        self._now = now
        self._span = span
        self._entries = {entry.id: entry for entry in catalog.entries if entry.kind != "watchdog"}
        signatures: dict[str, Signature] = {}
        self._entry_of: dict[str, Entry] = {}  # by the names of alerts
        for entry in self._entries.values():
            signatures.update(by_alert(entry))
            self._entry_of.update(dict.fromkeys(entry.log_alerts(), entry))
        self._scanner = Scanner(signatures, each=span != _ALWAYS)
        self._in_lines = {entry.id for entry in self._entry_of.values()}
        self._sought: set[str] = set()
        self._found: dict[str, Found] = {}
        self._templates = templates.Templates()
        self._known: dict[str, Hints] = {}  # by place
        self._versions: dict[str, dict[str, None]] = {}  # by place, each once
        self._harmless = [
            (CountedHarmless(row), compile_re2(row.pattern)) for row in catalog.harmless
        ]
        self._recognised: dict[str, CountedHarmless | None] = {}  # by message
        self._elsewhere: dict[tuple[str, str], Elsewhere] = {}  # by program and alert
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
        self._note_time(self._scanner.last_time(window, self._now))
        piece = _Piece(window, source, pod, node, numbered)
        for event in self._scanner.events(window, self._now):
            self._add(event, piece)

    def _note_time(self, time: datetime | None) -> None:
        if time:
            self._last = max(self._last or time, time)

    def _add(self, event: Event, piece: _Piece) -> None:
        line = event.line
        program = other_program(line)
        owners = self._owners(event, program) if program else event.owners
        if program and not owners:
            return
        place = line.node or piece.node or line.pod or piece.pod or piece.source
        if event.hints != NOTHING_TOLD:
            self.told(place, event.hints)
        self._note_time(line.time)
        if not self._span.holds(line.time):
            return
        if not line.time and self._span != _ALWAYS:
            self._undated += event.count
        for owner in sorted(owners):
            self._count_line(owner, self._name_of(place), event, piece)
        if event.error and not event.owners and not self._scanner.explained(event.rest):
            self._unexplained(event)

    def _owners(self, event: Event, program: str) -> frozenset[str]:
        """Which alerts a line of another program than kube-proxy gives; that it looks like others is noted."""
        owners = frozenset(owner for owner in event.owners if self._prints(program, owner))
        for owner in sorted(event.owners - owners):
            self._of_another(program, owner, event)
        return owners

    def _prints(self, program: str, owner: str) -> bool:
        """Whether a line of another program than kube-proxy can be of an alert."""
        logs = self._entry_of[owner].logs
        return program == KERNEL and logs is not None and logs.stream == "kernel"

    def _name_of(self, place: str) -> str:
        """The node of a kube-proxy, if it told it, else the place itself."""
        known = self._known.get(place, NOTHING_TOLD)
        return known.node or place

    def _count_line(self, owner: str, place: str, event: Event, piece: _Piece) -> None:
        """Count the line of an event for an alert, and keep it if it is wanted as a proof."""
        line = event.line
        entry = self._entry_of[owner]
        self.count(entry.id, place, event.count, entry.is_milder(owner))
        if not line.text:
            return
        proof = Proof(line.text[:SHOWN_CHARACTERS], piece.source, line.time, place)
        if self._of(entry.id).lacks(line.text, place):
            proof = self._placed(proof, event, piece)
        self.prove(entry.id, proof)

    def _placed(self, proof: Proof, event: Event, piece: _Piece) -> Proof:
        """A proof with the number of its line, if lines of the source have one, and with its message."""
        setting = self._scanner.setting(piece.window, event, self._now)
        return replace(
            proof,
            number=setting.number if piece.numbered else None,
            before=setting.before[:SHOWN_CHARACTERS] if setting.before else None,
            after=tuple(line[:SHOWN_CHARACTERS] for line in setting.after),
        )

    def _unexplained(self, event: Event) -> None:
        """An error of no entry: known to be harmless, or not known."""
        lines = [said(event.line.text), *event.rest]
        harmless = self._harmless_with("\n".join(lines)[:_SEARCHED_CHARACTERS])
        if harmless:
            harmless.count += event.count
        else:
            self._templates.add(event.line, event.rest, event.count)

    def _harmless_with(self, message: str) -> CountedHarmless | None:
        """The harmless error that a message is. What has been said before is not looked at again."""
        if message in self._recognised:
            return self._recognised[message]
        matching = (row for row, pattern in self._harmless if pattern.search(message))
        harmless = next(matching, None)
        if len(self._recognised) >= _MESSAGES:
            self._recognised.clear()
        self._recognised[message] = harmless
        return harmless

    def _of_another(self, program: str, owner: str, event: Event) -> None:
        key = program, owner
        if key not in self._elsewhere:
            if len(self._elsewhere) >= _MOST_PROGRAMS:
                return
            example = event.line.text[:SHOWN_CHARACTERS]
            self._elsewhere[key] = Elsewhere(program, self._entry_of[owner], example)
        self._elsewhere[key].count += event.count

    def told(self, place: str, hints: Hints) -> None:
        """Note what is known of a kube-proxy from elsewhere."""
        known = self._known.get(place, NOTHING_TOLD)
        self._known[place] = known.and_(hints)
        if hints.version:
            versions = self._versions.setdefault(place, {})
            versions[hints.version] = None

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
        ordered = ranked(self._catalog, list(self._found.values()), self._last)
        missing = [entry for entry in self._entries.values() if entry.id not in self._found]
        return Diagnosis(
            found=tuple(ordered),
            not_found=tuple(entry for entry in missing if entry.id in self._sought),
            not_sought=tuple(entry for entry in missing if entry.id not in self._sought),
            unexplained=tuple(self._templates.all()),
            others=self._templates.others,
            harmless=tuple(row for row, _ in self._harmless if row.count),
            elsewhere=tuple(self._elsewhere.values()),
            known=dict(self._known),
            speaks=self._speaks or bool(self._found),
            undated=self._undated,
            last=self._last,
            versions=self._several_versions(),
        )

    def _several_versions(self) -> Mapping[str, Sequence[str]]:
        """The versions that were seen under one name, where these are several: an upgrade, or nodes of one name."""
        seen: dict[str, dict[str, None]] = {}
        for place, versions in self._versions.items():
            of_name = seen.setdefault(self._name_of(place), {})
            of_name.update(versions)
        return {name: tuple(versions) for name, versions in seen.items() if len(versions) > 1}

    def _at(self, places: Iterable[str]) -> tuple[Hints, ...]:
        """What is known of the kube-proxies at these places; if nothing is, of all."""
        by_node = {told.node: told for told in self._known.values() if told.node}
        at_places = (self._known.get(place) or by_node.get(place) for place in places)
        here = [told for told in at_places if told]
        return tuple(dict.fromkeys(here or self._known.values()))
