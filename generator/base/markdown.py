"""Texts as Markdown that renders to exactly those texts (CommonMark with GitHub's tables)."""

import re
from collections.abc import Callable, Iterator

_FENCE = re.compile(r"\s*```")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)( ?)(.+?)( ?)(?<!`)\1(?!`)", re.DOTALL)
_MARKER = re.compile(r"^([-+]|[0-9]{1,9}[.)])(?=\s|$)")  # of a list
_ADDRESS = re.compile(
    r"(?i)((?:https?|ftp)(?=://)|www(?=\.))"
)  # which GitHub makes a link, with what follows
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~]|(?:(?<=^)|(?<=\s))#)")


def text(plain: str) -> str:
    """Plain text inside a paragraph, a heading or a list item."""
    escaped = _ADDRESS.sub(r"\1\\", _SPECIAL.sub(r"\\\1", plain))
    return _MARKER.sub(lambda marker: f"{marker[1][:-1]}\\{marker[1][-1]}", escaped)


def title(document: str) -> str:
    """The heading that a document begins with."""
    return document.partition("\n")[0].removeprefix("# ")


def code(verbatim: str) -> str:
    """A code span; the fence is longer than any run of backticks inside."""
    fence = "`" * (1 + _longest_run(verbatim))
    pad = " " if verbatim.startswith(("`", " ")) or verbatim.endswith(("`", " ")) else ""
    return f"{fence}{pad if verbatim.strip(' ') else ''}{verbatim}{pad if verbatim.strip(' ') else ''}{fence}"


def code_cell(verbatim: str) -> str:
    """A code span inside a table, where a bar ends the cell even in code."""
    return code(verbatim).replace("|", "\\|")


def block(verbatim: str, language: str) -> str:
    """A fenced block."""
    fence = "`" * max(3, 1 + _longest_run(verbatim))
    return f"{fence}{language}\n{verbatim.rstrip()}\n{fence}"


def cell(prose: str) -> str:
    """Markdown prose inside a table cell: one line, bars escaped."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(prose.split()))


def slug(heading: str) -> str:
    """The anchor GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def prose_and_code(text: str, fences: bool = False) -> Iterator[tuple[bool, str]]:
    """Prose and code in turn, and whether it is code; with the fences of the code, if they are asked for."""
    kept: list[str] = []
    in_code = False
    for line in text.splitlines(keepends=True):
        is_fence = bool(_FENCE.match(line))
        if is_fence and not in_code:
            yield False, "".join(kept)
            kept, in_code = ([line] if fences else []), True
        elif is_fence:
            yield True, "".join([*kept, line] if fences else kept)
            kept, in_code = [], False
        else:
            kept.append(line)
    yield in_code, "".join(kept)


STUCK = "\ue000"  # stands for a space that no line may end at


def unbroken(prose: str) -> str:
    """With `STUCK` in place of each space in code: a command that is broken does not run when copied."""
    return with_code(prose, lambda code: re.sub("[ \t]*\n[ \t]*| ", STUCK, code))


def with_code(prose: str, change: Callable[[str], str]) -> str:
    """The prose with its code spans changed."""
    return _SPAN.sub(
        lambda span: "".join([*span.group(1, 2), change(span[3]), *span.group(4, 1)]), prose
    )


def _longest_run(verbatim: str) -> int:
    return max((len(run) for run in re.findall("`+", verbatim)), default=0)
