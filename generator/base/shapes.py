"""The shapes of what other programs answer: small schemas, and the place where data differ from them. No IO."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator.base.validators import Draft202012Validator

Schema = Mapping[str, Any]

_SHOWN_OF_TEXT = 60  # characters

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number", "minimum": -1e18, "maximum": 1e18}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
# Numbers in text, as Prometheus and Loki write values and times.
VALUE: Schema = {
    "type": "string",
    "pattern": r"^([+-]?Inf|NaN|-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,3})?)\z",
}
COUNT: Schema = {"type": "string", "pattern": r"^[0-9]{1,18}(\.[0-9]+)?(e[+-]?[0-9]{1,2})?\z"}
NANOSECONDS: Schema = {"type": "string", "pattern": r"^[0-9]{1,19}\z"}


def record(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """An object that has the fields required, and may have others; `optional` ones may be null too."""
    properties = {}
    for name, schema in (optional or {}).items():
        properties[name] = maybe(schema)
    properties |= required
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
    }


def each(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def values(schema: Schema) -> Schema:
    """An object whose values are all of one kind, such as labels."""
    return {"type": "object", "additionalProperties": schema}


def row(*schemas: Schema) -> Schema:
    """A list of a fixed length."""
    return {
        "type": "array",
        "prefixItems": list(schemas),
        "minItems": len(schemas),
        "maxItems": len(schemas),
    }


def maybe(schema: Schema) -> Schema:
    """Null is the same as nothing: Go writes empty lists and mappings so."""
    if not schema:
        return schema
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {**schema, "type": [kinds, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


LABELS: Schema = values(TEXT)


class ShapeError(ValueError):
    """Data that are not of a shape; the message says where, and what is there."""


@dataclass(frozen=True)
class Shape:
    """A shape that data can be held against."""

    schema: Schema

    def checked(self, data: Any, below: str = "") -> Any:
        """The data, without fields that are null. Raises ShapeError that says where, below a place, they differ."""
        try:
            if self._checker.is_valid(data):
                return _printable(data)
            differences = list(self._checker.iter_errors(data))
        except (ValueError, RecursionError) as error:  # what no JSON can hold
            raise ShapeError(f"it holds what JSON cannot ({error})") from error
        deepest = max(differences, key=lambda difference: len(difference.instance_path))
        path = list(deepest.instance_path)
        there = _value_found(data, path, deepest.message)
        raise ShapeError(f"at {_json_path(path, below)}: {there}")

    @cached_property
    def _checker(self) -> Any:
        return Draft202012Validator(json.loads(json.dumps(self.schema)))


def _printable(data: Any) -> Any:
    """Without fields that are null, and without halves of characters, which nothing can print."""
    if isinstance(data, dict):
        present = {}
        for key, value in data.items():
            if value is not None:
                present[_printable(key)] = _printable(value)
        return present
    if isinstance(data, list):
        return [_printable(value) for value in data]
    if isinstance(data, str) and not data.isascii():
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return data


def _json_path(path: Sequence[str | int], below: str) -> str:
    """As people write it, such as data.groups[0].rules."""
    text = below
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}"
    return text.removeprefix(".") or "the beginning"


def _value_found(data: Any, path: Sequence[str | int], message: str) -> str:
    """The value that is there, or the name of what is missing."""
    if message.endswith("is a required property"):
        return f"no {message.split()[0]}"
    for part in path:
        data = data[part]
    return cut_short(json.dumps(data, ensure_ascii=False))


def cut_short(text: str) -> str:
    """The beginning of a text of others, for a message."""
    if len(text) > _SHOWN_OF_TEXT:
        return f"{text[:_SHOWN_OF_TEXT]}…"
    return text
