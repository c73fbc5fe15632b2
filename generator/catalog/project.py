"""Reads kube-proxy-alerts.yaml: what every command takes where neither the command line nor the environment says it."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.base.document import Document
from generator.base.names import PROJECT
from generator.base.problems import Problem
from generator.base.reader import Reader, display, is_file, is_folder


@dataclass(frozen=True)
class Project:
    """The paths in it, as they lead from here."""

    name: str
    profile: Path | None = None
    catalogs: tuple[Path, ...] = ()
    output: Path | None = None


def nearest_file(folder: Path) -> Path | None:
    """The file of a folder, or of the nearest one above it in the same repository. Outside of one, none above counts:
    anybody may have put it there."""
    above = [folder, *folder.parents]
    root = next((number for number, one in enumerate(above) if os.path.lexists(one / ".git")), 0)
    return next(
        (one / PROJECT for one in above[: root + 1] if os.path.lexists(one / PROJECT)), None
    )


def read_project(
    path: Path, catalog: Path, keys: Collection[str]
) -> tuple[Project, Sequence[Problem]]:
    """What the file says of these keys, with the schema of the shipped catalog. What is wrong with others is no matter.

    Raises ToolError if it cannot be read at all.
    """
    reader = Reader()
    parsed = reader.document(path, reader.text(catalog / "project.schema.json") or "{}")
    if parsed is None:
        return Project(display(path)), reader.problems
    rows = {key: row for key, row in parsed.data.items() if key in keys}
    folder = Path(os.path.relpath(path.parent))
    project = Project(
        display(path),
        folder / rows["profile"] if "profile" in rows else None,
        tuple(folder / name for name in _as_list(rows.get("catalog", []))),
        folder / rows["output"] if "output" in rows else None,
    )
    return project, _missing(parsed, rows, folder)


def _as_list(row: Any) -> list[str]:
    return [row] if isinstance(row, str) else row


def _missing(parsed: Document, rows: dict[str, Any], folder: Path) -> list[Problem]:
    relative = "a path is relative to the file it stands in"
    folders = [name for name in _as_list(rows.get("catalog", [])) if not is_folder(folder / name)]
    problems = [
        Problem(parsed.at("catalog", name), f"there is no folder {name}; {relative}")
        for name in folders
    ]
    if "profile" in rows and not is_file(folder / rows["profile"]):
        problems.append(
            Problem(parsed.at("profile"), f"there is no file {rows['profile']}; {relative}")
        )
    return problems
