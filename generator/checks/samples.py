"""Checks that the sample lines match what they should, in every dress a collector puts on them."""

from collections.abc import Iterable

from generator.dress import DRESSES
from generator.model import Catalog, Profile
from generator.problems import Location, Problem
from generator.signature import Signature, signature


def samples_say_what_they_match(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """fires/: some line matches this entry, no line another one. silent/: no line matches. Dress changes nothing."""
    sound = [entry for entry in catalog.entries if entry.logs and _compiles(signature(entry.logs))]
    signatures = {entry.id: signature(entry.logs) for entry in sound if entry.logs}
    for entry in catalog.entries:
        for sample in entry.samples:
            matched = False
            for number, line in enumerate(sample.lines, 1):
                for owner, filters in signatures.items():
                    where = Location(sample.path, number, 1)
                    hits = {dress.__name__: filters.matches(dress(line)) for dress in DRESSES}
                    if len(set(hits.values())) > 1:
                        seen = ", ".join(name for name, hit in hits.items() if hit)
                        yield Problem(
                            where, f"matches {owner} as {seen} only; a pattern must not depend on the wrapping"
                        )
                    matched |= owner == entry.id and hits["raw"]
                    if hits["raw"] and not sample.fires and owner == entry.id:
                        yield Problem(where, f"must stay silent, but matches {owner}")
                    if hits["raw"] and sample.fires and owner != entry.id:
                        yield Problem(where, f"belongs to {entry.id}, but matches {owner} too")
            if sample.fires and not matched and entry.id in signatures:
                yield Problem(Location(sample.path), f"no line matches {entry.id}")


def _compiles(filters: Signature) -> bool:
    """Broken patterns are reported where they stand; here they would only hide the rest."""
    try:
        filters.matches("".join(filters.literals))
    except ValueError:
        return False
    return True
