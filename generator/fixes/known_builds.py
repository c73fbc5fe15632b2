"""Builds with a known failure, as patterns of their version strings: the fix tables in RE2. No IO."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.catalog.model import MODES, Entry, Mode
from generator.fixes.advice import Facts, smallest_upgrade
from generator.fixes.tables import Span, decided_by_version, ends_with_the_first_release, span
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
    if not decided_by_version(entry) or (mode and mode not in entry.affected.modes):
        return ()
    return (*_of(entry, tke=True, mode=mode), *_of(entry, tke=False, mode=mode))


def conditions(
    entry: Entry, builds: Sequence[KnownBuilds], mode: str | None = None
) -> tuple[str, ...]:
    """When the alert on known builds fires and the failure cannot happen, and what it does not see, as sentences.

    `builds` are those of the entry, in that mode.
    """
    found: list[str] = []
    if mode is None and len(entry.affected.modes) < len(MODES):
        told = any(known.not_in_iptables_mode for known in builds)
        metric = (
            "; from 1.21 on the alert leaves out those whose metrics show iptables mode"
            if told
            else ""
        )
        found.append(
            f"It can happen in {' and '.join(entry.affected.modes)} mode only, which a version does not tell{metric}. "
            "Where all nodes have the same mode, name it in the profile (kube_proxy: mode)."
        )
    if entry.affected.os:
        systems = ", ".join(entry.affected.os)
        found.append(
            f"It needs a node with {systems} or a later system, which a version does not tell."
        )
    for fix in entry.fixes.upstream:
        if fix.ends and fix.unless:
            since = " and ".join(fix.fixed_in)
            found.append(
                f"It does not see releases of Kubernetes that have it only {fix.unless}: those from {since} on "
                "up to the fix that it names."
            )
    if any(source.edition for source in entry.sources.values()):
        found.append(
            "The editions of TKE's page name different builds. One counts as fixed where all editions that list its "
            "release say so."
        )
    found.append(
        "It does not see builds of others (EKS, GKE, k3s and more), because only their builder knows which fixes they "
        "hold."
    )
    return tuple(found)


def _of(entry: Entry, tke: bool, mode: str | None) -> Iterator[KnownBuilds]:
    named = [row.minor for row in entry.fixes.tke.rows] if entry.fixes.tke else []
    minors = range(max([*entry.affected.versions.minors(), *named]) + 1)
    rows = [row for minor in minors if (row := _row_of_minor(entry, tke, minor, mode)) is not None]
    groups: dict[tuple[Version, str, str], list[_Row]] = {}
    for row in rows:
        groups.setdefault((row.fixed_in, row.where, row.note), []).append(row)
    for (fix, where, note), group in sorted(
        groups.items(), key=lambda item: (item[0][0].key, item[1][0].minor)
    ):
        any_build = r"\.[0-9]+-tke\.[0-9]+" if tke else r"\.[0-9]+"
        whole = [row.minor for row in group if row.below is None]
        builds = [_alternation(_number_patterns(whole)) + any_build] if whole else []
        builds += [text for row in group if row.below and (text := _older_builds(row.below))]
        if builds:
            end = _TKE_END if tke else _UPSTREAM_END
            told = "iptables" not in entry.affected.modes and group[-1].minor >= _TELLS_IPTABLES
            yield KnownBuilds(rf"v1\.{_alternation(builds)}{end}", fix, where, note, told)


def _row_of_minor(entry: Entry, tke: bool, minor: int, mode: str | None) -> _Row | None:
    """The builds of a minor release that have the failure for sure, in any of the modes."""
    worst = span(entry, tke, minor, mode)
    if worst.only or (tke and worst.upstream) or not _some(worst):
        return None
    fixed_in = smallest_upgrade(
        [entry], Facts(kube_proxy=parse_version(f"v1.{minor}{_FIRST_BUILD[tke]}"), mode=mode)
    )
    if fixed_in is None:
        return None
    # Where the mode is known, or nearly all have the failure, it need not be said.
    said = mode is None and len(entry.affected.modes) < 3
    by_mode = {one: span(entry, tke, minor, one) for one in entry.affected.modes} if said else {}
    below = worst.fix if worst.builds == "below" else None
    return _Row(minor, below, fixed_in, _condition(entry, worst, by_mode), _note(worst))


def _some(found: Span) -> bool:
    """Whether some builds surely have the failure."""
    return found.builds in ("below", "all") and not ends_with_the_first_release(found)


def _condition(entry: Entry, worst: Span, by_mode: Mapping[Mode, Span]) -> str:
    """What else must be so for the builds of one minor release, as a sentence."""
    affected = {one: found for one, found in by_mode.items() if _some(found)}
    same = [
        one
        for one, found in affected.items()
        if (found.builds, found.fix) == (worst.builds, worst.fix)
    ]
    fewer = [
        f", in {one} mode below {found.fix}" for one, found in affected.items() if one not in same
    ]
    modes = f" in {' and '.join(same)} mode{''.join(fewer)}" if affected else ""
    systems = f" on {', '.join(entry.affected.os)} and later systems" if entry.affected.os else ""
    return f"It can happen{modes}{systems}."


def _note(worst: Span) -> str:
    """Which edition says what, where they differ, as a sentence."""
    if len({(one.builds, one.fix) for one in worst.told}) == 1 or not worst.told:
        return ""
    return f"The editions of TKE's page differ: {'; '.join(one.named for one in worst.told)}."


def _older_builds(fix: Version) -> str:
    """The builds of the fix's minor release that are older; nothing where there are none."""
    patch = fix.release[2]
    older = _alternation(_number_patterns(range(patch))) if patch else ""
    if fix.build is None:
        return rf"{fix.minor}\.{older}" if older else ""
    rows = [rf"{older}-tke\.[0-9]+"] if older else []
    if fix.build:
        rows.append(rf"{patch}-tke\.{_alternation(_number_patterns(range(fix.build)))}")
    if fix.candidate is None:
        rows.append(rf"{patch}-tke\.{fix.build}-rc\.?[0-9]+")
    elif fix.candidate:
        rows.append(
            rf"{patch}-tke\.{fix.build}-rc\.?{_alternation(_number_patterns(range(fix.candidate)))}"
        )
    return rf"{fix.minor}\.{_alternation(rows)}" if rows else ""


def _alternation(alternatives: Sequence[str]) -> str:
    return alternatives[0] if len(alternatives) == 1 else f"({'|'.join(alternatives)})"


def _number_patterns(numbers: Sequence[int]) -> list[str]:
    """Patterns for exactly these numbers, which ascend: those with the same last digits share one."""
    tens: dict[int, list[int]] = {}
    for number in numbers:
        tens.setdefault(number // 10, []).append(number % 10)
    heads: dict[str, list[int]] = {}
    for head, digits in tens.items():
        heads.setdefault(_digits(digits), []).append(head)
    return [_before_last_digit(found) + last for last, found in heads.items()]


def _before_last_digit(heads: Sequence[int]) -> str:
    """What stands before the last digit: `1?` for nothing or 1, `[12]` for 1 or 2."""
    longer = [head for head in heads if head]
    if not longer:
        return ""
    patterns = _number_patterns(longer)
    text = _alternation(patterns)
    if len(longer) == len(heads):
        return text
    return f"{text}?" if longer[-1] < 10 or len(patterns) > 1 else f"({text})?"


def _digits(digits: Sequence[int]) -> str:
    """One digit of these, which ascend."""
    first, last = digits[0], digits[-1]
    if first == last:
        return str(first)
    if len(digits) == last - first + 1 and last - first > 1:
        return f"[{first}-{last}]"
    return f"[{''.join(map(str, digits))}]"
