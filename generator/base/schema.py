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
_SECRET = re.compile(
    r"""^(['"]?(?:\w+://)?).*@""", re.DOTALL
)  # what may be user and password, to the last @
_QUERY = re.compile(r"(://[^?#]*[?#]).*", re.DOTALL)
_PART = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL
)  # of a pattern: an escape, a class, an end


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

    if isinstance(instance, str) and not re.search(_PART.sub(_whole_text, pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _whole_text(part: re.Match[str]) -> str:
    return r"\Z" if part[0] == "$" else part[0]


def schema_problems(document: Document, schema_text: str) -> list[Problem]:
    """Problems of a document, each at the key or value it is about."""
    if document.data is None:
        hint = json.loads(schema_text).get("$comment", "write something into it, or remove it")
        return [Problem(document.at(), f"the file is empty; {hint}")]
    if _accepts(schema_text)(document.data):
        return []
    found = [
        problem
        for error in _validator(schema_text).iter_errors(document.data)
        for problem in _say(document, error)
    ]
    # What one of the two refuses is refused, even if the other finds no words for it.
    return found or [
        Problem(document.at(), "is not what its schema asks; compare it with one that is")
    ]


def _shown_value(value: Any) -> str:
    """A value as it is quoted: in one line, not without end, and without what of an address may be secret."""
    text = _QUERY.sub(r"\1…'", _SECRET.sub(r"\1…@", repr(value)))
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _say(document: Document, error: Any) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    where = document.at(*path)
    name = next((key for key in reversed(path) if isinstance(key, str)), "the file")
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            for key in error.instance.keys() - set(known):
                yield Problem(
                    document.at(*path, key),
                    f"unknown key {_quoted_value(key)}{_did_you_mean(key, known)}",
                )
        case "required":
            # jsonschema reports each missing key on its own and names it in the message only.
            missing = next(
                key for key in error.validator_value if error.message.startswith(f"'{key}' ")
            )
            yield Problem(
                where,
                f"key '{missing}' is missing{_describe(error.schema.get('properties', {}).get(missing))}",
            )
        case "dependentRequired":
            # As with `required`, the message alone names them.
            pairs = (
                (key, other) for key, others in error.validator_value.items() for other in others
            )
            key, other = next(
                pair
                for pair in pairs
                if error.message == f"{pair[1]!r} is a dependency of {pair[0]!r}"
            )
            yield Problem(
                document.at(*path, key),
                f"{key} needs the key '{other}'{_describe(error.schema.get('properties', {}).get(other))}",
            )
        case "enum":
            words = [str(word) for word in error.validator_value]
            yield Problem(
                where, f"{name}: {_quoted_value(error.instance)} is not one of {', '.join(words)}"
            )
        case "type":
            wanted = (
                error.validator_value
                if isinstance(error.validator_value, list)
                else [error.validator_value]
            )
            yield Problem(where, f"{name} must be {' or '.join(_TYPES[kind] for kind in wanted)}")
        case "pattern":
            wrong = f"{name}: {_shown_value(error.instance)} does not have the form asked for"
            yield Problem(where, f"{wrong}{_form_asked_for(error)}{_line_break(error.instance)}")
        case "anyOf":
            forms = [_form(option) for option in error.validator_value]
            of_the_kind = [one for one in error.context if one.validator != "type"]
            if (
                len(of_the_kind) == 1
            ):  # it is of a kind that may stand here, so that alone is to be told what it lacks
                yield from _say(document, of_the_kind[0])
                return
            yield Problem(
                where, f"{name}: {_shown_value(error.instance)} is neither {' nor '.join(forms)}"
            )
        case "minProperties" | "minItems" | "minLength":
            yield Problem(where, f"{name} is empty; give at least {error.validator_value}")
        case "uniqueItems":
            yield Problem(where, f"{name} lists a value twice")
        case "minimum":
            yield Problem(
                where,
                f"{name}: {error.instance} is too small; the smallest value is {error.validator_value}",
            )
        case _:
            yield Problem(
                where, f"{name}: {_shown_value(error.instance)} does not satisfy {error.validator}"
            )


def _form_asked_for(error: Any) -> str:
    """In words where there are some, and as a pattern where that is one a person can read."""
    words = _describe(error.schema).removesuffix(".")
    return (
        words
        if words and len(error.validator_value) > _READABLE
        else f"{words} ({error.validator_value})"
    )


def _quoted_value(value: Any) -> str:
    return f"'{_shown_value(str(value))[1:-1]}'"


def _line_break(value: Any) -> str:
    return "; it ends with a line break" if isinstance(value, str) and value.endswith("\n") else ""


def _did_you_mean(word: str, known: list[str]) -> str:
    every = f"known keys: {', '.join(known)}"
    return f"; {hint(word, known, every)}" if known else ""


def _describe(schema: Any) -> str:
    description = schema.get("description") if isinstance(schema, Mapping) else None
    return f": {description}" if description else ""


def _form(option: Mapping[str, Any]) -> str:
    reference = option.get("$ref")
    return (
        str(reference).rpartition("/")[2]
        if reference
        else _TYPES.get(str(option.get("type")), str(option))
    )
