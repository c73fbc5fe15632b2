"""YAML with positions: plain values, and the place of every key and value."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import yaml

from generator.base.problems import Location, Problem

Path = tuple[str | int, ...]

# The C loader is ten times faster where it is built.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING = "tag:yaml.org,2002:str"
_MAY_BE_MORE = {character for character in _Loader.yaml_implicit_resolvers if character}
_BOOLEANS = {"true": True, "false": False}
_DEEPEST = 100  # libyaml's composer ends the process at some 20,000
_ALIASED = 100_000  # values that aliases stand for
# Characters; more of them take the square of their time, and none can be printed again.
_LONGEST_NUMBER = 400
# What PyYAML raises, for one at the 99th of a month.
_UNREADABLE = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError)


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, and its text for the positions, which only a problem needs.

    `below` are the files it was laid over, the nearest first.
    """

    path: str
    data: Any
    text: str = ""
    below: tuple["Document", ...] = ()

    def at(self, *path: str | int) -> Location:
        """The place of a value (of its key in a mapping; in a list a text is found by itself too, a mapping by its
        `id`), in the uppermost file that has it; of its nearest parent if none has."""
        while True:
            for layer in (self, *self.below):
                if path in layer._marks:
                    return layer._marks[path]
            if not path:
                return Location(self.path)
            path = path[:-1]

    @cached_property
    def _marks(self) -> Mapping[Path, Location]:
        node = _composed(self.text)
        if not node:
            return {}
        return dict(_located_nodes(node, (), self.path))


def named_rows(rows: Mapping[str, Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    """The rows of a mapping as a list, each with its name under a key."""
    return [{key: name, **row} for name, row in rows.items()]


def over(upper: Document, lower: Document) -> Document:
    """One document laid over another: mappings are merged, lists joined, of other values the upper one counts."""
    return replace(
        upper,
        data=_merged(upper.data, lower.data),
        below=(*upper.below, lower, *lower.below),
    )


def _merged(upper: Any, lower: Any) -> Any:
    if isinstance(upper, dict) and isinstance(lower, dict):
        merged = {**lower, **upper}
        for key in lower.keys() & upper.keys():
            merged[key] = _merged(upper[key], lower[key])
        return merged
    if isinstance(upper, list) and isinstance(lower, list):
        added = [value for value in upper if value not in lower]
        return [*lower, *added]
    return upper


def parse(text: str, path: str) -> tuple[Document, list[Problem]]:
    """Parse YAML text. Syntax errors and duplicate keys are problems; the data of a broken file is None."""
    problems: list[Problem] = []
    try:
        node = _composed(text)
        data = _value(node, path, problems) if node else None
    except yaml.YAMLError as error:
        return Document(path, None), [_syntax_error(path, error)]
    return Document(path, data, text), problems


def _syntax_error(path: str, error: yaml.YAMLError) -> Problem:
    where = Location(path)
    if isinstance(error, yaml.MarkedYAMLError):
        reason = error.problem
        mark = error.problem_mark or error.context_mark
        if mark:
            where = _place_of_mark(path, mark)
    else:
        reason = getattr(error, "reason", None) or str(error).splitlines()[0]
    return Problem(where, f"not valid YAML: {reason}")


def plain_values(text: str) -> Any:
    """Plain values, as YAML is read elsewhere: dates, `yes` and `0x1f` are what they stand for, the last of two equal
    keys counts. Raises ValueError for all that cannot be read, whatever it is."""
    loader = _Values("")
    try:
        node = _composed(text)
        return None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_said_with_place(error)) from error
    except _UNREADABLE as error:
        in_one_line = " ".join(str(error).split())
        raise ValueError(in_one_line) from error
    finally:
        loader.dispose()


def _said_with_place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    said = str(error.problem or error.context)
    return f"{said} (line {mark.line + 1}, column {mark.column + 1})" if mark else said


class _Values(_Loader):  # type: ignore[misc]
    """Makes values of nodes."""

    def bounded_number(self, node: yaml.ScalarNode) -> Any:
        if len(node.value) > _LONGEST_NUMBER:
            said = f"a number of {len(node.value)} characters"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark)
        if node.tag.endswith("int"):
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Values.add_constructor(f"tag:yaml.org,2002:{_kind}", _Values.bounded_number)


def _composed(text: str) -> Any:
    """The one document of a text as nodes, of which none is too deep and no alias stands for too much."""
    if "&" in text and "*" in text:  # without both there is no alias
        _within_limits(text)
    loader = _Composer(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Composer(_Loader):  # type: ignore[misc]
    """Composes nodes. What is deep is looked at as a whole before it is followed further down."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text
        self._depth = 0
        self._judged = False

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Called before each node."""
        self._depth += 1
        if self._depth > _DEEPEST and not self._judged:
            _within_limits(self._text)
            self._judged = True

    def ascend_resolver(self) -> None:
        """Called after each node."""
        self._depth -= 1

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node. Most begin as only a text can, and no pattern need be tried."""
        if kind is yaml.ScalarNode and value and value[0] not in _MAY_BE_MORE:
            return _STRING
        return super().resolve(kind, value, implicit)


def _within_limits(text: str) -> None:
    """Raises yaml.YAMLError for a text that would take the memory or the stack; its events cost neither."""
    sizes: dict[str, int] = {}  # of what has an anchor, in values
    # Collections that we are in: anchor, and the count where each began.
    opened: list[tuple[str | None, int]] = []
    count = 0
    aliased = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, count))
            count += 1
            if len(opened) > _DEEPEST:
                raise _beyond(event, f"nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            anchors = [anchor for anchor, _ in opened]
            if event.anchor in anchors:
                raise _beyond(event, f"the alias *{event.anchor} stands inside of what it names")
            size = sizes.get(event.anchor or "", 1)
            count += size
            aliased += size
            if aliased > _ALIASED:
                raise _beyond(event, f"aliases stand for more than {_ALIASED} values")


def _beyond(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _value(node: yaml.Node, path: str, problems: list[Problem]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, problems)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, path, problems) for child in node.value]
    _, _, tag = node.tag.rpartition(":")
    return _scalar(tag, str(node.value))


def _mapping(node: yaml.MappingNode, path: str, problems: list[Problem]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    keys: dict[str, yaml.Node] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(_location(path, key_node), "a key must be a plain word"))
            continue
        key = key_node.value
        if key in values:
            problems.append(_duplicate_key(path, key_node, keys[key]))
            continue
        keys[key] = key_node
        values[key] = _value(value_node, path, problems)
    return values


def _duplicate_key(path: str, key: yaml.Node, first: yaml.Node) -> Problem:
    line = first.start_mark.line + 1
    message = f"duplicate key {key.value!r}; the first one is on line {line}, remove one of them"
    return Problem(_location(path, key), message)


def _located_nodes(
    node: yaml.Node, at: Path, path: str, key: yaml.Node | None = None
) -> Iterator[tuple[Path, Location]]:
    yield at, _location(path, key or node)
    if isinstance(node, yaml.MappingNode):
        for child_key, child in node.value:
            if isinstance(child_key, yaml.ScalarNode):
                yield from _located_nodes(child, (*at, child_key.value), path, child_key)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _located_nodes(child, (*at, index), path)
            name = _id(child)
            if name is not None:
                where = _location(path, child)
                yield (*at, name), where


def _id(node: yaml.Node) -> str | None:
    """By what a value in a list is found."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "id":
                node = value
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _scalar(tag: str, text: str) -> Any:
    """YAML 1.2's plain scalars: `no`, `1:30`, `0x1f` and dates stay the words that were written."""
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLEANS.get(text.lower(), text)
    if tag in ("int", "float"):
        return _number_in(text, tag)
    return text


def _number_in(text: str, tag: str) -> float | str:
    """A number; the text itself where it is none, or larger than any that a program can hold."""
    try:
        number = int(text, 10) if tag == "int" else float(text)
    except ValueError:
        return text
    return text if abs(number) == math.inf else number


def _location(path: str, node: yaml.Node) -> Location:
    return _place_of_mark(path, node.start_mark)


def _place_of_mark(path: str, mark: Any) -> Location:
    """A place as people count, from 1."""
    return Location(path, mark.line + 1, mark.column + 1)
