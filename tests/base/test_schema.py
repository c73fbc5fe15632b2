"""Two programs read the schemas: one fast, one that finds words. They must agree on what is right."""

import copy
import json
from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from generator.base import document, schema
from generator.catalog.package import shipped_catalog
from tests import once
from tests.conftest import TINY

ENTRIES = [
    *(
        document.parse(path.read_text(encoding="utf-8"), path.name)[0].data
        for path in TINY.glob("*/failure.yaml")
    ),
    *(entry.document.data for entry in once.inputs().catalog.entries),
]
SCHEMA = json.loads((shipped_catalog() / "schema.json").read_text(encoding="utf-8"))
FAST = jsonschema_rs.Draft202012Validator(SCHEMA)
EXPLAINING = schema._validator(json.dumps(SCHEMA))
ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "10m", "a-b", [], {}, ["a", "a"], ["b", 1], {"text": "t"}]
)


def damage(node: Any, data: st.DataObject) -> None:
    """Change one value, or remove or add one key, somewhere below."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        match data.draw(st.sampled_from(["change", "remove", "add"])):
            case "remove":
                del node[key]
            case "add" if isinstance(node, dict):
                node["unknown"] = data.draw(ODD)
            case _:
                node[key] = data.draw(ODD)
        return


@given(st.data())
def test_the_fast_validator_accepts_what_the_explaining_one_accepts(data: st.DataObject) -> None:
    entry = copy.deepcopy(data.draw(st.sampled_from(ENTRIES)))
    damage(entry, data)
    assert FAST.is_valid(entry) == EXPLAINING.is_valid(entry)


@given(st.data())
def test_what_is_refused_has_a_place_and_words(data: st.DataObject) -> None:
    """Whatever was damaged, and be it by a line break at the end of a text alone."""
    entry = copy.deepcopy(data.draw(st.sampled_from(ENTRIES)))
    damage(entry, data)
    text = json.dumps(SCHEMA)
    problems = schema.schema_problems(document.Document("f.yaml", entry), text)
    assert bool(problems) != FAST.is_valid(entry)


def test_a_line_break_at_the_end_is_no_part_of_any_pattern() -> None:
    """Of every text that the catalog matches with a pattern."""
    tried = 0
    for entry in ENTRIES:
        for error in EXPLAINING.iter_errors(_with_line_breaks(entry)):
            tried += error.validator == "pattern"
    assert tried > 500


def _with_line_breaks(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _with_line_breaks(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_line_breaks(value) for value in node]
    return f"{node}\n" if isinstance(node, str) else node


def test_true_or_false_is_asked_for_in_words() -> None:
    text = json.dumps({"properties": {"ends": {"type": "boolean"}}})
    parsed, _ = document.parse("ends: yes\n", "f.yaml")
    assert [str(problem) for problem in schema.schema_problems(parsed, text)] == [
        "f.yaml:1:1: ends must be true or false"
    ]


def test_a_pattern_ends_where_the_text_ends() -> None:
    for pattern in ("^a$", "^(a|b)$", "^[a$]+$", r"^a\$$", "^(?=.{0,3}$)a*$"):
        text = json.dumps({"type": "string", "pattern": pattern})
        good = "a$" if "\\$" in pattern else "a"
        assert schema.schema_problems(document.Document("f.yaml", good), text) == []
        assert len(schema.schema_problems(document.Document("f.yaml", good + "\n"), text)) == 1
