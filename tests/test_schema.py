"""Two programs read the schemas: one fast, one that finds words. They must agree on what is right."""

import copy
import json
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from generator import document
from generator.load import shipped_catalog
from tests.conftest import TINY

ENTRIES = [
    document.parse(path.read_text(encoding="utf-8"), path.name)[0].data
    for path in [*TINY.glob("*/failure.yaml"), *shipped_catalog().glob("*/failure.yaml")]
]
SCHEMA = json.loads((shipped_catalog() / "schema.json").read_text(encoding="utf-8"))
FAST = jsonschema_rs.Draft202012Validator(SCHEMA)
EXPLAINING = jsonschema.Draft202012Validator(SCHEMA)
ODD = st.sampled_from([None, True, 0, -1, 1.5, "", "x", "10m", "a-b", [], {}, ["a", "a"], ["b", 1], {"text": "t"}])


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
