"""YAML with positions: plain values, and the place of every key and value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from generator.problems import Location, Problem

Path = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times faster where it is built
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Document:
    """A parsed file. `marks` maps the path of each value to where it (or, for a mapping's entry, its key) stands."""

    path: str
    data: Any
    marks: Mapping[Path, Location]

    def at(self, *path: str | int) -> Location:
        """The place of a value; of its nearest parent if the value itself is not in the file."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Location(self.path))


def parse(text: str, path: str) -> tuple[Document, list[Problem]]:
    """Parse YAML text. Syntax errors and duplicate keys are problems; the data of a broken file is None."""
    marks: dict[Path, Location] = {}
    problems: list[Problem] = []
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        data = None if node is None else _value(loader, node, (), path, marks, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        return Document(path, None, {}), [Problem(where, f"not valid YAML: {error.problem}")]
    except (yaml.YAMLError, RecursionError) as error:
        reason = getattr(error, "reason", None) or str(error).splitlines()[0]
        return Document(path, None, {}), [Problem(Location(path), f"not valid YAML: {reason}")]
    finally:
        loader.dispose()
    return Document(path, data, marks), problems


def _value(
    loader: Any, node: yaml.Node, at: Path, path: str, marks: dict[Path, Location], problems: list[Problem]
) -> Any:
    marks.setdefault(at, _location(path, node))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = _location(path, key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(Problem(where, "a key must be a plain word"))
                continue
            key = key_node.value
            if key in mapping:
                first = marks[(*at, key)]
                problems.append(
                    Problem(where, f"duplicate key {key!r}; the first one is on line {first.line}, remove one of them")
                )
                continue
            marks[(*at, key)] = where
            mapping[key] = _value(loader, value_node, (*at, key), path, marks, problems)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, child, (*at, index), path, marks, problems) for index, child in enumerate(node.value)]
    return _scalar(node.tag.rpartition(":")[2], str(node.value))


def _scalar(tag: str, text: str) -> Any:
    """YAML 1.2's plain scalars: `no`, `1:30`, `0x1f` and dates stay the words that were written."""
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLEANS.get(text.lower(), text)
    if tag in ("int", "float"):
        try:
            return int(text, 10) if tag == "int" else float(text)
        except ValueError:
            return text
    return text


def _location(path: str, node: yaml.Node) -> Location:
    return Location(path, node.start_mark.line + 1, node.start_mark.column + 1)
