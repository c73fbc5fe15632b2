"""The schemas and the types that files are read into have the same keys, and every field is used."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from generator.catalog import model, profile, unit_tests
from generator.history import rule_lock
from tests.conftest import ROOT

Schema = dict[str, Any]

SERVERS = ("alertmanager", "cortex", "loki", "mimir", "prometheus", "victorialogs", "vmalert")
# By the place of an object in a schema its type, and where they differ: what a type holds besides the data of its file,
# what is for readers or for promtool alone, and what is read as something else (and stands here by itself).
TYPES: list[tuple[str, type[Struct], set[str]]] = [
    (
        "schema.json",
        model.Entry,
        {".document", ".unit_tests", ".log_tests", ".samples: object", ".samples[]: object"}
        | {".samples[].evidence", ".samples[].from"},
    ),
    ("metrics.schema.json#additionalProperties", model.Metric, {".name"}),
    ("harmless.schema.json#additionalProperties", model.Harmless, {".id"}),
    ("known-bugs.schema.json#additionalProperties", model.KnownBug, {".id"}),
    (
        "tests.schema.json",
        unit_tests._WrittenTests,
        {f".tests[].alert_rule_test[].{key}" for key in ("alertname", "eval_time", "exp_alerts")},
    ),
    (
        "profile.schema.json",
        profile.Profile,
        {".document", ".extends", ".alert_annotations", ".lapsed", ".lapsed_checks"}
        | {".loki.kernel.labels.namespace", ".loki.kernel.labels.pod"}
        | {f".alerts[].{key}" for key in ("annotations", "for", "keep_firing_for", "severity")}
        | {".disabled[]: object", ".disabled_checks: object", ".disabled_checks[]: object"}
        | {f".disabled_checks[].{key}" for key in ("of", "reason", "until")}
        | {f".servers.{name}" for name in SERVERS}
        | {f".servers[].{key}" for key in profile.ServerProfile.__struct_fields__},
    ),
    ("profile.schema.json#properties/disabled/items/anyOf/1", profile.Disabled, set()),
    (
        "profile.schema.json#properties/disabled_checks/additionalProperties",
        profile.DisabledCheck,
        {".check"},
    ),
    ("profile.schema.json#$defs/server", profile.ServerProfile, set()),
]


def schema(name: str) -> Schema:
    found: Schema = json.loads((ROOT / "catalog" / name).read_text(encoding="utf-8"))
    return found


def resolved(node: Any, whole: Schema) -> Schema:
    """A part of a schema without references, and without null where it may be that."""
    if not isinstance(node, dict):
        return {}
    if "$ref" in node:
        return resolved(whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    return resolved(choices[0], whole) if len(choices) == 1 else node


KINDS = {"str": "string", "bool": "boolean"}


def accepted(node: Any, whole: Schema) -> set[str]:
    """The kinds of values that may stand somewhere, and the words where only these may."""
    if not isinstance(node, dict):
        return set()
    if "$ref" in node:
        return accepted(whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in node:
        return set().union(*(accepted(choice, whole) for choice in node["anyOf"]))
    if "enum" in node:
        return {f"the word {word}" for word in node["enum"]}
    if "const" in node:
        return {KINDS[type(node["const"]).__name__]}
    kinds = node.get("type", ())
    return {kinds} if isinstance(kinds, str) else set(kinds)


def refused(theirs: set[str], ours: set[str]) -> set[str]:
    """What may stand in a file and not in a value."""
    if "integer" in theirs:
        theirs = theirs | {"number"}  # to a schema, 5.0 is an integer too
    if "number" in ours:
        ours = ours | {"integer"}
    if "string" in ours:
        theirs = {kind for kind in theirs if not kind.startswith("the word")}
    return theirs - ours


def below(whole: Schema, path: str) -> Schema:
    """The part of a schema at a path."""
    node: Any = whole
    for part in path.split("/") if path else ():
        node = node[int(part)] if part.isdigit() else node[part]
    found: Schema = node
    return found


def differences(whole: Schema, path: str, kind: type[Struct]) -> Iterator[str]:
    """Keys that only a part of a schema or only its type has, or that may be left out of the file and not of the type;
    and what may stand in the file that the type refuses.
    """
    ours = msgspec.json.schema(kind, schema_hook=lambda other: {"type": "string"})

    def compared(place: str, their_node: Any, our_node: Any) -> Iterator[str]:
        theirs, our = resolved(their_node, whole), resolved(our_node, ours)
        keys, fields = theirs.get("properties", {}), our.get("properties", {})
        for key in sorted(keys.keys() ^ fields.keys()):
            yield f"{place}.{key}"
        for key in sorted(keys.keys() & fields.keys()):
            yield from compared(f"{place}.{key}", keys[key], fields[key])
        for inner in ("items", "additionalProperties"):
            if inner in theirs:
                yield from compared(f"{place}[]", theirs[inner], our.get(inner))
        needed = set(our.get("required", ())) - set(theirs.get("required", ()))
        for key in sorted(needed & keys.keys()):
            if not {"default", "properties"} & keys[key].keys():  # what the profile is filled with
                yield f"{place}.{key}: has no default"
        for value in sorted(refused(accepted(their_node, whole), accepted(our_node, ours))):
            yield f"{place}: {value}"

    yield from compared("", below(whole, path), ours)


def unexpected(whole: Schema, file: str) -> set[str]:
    """Where a schema differs from the types in another way than it is known to."""
    found: set[str] = set()
    for place, kind, known in TYPES:
        of, _, path = place.partition("#")
        if of == file:
            found |= known ^ set(differences(whole, path, kind))
    return found


FILES = sorted({place.partition("#")[0] for place, _, _ in TYPES})


@pytest.mark.parametrize("file", FILES)
def test_a_schema_and_its_types_have_the_same_keys(file: str) -> None:
    assert unexpected(schema(file), file) == set()


def objects(node: Any) -> Iterator[Schema]:
    """Every object of a schema that has keys of its own."""
    if isinstance(node, dict):
        if "properties" in node and "type" in node:
            yield node
        for child in node.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in node:
            yield from objects(child)


@pytest.mark.parametrize("file", FILES)
def test_a_new_key_that_no_type_has_is_noticed_wherever_it_stands(file: str) -> None:
    for index, node in enumerate(objects(schema(file))):
        if "exp_labels" in node["properties"]:
            continue  # promtool is given that as it stands
        changed = schema(file)
        list(objects(changed))[index]["properties"]["brand_new"] = {"type": "string"}
        assert any(place.endswith("brand_new") for place in unexpected(changed, file))


def test_a_key_that_is_no_more_is_noticed_wherever_it_stood() -> None:
    for index, node in enumerate(objects(schema("schema.json"))):
        for key in node["properties"]:
            changed = schema("schema.json")
            del list(objects(changed))[index]["properties"][key]
            assert any(place.endswith(f".{key}") for place in unexpected(changed, "schema.json"))


def test_a_new_word_that_the_type_does_not_know_is_noticed() -> None:
    changed = schema("schema.json")
    changed["properties"]["kind"]["enum"].append("rumour")
    assert unexpected(changed, "schema.json") == {".kind: the word rumour"}


def test_a_key_that_may_be_left_out_has_a_default() -> None:
    changed = schema("schema.json")
    changed["required"].remove("summary")
    assert unexpected(changed, "schema.json") == {".summary: has no default"}


# What a file is read into as it stands, and what is made of it.
VALUES = [
    value
    for module in (model, profile, unit_tests, rule_lock)
    for value in vars(module).values()
    if isinstance(value, type) and (is_dataclass(value) or issubclass(value, Struct))
]
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for pattern in ("**/*.py", "**/*.j2")
    for path in sorted((ROOT / "generator").glob(pattern))
)


def field_names(value: type) -> Iterator[str]:
    if issubclass(value, Struct):
        yield from value.__struct_fields__
    elif is_dataclass(value):
        yield from (field.name for field in fields(value))


def test_every_field_is_used() -> None:
    read = set(re.findall(r"[.\"'](\w+)", SOURCES))
    named = [(value.__name__, field) for value in VALUES for field in field_names(value)]
    assert [(value, field) for value, field in named if field not in read] == []
