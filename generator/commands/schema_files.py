"""What `new` and `init` share: the schemas that an editor completes from, in files beside what they describe."""

import os
from collections.abc import Iterable
from pathlib import Path

from generator.base.file import File
from generator.base.problems import ToolError


def schema_files(folder: Path, *names: str) -> list[File]:
    """The files of schemas, below a folder; none where a file of somebody else has the name of one."""
    from generator.catalog import shipped

    files = []
    for name in names:
        path = shipped.schemas()[name]
        there = _text_there(folder / path.name)
        if there is not None and not shipped.is_schema(there, name):
            return []
        files.append(File(path.name, path.read_text(encoding="utf-8")))
    return files


def put_changed(folder: Path, files: Iterable[File]) -> list[Path]:
    """Write those that are not there as they are; the paths of these."""
    from generator.base import disk

    written = []
    for file in files:
        path = folder / file.path
        if _text_there(path) != file.text:
            disk.put(path, file.text)
            written.append(path)
    return written


def _text_there(path: Path) -> str | None:
    """What is there, empty where it is no text; None where nothing is."""
    from generator.base.reader import contents

    if not os.path.lexists(path):
        return None
    try:
        return contents(path).decode("utf-8")
    except (ToolError, UnicodeDecodeError):
        return ""
