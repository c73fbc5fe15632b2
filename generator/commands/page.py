"""What `explain` and `docs` share: a page of Markdown, or one of its sections, in the terminal."""

import re
import sys
import textwrap

import click

from generator.base import markdown
from generator.base.names import FOUND, TOOL
from generator.commands.options import Decorator
from generator.commands.printing import console, on_terminal, printable, say, tell


def section_option(such_as: str) -> Decorator:
    return click.option(
        "--section", metavar="HEADING", help=f"This section only, such as {such_as}."
    )


def show(text: str, colour: bool) -> None:
    """Print a page; in a pipe as it is."""
    if colour or on_terminal(sys.stdout):
        _print_page(printable(text), colour)
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
        for is_code, part in markdown.prose_and_code(text, fences=True)
    ]
    return "".join(parts)


def _print_page(text: str, colour: bool) -> None:
    """Prose in the width of the screen; code as it is, so that it can be copied whole."""
    from rich.markdown import Markdown

    screen = console(colour)
    with screen.capture() as captured:
        for is_code, part in markdown.prose_and_code(text):
            if is_code:
                for line in textwrap.dedent(part).splitlines():
                    screen.print(line, style="bold cyan", markup=False, soft_wrap=True)
                screen.print()
            elif part.strip():
                screen.print(Markdown(_marked(part), hyperlinks=False))
                screen.print()
    click.echo(_unmarked(captured.get()), nl=False, color=True)


_EDGE = "\N{WORD JOINER}"  # of code in a sentence; has no width
_WHOLE = re.compile(f"{_EDGE}[^{_EDGE}]*{_EDGE}")
_STYLE = r"\x1b\[[0-9;]*m"
_BREAK = re.compile(rf"(?:{_STYLE}|[ ▌])*\n(?:{_STYLE}|[ ▌])*")
_FILLED = re.compile(rf"(?:{_STYLE}| )+$", re.MULTILINE)  # rich fills up its lines


def _marked(prose: str) -> str:
    """With marks for the code in it, which rich would break where a line ends, or where it is longer than one."""
    lines = markdown.unbroken(prose).splitlines(keepends=True)
    return "".join(line if line.startswith("|") else _edged(line) for line in lines)


def _edged(line: str) -> str:
    return markdown.with_code(line, lambda code: f"{_EDGE}{code}{_EDGE}")


def _unmarked(shown: str) -> str:
    """Without the marks, and each piece of code in one line."""
    whole = _WHOLE.sub(lambda code: _BREAK.sub(_styles, code[0]), shown)
    return _FILLED.sub(_styles, whole.replace(_EDGE, "")).replace(markdown.STUCK, " ")


def _styles(found: re.Match[str]) -> str:
    """The styles in what is left out."""
    return "".join(re.findall(_STYLE, found[0]))
