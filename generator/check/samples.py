"""Checks that the sample lines match what they should, in every dress a collector puts on them."""

from collections.abc import Iterable, Iterator, Mapping

from generator.base.problems import Location, Problem
from generator.catalog.model import Catalog, Entry, Sample
from generator.catalog.profile import Profile
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.query.signature import Signature, Signatures, compile_re2


def samples_say_what_they_match(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """fires/: some line matches this entry, no line another one. silent/: no line matches. Dress changes nothing."""
    sound: dict[str, Signature] = {}
    for entry in catalog.entries:
        filters = signature(entry.logs) if entry.logs else None
        if filters and _compiles(filters):
            sound[entry.id] = filters
    known = Signatures(sound)
    for entry in catalog.entries:
        for sample in entry.samples:
            matched: set[str] = set()
            for number, line in enumerate(sample.lines, 1):
                where = Location(sample.path, number, 1)
                owners = {dress.__name__: known.owners(dress(line)) for dress in DRESSES}
                yield from _dressed_otherwise(owners, where)
                yield from _of_another(owners["raw"], entry, sample, where)
                matched |= owners["raw"]
            if sample.fires and entry.id not in matched and entry.id in sound:
                yield Problem(Location(sample.path), f"no line matches {entry.id}")


def _dressed_otherwise(
    by_dress: Mapping[str, frozenset[str]], where: Location
) -> Iterator[Problem]:
    """Entries whose line a sample is in some dresses only."""
    every_owner = frozenset.union(*by_dress.values())
    in_all = frozenset.intersection(*by_dress.values())
    for owner in sorted(every_owner - in_all):
        dresses = ", ".join(dress for dress, owners in by_dress.items() if owner in owners)
        message = f"matches {owner} as {dresses} only; a pattern must not depend on the wrapping"
        yield Problem(where, message)


def _of_another(
    owners: frozenset[str], entry: Entry, sample: Sample, where: Location
) -> Iterator[Problem]:
    if not sample.fires:
        if entry.id in owners:
            yield Problem(where, f"must stay silent, but matches {entry.id}")
        return
    for owner in sorted(owners - {entry.id}):
        yield Problem(where, f"belongs to {entry.id}, but matches {owner} too")


def _compiles(filters: Signature) -> bool:
    """Broken patterns are reported where they stand; here they would only hide the rest."""
    own = [] if filters.pattern is None else [filters.pattern]
    try:
        for pattern in (*own, *filters.exclude):
            compile_re2(pattern)
    except ValueError:
        return False
    return True
