"""Reads a site's profile, and the presets and other files that it extends."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec import convert

from generator.base import document
from generator.base.document import Document
from generator.base.problems import Problem
from generator.base.reader import Reader, is_file
from generator.base.suggest import hint
from generator.catalog.profile import Disabled, DisabledCheck, Preset, Profile

Overruled = TypeVar("Overruled", Disabled, DisabledCheck)
_DEPTH = 100  # files of which each extends the next


def presets(catalog: Path) -> dict[str, Path]:
    """The shipped presets by name."""
    return {path.stem: path for path in sorted((catalog / "presets").glob("*.yaml"))}


def read_profile(
    reader: Reader, catalog: Path, path: Path | None, today: date | None = None
) -> Profile:
    """The profile of a site, or the default one. One with problems in it is read as the default one.

    What is disabled until a day is so through that day (UTC); `today` stands for the clock's.
    """
    schema_text = _schema(reader, catalog)
    found = _layered(reader, catalog, path, schema_text, set()) if path else None
    day = (today or datetime.now(UTC).date()).isoformat()
    return _profile_of(found or Document("", {}), schema_text, day)


def read_presets(catalog: Path) -> list[Preset]:
    reader = Reader()
    return [
        Preset(name, read_profile(reader, catalog, path)) for name, path in presets(catalog).items()
    ]


def files(catalog: Path, path: Path) -> list[Path]:
    """The files that a profile is made of, its own first. Raises ToolError if one cannot be read."""
    reader = Reader()
    found = _layered(reader, catalog, path, _schema(reader, catalog), set())
    return [path, *(Path(layer.path) for layer in found.below)] if found else [path]


def _schema(reader: Reader, catalog: Path) -> str:
    return reader.text(catalog / "profile.schema.json") or "{}"


def _layered(
    reader: Reader,
    catalog: Path,
    path: Path,
    schema_text: str,
    laid: set[Path],
    above: tuple[Path, ...] = (),
) -> Document | None:
    """A file laid over all that it extends; None with the problems noted. `above` are the files that led here.

    `laid` are those that stand above already. Such a file has no more to say further below.
    """
    own = reader.document(path, schema_text)
    if own is None:
        return None
    result: Document | None = replace(
        own, data={key: row for key, row in own.data.items() if key != "extends"}
    )
    chain = (*above, path.resolve())
    laid.add(path.resolve())
    names = own.data.get("extends", [])
    for name in reversed([names] if isinstance(names, str) else names):
        found = _extended_file(name, catalog, path.parent, chain)
        if isinstance(found, str):
            reader.problems.append(Problem(own.at("extends", name), found))
        elif found.resolve() in laid:
            continue
        layer = (
            _layered(reader, catalog, found, schema_text, laid, chain)
            if isinstance(found, Path)
            else None
        )
        result = document.over(result, layer) if result and layer else None
    return result


def _extended_file(name: str, catalog: Path, folder: Path, chain: tuple[Path, ...]) -> Path | str:
    """The file that is meant by a name, or what is wrong with it. A plain word is a preset, all else a path."""
    if re.fullmatch("[A-Za-z0-9_-]+", name):
        known = presets(catalog)
        found = known.get(name)
        if found is None:
            return no_preset(name, known)
    else:
        found = folder / name
        if not is_file(found):
            return f"there is no file {name}; a path is relative to the file it stands in"
    if found.resolve() in chain:
        return f"{name} extends this file in turn; remove one of the two"
    if len(chain) > _DEPTH:
        return f"more than {_DEPTH} files extend one another; name what is needed in one of them"
    return found


def no_preset(name: str, known: Iterable[str]) -> str:
    """What is said of a name that no preset has."""
    every = f"there are {', '.join(known)}"
    return f"there is no preset '{name}'; {hint(name, known, every)}"


def _with_defaults(node: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a mapping with the defaults that stand in its JSON Schema filled in."""
    filled = dict(data)
    for key, child in node.get("properties", {}).items():
        if "properties" in child and data.get(key, {}) is not None:
            filled[key] = _with_defaults(child, data.get(key, {}))
        if "default" in child:
            filled.setdefault(key, child["default"])
    return filled


def _profile_of(parsed: Document, schema_text: str, today: str) -> Profile:
    data = _with_defaults(json.loads(schema_text), parsed.data or {})
    disabled = convert(list(map(_disabled, data["disabled"])), tuple[Disabled, ...])
    lapsed = _lapsed(disabled, today)
    checks = convert(
        document.named_rows(data["disabled_checks"], "check"), tuple[DisabledCheck, ...]
    )
    lapsed_checks = _lapsed(checks, today)
    alerts = data["alerts"]
    prepared = {
        "alerts": {name: _without(row, "annotations") for name, row in alerts.items()},
        "alert_annotations": {
            name: row["annotations"] for name, row in alerts.items() if "annotations" in row
        },
        "disabled": {row.id for row in disabled if row not in lapsed},
        "lapsed": lapsed,
        "disabled_checks": [row for row in checks if row not in lapsed_checks],
        "lapsed_checks": lapsed_checks,
        "servers": {name: _server(parsed, name, row) for name, row in data["servers"].items()},
        "document": parsed,
    }
    return convert(data | prepared, Profile)


def _disabled(row: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"id": row} if isinstance(row, str) else row


def _lapsed(rows: Iterable[Overruled], today: str) -> tuple[Overruled, ...]:
    """Those that were disabled until a day that is over."""
    return tuple(row for row in rows if row.until and row.until < today)


def _without(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _server(parsed: Document, name: str, row: Mapping[str, str]) -> Mapping[str, str | Path]:
    """Its files are relative to the profile that names them."""
    files = {
        key: Path(parsed.at("servers", name, key).path).parent / value
        for key, value in row.items()
        if key.endswith("_file")
    }
    return {**row, **files}
