"""The whole of the fix tables, version by failure, for reading and for programs. No IO."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from generator.base import markdown
from generator.catalog.model import Entry
from generator.fixes.tables import Span, decided_by_version, ends_with_the_first_release, span

_TITLES = {True: "TKE", False: "upstream"}


@dataclass(frozen=True)
class Row:
    """Releases in a row for which the tables say the same; `cells` are by failure."""

    tke: bool
    releases: tuple[int, ...]
    cells: tuple[str, ...]
    open_end: bool = False

    @property
    def title(self) -> str:
        first, last = self.releases[0], self.releases[-1]
        title = f"{_TITLES[self.tke]} 1.{first}"
        if self.open_end:
            return f"{title} and later"
        return title if first == last else f"{title} to 1.{last}"


def rows(entries: Sequence[Entry]) -> list[Row]:
    """A row for each release that the tables tell apart."""
    minors = [entry.affected.versions.minors() for entry in entries]
    first = min(of_entry[0] for of_entry in minors)
    newest = max(of_entry[-1] for of_entry in minors)
    # The row behind the last one that TKE's tables name stands for all later releases.
    beyond_tke = max(_named_by_tke(entries), default=first) + 1
    tke = list(_alike(entries, True, range(first, beyond_tke + 1)))
    tke[-1] = replace(tke[-1], open_end=True)
    upstream = _alike(entries, False, range(first, newest + 1))
    return [*tke, *upstream]


def _named_by_tke(entries: Sequence[Entry]) -> Iterator[int]:
    for entry in entries:
        for row in entry.fixes.tke_rows:
            yield row.minor


def _alike(entries: Sequence[Entry], tke: bool, minors: Sequence[int]) -> Iterator[Row]:
    """The releases of one builder, those with the same cells together."""

    def cells(minor: int) -> tuple[str, ...]:
        return tuple(_cell(entry, tke, minor) for entry in entries)

    for found, run in groupby(minors, cells):
        yield Row(tke, tuple(run), found)


def as_table(entries: Sequence[Entry]) -> str:
    failures = [markdown.code(entry.id) for entry in entries]
    lines = [["kube-proxy", *failures]]
    lines.append(["---"] * len(lines[0]))
    for row in rows(entries):
        cells = [markdown.text(cell) for cell in row.cells]
        lines.append([row.title, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(entries: Sequence[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kube-proxy", *(entry.id for entry in entries)])
    for row in rows(entries):
        writer.writerow([row.title, *row.cells])
    return text.getvalue()


def as_json(entries: Sequence[Entry]) -> str:
    data = [_row_for_programs(row, entries) for row in rows(entries)]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _row_for_programs(row: Row, entries: Sequence[Entry]) -> dict[str, object]:
    failures = {}
    for entry, cell in zip(entries, row.cells, strict=True):
        data = _cell_data(entry, row.tke, row.releases[0], cell)
        failures[entry.id] = {"says": cell, **data}
    return {
        "builder": _TITLES[row.tke],
        "releases": [f"1.{minor}" for minor in row.releases],
        "failures": failures,
    }


def _cell_data(entry: Entry, tke: bool, minor: int, cell: str) -> dict[str, object]:
    if not decided_by_version(entry):
        return {"builds": "unknown", "fixed_in": None, "why": "no version of kube-proxy ends it"}
    affected = span(entry, tke, minor)
    nobody = cell == "no"
    return {
        "builds": "none" if nobody else affected.builds,
        "fixed_in": str(affected.fix) if affected.fix and not nobody else None,
        "why": "; ".join(affected.reasons),
        "editions": [claim.as_row() for claim in affected.claims if claim.edition],
    }


def _cell(entry: Entry, tke: bool, minor: int) -> str:
    if not decided_by_version(entry):
        return "any version"
    worst = span(entry, tke, minor)
    text = _said_of_modes(entry, tke, minor) or _said_of_span(worst)
    if tke and worst.upstream:
        return f"not listed (upstream {text})"
    return text


def _said_of_modes(entry: Entry, tke: bool, minor: int) -> str:
    """What is said of each mode; nothing where that is the same of all."""
    by_mode = {}
    for mode in entry.affected.modes:
        of_mode = span(entry, tke, minor, mode)
        by_mode[mode] = _said_of_span(of_mode)
    if len(set(by_mode.values())) < 2:
        return ""
    return "; ".join(f"{mode}: {said}" for mode, said in by_mode.items())


def _said_of_span(affected: Span) -> str:
    builds = _builds(affected)
    if affected.unless:
        rest = f"only {affected.unless}"
        return rest if builds == "no" else f"{builds}, later {rest}"
    if affected.only and builds != "no":
        return f"{builds}, {affected.only}"
    return builds + _editions(affected)


def _builds(affected: Span) -> str:
    match affected.builds:
        case "all":
            return "yes"
        case "unknown":
            return "not known"
        case "below" if not ends_with_the_first_release(affected):
            return f"below {affected.fix}"
    return "no"


def _editions(affected: Span) -> str:
    """What the other editions say, where they say something else."""
    if not affected.claims:
        return ""
    worst, *others = affected.claims
    differing = [claim for claim in others if not claim.agrees_with(worst)]
    if not differing:
        return ""
    said = [f"{claim.edition}: {claim.says}" for claim in differing]
    return f" ({worst.edition}; {'; '.join(said)})"
