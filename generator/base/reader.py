"""Reads input files; everything wrong inside one is a problem."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from generator.base import document, schema
from generator.base.document import Document
from generator.base.problems import Location, Problem, ToolError


def display(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        relative = os.path.relpath(path)
    except OSError:  # the working folder was removed
        return path.as_posix()
    if relative.startswith(os.pardir):
        return path.as_posix()
    return relative.replace(os.sep, "/")


LIMIT = 16 << 20  # bytes; a hundred times what any file of a catalog holds
_TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_KINDS_OF_FILE = {
    stat.S_IFDIR: "Is a directory",
    stat.S_IFIFO: "it is a FIFO, not a file",
    stat.S_IFSOCK: "it is a socket, not a file",
    stat.S_IFCHR: "it is a device, not a file",
    stat.S_IFBLK: "it is a device, not a file",
}


def contents(path: Path, limit: int = LIMIT) -> bytes:
    """All of a file, or of a pipe that the shell made, as for `<(…)`; nothing else is waited for, or read without end.

    Raises ToolError if that cannot be.
    """
    try:
        handle = os.open(path, _TO_READ)
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind == stat.S_IFIFO and _is_of_the_shell(path):
            os.set_blocking(handle, True)
        elif kind != stat.S_IFREG:
            os.close(handle)
            what = _KINDS_OF_FILE.get(kind, "it is not a file")
            raise ToolError(f"{display(path)}: cannot be read: {what}")
        with os.fdopen(handle, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ToolError(f"{display(path)}: cannot be read: {reason}") from error
    if len(data) > limit:
        raise ToolError(f"{display(path)}: is larger than {limit >> 20} MiB, which no such file is")
    return data


def text_if_there(path: Path) -> str | None:
    """The text of a file that a run before may have left; None where there is none. Raises ToolError as `contents`."""
    return text_of(path) if os.path.lexists(path) else None


def text_of(path: Path) -> str:
    """All of a file as text. Raises ToolError as `contents`, and for what is no text."""
    try:
        return contents(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{display(path)}: cannot be read: it is not UTF-8 text") from error


def unreadable_input(error: OSError) -> ToolError:
    """What is said where `-` was asked for and nothing can come, as under a program that closed it."""
    return ToolError(
        f"standard input cannot be read: {error.strerror}; name a file, or send one with `<` or through a pipe"
    )


def is_file(path: Path) -> bool:
    """Whether a file is there; not where nobody may look, and for no name that cannot be one."""
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    with suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _is_of_the_shell(path: Path) -> bool:
    """Whether a path leads to what was opened for this process already."""
    return str(path).startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin"))


def _no_text(path: Path, data: bytes, offset: int) -> Problem:
    """The problem of a file that is no UTF-8 at an offset."""
    if data.startswith(_UTF_16):
        message = "UTF-16 text, as `>` of PowerShell writes it; save the file as UTF-8"
        return Problem(Location(display(path), 1, 1), message)
    lines_before = data.count(b"\n", 0, offset)
    begin_of_line = data.rfind(b"\n", 0, offset) + 1
    column = offset - begin_of_line + 1
    where = Location(display(path), lines_before + 1, column)
    return Problem(where, "not UTF-8 text; save the file as UTF-8")


class Reader:
    """Collects problems while it reads. Raises ToolError for a file that cannot be read at all."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def bytes(self, path: Path) -> bytes:
        return contents(path)

    def text(self, path: Path) -> str | None:
        data = self.bytes(path)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.problems.append(_no_text(path, data, error.start))
            return None

    def document(self, path: Path, schema_text: str) -> Document | None:
        """A document that satisfies its schema, or None with the problems noted."""
        text = self.text(path)
        if text is None:
            return None
        parsed, problems = document.parse(text, display(path))
        if not problems or parsed.data is not None:
            problems += schema.schema_problems(parsed, schema_text)
        self.problems += problems
        return None if problems else parsed
