"""What `explain` and `docs` share: a page of Markdown, or one of its sections, in the terminal."""

import re
import sys
import textwrap

import click

from generator.base import markdown
from generator.base.names import TOOL
from generator.commands.shared import FOUND, Decorator, on_terminal, printable, say, tell


def section_option(such_as: str) -> Decorator:
    return click.option(
        "--section", metavar="HEADING", help=f"This section only, such as {such_as}."
    )


def show(text: str, colour: bool) -> None:
    """Print a page; in a pipe as it is."""
    if colour or on_terminal(sys.stdout):
        _print(printable(text), colour)
    else:
        tell(text, nl=False)


def section(text: str, wanted: str) -> str:
    """The section whose heading is, or else begins so, with all below it; ends the command if there is none."""
    begins = list(re.finditer(r"^(##+) (.+)$", _without_code(text), re.MULTILINE))
    word = wanted.strip("# ").casefold()
    fitting = [one for one in begins if one[2].casefold() == word] or [
        one for one in begins if word and word in one[2].casefold()
    ]
    if not fitting:
        say(
            f"{TOOL}: the page has no section {wanted!r}; its sections: {', '.join(one[2] for one in begins)}"
        )
        raise click.exceptions.Exit(FOUND)
    begin = fitting[0]
    after = (
        one.start()
        for one in begins
        if one.start() > begin.start() and len(one[1]) <= len(begin[1])
    )
    return text[begin.start() : next(after, len(text))].rstrip("\n") + "\n"


def _without_code(text: str) -> str:
    """With spaces in place of code, whose comments look like headings."""
    parts = [
        (" " * (len(part) - 1) + "\n") if is_code else part
        for is_code, part in markdown.parts(text, fences=True)
    ]
    return "".join(parts)


def _print(text: str, colour: bool) -> None:
    """Prose in the width of the screen; code as it is, so that it can be copied whole."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(emoji=False, force_terminal=colour or None)
    for is_code, part in markdown.parts(text):
        if is_code:
            for line in textwrap.dedent(part).splitlines():
                console.print(
                    line, style="bold cyan", markup=False, highlight=False, soft_wrap=True
                )
            console.print()
        elif part.strip():
            console.print(Markdown(part, hyperlinks=False))
            console.print()
