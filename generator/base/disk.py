"""Writes single files and trees of them; what the disk refuses is a message."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from generator.base.file import File
from generator.base.problems import ToolError


def populate(folder: Path, files: Iterable[File]) -> None:
    """Write files below a folder, byte for byte the same on every system."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.text.encode("utf-8"))


def put(path: Path, text: str | None) -> None:
    """Make one file hold this text, in one step; None removes it. Raises ToolError if the disk refuses."""
    with refusals_told(path):
        path = path.resolve()  # what a link leads to is written, and the link stays
        partial = path.with_name(f".{path.name[:200]}.{os.getpid()}")
        if text is None:
            path.unlink(missing_ok=True)
            return
        takes_a_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(text.encode("utf-8"))
            if path.exists():
                partial.chmod(stat.S_IMODE(path.stat().st_mode))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def takes_a_file(path: Path) -> None:
    """Raises ToolError if no file can be at a path: it is a folder, a device, or no name for one."""
    with refusals_told(path):
        if path.exists() and not path.is_file():
            raise ToolError(f"{path}: is no file; choose another name")


@contextlib.contextmanager
def refusals_told(path: Path) -> Iterator[None]:
    """What the disk refuses, as a message."""
    try:
        yield
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror or error}"
        if error.filename and str(error.filename) != str(path):
            message += f" ({error.filename})"
        raise ToolError(message) from error
    except RuntimeError as error:  # where Path.resolve finds it
        reason = "the links that lead there form a loop"
        raise ToolError(f"{path}: cannot be written: {reason}") from error
