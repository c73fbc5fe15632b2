"""`new`: a new entry to fill in."""

import os
import shlex
from pathlib import Path

import click

from generator.commands.shared import FOUND, examples, say, tell
from generator.names import TOOL


@click.command(
    short_help="Write a new entry to fill in.",
    epilog=examples("new conntrack-table-full", "new nftables-sync-slow --kind symptom --catalog ours"),
)
@click.argument("entry_id", metavar="ID")
@click.option(
    "--kind",
    type=click.Choice(["failure", "symptom"]),
    default="failure",
    show_default=True,
    help="failure: seen in log lines. symptom: seen in metrics.",
)
@click.option("--alert", help="Name of the alert; made from the id where left out.")
@click.option(
    "--catalog",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("catalog"),
    show_default=True,
    help="Catalog to put it in.",
)
@click.pass_context
def command(ctx: click.Context, entry_id: str, kind: str, alert: str | None, catalog: Path) -> None:
    """Write a new entry that passes every check, with a TODO wherever you have to say something."""
    import re

    from generator import scaffold, write

    name = alert or scaffold.alert_name(entry_id)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry_id) or not re.fullmatch(r"KubeProxy[A-Za-z0-9]+", name):
        say(f"{TOOL}: an id is like my-failure, an alert like KubeProxyMyFailure; choose another name")
        ctx.exit(FOUND)
    folder = catalog / entry_id
    if os.path.lexists(folder):
        say(f"{TOOL}: {folder} exists already; choose another id")
        ctx.exit(FOUND)
    files = scaffold.files(entry_id, name, kind)
    write.create(folder, files)
    for file in files:
        tell((folder / file.path).as_posix())
    say("fill in every TODO, then run: " + shlex.join([TOOL, "check", *_added(catalog)]))


def _added(catalog: Path) -> list[str]:
    from generator.load import shipped_catalog

    return [] if catalog.resolve() == shipped_catalog().resolve() else ["--catalog", str(catalog)]
