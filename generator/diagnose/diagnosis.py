"""What is said of logs, as values: the failures that are in them with their proofs, and what else was seen. No IO."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from generator.catalog.model import Entry, Harmless
from generator.diagnose.hints import Hints
from generator.diagnose.lines.klog import said
from generator.diagnose.templates import Template

SHOWN_CHARACTERS = 1000  # of a line
_PROOFS_KEPT = 3
_MOST_PLACES = 10_000  # that are counted apart; those of a large cluster
_STILL = timedelta(minutes=10)  # before the end of a log, in which a failure goes on


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
        all_are_mild = 0 < self.count == self.mild
        return milder.alert if milder and all_are_mild else self.entry.alert

    @property
    def severity(self) -> str:
        return self.entry.severity_of(self.alert).level

    def tally(self, place: str, count: int, mild: bool) -> None:
        self.count += count
        self.mild += count if mild else 0
        if place in self.places or len(self.places) < _MOST_PLACES:
            self.places[place] = self.places.get(place, 0) + count

    def prove(self, proof: Proof) -> None:
        if proof.time:
            self.first = min(self.first or proof.time, proof.time)
            self.last = max(self.last or proof.time, proof.time)
        if self.lacks(proof.text, proof.place):
            self.proofs.append(proof)

    def lacks(self, text: str, place: str) -> bool:
        """Whether a line would be a proof of another kind, or from another place, than those that are kept."""
        if len(self.proofs) >= _PROOFS_KEPT:
            return False
        words = said(text[:SHOWN_CHARACTERS])
        here = (proof for proof in self.proofs if proof.place == place)
        return all(said(proof.text) != words for proof in here)


@dataclass
class Elsewhere:
    """Lines like those of a failure that another program printed, with one of them."""

    program: str
    entry: Entry
    example: str
    count: int = 0


@dataclass
class CountedHarmless:
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
    harmless: tuple[CountedHarmless, ...]
    elsewhere: tuple[Elsewhere, ...]
    known: Mapping[str, Hints]
    speaks: bool
    undated: int
    last: datetime | None
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)


def goes_on(found: Found, last: datetime | None) -> bool | None:
    """Whether lines came up to the end of what was read; None if that is not known."""
    if found.measured:
        return True
    if found.last is None or last is None:
        return None
    return last - found.last < _STILL
