"""The whole of the fix tables, version by failure, for reading and for programs. No IO."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

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
        first, last = f"1.{self.releases[0]}", f"1.{self.releases[-1]}"
        if self.open_end:
            return f"{_TITLES[self.tke]} {first} and later"
        return f"{_TITLES[self.tke]} {first}" + (f" to {last}" if first != last else "")


def rows(entries: Sequence[Entry]) -> list[Row]:
    """A row for each release that the tables tell apart."""
    first = min(min(entry.affected.versions.minors()) for entry in entries)
    named = [row.minor for entry in entries if entry.fixes.tke for row in entry.fixes.tke.rows]
    last = {
        True: max(named, default=first) + 1,
        False: max(max(one.affected.versions.minors()) for one in entries),
    }
    found: list[Row] = []
    for tke in (True, False):
        for minor in range(first, last[tke] + 1):
            cells = tuple(_cell(entry, tke, minor) for entry in entries)
            if found and found[-1].tke == tke and found[-1].cells == cells:
                found[-1] = Row(tke, (*found[-1].releases, minor), cells)
            else:
                found.append(Row(tke, (minor,), cells))
        found[-1] = Row(tke, found[-1].releases, found[-1].cells, open_end=tke)
    return found


def as_table(entries: Sequence[Entry]) -> str:
    head = ["kube-proxy", *(markdown.code(entry.id) for entry in entries)]
    lines = [head, ["---"] * len(head)]
    lines += [[row.title, *(markdown.text(cell) for cell in row.cells)] for row in rows(entries)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(entries: Sequence[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kube-proxy", *(entry.id for entry in entries)])
    writer.writerows([row.title, *row.cells] for row in rows(entries))
    return text.getvalue()


def as_json(entries: Sequence[Entry]) -> str:
    found = [
        {
            "builder": _TITLES[row.tke],
            "releases": [f"1.{minor}" for minor in row.releases],
            "failures": {
                entry.id: {"says": cell, **_cell_data(entry, row.tke, row.releases[0], cell)}
                for entry, cell in zip(entries, row.cells, strict=True)
            },
        }
        for row in rows(entries)
    ]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _cell_data(entry: Entry, tke: bool, minor: int, cell: str) -> dict[str, object]:
    if not decided_by_version(entry):
        return {"builds": "unknown", "fixed_in": None, "why": "no version of kube-proxy ends it"}
    found = span(entry, tke, minor)
    fix = None if cell == "no" else found.fix
    return {
        "builds": "none" if cell == "no" else found.builds,
        "fixed_in": str(fix) if fix else None,
        "why": "; ".join(found.reasons),
        "editions": [
            {
                "edition": one.edition,
                "says": one.says,
                "fixed_in": str(one.fix) if one.fix else None,
            }
            for one in found.told
            if one.edition
        ],
    }


def _cell(entry: Entry, tke: bool, minor: int) -> str:
    if not decided_by_version(entry):
        return "any version"
    worst = span(entry, tke, minor)
    said = {mode: _said_of_span(span(entry, tke, minor, mode)) for mode in entry.affected.modes}
    text = _said_of_span(worst)
    if len({*said.values()}) > 1:
        text = "; ".join(f"{mode}: {word}" for mode, word in said.items())
    return f"not listed (upstream {text})" if tke and worst.upstream else text


def _said_of_span(found: Span) -> str:
    builds = _builds(found)
    if found.unless:
        rest = f"only {found.unless}"
        return rest if builds == "no" else f"{builds}, later {rest}"
    if found.only and builds != "no":
        return f"{builds}, {found.only}"
    return builds + _editions(found)


def _builds(found: Span) -> str:
    match found.builds:
        case "all":
            return "yes"
        case "unknown":
            return "not known"
        case "below" if not ends_with_the_first_release(found):
            return f"below {found.fix}"
    return "no"


def _editions(found: Span) -> str:
    """What the other editions say, where they say something else."""
    worst, *others = found.told or (None,)
    said = [
        f"{one.edition}: {one.says}"
        for one in others
        if worst and (one.builds, one.fix) != (worst.builds, worst.fix)
    ]
    return f" ({worst.edition}; {'; '.join(said)})" if worst and said else ""
