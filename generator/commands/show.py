"""`show`: one entry and its rules."""

from pathlib import Path

import click

from generator.commands.shared import (
    compile_or_stop,
    entries_of,
    examples,
    inputs,
    json_option,
    tell,
    tell_json,
    unknown,
)


@click.command(
    short_help="Show an entry and its rules.",
    epilog=examples("show iptables-backend-mismatch", "show sync-slow --json"),
)
@click.argument("entry_id", metavar="ID")
@inputs
@json_option("The entry as it stands in the catalog, for programs.")
@click.pass_context
def command(ctx: click.Context, entry_id: str, catalogs: tuple[Path, ...], profile: Path | None, as_json: bool) -> None:
    """Show one entry: what it is, where it is kept, and the rules it gives."""
    entries = {entry.id: entry for entry in entries_of(catalogs, profile)}
    if entry_id not in entries:
        unknown(entry_id, list(entries))
    entry = entries[entry_id]
    if as_json:
        tell_json(entry.document.data)
        return
    from generator.file import rules_file
    from generator.names import rule_group

    _, rules, _ = compile_or_stop(catalogs, profile)
    tell(f"{entry.id}: {entry.title}\n{entry.document.path}\n{entry.severity}: {entry.severity_reason}\n")
    for groups in rules.groups.values():
        own = [group for group in groups if group.name == rule_group(entry.id)]
        if own:
            tell(rules_file("", own).text.partition("\n")[2], nl=False)
