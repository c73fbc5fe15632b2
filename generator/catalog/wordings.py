"""The wordings of an entry as one signature."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from generator.catalog.model import Entry, LogSignal, Variant
from generator.query.signature import Signature, escape


def signature(signal: LogSignal) -> Signature:
    """Cheap literal filters first, then one pattern for the wordings that need it, exclusions last."""
    any_of = _searched_for(signal.variants)
    literals = signal.contains
    if len(any_of) == 1:
        literals, any_of = (*literals, *any_of), ()
    excluded = tuple(exclusion.pattern for exclusion in signal.exclude)
    return Signature(literals, any_of, _pattern_of_all(signal.variants), excluded)


def _searched_for(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Texts of which every line of the wordings holds one; none if a wording has no text that can be searched for."""
    held = []
    for variant in variants:
        text = variant.literal if variant.literal is not None else variant.holds
        if text is None:
            return ()
        held.append(text)
    return _shortest(held)


def _pattern_of_all(variants: Sequence[Variant]) -> str | None:
    """What the lines of all the wordings match; none where texts alone tell."""
    if all(variant.pattern is None for variant in variants):
        return None
    parts = []
    for variant in variants:
        part = variant.pattern if variant.literal is None else escape(variant.literal)
        parts.append(str(part))
    if len(parts) == 1:
        return parts[0]
    return "|".join(f"(?:{part})" for part in parts)


def by_alert(entry: Entry) -> Mapping[str, Signature]:
    """The lines of each alert on the entry's lines: a line is of one alert."""
    if not entry.logs:
        return {}
    whole = signature(entry.logs)
    milder = entry.logs.milder
    if not milder:
        return {entry.alert: whole}
    without = (*whole.exclude, escape(milder.holds))
    with_it = (*whole.literals, milder.holds)
    return {
        entry.alert: replace(whole, exclude=without),
        milder.alert: replace(whole, literals=with_it),
    }


def _shortest(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without those that hold another one: whoever finds them finds that one too."""
    different = tuple(dict.fromkeys(texts))
    found = []
    for text in different:
        shorter = (other for other in different if other != text)
        if not any(other in text for other in shorter):
            found.append(text)
    return tuple(found)
