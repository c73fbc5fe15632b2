"""`show`: one entry and its rules."""

from pathlib import Path

import click

from generator.commands import completion
from generator.commands.compiling import entries_of, rules_or_stop
from generator.commands.completion import one_of
from generator.commands.options import examples, inputs, json_option
from generator.commands.printing import tell, tell_json
from generator.commands.typed_names import meant


@click.command(
    epilog=examples("show iptables-backend-mismatch", "show sync-slow --json"),
)
@click.argument("name", metavar="ID", shell_complete=one_of(completion.entries))
@inputs
@json_option("The entry as it stands in the catalog, for programs.")
def command(name: str, catalogs: tuple[Path, ...], profile: Path | None, as_json: bool) -> None:
    """Show one entry: what it is, where it is kept, and the rules it gives. The name of an alert will do too."""
    entries = {}
    ids: dict[str, str] = {}  # by all that an entry is called
    for entry in entries_of(catalogs, profile):
        entries[entry.id] = entry
        ids |= dict.fromkeys(entry.alerts(), entry.id)
    ids |= {entry_id: entry_id for entry_id in entries}
    entry = entries[meant(name, ids)]
    if as_json:
        tell_json(entry.document.data)
        return
    from generator.base.names import rule_group
    from generator.compile.rule_files import rules_file

    _, rules = rules_or_stop(catalogs, profile)
    tell(
        f"{entry.id}: {entry.title}\n{entry.document.path}\n{entry.severity.level}: {entry.severity.reason}\n"
    )
    for groups in rules.groups.values():
        own = [group for group in groups if group.name == rule_group(entry.id)]
        if own:
            _, _, without_header = rules_file("", own).text.partition("\n")
            tell(without_header, nl=False)
