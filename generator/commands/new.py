"""`new`: a new entry to fill in."""

import os
import shlex
from pathlib import Path

import click

from generator.base.names import FOUND, PROJECT, TOOL
from generator.base.reader import is_folder
from generator.commands import schema_files
from generator.commands.options import examples, from_project, project_option
from generator.commands.printing import say, tell


@click.command(
    epilog=examples(
        "new conntrack-table-full", "new nftables-sync-slow --kind symptom --catalog ours"
    ),
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
@project_option(
    "catalog",
    "catalogs",
    "--catalog",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Catalog to put it in; else that of {PROJECT}, or `catalog` in the working folder.",
)
@from_project
def command(entry_id: str, kind: str, alert: str | None, catalogs: tuple[Path, ...]) -> None:
    """Write a new entry that passes every check, with a TODO wherever you have to say something.

    Editors complete from schemas, which are put into the catalog with its first entry.
    """
    from generator.outputs import write
    from generator.scaffolds import scaffold

    if len(catalogs) > 1:
        raise click.UsageError(
            "there are several catalogs; name the one to put it in with --catalog"
        )
    catalog = catalogs[0] if catalogs else Path("catalog")
    name = alert or scaffold.alert_name(entry_id)
    folder = catalog / entry_id
    wrong = _why_refused(entry_id, name, catalog)
    if wrong:
        say(f"{TOOL}: {wrong}")
        raise click.exceptions.Exit(FOUND)
    schemas = schema_files.schema_files(catalog, "failure", "tests")
    files = scaffold.files(entry_id, name, kind, schema=bool(schemas))
    put = schema_files.put_changed(
        catalog, schemas
    )  # before the entry, which is whole or not there
    write.create(folder, files)
    written = [folder / file.path for file in files]
    for path in [*written, *put]:
        tell(path.as_posix())
    added = [] if _is_shipped(catalog) else ["--catalog", str(catalog)]
    say("fill in every TODO, then run:")
    say(f"  {shlex.join([TOOL, 'check', *added])}")
    say(f"  {shlex.join([TOOL, 'test', *added, '--only', entry_id])}")


def _why_refused(entry_id: str, alert: str, catalog: Path) -> str:
    """Why an entry of a catalog cannot have this id and alert; empty if it can."""
    import re

    is_id = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry_id)
    is_alert = re.fullmatch(r"KubeProxy[A-Za-z0-9]+", alert)
    if not is_id or not is_alert:
        return "an id is like my-failure, an alert like KubeProxyMyFailure; choose another name"
    if os.path.lexists(catalog / entry_id):
        return f"{catalog / entry_id} exists already; choose another id"
    from generator.catalog.load import load

    own = is_folder(catalog) and not _is_shipped(catalog)
    read = load([catalog] if own else [])
    for entry in read.catalog.entries:
        if entry.id == entry_id:
            return (
                f"{entry_id} is the id of {entry.document.path}; choose another one "
                f"(`{TOOL} schema failure` tells of `replaces`, for an entry that takes its place)"
            )
        if alert in entry.alerts():
            return f"{alert} is an alert of {entry.id} already; choose another one with --alert"
    return ""


def _is_shipped(catalog: Path) -> bool:
    from generator.catalog.package import shipped_catalog

    return catalog.resolve() == shipped_catalog().resolve()
