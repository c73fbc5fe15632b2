"""Checks of log signals: patterns, and windows in which they can fire."""

from collections.abc import Iterable, Iterator
from functools import partial

from generator.base.durations import seconds
from generator.base.problems import Location, Problem
from generator.catalog.model import Catalog, Entry, LogSignal, Variant
from generator.catalog.profile import Profile
from generator.catalog.settings import log_settings, setting_place
from generator.query.signature import compile_re2, escape


def patterns_are_sound(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Each wording is a literal or an RE2 pattern, and nothing matches the empty line or needs two lines."""
    for entry in catalog.entries:
        if not entry.logs:
            continue
        at = partial(entry.document.at, "signals", "logs")
        for path, text, is_pattern in _wording_texts(entry.logs):
            if "\n" in text:
                yield Problem(
                    at(*path),
                    "can never match: Loki stores each physical line by itself; describe one line",
                )
            if is_pattern:
                for message in _pattern_problems(text):
                    yield Problem(at(*path), message)
        for index, variant in enumerate(entry.logs.variants):
            if (variant.literal is None) == (variant.pattern is None):
                yield Problem(at("variants", index), "give either `literal` or `pattern`")
            elif not _holds_its_text(variant):
                yield Problem(
                    at("variants", index, "holds"),
                    "`holds` must be a text of the pattern as it stands there; "
                    "it is searched for before the pattern",
                )


def _holds_its_text(variant: Variant) -> bool:
    """Whether the text that is searched for before a variant's pattern stands in it, where there is one."""
    if variant.holds is None:
        return True
    return variant.pattern is not None and escape(variant.holds) in variant.pattern


def _wording_texts(signal: LogSignal) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    for index, literal in enumerate(signal.contains):
        yield ("contains", index), literal, False
    for index, variant in enumerate(signal.variants):
        if variant.literal is not None:
            yield ("variants", index, "literal"), variant.literal, False
        if variant.pattern is not None:
            yield ("variants", index, "pattern"), variant.pattern, True
    if signal.milder:
        yield ("milder", "holds"), signal.milder.holds, False
    for index, exclusion in enumerate(signal.exclude):
        yield ("exclude", index, "pattern"), exclusion.pattern, True


def _pattern_problems(pattern: str) -> Iterator[str]:
    try:
        compiled = compile_re2(pattern)
    except ValueError as error:
        yield f"not an RE2 pattern: {error}; Loki has no look-around and no backreferences"
        return
    if compiled.search("") is not None:
        yield "matches the empty line and so every line; make some text in it required"


def windows_can_fire(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """`for` is shorter than the range, and the range holds two evaluations and the ingest delay."""
    interval, delay = profile.loki.interval, profile.loki.ingest_delay
    needed = 2 * seconds(interval) + seconds(delay)
    for entry in catalog.entries:
        if entry.logs and entry.id not in profile.disabled:
            yield from _window_problems(entry, entry.logs, profile, needed)


def _window_problems(
    entry: Entry, signal: LogSignal, profile: Profile, needed: float
) -> Iterator[Problem]:
    for alert in entry.log_alerts():
        in_force = log_settings(alert, signal, profile)
        window = seconds(in_force.window)
        if seconds(in_force.hold) >= window:
            yield Problem(
                setting_place(profile, alert, "for", entry, "signals", "logs", "for"),
                f"{alert}: for ({in_force.hold}) must be shorter than the range ({in_force.window}), "
                "or a line that comes once never fires",
            )
        recent = signal.recent
        if recent and not needed <= seconds(recent) < window:
            yield Problem(
                entry.document.at("signals", "logs", "recent"),
                f"{alert}: recent ({recent}) must be shorter than the range ({in_force.window}) and at least "
                f"two evaluation intervals and the ingest delay, {needed:g} s",
            )
        if window < needed:
            yield Problem(
                _range_place(entry, alert, profile),
                f"{alert}: the range ({in_force.window}) must be at least two evaluation intervals and the "
                f"ingest delay, {needed:g} s",
            )


def _range_place(entry: Entry, alert: str, profile: Profile) -> Location:
    """Where the range in force stands; the default one, at the signal that uses it."""
    of_entry = entry.logs is not None and entry.logs.range is not None
    of_alert = "range" in profile.alerts.get(alert, {})
    if not of_entry and not of_alert and profile.document.data:
        return profile.document.at("loki", "range")
    return setting_place(profile, alert, "range", entry, "signals", "logs", "range")
