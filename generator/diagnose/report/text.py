"""The data of a diagnosis as text for the person who was woken: what is there and what to do come first. No IO."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from generator.base import markdown
from generator.diagnose.phrases import SHOWN, shortened
from generator.diagnose.report.sentences import (
    PROSE,
    Data,
    headline,
    no_failures,
    proofs_and_causes,
    still_going_on,
    unexplained_headline,
    where_and_when,
)

Styled = tuple[str, str]  # a style as rich names it, and a line

_EMPTY_LINE: Styled = ("", "")
_STYLES = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}
_COLUMNS = ("", "alert", "severity", "nodes", "lines", "state")
_NARROWEST = 40
_MORE = "-v shows the lines that prove it, causes, and what looks the same and is not"


def as_text(data: Data, width: int, details: bool = False) -> Iterator[Styled]:
    """Lines with the style of each, as rich names it. What is there and what to do come first."""
    failures = data["found"]
    yield from _in_style("bold", _folded_text(headline(data), width))
    if len(failures) > 1:
        yield _EMPTY_LINE
        yield from _overview(data)
    for number, found in enumerate(failures, 1):
        yield _EMPTY_LINE
        yield from _failure(number, found, width, details)
    if data["unexplained"]:
        yield _EMPTY_LINE
        yield from _unexplained_errors(data, width)
    yield _EMPTY_LINE
    for name, text in no_failures(data, details):
        style = "" if name == "not ours" else "dim"
        yield from _in_style(style, _named_text(name, text, width))
    if failures and not details:
        yield from _in_style("dim", _named_text("more", _MORE, width))
    if len(failures) > 1:
        begin = f"Begin with 1: {failures[0]['first_step']}"
        yield from _in_style("bold", _folded_text(begin, width))


def _in_style(style: str, lines: Iterable[str]) -> Iterator[Styled]:
    for line in lines:
        yield style, line


def _overview(data: Data) -> Iterator[Styled]:
    """A row for each failure: what fits a screen at three in the morning."""
    seen = len(data["kube_proxies"])
    rows = [_overview_row(number, found, seen) for number, found in enumerate(data["found"], 1)]
    columns = zip(_COLUMNS, *rows, strict=True)
    widths = [max(map(len, cells)) for cells in columns]
    yield "dim", _aligned(_COLUMNS, widths)
    for row in rows:
        yield "", _aligned(row, widths)


def _overview_row(number: int, found: Data, seen: int) -> Sequence[str]:
    """`seen` is the number of kube-proxies that told something of themselves, perhaps not all."""
    nodes = len(found["nodes"])
    of_all = seen > 1 and seen >= nodes
    return (
        str(number),
        found["alert"],
        found["severity"],
        f"{nodes} of {seen}" if of_all else str(nodes),
        f"{found['count']:,}",
        still_going_on(found),
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _failure(number: int, found: Data, width: int, details: bool) -> Iterator[Styled]:
    title = f"{number}. {found['alert']} ({found['severity']}): {found['title']}"
    yield from _in_style(_STYLES[found["severity"]], _folded_text(title, width, "   "))
    said = [*where_and_when(found)]
    if details:
        said += proofs_and_causes(found)
    for name, text in said:
        shown = _without_markup(text) if name in PROSE else text
        yield from _in_style("", _named_text(name, shown, width))


def _unexplained_errors(data: Data, width: int) -> Iterator[Styled]:
    yield "bold", unexplained_headline(data)
    for template in data["unexplained"][:SHOWN]:
        line = shortened(f"   {template['count']} × {template['template']}")
        yield from _in_style("", _folded_text(line, width, "       "))
    more = len(data["unexplained"]) - SHOWN
    if more > 0:
        yield "", f"   and {more} more kinds; --json lists all"


def _without_markup(text: str) -> str:
    """Markdown of the catalog as a person reads it in a terminal; its code is never broken."""
    one_line = " ".join(text.split())
    unbroken = markdown.unbroken(one_line).replace("`", "")
    return re.sub(r"\[([^\]]+)\]\(https?://[^)]+\)", r"\1", unbroken)


def _named_text(name: str, text: str, width: int) -> list[str]:
    """A text behind its name, its further lines below its first one."""
    front = f"   {name:<10} "
    one_line = " ".join(text.split())
    return _folded_at(width, one_line, front, " " * len(front))


def _folded_text(text: str, width: int, indent: str = "") -> list[str]:
    return _folded_at(width, text, "", indent) or [""]


def _folded_at(width: int, text: str, first: str, others: str) -> list[str]:
    """Folded between words; a word, an address or a command that is longer stays whole."""
    lines = textwrap.wrap(
        text,
        max(width, _NARROWEST),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(markdown.STUCK, " ") for line in lines]
