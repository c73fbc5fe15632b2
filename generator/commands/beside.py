"""What `new` and `init` share: the schemas that an editor completes from, in files beside what they describe."""

import os
from collections.abc import Iterable
from pathlib import Path

from generator.base.file import File
from generator.base.problems import ToolError


def schema_files(folder: Path, *names: str) -> list[File]:
    """The files of schemas, below a folder; none where a file of somebody else has the name of one."""
    from generator.catalog import shipped

    paths = {name: shipped.schemas()[name] for name in names}
    for name, path in paths.items():
        there = _text_there(folder / path.name)
        if there is not None and not shipped.is_schema(there, name):
            return []
    return [File(path.name, path.read_text(encoding="utf-8")) for path in paths.values()]


def put_changed(folder: Path, files: Iterable[File]) -> list[Path]:
    """Write those that are not there as they are; the paths of these."""
    from generator.base import disk

    differ = [file for file in files if _text_there(folder / file.path) != file.text]
    for file in differ:
        disk.put(folder / file.path, file.text)
    return [folder / file.path for file in differ]


def _text_there(path: Path) -> str | None:
    """What is there, empty where it is no text; None where nothing is."""
    from generator.base.reader import contents

    if not os.path.lexists(path):
        return None
    try:
        return contents(path).decode("utf-8")
    except (ToolError, UnicodeDecodeError):
        return ""
