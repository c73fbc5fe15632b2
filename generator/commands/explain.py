"""`explain`: the runbook of an alert."""

from pathlib import Path

import click

from generator.commands import page
from generator.commands.compiling import rules_or_stop, said_by_the_checks
from generator.commands.completion import entries, one_of
from generator.commands.options import colour_option, examples, inputs
from generator.commands.typed_names import meant


@click.command(
    epilog=examples(
        "explain KubeProxyIptablesBackendMismatch",
        "explain iptables-backend-mismatch --node worker-3 --section mitigation",
        "explain sync-slow | less",
    ),
)
@click.argument("name", metavar="ALERT", shell_complete=one_of(entries))
@click.option(
    "--node", metavar="NAME", help="The node that has the failure; the commands then name it."
)
@page.section_option("diagnosis or mitigation")
@colour_option
@inputs
def command(
    name: str,
    node: str | None,
    section: str | None,
    colour: bool,
    catalogs: tuple[Path, ...],
    profile: Path | None,
) -> None:
    """Print the runbook of an alert; the id of its entry will do too."""
    from generator.outputs import runbooks

    read, rules = rules_or_stop(catalogs, profile)
    alerts = {alert.rule.alert: alert for alert in rules.alerts}
    by_id = {
        entry.id: own for entry in read.catalog.entries if (own := entry.alerts()[0]) in alerts
    }
    alert = alerts[meant(name, by_id | {known: known for known in alerts})]
    with said_by_the_checks():
        whole = runbooks.runbook_of(alert, rules, read.catalog, read.profile)
    _, _, text = whole.partition("\n")  # the first line says who generated it, which a reader knows
    text = text.lstrip("\n")
    if node is not None:
        text = runbooks.for_node(text, node, read.profile)
    page.show(text if section is None else page.section(text, section), colour)
