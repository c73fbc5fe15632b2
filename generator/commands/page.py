"""What `explain` and `docs` share: a page of Markdown, or one of its sections, in the terminal."""

import re
import sys
import textwrap

import click

from generator.base import markdown
from generator.base.names import FOUND, TOOL
from generator.commands.options import Decorator
from generator.commands.printing import console, on_terminal, printable, say, tell

_HEADING = re.compile(r"^(##+) (.+)$", re.MULTILINE)


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
    headings = list(_HEADING.finditer(_without_code(text)))
    word = wanted.strip("# ").casefold()
    fitting = [heading for heading in headings if heading[2].casefold() == word]
    if word and not fitting:
        fitting = [heading for heading in headings if word in heading[2].casefold()]
    if not fitting:
        sections = ", ".join(heading[2] for heading in headings)
        say(f"{TOOL}: the page has no section {wanted!r}; its sections: {sections}")
        raise click.exceptions.Exit(FOUND)
    begin = fitting[0].start()
    depth = len(fitting[0][1])
    end = len(text)
    for heading in headings:
        if heading.start() > begin and len(heading[1]) <= depth:
            end = heading.start()
            break
    whole = text[begin:end].rstrip("\n")
    return f"{whole}\n"


def _without_code(text: str) -> str:
    """With spaces in place of code, whose comments look like headings."""
    prose = ""
    for is_code, part in markdown.prose_and_code(text, fences=True):
        prose += re.sub(r"[^\n]", " ", part) if is_code else part
    return prose


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
    marked = ""
    for line in markdown.unbroken(prose).splitlines(keepends=True):
        marked += line if line.startswith("|") else _edged(line)
    return marked


def _edged(line: str) -> str:
    return markdown.with_code(line, lambda code: f"{_EDGE}{code}{_EDGE}")


def _unmarked(shown: str) -> str:
    """Without the marks, and each piece of code in one line."""
    whole = _WHOLE.sub(lambda code: _BREAK.sub(_styles, code[0]), shown)
    without_marks = whole.replace(_EDGE, "")
    trimmed = _FILLED.sub(_styles, without_marks)
    return trimmed.replace(markdown.STUCK, " ")


def _styles(left_out: re.Match[str]) -> str:
    """The styles in what is left out."""
    return "".join(re.findall(_STYLE, left_out[0]))
