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
    for near in _of_one_repository(folder):
        path = near / PROJECT
        if os.path.lexists(path):
            return path
    return None


def _of_one_repository(folder: Path) -> list[Path]:
    """A folder and those above it up to the root of its repository; the folder alone outside of one."""
    upwards = [folder]
    for above in folder.parents:
        if os.path.lexists(upwards[-1] / ".git"):
            return upwards
        upwards.append(above)
    return upwards if os.path.lexists(upwards[-1] / ".git") else [folder]


def read_project(
    path: Path, catalog: Path, keys: Collection[str]
) -> tuple[Project, Sequence[Problem]]:
    """What the file says of these keys, with the schema of the shipped catalog. What is wrong with others is no matter.

    Raises ToolError if it cannot be read at all.
    """
    reader = Reader()
    schema_text = reader.text(catalog / "project.schema.json") or "{}"
    parsed = reader.document(path, schema_text)
    if parsed is None:
        return Project(display(path)), reader.problems
    rows = {key: row for key, row in parsed.data.items() if key in keys}
    folder = Path(os.path.relpath(path.parent))
    catalogs = _as_list(rows.get("catalog", []))
    project = Project(
        name=display(path),
        profile=folder / rows["profile"] if "profile" in rows else None,
        catalogs=tuple(folder / name for name in catalogs),
        output=folder / rows["output"] if "output" in rows else None,
    )
    return project, _missing(parsed, rows, folder)


def _as_list(row: Any) -> list[str]:
    return [row] if isinstance(row, str) else row


def _missing(parsed: Document, rows: dict[str, Any], folder: Path) -> list[Problem]:
    relative = "a path is relative to the file it stands in"
    problems = []
    for name in _as_list(rows.get("catalog", [])):
        if not is_folder(folder / name):
            message = f"there is no folder {name}; {relative}"
            problems.append(Problem(parsed.at("catalog", name), message))
    profile = rows.get("profile")
    if profile is not None and not is_file(folder / profile):
        message = f"there is no file {profile}; {relative}"
        problems.append(Problem(parsed.at("profile"), message))
    return problems
