"""Keeps what a ruler held before it was changed, so that it can be brought back."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from generator import write
from generator.names import TOOL
from generator.plan import Group
from generator.problems import ToolError


def keep(place: str, groups: Sequence[Group]) -> None:
    """Keep these groups as the last that were at this place. Raises ToolError if the disk refuses."""
    held = {"place": place, "groups": [dict(group) for group in groups]}
    write.put(_file(place), yaml.safe_dump(held, sort_keys=False, allow_unicode=True))


def kept(place: str) -> list[dict[str, Any]]:
    """The groups that were kept. Raises ToolError if there are none, or they cannot be read."""
    file = _file(place)
    try:
        groups: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    except FileNotFoundError as error:
        raise ToolError(f"{place}: nothing was pushed there from here, so there is nothing to go back to") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ToolError(f"{file}: cannot be read: {error}") from error
    return groups


def _file(place: str) -> Path:
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return platformdirs.user_state_path(TOOL) / "pushed" / f"{name}.yaml"
