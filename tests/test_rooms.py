"""The rooms of generator/: the flow runs one way, what is pure asks nobody, and the map shows the tree."""

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import generator
from tests.conftest import ROOT
from tests.documents import blocks

ROOMS = sorted(path.parent.name for path in (ROOT / "generator").glob("*/__init__.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
PURE = next(contract["source_modules"] for contract in CONTRACTS if contract["id"] == "pure")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """The contracts of pyproject.toml, held against the package in a folder."""
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contracts, to be spoiled."""
    hidden = shutil.ignore_patterns("__pycache__", "pins")
    shutil.copytree(ROOT / "generator", tmp_path / "generator", ignore=hidden)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert "Contracts: 2 kept, 0 broken." in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        (
            "base/schema.py",
            "import generator.commands.printing",
            "generator.base.schema -> generator.commands.printing",
        ),
        (
            "verify/judgement.py",
            "import generator.rulers.plan",
            "generator.verify.judgement -> generator.rulers.plan",
        ),
        ("fixes/versions.py", "import subprocess", "generator.fixes.versions -> subprocess"),
        (
            "compile/rules.py",
            "from generator.base import disk",
            "generator.compile.rules -> generator.base.disk",
        ),
        ("attic/__init__.py", "", "attic"),
    ],
    ids=["backwards", "sideways", "a program", "the disk", "a room without a place"],
)
def test_a_contract_that_is_broken_is_noticed(
    copy: Path, module: str, line: str, said: str
) -> None:
    path = copy / "generator" / module
    path.parent.mkdir(exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode == 1
    assert said in done.stdout


def test_what_says_that_it_does_no_io_is_held_to_it() -> None:
    promised = {
        name
        for _, name, _ in pkgutil.walk_packages(generator.__path__, "generator.")
        if name != "generator.__main__" and "No IO" in (importlib.import_module(name).__doc__ or "")
    }
    held = {
        name
        for name in promised
        if any(name == pure or name.startswith(f"{pure}.") for pure in PURE)
    }
    assert promised == held
    assert len(promised) > 5


def _first_line(room: str) -> str:
    tree = ast.parse((ROOT / "generator" / room / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def test_the_map_of_the_package_shows_each_room_in_its_own_words() -> None:
    rows = re.findall(r"^    ([a-z]+)/ +(\S.*)$", generator.__doc__ or "", re.MULTILINE)
    assert rows == [(room, _first_line(room)) for room in ROOMS]


def test_the_guide_shows_the_same_map() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+)/` \| (.*) \|$", guide, re.MULTILINE)
    assert rows == [(room, _first_line(room)) for room in ROOMS]


def test_each_room_has_its_tests() -> None:
    missing = [room for room in ROOMS if not any((ROOT / "tests" / room).glob("test_*.py"))]
    assert missing == []


_PRINTS = re.compile(
    r"\b(echo\w*|secho|print|print_json|error\.show|stdout\.\w*write|stderr\.\w*write)$"
)
_ENDS = {"sys.exit", "os._exit", "ctx.exit", "exit", "quit"}
_TOUCHES = {
    *(
        "chmod",
        "exists",
        "glob",
        "is_dir",
        "is_file",
        "iterdir",
        "mkdir",
        "open",
        "read_bytes",
        "rename",
    ),
    *(
        "replace_file",
        "rglob",
        "rmdir",
        "stat",
        "symlink_to",
        "touch",
        "unlink",
        "write_bytes",
        "write_text",
    ),
}


def modules() -> dict[str, Path]:
    paths = (ROOT / "generator").rglob("*.py")
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


def calls(path: Path) -> list[ast.expr]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]


def is_pure(name: str) -> bool:
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


def touches_the_disk(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "open"
    return isinstance(function, ast.Attribute) and function.attr in _TOUCHES


def test_what_is_pure_opens_writes_and_asks_for_no_file() -> None:
    """What an import does not show: a path that was handed over can be opened too."""
    found = {
        (name, ast.unparse(function))
        for name, path in modules().items()
        if is_pure(name)
        for function in calls(path)
        if touches_the_disk(function)
    }
    templates = {"file.is_file", "file.read_text"}  # of the package itself
    assert {(name, call) for name, call in found if call not in templates} == set()


def test_only_commands_print() -> None:
    """`printing` cleans and masks what it prints; three more put printable lines on a terminal in their own form."""
    found = {
        name: {
            ast.unparse(function)
            for function in calls(path)
            if _PRINTS.search(ast.unparse(function))
        }
        for name, path in modules().items()
    }
    assert {name: said for name, said in found.items() if said} == {
        "generator.commands.printing": {"click.echo", "console().print"},  # `table`
        "generator.commands.page": {"screen.print", "click.echo"},
        "generator.commands.diagnose": {"screen.print", "click.echo_via_pager"},
        "generator.cli": {"error.show"},  # click's own messages about options
    }


def test_only_commands_end_the_program() -> None:
    enders = {
        name
        for name, path in modules().items()
        if _ENDS & {ast.unparse(function) for function in calls(path)}
        and not name.startswith("generator.commands.")
    }
    assert enders == {"generator.cli"}


def test_the_picture_shows_the_rooms_in_the_order_of_the_contract() -> None:
    """In CONTRIBUTING.md, each below those that may use it."""
    layers = next(contract["layers"] for contract in CONTRACTS if contract["id"] == "flow")
    picture = next(text for text in blocks("CONTRIBUTING.md", "text") if "↓" in text)
    assert picture.split("\n    ↓\n") == [*layers[:-1], f"{layers[-1]}\n"]
    drawn = set(re.findall(r"\w+", picture))
    assert {*ROOMS, "__main__", "cli", "pipeline"} == drawn
