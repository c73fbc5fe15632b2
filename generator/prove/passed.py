"""Remembers what promtool was content with, so that asking it again about the same costs nothing."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import platformdirs

from generator.base.names import TOOL
from generator.base.reader import is_file

_KEPT = 1000  # marks, some kilobytes of names


def mark(tool: Path, words: Iterable[str]) -> str:
    """A hash of a program, as the file that it is, and of all that it is given."""
    state = tool.stat()
    digest = hashlib.sha256(
        f"{tool.resolve()}\0{state.st_size}\0{state.st_mtime_ns}".encode(errors="surrogateescape")
    )
    for word in words:
        data = word.encode(errors="surrogateescape")
        digest.update(f"\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def passed(marks: Iterable[str]) -> set[str]:
    """Those of the marks that are remembered."""
    return {one for one in marks if is_file(_stamps_folder() / one)}


def remember(marks: Iterable[str]) -> None:
    """Keep the marks, and the newest of the others. A cache that cannot be written only costs time."""
    with suppress(OSError):
        _stamps_folder().mkdir(parents=True, exist_ok=True)
        for one in marks:
            (_stamps_folder() / one).touch()
        by_age = sorted(_stamps_folder().iterdir(), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-_KEPT]:
            old.unlink(missing_ok=True)


def _stamps_folder() -> Path:
    return platformdirs.user_cache_path(TOOL) / "passed"
