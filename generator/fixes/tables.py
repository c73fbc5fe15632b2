"""What the fix tables of an entry say of a minor release, as a Span. No IO."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from generator.catalog.model import (
    MODES,
    Cites,
    Entry,
    KnownBug,
    MinimumVersion,
    TkeFix,
    TkeFixes,
    UpstreamFix,
)
from generator.catalog.releases import minor
from generator.fixes.versions import Version, parse_version

Builds = Literal["none", "below", "all", "unknown"]
_OLDEST = "1.10"  # the oldest release that was read for "the bug came with"
_ORDER = ("none", "below", "unknown", "all")
_NO_CANDIDATE = 10**9  # a build comes after all of its candidates


@dataclass(frozen=True)
class EditionClaim:
    """What one edition of a vendor's table says of a minor release, and the build it names.

    `edition` is empty where the page has only one.
    """

    edition: str
    source: str
    clusters: str
    builds: Builds
    says: str
    fix: Version | None = None

    @property
    def named(self) -> str:
        return f"the {self.edition} says: {self.says}"

    def agrees_with(self, other: "EditionClaim") -> bool:
        return (self.builds, self.fix) == (other.builds, other.fix)

    def as_row(self) -> dict[str, str | None]:
        """For programs."""
        fixed_in = str(self.fix) if self.fix else None
        return {"edition": self.edition, "says": self.says, "fixed_in": fixed_in}


@dataclass(frozen=True)
class Span:
    """Which builds of one minor release can have a failure: none, those below `fix`, all, or it is not known.

    The others can have it only `unless`, where that is not empty, up to what `ended` says, where that is known.
    `upstream`: this is known of upstream's releases, and other builders may have brought a fix back. `only`: what must
    be so for any build. `claims`: what each edition of the vendor's table says.
    """

    builds: Builds
    reasons: tuple[str, ...]
    sources: Cites
    fix: Version | None = None
    unless: str = ""
    ended: "Span | None" = None
    upstream: bool = False
    only: str = ""
    claims: tuple[EditionClaim, ...] = ()


def span(entry: Entry, tke: bool, number: int, mode: str | None = None) -> Span:
    """What the fix tables say of minor release 1.`number`.

    What TKE's table does not list is said to be so, with what is known upstream.
    """
    table = entry.fixes.tke
    if not tke or table is None:
        return _upstream_span(entry, number, mode)
    claims = [_claim(entry, table, row) for row in table.rows if row.lists(number)]
    if claims:
        return _of_editions(entry, claims, number)
    upstream = _upstream_span(entry, number, mode)
    unlisted = f"TKE's table does not list 1.{number}"
    return replace(upstream, reasons=(unlisted, *upstream.reasons))


def decided_by_version(entry: Entry) -> bool:
    """Whether there are versions of kube-proxy that end it."""
    return entry.fixes.tke is not None or bool(_ending(entry))


def in_every_mode(modes: Collection[str]) -> bool:
    """Whether these are all modes; userspace, which ended with 1.26, need not be among them."""
    return set(MODES) - {"userspace"} <= set(modes)


def is_before(entry: Entry, number: int) -> bool:
    """Whether minor release 1.`number` is older than the failure."""
    since = entry.affected.since
    return since is not None and number < minor(since)


def named_versions(entry: Entry, tke: bool) -> list[Version]:
    """The versions that the tables name."""
    texts: list[str | None] = []
    if tke:
        texts += [row.minimum for row in entry.fixes.tke_rows]
    if not texts:
        for fix in entry.fixes.upstream:
            texts += [f"v{release}" for release in fix.fixed_in]
    versions = []
    for text in texts:
        version = parse_version(text) if text else None
        if version:
            versions.append(version)
    return versions


def ends_with_the_first_release(affected: Span) -> bool:
    """Whether no release of the minor has the failure, but perhaps a pre-release of the first."""
    if affected.builds != "below" or affected.fix is None:
        return False
    return affected.fix.flavour == "upstream" and affected.fix.release[2] == 0


def component(wanted: MinimumVersion) -> str:
    return f"{wanted.name} {wanted.minimum} or later"


def _claim(entry: Entry, table: TkeFixes, row: TkeFix) -> EditionClaim:
    key = table.edition_of(row)
    source = entry.sources.get(key)
    edition = source.edition if source else None
    place = (edition or "", key, row.cluster)
    match row.action:
        case "none":
            return EditionClaim(*place, "none", "the problem does not exist")
        case "upgrade-cluster":
            return EditionClaim(*place, "all", "the cluster has to be upgraded")
    fix = parse_version(row.minimum or "")
    return EditionClaim(*place, "below", f"fixed in {row.minimum}", fix)


def _of_editions(entry: Entry, claims: Sequence[EditionClaim], number: int) -> Span:
    """The worst that an edition says counts; the reasons begin with it, and name the editions that say nothing."""
    worst_first = sorted(claims, key=_badness, reverse=True)
    worst = worst_first[0]
    reasons = [_claim_reason(claim) for claim in worst_first]
    for name in _silent_editions(entry, claims):
        reasons.append(f"the {name} does not list 1.{number}")
    sources = tuple(claim.source for claim in worst_first)
    return Span(worst.builds, tuple(reasons), sources, worst.fix, claims=tuple(worst_first))


def _claim_reason(claim: EditionClaim) -> str:
    edition = f" ({claim.edition})" if claim.edition else ""
    return f"TKE {claim.clusters}: {claim.says}{edition}"


def _silent_editions(entry: Entry, claims: Sequence[EditionClaim]) -> Iterator[str]:
    """The editions whose table is among the entry's and that claim nothing here."""
    editions = entry.fixes.tke.editions if entry.fixes.tke else frozenset()
    silent = editions - {claim.source for claim in claims}
    for key, source in entry.sources.items():
        if key in silent:
            yield source.edition or source.title


def span_of_bug(bug: KnownBug, number: int) -> Span:
    """Which builds of minor release 1.`number` have a known bug."""
    if bug.fixed_in:
        return _releases_without(bug.fix, number)
    builds: Builds = "all" if number >= minor(bug.since) else "none"
    return Span(builds, (f"since {bug.since}",), (), upstream=True)


def _ending(entry: Entry) -> list[UpstreamFix]:
    return [fix for fix in entry.fixes.upstream if fix.ends and fix.fixed_in]


def _upstream_span(entry: Entry, number: int, mode: str | None) -> Span:
    """What is known of upstream's releases, in a mode or in the worst of the entry's."""
    sources = entry.affected.sources
    if is_before(entry, number):
        reason = f"no release before {entry.affected.since} can have it"
        return Span("none", (reason,), sources)
    only = _old_components(entry)
    unknown = Span("unknown", (), sources, upstream=True, only=only)
    oldest = _oldest_read(entry)
    if number < minor(oldest):
        reason = f"nothing is known of releases before {oldest}"
        return replace(unknown, reasons=(reason,))
    by_mode: dict[str, Span] = {}
    modes = (mode,) if mode else entry.affected.modes
    for one in modes:
        best = _in_mode(entry, number, one)
        if best is None:
            return replace(unknown, reasons=("no release of Kubernetes is known to end it",))
        by_mode[one] = best
    return replace(_worst_of_modes(by_mode), only=only)


def _old_components(entry: Entry) -> str:
    """What must be so of other programs, where these end the failure by themselves."""
    conditions = []
    for wanted in entry.fixes.deciding_components:
        conditions.append(f"{wanted.name} is older than {wanted.minimum}")
    if not conditions:
        return ""
    return f"only where {' or '.join(conditions)}"


def _oldest_read(entry: Entry) -> str:
    """The oldest minor release of which the changes that end the failure tell."""
    if any(fix.since for fix in _ending(entry)):
        return _OLDEST
    return entry.affected.versions.first


def _worst_of_modes(by_mode: Mapping[str, Span]) -> Span:
    """The worst of what is known of several modes, which it names if the others are better off."""
    worst = max(by_mode.values(), key=_badness)
    modes = []
    for mode, found in by_mode.items():
        if _badness(found) == _badness(worst):
            modes.append(mode)
    if len(modes) == len(by_mode):
        return worst
    first, *others = worst.reasons
    first = f"in {' and '.join(modes)} mode: {first}"
    return replace(worst, reasons=(first, *others))


def _in_mode(entry: Entry, number: int, mode: str) -> Span | None:
    """The best of the changes that end the failure in a mode; None if none does."""
    wholly: list[Span] = []
    partly: list[Span] = []
    for fix in _ending(entry):
        if mode in fix.ends:
            spans = partly if fix.unless else wholly
            spans.append(_releases_without(fix, number))
    whole = min(wholly, key=_badness, default=None)
    part = min(partly, key=_badness, default=None)
    if part is None:
        return whole
    if whole is None:
        return part
    if ends_with_the_first_release(whole) or _badness(whole) <= _badness(part):
        return whole
    return replace(part, ended=whole)


def _badness(found: Span | EditionClaim) -> tuple[int, tuple[int, ...], int, int, bool]:
    """For comparing what is said of one minor release: the more builds are affected, the higher."""
    builds = _ORDER.index(found.builds)
    rare = isinstance(found, Span) and bool(found.unless)
    fix = found.fix
    if fix is None:
        return builds, (), 0, 0, rare
    candidate = fix.candidate
    if candidate is None:
        candidate = _NO_CANDIDATE
    return builds, fix.release, fix.build or 0, candidate, rare


def _releases_without(fix: UpstreamFix, number: int) -> Span:
    """Which releases of a minor lack a change: of fixed_in the newest had it first, the others had it brought there."""
    change = fix.change.strip().rstrip(".")
    unless = fix.unless or ""
    if fix.since and number < minor(fix.since):
        reason = f"upstream the bug came with {fix.since}"
        return Span("none", (reason,), fix.sources, upstream=True)
    for release in fix.fixed_in:
        if minor(release) == number:
            reason = f"upstream fixed in {release}: {change}"
            fixed = parse_version(f"v{release}")
            return Span("below", (reason,), fix.sources, fixed, unless, upstream=True)
    first = max(fix.fixed_in, key=minor)
    if number > minor(first):
        reason = f"upstream fixed in {first}: {change}"
        return Span("none", (reason,), fix.sources, unless=unless, upstream=True)
    reason = f"upstream fixed in {first}, in no 1.{number}: {change}"
    return Span("all", (reason,), fix.sources, upstream=True)
