"""Keeps what a ruler held before it was changed, so that it can be brought back."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from generator.base import disk, document, names
from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.base.reader import text_if_there
from generator.base.shapes import FLAG, TEXT, Schema, Shape, each, record
from generator.compile.as_shown import Group
from generator.servers import answers

_REPAIR = (
    "nothing was changed. Put back what was in the file, or remove it: then there is no way back to what was there, "
    "and the next push keeps anew"
)

# What a ruler held can be given to it again; what was written into the file by hand since then, not always.
_KEPT_NAME: Schema = {"pattern": rf"^{re.escape(names.rule_group(''))}[^\x00-\x1f\x7f-\x9f]+\z"}
_KEPT_DURATION: Schema = {"pattern": r"^(0|([0-9]+(ms|[smhdwy]))+)\z"}
_KEPT_RULE: Schema = {
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
    "properties": {
        "expr": {"pattern": r"\S"},
        "for": _KEPT_DURATION,
        "keep_firing_for": _KEPT_DURATION,
    },
}
_KEPT_GROUP: Schema = {
    "required": ["rules"],
    "properties": {"name": _KEPT_NAME, "interval": _KEPT_DURATION, "rules": each(_KEPT_RULE)},
}
_KEPT_FILE = Shape(
    {
        "allOf": [
            record(place=TEXT, unfinished=FLAG),
            answers.RULE_FILE.schema,
            {"properties": {"groups": {"items": _KEPT_GROUP}}},
        ]
    }
)


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
        if text is None:
            return None
        held: dict[str, Any] = _KEPT_FILE.checked(document.plain_values(text))
        _of_one_place(held, place)
    except ValueError as error:
        raise ToolError(f"{file}: is not what was kept: {error}; {_REPAIR}") from error
    except ToolError as error:  # it cannot be read
        raise ToolError(f"{error}; {_REPAIR}") from error
    return held


def _of_one_place(held: Mapping[str, Any], place: str) -> None:
    """Raises ValueError if it is of another place, or has two groups of one name."""
    if held["place"] != place:
        raise ValueError(f"it is of {held['place']!r}, not of {place!r}")
    found = Counter(group["name"] for group in held["groups"])
    twice = [name for name, count in found.items() if count > 1]
    if twice:
        raise ValueError(f"it has the group {twice[0]} more than once")


def _kept_file(place: str) -> Path:
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return platformdirs.user_state_path(TOOL) / "pushed" / f"{name}.yaml"
