"""What is printed: messages, answers, tables; without secrets, and steering no terminal."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from generator.servers.http import Client, Endpoint
    from generator.servers.masks import Mask

# Modules that cost time to import are imported by the functions that need them.

STDOUT = "standard output"

# Columns of tables that are typed or copied, so never broken.
_UNBROKEN = {"id", "alert", "severity", "kind", "name", "page"}
_MASK = "generator.servers.masks"  # in the context of the command


def say(message: str, **style: Any) -> None:
    """A message for the person at the terminal, away from what a program reads; where nobody can read it, none."""
    with suppress(OSError):
        click.echo(_painted(printable(masked(message)), style), err=True)


def tell(text: str, nl: bool = True, **style: Any) -> None:
    """What the command was asked for, on standard output, without the secrets of the servers that said a part of it."""
    _echo(_painted(printable(masked(text)), style), nl)


def tell_json(data: Any) -> None:
    """The same for programs."""
    import json

    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    tell_json_text(json.dumps(data, indent=2, ensure_ascii=encoding != "utf8"))


def tell_json_text(text: str, nl: bool = True) -> None:
    _echo(_printable_json(masked(text)), nl)


def _echo(text: str, nl: bool = True) -> None:
    try:
        click.echo(text, nl=nl)
    except OSError as error:
        error.filename = STDOUT  # what cannot be written
        raise


def _painted(text: str, style: Mapping[str, Any]) -> str:
    """In a style of click, which leaves colours out where no terminal is."""
    if not style or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, **style)


def _printable_json(text: str) -> str:
    """JSON that steers no terminal and fits every encoding of Unicode, and is the same JSON."""
    return "\n".join(map(_printable_line, text.split("\n")))


def _printable_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else _escaped(char) for char in line)


def _escaped(char: str) -> str:
    import json

    quoted = json.dumps(char)
    return quoted[1:-1]


def show_count(of_what: str, done: int, of: int) -> None:
    """How far a long run is, on a terminal, in a line that is gone in the end."""
    if on_terminal(sys.stderr):
        click.echo(f"\r{of_what} {done}/{of}" if done < of else "\r\033[K", nl=False, err=True)


def masked(text: str) -> str:
    context = click.get_current_context(silent=True)
    mask: Mask | None = context.meta.get(_MASK) if context else None
    return mask(text) if mask else text


def client_of(endpoint: "Endpoint") -> "Client":
    """Speaks to a server, until the command ends; what it is told in confidence is printed nowhere."""
    from generator.servers.http import Client

    context = click.get_current_context()
    before: Mask | None = context.meta.get(_MASK)
    context.meta[_MASK] = before + endpoint.mask if before else endpoint.mask
    return context.with_resource(Client(endpoint))


def printable(text: str) -> str:
    """Text that steers no terminal, whatever was read: control characters, and halves of surrogate pairs, replaced."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def on_terminal(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal; a program may have been started without it, or have lost it."""
    return stream is not None and not stream.closed and stream.isatty()


def console(colour: bool = False, **more: Any) -> "Console":
    """What prints on a terminal, or as if on one; texts stay as they are, and NO_COLOR leaves no escape at all."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) and not colour
    return Console(
        emoji=False,
        highlight=False,
        force_terminal=colour or None,
        no_color=False if colour else None,
        color_system=None if plain else "auto",
        **more,
    )


def table(
    columns: Sequence[str], rows: Sequence[dict[str, str]], narrow: Sequence[str] = ()
) -> None:
    """A table on a terminal, of the `narrow` columns if any are named; lines of all columns, with tabs, in a pipe."""
    if not on_terminal(sys.stdout):
        for row in rows:
            tell("\t".join(row[column] for column in columns))
        return
    from rich.table import Table

    shown = narrow or columns
    table = Table(box=None, header_style="bold")
    for column in shown:
        table.add_column(column, overflow="fold", no_wrap=column in _UNBROKEN)
    for row in rows:
        cells = [printable(row[column]) for column in shown]
        table.add_row(*cells)
    console().print(table, markup=False)
