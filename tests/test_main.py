"""What a command does not need, it does not import: most of a short run's time would go there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator.cli import COMMANDS
from tests.conftest import ROOT, Run, completed

_SHOW = """\
import sys
from generator.__main__ import main
try:
    main()
finally:
    print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""
HEAVY = {"httpx", "rich", "jsonschema", "grafana_foundation_sdk", "drain3"}


def imported(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SHOW, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_what_says_only_what_there_is_reads_nothing(option: str) -> None:
    found = imported(option)
    assert not found & (HEAVY | {"yaml", "jinja2", "json", "hashlib", "traceback"})
    assert not {name for name in found if name.startswith("generator.catalog")}
    assert not {f"generator.commands.{verb}" for verb in COMMANDS} & found


def test_the_list_compiles_nothing() -> None:
    assert not imported("list") & (HEAVY | {"jinja2", "generator.check", "generator.compile.rules"})


@pytest.mark.parametrize("command", ["explain", "show"])
def test_what_is_shown_of_the_shipped_catalog_is_not_checked_again(command: str) -> None:
    found = imported(command, "sync-slow")
    assert not found & (
        HEAVY | {"generator.check", "generator.pipeline", "generator.outputs.grafana"}
    )


def test_a_page_of_a_catalog_of_ones_own_is_checked(run: Run, tmp_path: Path) -> None:
    assert run("new", "mine", "--catalog", str(tmp_path)).returncode == 0
    entry = tmp_path / "mine" / "failure.yaml"
    entry.write_text(entry.read_text().replace("literal: ", "literal: other "))
    done = run("explain", "mine", "--catalog", str(tmp_path))
    assert done.returncode == 1
    assert "samples/fires/example.log" in done.stderr


@pytest.mark.parametrize(
    ("file", "text", "wrong", "said"),
    [
        ("sync-slow", "$kube_proxy", "$kube_prox", "$kube_prox is no placeholder"),
        ("sync-slow", "{{ log(", "{{ lag(", "lag"),
    ],
)
def test_what_somebody_broke_in_the_shipped_catalog_is_said_by_the_checks(
    file: str, text: str, wrong: str, said: str, tmp_path: Path
) -> None:
    for name in ("generator", "catalog"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    entry = tmp_path / "catalog" / file / "failure.yaml"
    assert text in entry.read_text()
    entry.write_text(entry.read_text().replace(text, wrong))
    words = [sys.executable, "-m", "generator", "explain", file]
    done = completed(words, tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert f"catalog/{file}/failure.yaml:" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_says_what_each_command_is_for(run: Run) -> None:
    lines = run("--help", COLUMNS="200").stdout.splitlines()
    for verb, summary in COMMANDS.items():
        assert [verb, *summary.split()] in [line.split() for line in lines]
