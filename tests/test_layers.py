"""Data flows one way: no module imports one that stands to its right."""

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

ORDER = [
    ["generator", "names", "streams", "durations", "dress", "headings", "lexer", "markdown", "shell", "versions"],
    ["problems", "masks", "shapes", "web"],
    ["document", "answers", "http", "kubectl"],
    ["model"],
    ["schema", "signature", "settings", "inhibition", "promql", "logql_tree", "tables", "deployment", "verbs"],
    ["advice"],
    ["reader", "known_builds", "cluster", "matrix", "steps"],
    ["profiles", "project"],
    ["load", "logql"],
    ["shipped"],
    [
        "checks.entries",
        "checks.inhibitions",
        "checks.logs",
        "checks.samples",
        "checks.site",
        "checks.metrics",
        "checks.steps",
    ],
    ["checks"],
    ["sites", "rules"],
    ["file", "lock", "plan", "whereabouts"],
    ["verify"],
    ["verify_routes"],
    ["diagnose", "diagnose.windows", "diagnose.unwrap", "diagnose.hints"],
    ["diagnose.memory"],
    ["diagnose.scan", "diagnose.templates", "diagnose.exports"],
    ["diagnose.sources"],
    ["diagnose.findings", "diagnose.pods"],
    ["diagnose.report", "diagnose.asking", "diagnose.news"],
    ["changes"],
    ["targets.*"],
    ["targets"],
    ["links"],
    ["compiler", "scaffold"],
    ["write"],
    ["kept", "loki", "rulers", "servers", "stamp", "survey", "tools"],
    ["git", "logtests"],
    ["prove_logs", "validate", "probe"],
    ["commands", "commands.shared"],
    ["commands.beside", "commands.page", "commands.ruling"],
    ["commands.*"],
    ["cli"],
    ["start"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
PACKAGE = ROOT / "generator"
_PRINTS = re.compile(r"\b(echo\w*|secho|print|print_json|error\.show|stdout\.\w*write|stderr\.\w*write)$")


def rank(name: str) -> int:
    """A further output or command needs no line here: all of a kind have one place."""
    folder = name.partition(".")[0]
    return RANK[name] if name in RANK else RANK[f"{folder}.*"]


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or "generator"
        found[name] = path
    return found


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "generator":
            base = node.module.removeprefix("generator").removeprefix(".")
            for alias in node.names:
                longer = f"{base}.{alias.name}".removeprefix(".")
                names.add(longer if longer in modules() else base or "generator")
        if isinstance(node, ast.Import):
            names |= {a.name.removeprefix("generator.") for a in node.names if a.name.startswith("generator")}
    return names


def test_every_module_has_its_place() -> None:
    alike = {name for name in modules() if name.startswith(("targets.", "commands.")) and name not in RANK}
    assert {*modules()} - alike | {"targets.*", "commands.*"} == set(RANK)


def test_no_module_imports_one_to_its_right() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in imported(path)
        if rank(other) >= rank(name) and other != name
    ]
    assert wrong == []


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_only_the_command_line_prints_and_exits() -> None:
    talkers = {
        name for name, path in modules().items() if _calls(path) & {"print", "click.echo", "sys.exit", "ctx.exit"}
    }
    assert {name for name in talkers if not name.startswith("commands.")} == {"cli"}


def test_what_is_printed_goes_through_one_door() -> None:
    """`shared` cleans and masks what it prints; three more put printable lines on a terminal in their own form."""
    calls = {name: {call for call in _calls(path) if _PRINTS.search(call)} for name, path in modules().items()}
    assert {name: found for name, found in calls.items() if found} == {
        "commands.shared": {"click.echo", "Console(emoji=False).print"},  # `table`
        "commands.page": {"console.print"},
        "commands.diagnose": {"console.print", "click.echo_via_pager"},
        "cli": {"error.show"},  # click's own messages about options
    }


def test_only_write_and_the_caches_touch_the_disk() -> None:
    writers = {name for name, path in modules().items() if any(".write_" in call for call in _calls(path))}
    assert writers == {"write", "tools"}
