"""In which order failures are told: from cause to symptom, and of the rest the grave ones first. No IO."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from generator.catalog.model import SEVERITIES, Catalog
from generator.diagnose.diagnosis import Found, goes_on


def ranked(catalog: Catalog, found: Sequence[Found], last: datetime | None = None) -> list[Found]:
    """What explains another comes before it; then failures before symptoms, and the grave first.

    Of what is as grave, that which is not over comes first, then that on more nodes, then that of more lines.
    """
    causes = _causes_among(catalog, found)

    def rank(failure: Found) -> tuple[int, bool, int, bool, int, int]:
        return (
            _depth(failure.entry.id, causes),
            failure.entry.kind != "failure",
            SEVERITIES.index(failure.severity),
            goes_on(failure, last) is False,
            -len(failure.places),
            -failure.count,
        )

    return sorted(found, key=rank)


def _causes_among(catalog: Catalog, found: Sequence[Found]) -> Mapping[str, Set[str]]:
    """Of each entry that was found those of its causes that were found too."""
    ids = {failure.entry.id for failure in found}
    causes: dict[str, Set[str]] = {}
    for entry_id in ids:
        documented = {cause.id for cause in catalog.causes.get(entry_id, ())}
        causes[entry_id] = documented & ids
    return causes


def _depth(entry_id: str, causes: Mapping[str, Set[str]], seen: Set[str] = frozenset()) -> int:
    """How many entries explain one another up to this one; a circle is gone through once."""
    seen = seen | {entry_id}
    deeper = (_depth(cause, causes, seen) for cause in causes[entry_id] - seen)
    return 1 + max(deeper, default=0)
