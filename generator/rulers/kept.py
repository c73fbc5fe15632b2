"""Keeps what a ruler held before it was changed, so that it can be brought back."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from generator.base import disk, document
from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.base.reader import text_if_there
from generator.base.shapes import FLAG, TEXT, Shape, record
from generator.compile.as_shown import Group
from generator.servers import answers

_KEPT = Shape(record(place=TEXT, unfinished=FLAG, **answers.RULE_FILE.schema["properties"]))


def begin(place: str, groups: Sequence[Group]) -> None:
    """Keep the groups that are at this place before it is changed. What a change that broke off kept stays.

    Raises ToolError if the disk refuses.
    """
    held = _read_kept(place)
    if held is None or not held["unfinished"]:
        _write_kept(place, groups, unfinished=True)


def mark_complete(place: str) -> None:
    """What was begun, if anything was, is complete: the next change keeps anew."""
    held = _read_kept(place)
    if held and held["unfinished"]:
        _write_kept(place, held["groups"], unfinished=False)


def forget(place: str) -> None:
    """What was kept has been brought back."""
    disk.put(_kept_file(place), None)


def kept(place: str) -> list[dict[str, Any]]:
    """The groups that were kept. Raises ToolError if there are none, or they cannot be read."""
    held = _read_kept(place)
    if held is None:
        raise ToolError(
            f"{place}: nothing was pushed there from here, so there is nothing to go back to"
        )
    groups: list[dict[str, Any]] = held["groups"]
    return groups


def _write_kept(place: str, groups: Sequence[Group], unfinished: bool) -> None:
    held = {"place": place, "unfinished": unfinished, "groups": [dict(group) for group in groups]}
    disk.put(_kept_file(place), yaml.safe_dump(held, sort_keys=False, allow_unicode=True))


def _read_kept(place: str) -> dict[str, Any] | None:
    file = _kept_file(place)
    try:
        text = text_if_there(file)
        held: dict[str, Any] | None = (
            None if text is None else _KEPT.checked(document.plain_values(text))
        )
    except ValueError as error:
        raise ToolError(f"{file}: is not what this tool keeps ({error}); remove it") from error
    return held


def _kept_file(place: str) -> Path:
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return platformdirs.user_state_path(TOOL) / "pushed" / f"{name}.yaml"
