"""Checks a document against a JSON Schema; every finding is said in words a person can act on.

jsonschema-rs tells in microseconds that nothing is wrong, which is nearly always; jsonschema finds the words otherwise.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from generator.base.document import Document
from generator.base.problems import Problem
from generator.base.suggest import hint
from generator.base.validators import Draft202012Validator

_TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text; put it in quotes",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "empty",
}


_QUOTED = 200  # characters
_READABLE = 60  # characters of a pattern
# What may be user and password, to the last @.
_SECRET = re.compile(r"""^(['"]?(?:\w+://)?).*@""", re.DOTALL)
_QUERY_OF_ADDRESS = re.compile(r"(://[^?#]*[?#]).*", re.DOTALL)
# Of a pattern: an escape, a class, an end.
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


@cache
def _accepts(schema_text: str) -> Callable[[Any], bool]:
    return Draft202012Validator(json.loads(schema_text)).is_valid


@cache
def _validator(schema_text: str) -> Any:
    import jsonschema  # costs a third of a run that finds nothing wrong

    ours = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
        jsonschema.Draft202012Validator, {"pattern": _json_schema_pattern}
    )
    return ours(json.loads(schema_text))


def _json_schema_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """A pattern as JSON Schema means it: `$` is the end of the text, not also the place before a last line break."""
    from jsonschema import ValidationError

    if not isinstance(instance, str):
        return
    for_python = _PART.sub(_whole_text, pattern)
    if not re.search(for_python, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _whole_text(part: re.Match[str]) -> str:
    return r"\Z" if part[0] == "$" else part[0]


def schema_problems(document: Document, schema_text: str) -> list[Problem]:
    """Problems of a document, each at the key or value it is about."""
    if document.data is None:
        schema = json.loads(schema_text)
        what_to_do = schema.get("$comment", "write something into it, or remove it")
        return [Problem(document.at(), f"the file is empty; {what_to_do}")]
    if _accepts(schema_text)(document.data):
        return []
    problems: list[Problem] = []
    for error in _validator(schema_text).iter_errors(document.data):
        problems += _say(document, error)
    if problems:
        return problems
    # What one of the two refuses is refused, even if the other finds no words for it.
    message = "is not what its schema asks; compare it with one that is"
    return [Problem(document.at(), message)]


def _shown_value(value: Any) -> str:
    """A value as it is quoted: in one line, not without end, and without what of an address may be secret."""
    without_user = _SECRET.sub(r"\1…@", repr(value))
    text = _QUERY_OF_ADDRESS.sub(r"\1…'", without_user)
    if len(text) > _QUOTED:
        return f"{text[:_QUOTED]}…"
    return text


def _say(document: Document, error: Any) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    where = document.at(*path)
    keys = [key for key in path if isinstance(key, str)]
    name = keys[-1] if keys else "the file"
    value = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            for key in error.instance.keys() - set(known):
                meant = _did_you_mean(key, known)
                message = f"unknown key {_quoted_value(key)}{meant}"
                yield Problem(document.at(*path, key), message)
        case "required":
            # jsonschema reports each missing key on its own and names it in the message only.
            for key in value:
                if error.message.startswith(f"'{key}' "):
                    description = _described_key(error, key)
                    yield Problem(where, f"key '{key}' is missing{description}")
        case "dependentRequired":
            key, other = _dependency(error)
            description = _described_key(error, other)
            message = f"{key} needs the key '{other}'{description}"
            yield Problem(document.at(*path, key), message)
        case "enum":
            words = ", ".join(map(str, value))
            shown = _quoted_value(error.instance)
            yield Problem(where, f"{name}: {shown} is not one of {words}")
        case "type":
            kinds = value if isinstance(value, list) else [value]
            alternatives = " or ".join(_TYPES[kind] for kind in kinds)
            yield Problem(where, f"{name} must be {alternatives}")
        case "pattern":
            shown = _shown_value(error.instance)
            message = f"{name}: {shown} does not have the form asked for"
            message += _form_asked_for(error)
            message += _line_break(error.instance)
            yield Problem(where, message)
        case "anyOf":
            of_the_kind = [reason for reason in error.context if reason.validator != "type"]
            # If it is of one kind that may stand here, that alone is to be told what it lacks.
            if len(of_the_kind) == 1:
                yield from _say(document, of_the_kind[0])
                return
            forms = " nor ".join(map(_form, value))
            shown = _shown_value(error.instance)
            yield Problem(where, f"{name}: {shown} is neither {forms}")
        case "minProperties" | "minItems" | "minLength":
            yield Problem(where, f"{name} is empty; give at least {value}")
        case "uniqueItems":
            yield Problem(where, f"{name} lists a value twice")
        case "minimum":
            message = f"{name}: {error.instance} is too small; the smallest value is {value}"
            yield Problem(where, message)
        case _:
            shown = _shown_value(error.instance)
            yield Problem(where, f"{name}: {shown} does not satisfy {error.validator}")


def _dependency(error: Any) -> tuple[str, str]:
    """A key, and the other that it needs: as with `required`, the message alone names them."""
    for key, others in error.validator_value.items():
        for other in others:
            if error.message == f"{other!r} is a dependency of {key!r}":
                return key, other
    raise ValueError(f"not a dependency: {error.message}")


def _described_key(error: Any, key: str) -> str:
    """What the schema says of a key that is not there."""
    properties = error.schema.get("properties", {})
    return _describe(properties.get(key))


def _form_asked_for(error: Any) -> str:
    """In words where there are some, and as a pattern where that is one a person can read."""
    words = _describe(error.schema).removesuffix(".")
    pattern = error.validator_value
    if words and len(pattern) > _READABLE:
        return words
    return f"{words} ({pattern})"


def _quoted_value(value: Any) -> str:
    quoted = _shown_value(str(value))
    return f"'{quoted[1:-1]}'"


def _line_break(value: Any) -> str:
    if isinstance(value, str) and value.endswith("\n"):
        return "; it ends with a line break"
    return ""


def _did_you_mean(word: str, known: list[str]) -> str:
    if not known:
        return ""
    every = f"known keys: {', '.join(known)}"
    return f"; {hint(word, known, every)}"


def _describe(schema: Any) -> str:
    description = schema.get("description") if isinstance(schema, Mapping) else None
    return f": {description}" if description else ""


def _form(option: Mapping[str, Any]) -> str:
    reference = option.get("$ref")
    if reference:
        _, _, name = str(reference).rpartition("/")
        return name
    kind = str(option.get("type"))
    return _TYPES.get(kind, str(option))
