"""`list`: the entries, and what their log lines are known from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.catalog.model import SEVERITIES
from generator.commands.compiling import entries_of
from generator.commands.options import examples, inputs, json_option
from generator.commands.printing import table, tell_json

_NARROW_COLUMNS = ("alert", "severity", "title")  # what fits 80 columns

if TYPE_CHECKING:
    from generator.catalog.model import Entry


@click.command(
    "list",
    epilog=examples("list", "list --wide", "list --json", "list --evidence | grep source"),
)
@inputs
@click.option("--wide", is_flag=True, help="All columns on a terminal too, as in a pipe.")
@click.option(
    "--evidence", is_flag=True, help="List each wording of a log line, and what it is known from."
)
@json_option()
def command(
    catalogs: tuple[Path, ...], profile: Path | None, wide: bool, evidence: bool, as_json: bool
) -> None:
    """List the entries, the grave ones first: alert, severity and title; in a pipe also id, kind, signals, evidence."""
    entries = sorted(
        entries_of(catalogs, profile), key=lambda entry: SEVERITIES.index(entry.severity.level)
    )
    rows = (
        [row for entry in entries for row in _wordings(entry)]
        if evidence
        else [_entry_row(entry) for entry in entries]
    )
    if as_json:
        tell_json(rows)
    else:
        table(list(rows[0]) if rows else [], rows, () if wide or evidence else _NARROW_COLUMNS)


def _entry_row(entry: "Entry") -> dict[str, str]:
    evidence = {variant.evidence for variant in entry.logs.variants} if entry.logs else set()
    signals = [
        ("logs", entry.logs),
        ("metrics", entry.metric_alerts),
        ("builds", entry.by_builds_alone),
        (f"heartbeat of {entry.heartbeat}", entry.heartbeat),
    ]
    return {
        "id": entry.id,
        "kind": entry.kind,
        "severity": entry.severity.level,
        "alert": entry.alerts()[0],
        "signals": ", ".join(name for name, there in signals if there),
        "evidence": ", ".join(sorted(evidence)),
        "title": entry.title,
    }


def _wordings(entry: "Entry") -> list[dict[str, str]]:
    return [
        {
            "id": entry.id,
            "evidence": variant.evidence,
            "wording": variant.name,
            "printed by": variant.printed_by,
        }
        for variant in (entry.logs.variants if entry.logs else ())
    ]
