"""`site`: the runbooks as web pages."""

from pathlib import Path

import click

from generator.base.names import FOUND, LOCK, TOOL
from generator.base.problems import ToolError
from generator.commands.compiling import compile_or_stop, report
from generator.commands.options import examples, inputs
from generator.commands.printing import say


@click.command(
    epilog=examples("site", "site --profile site.yaml --output public"),
)
@inputs
@click.option(
    "folder",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="Folder to fill; all that was generated there is replaced, and nothing else may be there.",
)
@click.pass_context
def command(
    ctx: click.Context, catalogs: tuple[Path, ...], profile: Path | None, folder: Path
) -> None:
    """Write the runbooks as a web site: static pages for any file server, or to open from disk.

    Its first page names the failures in a log that is pasted, dropped or opened there; the log stays in the browser.
    """
    from generator.catalog import shipped
    from generator.outputs import write
    from generator.pages import website

    if (folder / LOCK).exists():
        raise ToolError(
            f"{folder}: holds the rules that `{TOOL} generate` wrote; choose another folder with --output"
        )
    read, rules, files = compile_or_stop(catalogs, profile)
    pages = website.files(files, rules, read.catalog, shipped.documents())
    try:
        changed = write.replace(folder, pages)
    except write.ForeignError as found:
        report(found.problems)
        ctx.exit(FOUND)
    say(
        f"{folder}: {'written' if changed else 'unchanged'}, {len(pages)} files; open {folder / 'index.html'}"
    )
