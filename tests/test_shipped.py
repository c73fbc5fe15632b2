"""Whoever has nothing but the installed program is told of nothing else: not of files that only a checkout has."""

import ast
import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator.base.names import TOOL
from generator.catalog import shipped
from generator.cli import COMMANDS, main
from generator.scaffolds import scaffold
from tests.conftest import ROOT, Completed, Run
from tests.forked import Forking

# Paths of the checkout: below one of its folders, or a document at its top.
_FOLDERS = "|".join(("catalog", "ci", "docs", "generator", "tests"))
_PATH = re.compile(
    rf"(?<![\w./~-])(?:(?:{_FOLDERS})/[\w*./-]*\w|[A-Z]{{4,}}\.md|[\w-]*\.?schema\.json)(?![\w/])"
)
_COMMAND = re.compile(r"kube-proxy-alerts (docs|schema) ([a-z][a-z-]*)")

# Paths that a text names and that are the reader's own: where the program writes, or what he gives.
OWN = {
    "CHANGELOG.md",  # of a site, which `changelog` reads
    "README.md",  # the index of the pages that `generate` writes
    "profile.schema.json",  # which `init` writes beside a profile
    "schema.json",  # which `new` writes into a catalog
    "tests.schema.json",
}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The program as pip installs it, in the package inside which `generator` stands, with our dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    package = folder / "site-packages" / "kube_proxy_alerts"
    # The checkout has no such page: who sees it is asking the installed program.
    page = package / "generator" / "_docs" / "zz-installed.md"
    page.write_text("# Only where it is installed\n", encoding="utf-8")
    with closing(Forking(package)) as forking:

        def command(*arguments: str, cwd: Path) -> Completed:
            return forking.run(arguments, cwd, os.environ)

        yield command


def literals(path: Path) -> Iterator[str]:
    """The sentences in a module, which may be printed, but for docstrings; of the values in one, the program's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and " " in str(node.value) and id(node) not in docstrings:
            yield str(node.value)
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(shown, node.values))


def shown(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return (
        TOOL if isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == "TOOL" else "\0"
    )


def descriptions(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "description":
                yield value
            yield from descriptions(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from descriptions(value)


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """All that the program says, and where it says it."""
    return tuple(said())


def said() -> Iterator[tuple[str, str]]:
    for verb in ("", *COMMANDS):
        words = [verb, "--help"] if verb else ["--help"]
        done = CliRunner().invoke(main, words, env={"COLUMNS": "1000"}, terminal_width=1000)
        yield f"{verb} --help", done.output
    for module in sorted((ROOT / "generator").rglob("*.py")):
        for text in literals(module):
            yield module.relative_to(ROOT).as_posix(), text
    for name, path in shipped.schemas().items():
        for text in descriptions(json.loads(path.read_text(encoding="utf-8"))):
            yield f"schema {name}", text
    for kind in ("failure", "symptom"):
        for file in scaffold.files("mine", "KubeProxyMine", kind, schema=True):
            yield f"new --kind {kind}: {file.path}", file.text
    for name in ("site.yaml.j2", "runbook.md.j2"):
        for path in (ROOT / "generator").rglob(name):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for name in shipped.pages():
        prose = re.sub(r"(?s)^ *```.*?^ *```$", "", shipped.readable_page(name), flags=re.MULTILINE)
        yield f"docs {name}", " ".join(re.findall(r"\]\(([^)]*)\)", prose))


def unreachable(text: str) -> set[str]:
    """The files of the checkout that a text names."""
    return {found for found in _PATH.findall(text) if found not in OWN}


def test_no_text_names_a_file_that_only_a_checkout_has() -> None:
    assert {(where, found) for where, text in texts() for found in unreachable(text)} == set()


def test_every_page_and_schema_that_a_text_names_is_there() -> None:
    known = {"docs": shipped.pages().keys(), "schema": shipped.schemas().keys()}
    named = {match.groups() for _, text in texts() for match in _COMMAND.finditer(text)}
    assert {
        ("docs", "sites"),
        ("docs", "contributing"),
        ("schema", "profile"),
        ("schema", "diagnosis"),
    } <= named
    assert {(verb, name) for verb, name in named if name not in known[verb]} == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("every key stands in catalog/profile.schema.json.", {"catalog/profile.schema.json"}),
        ("see docs/sites.md; or ask", {"docs/sites.md"}),
        ("(CONTRIBUTING.md tells)", {"CONTRIBUTING.md"}),
        ("diagnosis.schema.json describes it", {"diagnosis.schema.json"}),
        ("tests/outputs/test_links.py", {"tests/outputs/test_links.py"}),
        ("https://host.example/docs/sites.md and output/runbooks", set()),
    ],
)
def test_a_file_of_the_checkout_is_noticed(text: str, found: set[str]) -> None:
    assert unreachable(text) == found


def test_the_installed_program_prints_every_page_and_schema(installed: Run, tmp_path: Path) -> None:
    def printed(*arguments: str) -> str:
        done = installed(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pages = [f"{name}\t{shipped.page_title(name)}" for name in shipped.pages()]
    assert printed("docs").splitlines() == [*pages, "zz-installed\tOnly where it is installed"]
    assert [line.split("\t")[0] for line in printed("schema").splitlines()] == [*shipped.schemas()]
    for name in shipped.pages():
        assert printed("docs", name) == shipped.readable_page(name)
    for name, path in shipped.schemas().items():
        assert printed("schema", name) == path.read_text(encoding="utf-8")


def test_the_installed_program_writes_what_editors_need(installed: Run, tmp_path: Path) -> None:
    assert installed("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    assert installed("init", cwd=tmp_path).returncode == 0
    for path, name in {
        "ours/schema.json": "failure",
        "ours/tests.schema.json": "tests",
        "profile.schema.json": "profile",
    }.items():
        assert (tmp_path / path).read_bytes() == shipped.schemas()[name].read_bytes()


def test_a_page_is_read_apart_from_the_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.md"
    path.write_text(
        "# One\n\nSee [docs/sites.md](sites.md), [what](sites.md#what-holds-back-what) and\n"
        "[catalog/schema.json](../catalog/schema.json), [tests](../tests/test_x.py), [above](#one),\n"
        "[the index](../output/runbooks/README.md), [klog](https://host.example/klog.md).\n\n"
        "```yaml\na: [b](c.md)\n```\n"
    )
    monkeypatch.setattr(shipped, "pages", lambda: {"one": path})
    assert shipped.readable_page("one") == (
        "# One\n\nSee `kube-proxy-alerts docs sites`, what (`kube-proxy-alerts docs sites`) and\n"
        "`kube-proxy-alerts schema failure`, tests (in the source), above,\n"
        "the index (in the source), [klog](https://host.example/klog.md).\n\n"
        "```yaml\na: [b](c.md)\n```\n"
    )


@pytest.mark.parametrize("verb", ["docs", "schema"])
def test_an_unknown_name_gets_a_suggestion(run: Run, verb: str) -> None:
    name = {"docs": "unit-test", "schema": "profil"}[verb]
    meant = {"docs": "unit-tests", "schema": "profile"}[verb]
    done = run(verb, name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"kube-proxy-alerts: there is no {name}; did you mean {meant}?\n"
    assert run(verb, "zzz").stderr.endswith(f"`kube-proxy-alerts {verb}` shows what there is\n")


def test_a_section_of_a_page(run: Run) -> None:
    done = run("docs", "sites", "--section", "presets")
    assert done.stdout.startswith("## Presets\n")
    assert "## How kube-proxy runs" not in done.stdout
