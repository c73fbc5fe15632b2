"""Every key of the schemas is read, nothing is read that no schema has, and every field of the model is used."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from generator.base.document import Document
from generator.catalog import load, model, profiles
from tests.conftest import ROOT

Schema = dict[str, Any]
At = tuple[str, ...]

# One of these has the form that a schema asks of a text.
TEXTS = (
    "page", "1.18", "1.18.4", "v1.18.4-tke.26", "10m", "--flag", "NAME", "/run/file", "CentOS 8", "CentOS",
    "https://example.com/x", "KubeProxyX", "a:b:c", "fires/a.log", "kube-proxy", "a=b", "host:1", "x", "label",
    "2027-03-31",
)  # fmt: skip


class Asked(Mapping[str, Any]):
    """A mapping that keeps account of the keys that it was asked for, with all below it."""

    def __init__(
        self, data: Mapping[str, Any], read: set[At], missed: set[At], at: At = ()
    ) -> None:
        self.data, self.read, self.missed, self.at = data, read, missed, at

    def __getitem__(self, key: str) -> Any:
        at = (*self.at, key)
        if key not in self.data:
            self.missed.add(at)
            raise KeyError(key)
        self.read.add(at)
        return self._asked(self.data[key], at)

    def _asked(self, value: Any, at: At) -> Any:
        if isinstance(value, dict):
            return Asked(value, self.read, self.missed, at)
        return [self._asked(row, at) for row in value] if isinstance(value, list) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


def schema(name: str) -> Schema:
    found: Schema = json.loads((ROOT / "catalog" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def example(node: Schema, whole: Schema) -> Any:
    """A value that has every key of a schema."""
    if "$ref" in node:
        return example(whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in node:
        return example(node["anyOf"][-1], whole)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return node["enum"][0]
    kind = node.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return _object(node, whole)
        case "array":
            return [example(node["items"], whole)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "string":
            return _text(node)
    raise AssertionError(f"what is an example of {node}?")


def _object(node: Schema, whole: Schema) -> dict[str, Any]:
    found = {key: example(child, whole) for key, child in node.get("properties", {}).items()}
    if isinstance(node.get("additionalProperties"), dict):
        found[_text(node.get("propertyNames", {}))] = example(node["additionalProperties"], whole)
    return found


def _text(node: Schema) -> str:
    return next(text for text in TEXTS if re.search(node.get("pattern", ""), text))


def keys(value: Any, at: At = ()) -> Iterator[At]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (*at, key)
            yield from keys(child, (*at, key))
    elif isinstance(value, list):
        for child in value:
            yield from keys(child, at)


# Samples are read from their files; where these come from is said for the readers of the entry alone.
FILE = ("samples", "fires/a.log")
OF_SAMPLES = {FILE[:1], FILE, (*FILE, "evidence"), (*FILE, "from")}

Account = tuple[
    set[At], set[At]
]  # the keys of an example that nobody read, and those that were sought in vain


def entry(node: Schema) -> Account:
    data = example(node, node)
    read: set[At] = set()
    missed: set[At] = set()
    load._entry(Document("failure.yaml", Asked(data, read, missed)), (), {}, None)
    return {at for at in keys(data) if at not in read and at not in OF_SAMPLES}, missed


def metric(node: Schema) -> Account:
    data = example(node, node)
    read: set[At] = set()
    missed: set[At] = set()
    for name, row in Asked(data, read, missed).items():
        load._metric(name, row)
    return set(keys(data)) - read, missed


def log_tests(node: Schema, tmp_path: Path) -> Account:
    data = example(node, node)
    (tmp_path / "x").write_text("a line\n", encoding="utf-8")
    read: set[At] = set()
    missed: set[At] = set()
    reader = load._CatalogReader()
    lines = data["tests"][0]["input_streams"][0]["lines"][0]
    for without in ("line", "file"):  # a row has one of them
        row = {key: value for key, value in lines.items() if key != without}
        test = json.loads(json.dumps(data))
        test["tests"][0]["input_streams"][0] |= {"lines": [row], "stream": '{a="b"}'}
        asked = Document("tests.yaml", Asked(test, read, missed))
        reader.document = lambda *_, asked=asked: asked  # type: ignore[method-assign]
        reader.tests_schema = ""
        assert reader.log_tests(tmp_path / "tests.yaml")
    # What is expected goes to promtool as it stands.
    expected = ("tests", "alert_rule_test")
    return {at for at in keys(data) if at not in read and at[:2] != expected}, {
        at for at in missed if at[-1] not in ("line", "file")
    }


def profile(node: Schema, monkeypatch: pytest.MonkeyPatch) -> Account:
    data = example(node, node)
    read: set[At] = set()
    missed: set[At] = set()
    monkeypatch.setattr(profiles, "_with_defaults", lambda *_: Asked(data, read, missed))
    profiles._profile_of(Document("site.yaml", data), "{}", "2027-01-01")
    return {at for at in keys(data) if at not in read and not passed_on(at)}, missed


def passed_on(at: At) -> bool:
    """Labels and settings have names of the site's choice; the profiles that one extends are below it by then."""
    inner = len(at) > 1 and at[0] in ("alerts", "annotations", "labels")
    return inner or at == ("extends",) or (len(at) > 2 and at[:2] == ("kubernetes", "labels"))


def test_every_key_of_an_entry_is_read_and_no_other() -> None:
    unread, missed = entry(schema("schema"))
    assert {at for at in unread if not at[0].startswith("$")} == set()
    assert missed == set()


def test_every_key_of_a_metric_is_read_and_no_other() -> None:
    assert metric(schema("metrics.schema")) == (set(), set())


def test_every_key_of_a_unit_test_is_read_and_no_other(tmp_path: Path) -> None:
    assert log_tests(schema("tests.schema"), tmp_path) == (set(), set())


def test_every_key_of_a_profile_is_read_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert profile(schema("profile.schema"), monkeypatch) == (set(), set())


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


def places(name: str) -> list[int]:
    return list(range(len(list(objects(schema(name))))))


def noticed(account: Callable[[], Account]) -> bool:
    """Whether the key is one of those that nobody read, or one that the value has no field for."""
    try:
        unread, _ = account()
    except TypeError as error:
        return "brand_new" in str(error)
    return any(at[-1] == "brand_new" for at in unread)


@pytest.mark.parametrize("index", places("schema"))
def test_a_new_key_of_an_entry_that_nobody_reads_is_noticed(index: int) -> None:
    node = schema("schema")
    list(objects(node))[index]["properties"]["brand_new"] = {"type": "string"}
    assert noticed(lambda: entry(node))


@pytest.mark.parametrize("index", places("profile.schema"))
def test_a_new_key_of_a_profile_that_nobody_reads_is_noticed(
    index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = schema("profile.schema")
    changed = list(objects(node))[index]
    if changed in (
        node["properties"]["servers"],
        node["properties"]["alerts"]["additionalProperties"],
    ):
        changed = node  # servers, and the settings of an alert, are read whatever their names
    changed["properties"]["brand_new"] = {"type": "string"}
    assert noticed(lambda: profile(node, monkeypatch))


VALUES = [
    value for value in vars(model).values() if isinstance(value, type) and is_dataclass(value)
]
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for pattern in ("**/*.py", "**/*.j2")
    for path in sorted((ROOT / "generator").glob(pattern))
)


@pytest.mark.parametrize(
    ("value", "field"),
    [(value.__name__, field.name) for value in VALUES for field in fields(value)],
)
def test_every_field_of_the_model_is_used(value: str, field: str) -> None:
    assert re.search(rf"[.\"']{field}\b", SOURCES), f"nobody reads {value}.{field}"
