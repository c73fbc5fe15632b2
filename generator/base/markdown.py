"""Texts as Markdown that renders to exactly those texts (CommonMark with GitHub's tables)."""

import re
from collections.abc import Callable, Iterator

_FENCE = re.compile(r"\s*(`{3,})[^`]*$")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)( ?)(.+?)( ?)(?<!`)\1(?!`)", re.DOTALL)
_MARKER = re.compile(r"^([-+]|[0-9]{1,9}[.)])(?=\s|$)")  # of a list
# Which GitHub makes a link, with what follows.
_ADDRESS = re.compile(r"(?i)((?:https?|ftp)(?=://)|www(?=\.))")
_TAKEN_OFF = ("`", " ")  # at the ends of a code span
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~]|(?:(?<=^)|(?<=\s))#)")


def text(plain: str) -> str:
    """Plain text inside a paragraph, a heading or a list item."""
    escaped = _SPECIAL.sub(r"\\\1", plain)
    escaped = _ADDRESS.sub(r"\1\\", escaped)
    marker = _MARKER.match(escaped)
    if not marker:
        return escaped
    sign = marker.end() - 1
    return f"{escaped[:sign]}\\{escaped[sign:]}"


def title(document: str) -> str:
    """The heading that a document begins with."""
    return document.partition("\n")[0].removeprefix("# ")


def code(verbatim: str) -> str:
    """A code span; the fence is longer than any run of backticks inside."""
    fence = "`" * (1 + _longest_run(verbatim))
    # A renderer takes one space off both ends, but not from what is nothing but spaces.
    needs_pad = verbatim.startswith(_TAKEN_OFF) or verbatim.endswith(_TAKEN_OFF)
    if needs_pad and verbatim.strip(" "):
        return f"{fence} {verbatim} {fence}"
    return f"{fence}{verbatim}{fence}"


def code_cell(verbatim: str) -> str:
    """A code span inside a table, where a bar ends the cell even in code."""
    return code(verbatim).replace("|", "\\|")


def block(verbatim: str, language: str) -> str:
    """A fenced block."""
    fence = "`" * max(3, 1 + _longest_run(verbatim))
    return f"{fence}{language}\n{verbatim.rstrip()}\n{fence}"


def cell(prose: str) -> str:
    """Markdown prose inside a table cell: one line, bars escaped."""
    in_one_line = " ".join(prose.split())
    return re.sub(r"(?<!\\)\|", r"\\|", in_one_line)


def slug(heading: str) -> str:
    """The anchor GitHub gives a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def prose_and_code(text: str, fences: bool = False) -> Iterator[tuple[bool, str]]:
    """Prose and code in turn, and whether it is code; with the fences of the code, if they are asked for."""
    kept: list[str] = []
    fence = ""  # that the code began with which we are in
    for line in text.splitlines(keepends=True):
        opens = None if fence else _FENCE.match(line)
        closes = fence and _closes(line, fence)
        if not opens and not closes:
            kept.append(line)
            continue
        if closes and fences:
            kept.append(line)
        yield bool(fence), "".join(kept)
        fence = opens[1] if opens else ""
        kept = [line] if opens and fences else []
    yield bool(fence), "".join(kept)


def _closes(line: str, fence: str) -> bool:
    """Whether a line ends the code that began with a fence: no shorter one does, which the code may hold."""
    sign = line.strip()
    return sign.startswith(fence) and not sign.strip("`")


STUCK = "\ue000"  # stands for a space that no line may end at


def unbroken(prose: str) -> str:
    """With `STUCK` in place of each space in code: a command that is broken does not run when copied."""

    def stuck(code: str) -> str:
        return re.sub("[ \t]*\n[ \t]*| ", STUCK, code)

    return with_code(prose, stuck)


def with_code(prose: str, change: Callable[[str], str]) -> str:
    """The prose with its code spans changed."""

    def changed(span: re.Match[str]) -> str:
        fence, before, code, after = span.groups()
        return f"{fence}{before}{change(code)}{after}{fence}"

    return _SPAN.sub(changed, prose)


def _longest_run(verbatim: str) -> int:
    runs = re.findall("`+", verbatim)
    return max(map(len, runs), default=0)
