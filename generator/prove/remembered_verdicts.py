"""Remembers what promtool was content with, so that asking it again about the same costs nothing."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import platformdirs

from generator.base.names import TOOL
from generator.base.reader import is_file

_MOST_MARKS = 1000  # marks, some kilobytes of names


def mark(tool: Path, words: Iterable[str]) -> str:
    """A hash of a program, as the file that it is, and of all that it is given."""
    state = tool.stat()
    program = f"{tool.resolve()}\0{state.st_size}\0{state.st_mtime_ns}"
    digest = hashlib.sha256(program.encode(errors="surrogateescape"))
    for word in words:
        data = word.encode(errors="surrogateescape")
        digest.update(f"\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def passed(marks: Iterable[str]) -> set[str]:
    """Those of the marks that are remembered."""
    folder = _stamps_folder()
    return {known for known in marks if is_file(folder / known)}


def remember(marks: Iterable[str]) -> None:
    """Keep the marks, and the newest of the others. A cache that cannot be written only costs time."""
    folder = _stamps_folder()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for name in marks:
            (folder / name).touch()
        by_age = sorted(folder.iterdir(), key=lambda stamp: stamp.stat().st_mtime)
        for old in by_age[:-_MOST_MARKS]:
            old.unlink(missing_ok=True)


def _stamps_folder() -> Path:
    return platformdirs.user_cache_path(TOOL) / "passed"
