"""What a shell script runs, which variables it reads and sets. No IO, and nothing is run."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# What runs the program that is named after it.
_RUN_OTHERS = frozenset({"sudo", "xargs", "env", "nice", "time", "timeout", "watch"})
_OF_FRONT = re.compile(r"-|[0-9.]+[smhd]?$")  # its options, and how long


@dataclass(frozen=True)
class Run:
    """One command of a script: its program, and those of its words that stand there without quotes."""

    program: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """`reads` are variables that it expands, `sets` those that it gives a value; `mutes`: errors go to /dev/null."""

    runs: tuple[Run, ...]
    reads: frozenset[str]
    sets: frozenset[str]
    mutes: bool


@cache
def script(text: str) -> Script:
    """Read a script. Raises ValueError if it is none."""
    root = _bash_parser().parse(text.encode()).root_node
    nodes = list(_walk_tree(root))
    for node in nodes:
        if node.is_error or node.is_missing:
            line = node.start_point.row + 1
            raise ValueError(f"what begins on its line {line} has no end, or no sense to a shell")
    runs = tuple(_run_of_command(node) for node in nodes if node.type == "command")
    redirected = [node for node in nodes if node.type == "redirected_statement"]
    variables = [node for node in nodes if node.type == "variable_name"]
    given = _named_inside(variables, {"variable_assignment", "for_statement"})
    return Script(
        runs=runs,
        reads=_named_inside(variables, {"simple_expansion", "expansion"}),
        sets=given | _asked_for(runs),
        mutes=any(map(_mutes, redirected)),
    )


def _named_inside(variables: Iterable["Node"], kinds: Container[str]) -> frozenset[str]:
    """The names of variables that stand inside a node of these kinds."""
    return frozenset(_node_text(node) for node in variables if _parent(node) in kinds)


def _asked_for(runs: Iterable[Run]) -> frozenset[str]:
    """The variables that `read` sets."""
    names: set[str] = set()
    for run in runs:
        if run.program == "read":
            names |= {word for word in run.words if not word.startswith("-")}
    return frozenset(names)


@cache
def _bash_parser() -> "Parser":
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _run_of_command(command: "Node") -> Run:
    words = [_node_text(part) for part in _arguments(command)]
    while len(words) > 1 and words[0] in _RUN_OTHERS:
        words = words[1:]
        while len(words) > 1 and _OF_FRONT.match(words[0]):
            words = words[1:]
    program = words[0] if words else ""
    return Run(program, tuple(words[1:]))


def _arguments(command: "Node") -> Iterator["Node"]:
    for part in command.named_children:
        if part.type in ("command_name", "word", "number"):
            yield part


def _mutes(statement: "Node") -> bool:
    """Whether the second stream goes to /dev/null, by itself or after the first."""
    redirects = [part for part in statement.children if part.type == "file_redirect"]
    found = {_node_text(part).replace(" ", "") for part in redirects}
    if found & {"2>/dev/null", "&>/dev/null"}:
        return True
    return "2>&1" in found and not found.isdisjoint({">/dev/null", "1>/dev/null"})


def _walk_tree(node: "Node") -> Iterator["Node"]:
    yield node
    for child in node.children:
        yield from _walk_tree(child)


def _parent(node: "Node") -> str:
    return node.parent.type if node.parent else ""


def _node_text(node: "Node") -> str:
    return (node.text or b"").decode()
