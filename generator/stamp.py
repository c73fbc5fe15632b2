"""Remembers which input passed its checks, so that checking it again costs nothing."""

import hashlib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import platformdirs

from generator import __version__
from generator.names import TOOL


def fingerprint(folders: Iterable[Path], files: Iterable[Path], context: Iterable[str]) -> str:
    """A hash of every input byte, of this program, and of the context (options, tools) of the check."""
    digest = hashlib.sha256(__version__.encode())
    package = Path(str(resources.files("generator")))
    paths = [
        path for folder in (*folders, package) for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts
    ]
    for path in (*paths, *files):
        if path.is_file():
            data = path.read_bytes()
            digest.update(f"\0{path}\0{len(data)}\0".encode(errors="surrogateescape"))
            digest.update(data)
    for word in context:
        digest.update(f"\0{word}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def passed(mark: str) -> bool:
    return _file(mark).is_file()


def remember(mark: str) -> None:
    """Keep the mark, and only a few of the others."""
    file = _file(mark)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    marks = sorted(file.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in marks[:-20]:
        old.unlink(missing_ok=True)


def _file(mark: str) -> Path:
    return platformdirs.user_cache_path(TOOL) / "passed" / mark
