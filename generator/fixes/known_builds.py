"""Builds with a known failure, as patterns of their version strings: the fix tables in RE2. No IO."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.catalog.model import Entry
from generator.fixes.advice import Facts, smallest_upgrade
from generator.fixes.tables import (
    Span,
    decided_by_version,
    ends_with_the_first_release,
    in_every_mode,
    span,
)
from generator.fixes.versions import Version, parse_version

_TKE_END = r"([-+.][\w.+-]*)?"  # such as -dirty
_UPSTREAM_END = "(-(alpha|beta|rc)[.0-9]*)?"
# Below every build there is.
_FIRST_BUILD = {True: ".0-tke.0-rc0", False: ".0"}
# From 1.21 on a kube-proxy in iptables mode, and no other, shows how many rules it has.
_TELLS_IPTABLES = 21


@dataclass(frozen=True)
class KnownBuilds:
    """Builds that have a failure, and the smallest that has the fix. RE2, held against the whole string.

    `where`: what must be so besides, as a sentence. `note`: what else is to be known of this fix.
    `not_in_iptables_mode`: some of these builds show the rules of iptables mode, in which it cannot happen.
    """

    pattern: str
    fixed_in: Version
    where: str
    note: str = ""
    not_in_iptables_mode: bool = False


@dataclass(frozen=True)
class _Row:
    """The affected builds of one minor release: all, or those below a version."""

    minor: int
    below: Version | None
    fixed_in: Version
    where: str
    note: str


def known_builds(entry: Entry, mode: str | None = None) -> tuple[KnownBuilds, ...]:
    """TKE's builds, then upstream's releases, apart for each fix; none where the version alone does not tell.

    With a mode, those that have the failure in it.
    """
    if not decided_by_version(entry):
        return ()
    if mode and mode not in entry.affected.modes:
        return ()
    tke = _of(entry, tke=True, mode=mode)
    upstream = _of(entry, tke=False, mode=mode)
    return (*tke, *upstream)


def conditions(
    entry: Entry, builds: Sequence[KnownBuilds], mode: str | None = None
) -> tuple[str, ...]:
    """When the alert on known builds fires and the failure cannot happen, and what it does not see, as sentences.

    `builds` are those of the entry, in that mode.
    """
    return (*_needed_besides(entry, builds, mode), *_not_seen(entry))


def _needed_besides(entry: Entry, builds: Sequence[KnownBuilds], mode: str | None) -> Iterator[str]:
    """What the failure needs that a version does not tell."""
    if mode is None and not in_every_mode(entry.affected.modes):
        modes = " and ".join(entry.affected.modes)
        left_out = ""
        if any(known.not_in_iptables_mode for known in builds):
            left_out = "; from 1.21 on the alert leaves out those whose metrics show iptables mode"
        yield (
            f"It can happen in {modes} mode only, which a version does not tell{left_out}. "
            "Where all nodes have the same mode, name it in the profile (kube_proxy: mode)."
        )
    if entry.affected.os:
        systems = ", ".join(entry.affected.os)
        yield f"It needs a node with {systems} or a later system, which a version does not tell."


def _not_seen(entry: Entry) -> Iterator[str]:
    """The builds that may have the failure and that the alert does not name."""
    for fix in entry.fixes.upstream:
        if fix.ends and fix.unless:
            since = " and ".join(fix.fixed_in)
            yield (
                f"It does not see releases of Kubernetes that have it only {fix.unless}: those from {since} on "
                "up to the fix that it names."
            )
    if any(source.edition for source in entry.sources.values()):
        yield (
            "The editions of TKE's page name different builds. One counts as fixed where all editions that list its "
            "release say so."
        )
    yield (
        "It does not see builds of others (EKS, GKE, k3s and more), because only their builder knows which fixes they "
        "hold."
    )


def _of(entry: Entry, tke: bool, mode: str | None) -> Iterator[KnownBuilds]:
    no_iptables = "iptables" not in entry.affected.modes
    for group in _by_fix(_rows(entry, tke, mode)):
        pattern = _pattern(group, tke)
        if pattern:
            first, last = group[0], group[-1]
            told = no_iptables and last.minor >= _TELLS_IPTABLES
            yield KnownBuilds(pattern, first.fixed_in, first.where, first.note, told)


def _rows(entry: Entry, tke: bool, mode: str | None) -> Iterator[_Row]:
    """The affected builds of each minor release, in order."""
    named = [row.minor for row in entry.fixes.tke_rows]
    newest = max([*entry.affected.versions.minors(), *named])
    for minor in range(newest + 1):
        row = _row_of_minor(entry, tke, minor, mode)
        if row:
            yield row


def _by_fix(rows: Iterable[_Row]) -> list[list[_Row]]:
    """The rows of which the same is said, together, by the fix."""
    groups: dict[tuple[Version, str, str], list[_Row]] = {}
    for row in rows:
        said = (row.fixed_in, row.where, row.note)
        groups.setdefault(said, []).append(row)

    def fix_and_first(group: list[_Row]) -> tuple[object, int]:
        return group[0].fixed_in.key, group[0].minor

    return sorted(groups.values(), key=fix_and_first)


def _pattern(group: Sequence[_Row], tke: bool) -> str:
    """The builds of these rows; nothing where there are none."""
    alternatives = []
    whole = [row.minor for row in group if row.below is None]
    if whole:
        any_build = r"\.[0-9]+-tke\.[0-9]+" if tke else r"\.[0-9]+"
        alternatives.append(_number_pattern(whole) + any_build)
    for row in group:
        older = _older_builds(row.below) if row.below else ""
        if older:
            alternatives.append(older)
    if not alternatives:
        return ""
    end = _TKE_END if tke else _UPSTREAM_END
    return rf"v1\.{_alternation(alternatives)}{end}"


def _row_of_minor(entry: Entry, tke: bool, minor: int, mode: str | None) -> _Row | None:
    """The builds of a minor release that have the failure for sure, in any of the modes."""
    worst = span(entry, tke, minor, mode)
    of_others = tke and worst.upstream
    if worst.only or of_others or not _some(worst):
        return None
    first_build = parse_version(f"v1.{minor}{_FIRST_BUILD[tke]}")
    fixed_in = smallest_upgrade([entry], Facts(kube_proxy=first_build, mode=mode))
    if fixed_in is None:
        return None
    by_mode: dict[str, Span] = {}
    # Where the mode is known, or all have the failure, it need not be said.
    if mode is None and not in_every_mode(entry.affected.modes):
        by_mode = {one: span(entry, tke, minor, one) for one in entry.affected.modes}
    below = worst.fix if worst.builds == "below" else None
    where = _condition(entry, worst, by_mode)
    return _Row(minor, below, fixed_in, where, _note(worst))


def _some(affected: Span) -> bool:
    """Whether some builds surely have the failure."""
    return affected.builds in ("below", "all") and not ends_with_the_first_release(affected)


def _condition(entry: Entry, worst: Span, by_mode: Mapping[str, Span]) -> str:
    """What else must be so for the builds of one minor release, as a sentence."""
    modes = _modes_with_it(worst, by_mode)
    systems = ""
    if entry.affected.os:
        systems = f" on {', '.join(entry.affected.os)} and later systems"
    return f"It can happen{modes}{systems}."


def _modes_with_it(worst: Span, by_mode: Mapping[str, Span]) -> str:
    same, fewer = [], []
    for mode, of_mode in by_mode.items():
        if not _some(of_mode):
            continue
        if (of_mode.builds, of_mode.fix) == (worst.builds, worst.fix):
            same.append(mode)
        else:
            fewer.append(f", in {mode} mode below {of_mode.fix}")
    if not same and not fewer:
        return ""
    return f" in {' and '.join(same)} mode{''.join(fewer)}"


def _note(worst: Span) -> str:
    """Which edition says what, where they differ, as a sentence."""
    claims = worst.claims
    if all(claim.agrees_with(claims[0]) for claim in claims):
        return ""
    named = "; ".join(claim.named for claim in claims)
    return f"The editions of TKE's page differ: {named}."


def _older_builds(fix: Version) -> str:
    """The builds of the fix's minor release that are older; nothing where there are none."""
    patch = fix.release[2]
    older = _number_pattern(range(patch))
    if fix.build is None:
        return rf"{fix.minor}\.{older}" if older else ""
    alternatives = []
    if older:
        alternatives.append(rf"{older}-tke\.[0-9]+")
    if fix.build:
        builds = _number_pattern(range(fix.build))
        alternatives.append(rf"{patch}-tke\.{builds}")
    if fix.candidate is None:
        alternatives.append(rf"{patch}-tke\.{fix.build}-rc\.?[0-9]+")
    elif fix.candidate:
        candidates = _number_pattern(range(fix.candidate))
        alternatives.append(rf"{patch}-tke\.{fix.build}-rc\.?{candidates}")
    return rf"{fix.minor}\.{_alternation(alternatives)}" if alternatives else ""


def _alternation(alternatives: Sequence[str]) -> str:
    if len(alternatives) == 1:
        return alternatives[0]
    return f"({'|'.join(alternatives)})"


def _number_pattern(numbers: Sequence[int]) -> str:
    """One pattern for exactly these numbers; nothing where there are none."""
    return _alternation(_number_patterns(numbers)) if numbers else ""


def _number_patterns(numbers: Sequence[int]) -> list[str]:
    """Patterns for exactly these numbers, which ascend: those with the same last digits share one."""
    tens: dict[int, list[int]] = {}
    for number in numbers:
        tens.setdefault(number // 10, []).append(number % 10)
    heads: dict[str, list[int]] = {}
    for head, digits in tens.items():
        heads.setdefault(_digits(digits), []).append(head)
    patterns = []
    for last_digit, before in heads.items():
        patterns.append(_before_last_digit(before) + last_digit)
    return patterns


def _before_last_digit(heads: Sequence[int]) -> str:
    """What stands before the last digit: `1?` for nothing or 1, `[12]` for 1 or 2."""
    longer = [head for head in heads if head]
    if not longer:
        return ""
    patterns = _number_patterns(longer)
    text = _alternation(patterns)
    if len(longer) == len(heads):
        return text
    is_one_piece = longer[-1] < 10 or len(patterns) > 1
    return f"{text}?" if is_one_piece else f"({text})?"


def _digits(digits: Sequence[int]) -> str:
    """One digit of these, which ascend."""
    first, last = digits[0], digits[-1]
    if first == last:
        return str(first)
    without_gap = len(digits) == last - first + 1
    if without_gap and last - first > 1:
        return f"[{first}-{last}]"
    return f"[{''.join(map(str, digits))}]"
