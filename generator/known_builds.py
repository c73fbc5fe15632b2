"""Builds with a known failure, as patterns of their version strings: the fix tables in RE2. No IO."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.advice import Facts, decided_by_version, smallest_upgrade, span
from generator.model import Failure
from generator.versions import Version, parse

_TKE_END = r"([-+.][\w.+-]*)?"  # such as -dirty
_UPSTREAM_END = "(-(alpha|beta|rc)[.0-9]*)?"


@dataclass(frozen=True)
class KnownBuilds:
    """Builds that have a failure, and the smallest that has the fix. RE2, held against the whole string."""

    pattern: str
    fixed_in: Version


def known_builds(entry: Failure) -> tuple[KnownBuilds, ...]:
    """TKE's builds, then upstream's releases, apart for each fix; none where the version alone does not tell."""
    return (*_of(entry, tke=True), *_of(entry, tke=False))


def _of(entry: Failure, tke: bool) -> Iterator[KnownBuilds]:
    whole: dict[Version, list[int]] = {}
    below: set[Version] = set()
    ahead: Version | None = None
    for minor in range(entry.affected.versions.minors().stop if decided_by_version(entry) else 0):
        found = span(entry, tke, minor)
        if found.only or (tke and found.upstream):
            continue
        if found.builds == "below" and found.fix:
            below.add(found.fix)
        elif found.builds == "all":
            if ahead is None or ahead.minor <= minor:
                ahead = smallest_upgrade([entry], Facts(kube_proxy=parse(f"v1.{minor}.0{'-tke.0' if tke else ''}")))
            if ahead:
                whole.setdefault(ahead, []).append(minor)
    any_build = r"\.[0-9]+-tke\.[0-9]+" if tke else r"\.[0-9]+"
    for fix in sorted({*whole, *below}, key=lambda version: version.key):
        builds = [_one_of(_numbers(whole[fix])) + any_build] if fix in whole else []
        builds += [text for text in [_below(fix)] if text] if fix in below else []
        if builds:
            yield KnownBuilds(rf"v1\.{_one_of(builds)}{_TKE_END if tke else _UPSTREAM_END}", fix)


def _below(fix: Version) -> str:
    """The builds of the fix's minor release that are older; nothing where there are none."""
    patch = fix.release[2]
    older = _one_of(_numbers(range(patch))) if patch else ""
    if fix.build is None:
        return rf"{fix.minor}\.{older}" if older else ""
    rows = [rf"{older}-tke\.[0-9]+"] if older else []
    if fix.build:
        rows.append(rf"{patch}-tke\.{_one_of(_numbers(range(fix.build)))}")
    return rf"{fix.minor}\.{_one_of(rows)}" if rows else ""


def _one_of(alternatives: Sequence[str]) -> str:
    return alternatives[0] if len(alternatives) == 1 else f"({'|'.join(alternatives)})"


def _numbers(numbers: Sequence[int]) -> list[str]:
    """Patterns for exactly these numbers, which ascend: those with the same last digits share one."""
    tens: dict[int, list[int]] = {}
    for number in numbers:
        tens.setdefault(number // 10, []).append(number % 10)
    heads: dict[str, list[int]] = {}
    for head, digits in tens.items():
        heads.setdefault(_digits(digits), []).append(head)
    return [_head(found) + last for last, found in heads.items()]


def _head(heads: Sequence[int]) -> str:
    """What stands before the last digit: `1?` for nothing or 1, `[12]` for 1 or 2."""
    longer = [head for head in heads if head]
    if not longer:
        return ""
    patterns = _numbers(longer)
    text = _one_of(patterns)
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
