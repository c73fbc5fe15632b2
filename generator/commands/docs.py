"""`docs`: the documentation."""

import click

from generator.commands import completion, page
from generator.commands.completion import one_of
from generator.commands.options import colour_option, examples
from generator.commands.printing import table
from generator.commands.typed import exactly


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
        table(["page", "title"], [{"page": one, "title": shipped.page_title(one)} for one in pages])
        return
    text = shipped.readable_page(exactly(name, {one: one for one in pages}, "docs"))
    page.show(text if section is None else page.section(text, section), colour)
