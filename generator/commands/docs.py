"""`docs`: the documentation."""

import click

from generator.commands import completion, page
from generator.commands.completion import one_of
from generator.commands.options import colour_option, examples
from generator.commands.printing import table
from generator.commands.typed_names import exactly


@click.command(
    epilog=examples("docs", "docs sites", "docs unit-tests | less", "docs sites --section presets"),
)
@click.argument(
    "name", metavar="[PAGE]", required=False, shell_complete=one_of(completion.page_names)
)
@page.section_option("presets")
@colour_option
def command(name: str | None, section: str | None, colour: bool) -> None:
    """Print a page of the documentation; without a name, list the pages."""
    from generator.catalog import shipped

    pages = shipped.pages()
    if name is None:
        rows = [{"page": known, "title": shipped.page_title(known)} for known in pages]
        table(["page", "title"], rows)
        return
    wanted = exactly(name, {known: known for known in pages}, "docs")
    text = shipped.readable_page(wanted)
    if section is not None:
        text = page.section(text, section)
    page.show(text, colour)
