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
_MOST_EXTENDED = 100  # files of which each extends the next


def presets(catalog: Path) -> dict[str, Path]:
    """The shipped presets by name."""
    found = (catalog / "presets").glob("*.yaml")
    return {path.stem: path for path in sorted(found)}


def read_profile(
    reader: Reader, catalog: Path, path: Path | None, today: date | None = None
) -> Profile:
    """The profile of a site, or the default one. One with problems in it is read as the default one.

    What is disabled until a day is so through that day (UTC); `today` stands for the clock's.
    """
    schema_text = _schema(reader, catalog)
    found = _layered(reader, catalog, path, schema_text, set()) if path else None
    if today is None:
        today = datetime.now(UTC).date()
    return _profile_of(found or Document("", {}), schema_text, today.isoformat())


def read_presets(catalog: Path) -> list[Preset]:
    reader = Reader()
    read = []
    for name, path in presets(catalog).items():
        profile = read_profile(reader, catalog, path)
        read.append(Preset(name, profile))
    return read


def files(catalog: Path, path: Path) -> list[Path]:
    """The files that a profile is made of, its own first. Raises ToolError if one cannot be read."""
    reader = Reader()
    found = _layered(reader, catalog, path, _schema(reader, catalog), set())
    below = found.below if found else ()
    return [path, *(Path(layer.path) for layer in below)]


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
    result: Document | None = replace(own, data=_without(own.data, "extends"))
    chain = (*above, path.resolve())
    laid.add(path.resolve())
    names = own.data.get("extends", [])
    for name in reversed([names] if isinstance(names, str) else names):
        found = _extended_file(name, catalog, path.parent, chain)
        layer = None
        if isinstance(found, str):
            reader.problems.append(Problem(own.at("extends", name), found))
        elif found.resolve() in laid:
            continue
        else:
            layer = _layered(reader, catalog, found, schema_text, laid, chain)
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
    if len(chain) > _MOST_EXTENDED:
        return f"more than {_MOST_EXTENDED} files extend one another; name what is needed in one of them"
    return found


def no_preset(name: str, known: Iterable[str]) -> str:
    """What is said of a name that no preset has."""
    every = f"there are {', '.join(known)}"
    return f"there is no preset '{name}'; {hint(name, known, every)}"


def _with_defaults(node: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a mapping with the defaults that stand in its JSON Schema filled in."""
    filled = dict(data)
    for key, child in node.get("properties", {}).items():
        given = data.get(key, {})
        if "properties" in child and given is not None:
            filled[key] = _with_defaults(child, given)
        if "default" in child:
            filled.setdefault(key, child["default"])
    return filled


def _profile_of(parsed: Document, schema_text: str, today: str) -> Profile:
    data = _with_defaults(json.loads(schema_text), parsed.data or {})
    entry_rows = list(map(_disabled_row, data["disabled"]))
    entries = convert(entry_rows, tuple[Disabled, ...])
    check_rows = document.named_rows(data["disabled_checks"], "check")
    checks = convert(check_rows, tuple[DisabledCheck, ...])
    disabled, lapsed = _by_day(entries, today)
    disabled_checks, lapsed_checks = _by_day(checks, today)
    settings, annotations = _by_alert(data["alerts"])
    servers = {}
    for name, row in data["servers"].items():
        servers[name] = _server(parsed, name, row)
    prepared = {
        "alerts": settings,
        "alert_annotations": annotations,
        "disabled": {row.id for row in disabled},
        "lapsed": lapsed,
        "disabled_checks": disabled_checks,
        "lapsed_checks": lapsed_checks,
        "servers": servers,
        "document": parsed,
    }
    return convert(data | prepared, Profile)


Rows = Mapping[str, Mapping[str, Any]]


def _by_alert(rows: Rows) -> tuple[Rows, Rows]:
    """What a profile changes of alerts, and the annotations that it adds to them."""
    settings, annotations = {}, {}
    for name, row in rows.items():
        settings[name] = _without(row, "annotations")
        if "annotations" in row:
            annotations[name] = row["annotations"]
    return settings, annotations


def _disabled_row(row: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"id": row} if isinstance(row, str) else row


def _by_day(
    rows: Iterable[Overruled], today: str
) -> tuple[tuple[Overruled, ...], tuple[Overruled, ...]]:
    """Those that are disabled today, and those that were until a day that is over."""
    disabled: list[Overruled] = []
    lapsed: list[Overruled] = []
    for row in rows:
        is_over = row.until is not None and row.until < today
        (lapsed if is_over else disabled).append(row)
    return tuple(disabled), tuple(lapsed)


def _without(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _server(parsed: Document, name: str, row: Mapping[str, str]) -> Mapping[str, str | Path]:
    """Its files are relative to the profile that names them."""
    options: dict[str, str | Path] = {}
    for key, value in row.items():
        if key.endswith("_file"):
            named_by = Path(parsed.at("servers", name, key).path)
            options[key] = named_by.parent / value
        else:
            options[key] = value
    return options
