"""The wordings of an entry as one signature."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from generator.catalog.model import Entry, LogSignal
from generator.query.signature import Signature, escape


def signature(signal: LogSignal) -> Signature:
    """Cheap literal filters first, then one pattern for the wordings that need it, exclusions last."""
    held = [
        variant.literal if variant.literal is not None else variant.holds
        for variant in signal.variants
    ]
    any_of = _shortest(text for text in held if text is not None)
    if None in held:
        any_of = ()  # some wording has no text that can be searched for
    literals = signal.contains
    if len(any_of) == 1:
        literals, any_of = (*literals, *any_of), ()
    pattern = None
    if any(variant.pattern is not None for variant in signal.variants):
        parts = [
            escape(one.literal) if one.literal is not None else one.pattern
            for one in signal.variants
        ]
        pattern = str(parts[0]) if len(parts) == 1 else "|".join(f"(?:{part})" for part in parts)
    return Signature(
        literals, any_of, pattern, tuple(exclusion.pattern for exclusion in signal.exclude)
    )


def by_alert(entry: Entry) -> Mapping[str, Signature]:
    """The lines of each alert on the entry's lines: a line is of one alert."""
    if not entry.logs:
        return {}
    whole, milder = signature(entry.logs), entry.logs.milder
    if not milder:
        return {entry.alert: whole}
    return {
        entry.alert: replace(whole, exclude=(*whole.exclude, escape(milder.holds))),
        milder.alert: replace(whole, literals=(*whole.literals, milder.holds)),
    }


def _shortest(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without those that hold another one: whoever finds them finds that one too."""
    different = tuple(dict.fromkeys(texts))
    return tuple(
        text for text in different if not any(other in text for other in different if other != text)
    )
