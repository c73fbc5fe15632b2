"""Checks that the sample lines match what they should, in every dress a collector puts on them."""

from collections.abc import Iterable

from generator.base.problems import Location, Problem
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.query.signature import Signature, Signatures


def samples_say_what_they_match(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """fires/: some line matches this entry, no line another one. silent/: no line matches. Dress changes nothing."""
    signatures = {entry.id: signature(entry.logs) for entry in catalog.entries if entry.logs}
    sound = {owner: filters for owner, filters in signatures.items() if _compiles(filters)}
    known = Signatures(sound)
    for entry in catalog.entries:
        for sample in entry.samples:
            matched: set[str] = set()
            for number, line in enumerate(sample.lines, 1):
                where = Location(sample.path, number, 1)
                hits = {dress.__name__: known.owners(dress(line)) for dress in DRESSES}
                for owner in sorted(
                    frozenset.union(*hits.values()) - frozenset.intersection(*hits.values())
                ):
                    seen = ", ".join(name for name, owners in hits.items() if owner in owners)
                    yield Problem(
                        where,
                        f"matches {owner} as {seen} only; a pattern must not depend on the wrapping",
                    )
                if entry.id in hits["raw"] and not sample.fires:
                    yield Problem(where, f"must stay silent, but matches {entry.id}")
                for owner in sorted(hits["raw"] - {entry.id}) if sample.fires else ():
                    yield Problem(where, f"belongs to {entry.id}, but matches {owner} too")
                matched |= hits["raw"]
            if sample.fires and entry.id not in matched and entry.id in sound:
                yield Problem(Location(sample.path), f"no line matches {entry.id}")


def _compiles(filters: Signature) -> bool:
    """Broken patterns are reported where they stand; here they would only hide the rest."""
    try:
        filters.matches("".join(filters.literals))
    except ValueError:
        return False
    return True
