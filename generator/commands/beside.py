"""What `new` and `init` share: the schema that an editor completes from, in a file beside what it describes."""

import os
from pathlib import Path

from generator.file import File
from generator.problems import ToolError


def schema(folder: Path, name: str) -> File | None:
    """The file of a schema, below a folder; None where another one has its name, which is then left alone."""
    from generator import shipped
    from generator.reader import contents

    path = shipped.schemas()[name]
    if os.path.lexists(folder / path.name):
        try:
            there = contents(folder / path.name).decode("utf-8")
        except (ToolError, UnicodeDecodeError):
            return None
        if not shipped.is_schema(there, name):
            return None
    return File(path.name, path.read_text(encoding="utf-8"))
