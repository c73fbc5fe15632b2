"""Reads input files; everything wrong inside one is a problem."""

import os
from pathlib import Path

from generator import document, schema
from generator.document import Document
from generator.problems import Location, Problem, ToolError


def display(path: Path) -> str:
    """A path as a person would type it from here."""
    relative = os.path.relpath(path)
    return path.as_posix() if relative.startswith(os.pardir) else relative.replace(os.sep, "/")


class Reader:
    """Collects problems while it reads. Raises ToolError for a file that cannot be read at all."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def bytes(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise ToolError(f"{display(path)}: cannot be read: {error.strerror}") from error

    def text(self, path: Path) -> str | None:
        data = self.bytes(path)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
            self.problems.append(
                Problem(Location(display(path), line, column), "not UTF-8 text; save the file as UTF-8")
            )
            return None

    def document(self, path: Path, schema_text: str) -> Document | None:
        """A document that satisfies its schema, or None with the problems noted."""
        text = self.text(path)
        if text is None:
            return None
        parsed, problems = document.parse(text, display(path))
        if not problems or parsed.data is not None:
            problems = [*problems, *schema.check(parsed, schema_text)]
        self.problems.extend(problems)
        return None if problems else parsed
