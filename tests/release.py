"""What goes out, made of the last commit into dist/: the same bytes wherever and whenever it is made.

    python -m tests.release

Wheel and source, the rules of each preset, the web site, man pages, what an installation consists of (an SBOM in
CycloneDX, and the licences), and SHA256SUMS of all that. Times in the files are that of the commit. Exit codes: 0 made,
1 something of it is wrong, 2 could not run.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path
from typing import TypeVar

import click
from click_man.core import write_man_pages
from packaging.version import Version
from uv import find_uv_bin

from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.cli import main as command

ROOT = Path(__file__).parent.parent
SUMS = "SHA256SUMS"
Shown = TypeVar("Shown", bound=click.Command)
_SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)

# What the installed program is run by, once for each list of arguments: half the time of a run goes into imports.
_RUNS = """\
import json, sys
from kube_proxy_alerts import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@dataclass(frozen=True)
class Commit:
    """A commit whose files lie in a folder."""

    folder: Path
    time: int  # seconds since 1970

    @property
    def environment(self) -> dict[str, str]:
        """For programs that build: they take their times from the commit, and nothing of ours from elsewhere."""
        inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return {**inherited, "SOURCE_DATE_EPOCH": str(self.time)}

    def run(self, *words: str | Path, folder: Path | None = None) -> str:
        done = subprocess.run(
            words,
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ToolError(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stdout


def release(repository: Path, output: Path, presets: Collection[str] | None = None) -> None:
    """Make everything in a new folder; of the presets' rules, those of some or of all."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        commit = last_commit(repository, work / "source")
        # The wheel is built of the sdist, which is so proven whole.
        commit.run(find_uv_bin(), "build", "--no-create-gitignore", "--out-dir", output)
        (wheel,) = output.glob("*.whl")
        version = wheel.name.split("-")[1]
        python = install(commit, wheel, work / "installed")
        name_of = f"{TOOL}-{version}"

        folder = commit.folder / "catalog" / "presets"
        shipped = sorted(path.stem for path in folder.glob("*.yaml"))
        chosen = shipped if presets is None else presets
        made = compiled(commit, python, chosen, work / "compiled")
        for part, files in made.items():
            archive(files, output / f"{name_of}-{part}.tar.gz", commit.time)
        pages = man_pages(commit, version, work / "man")
        archive(pages, output / f"{name_of}-man.tar.gz", commit.time)
        parts_list(commit, python, output / f"{name_of}.cdx.json")
        licences(commit, python, output / f"{name_of}-licences.txt")
        write_sums(output)


def last_commit(repository: Path, folder: Path) -> Commit:
    """The files of the last commit. Raises ToolError if there are others: what is tested must be what goes out."""

    def git(*words: str) -> bytes:
        done = subprocess.run(["git", *words], cwd=repository, capture_output=True, check=False)
        if done.returncode:
            raise ToolError(done.stderr.decode())
        return done.stdout

    changed = git("status", "--porcelain").decode()
    if changed:
        raise ToolError(f"a release is made of what is committed; this is not:\n{changed}")
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as files:
        files.extractall(folder, filter="data")
    return Commit(folder, int(git("log", "-1", "--format=%ct")))


def out_of_step(version: str, changelog: str) -> str:
    """Why a version is not what the changelog says; nothing if it is.

    A version is the newest section's. While changes wait under Unreleased it is a development version of the next one.
    """
    sections = [(title, text.strip()) for title, text in _SECTION.findall(changelog)]
    waiting = any(text for title, text in sections if title == "Unreleased")
    newest = Version(next(title for title, _ in sections if title != "Unreleased"))
    ours = Version(version)
    if not waiting and ours != newest:
        return f"the version is {ours}, the newest section of CHANGELOG.md {newest}"
    if waiting and not (ours.is_devrelease and ours > newest):
        return f"CHANGELOG.md has unreleased changes after {newest}; {ours} is no development version after it"
    return ""


def install(commit: Commit, wheel: Path, folder: Path) -> Path:
    """An environment of nothing but the wheel and what it needs; its Python."""
    commit.run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pins = commit.folder / "constraints.txt"
    commit.run(find_uv_bin(), "pip", "install", "--python", python, "--constraint", pins, wheel)
    return python


def compiled(commit: Commit, python: Path, presets: Collection[str], work: Path) -> dict[str, Path]:
    """What the installed program makes, by name: the rules for each preset, the web site for the default profile.

    That the rules hold, tests/test_presets.py proves on real programs.
    """
    work.mkdir()
    made = {}
    runs = []
    for preset in presets:
        profile = work / f"{preset}.yaml"
        profile.write_text(f"extends: [{preset}]\n", encoding="utf-8")
        rules = made[f"rules-{preset}"] = work / preset
        words = ["generate", "--no-validate", "--profile", profile, "--output", rules]
        runs.append(words)
    made["site"] = work / "site"
    runs.append(["site", "--output", made["site"]])
    commit.run(python, "-c", _RUNS, json.dumps(runs, default=str), folder=work)
    return made


def man_pages(commit: Commit, version: str, folder: Path) -> Path:
    """A page for each command, where `man` looks for it below a folder such as ~/.local/share/man."""
    section = folder / "man1"
    section.mkdir(parents=True)
    day = datetime.fromtimestamp(commit.time, UTC).date().isoformat()
    write_man_pages(TOOL, manual(), version=version, target_dir=str(section), date=day)
    return folder


def manual() -> click.Group:
    """The command as click-man reads it: every verb in place, and examples among the sentences."""
    context = click.Context(command)
    group = with_epilog(command)
    group.commands = {
        verb: with_epilog(found)
        for verb in command.list_commands(context)
        if (found := command.get_command(context, verb))
    }
    return group


def with_epilog(one: Shown) -> Shown:
    shown = copy(one)
    sentences = [cleandoc(text) for text in (one.help, one.epilog) if text]
    shown.help = "\n\n".join(sentences).replace("\b\n", "")
    # Left to itself click-man makes it with a function that click will drop.
    shown.short_help = one.get_short_help_str()
    return shown


def archive(folder: Path, target: Path, time: int) -> None:
    """A folder as .tar.gz that knows of no machine, no user and no clock."""
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as files,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                inside = tarfile.TarInfo(path.relative_to(folder).as_posix())
                inside.size, inside.mtime, inside.mode = len(data), time, 0o644
                files.addfile(inside, io.BytesIO(data))


def parts_list(commit: Commit, python: Path, target: Path) -> None:
    """The SBOM. A test validates it: the tool takes twenty times as long for that as for making it."""
    tool = [sys.executable, "-m", "cyclonedx_py", "environment"]
    options = ["--output-reproducible", "--no-validate"]
    project = commit.folder / "pyproject.toml"
    commit.run(*tool, *options, "--pyproject", project, "--output-file", target, python)


def licences(commit: Commit, python: Path, target: Path) -> None:
    """Each part with its licence, and the text of it where the part brings one."""
    options = ("--with-license-file", "--no-license-path", "--with-notice-file")
    tool = (sys.executable, "-m", "piplicenses", "--python", python, *options)
    target.write_text(commit.run(*tool, "--format", "plain-vertical"), encoding="utf-8")


def write_sums(folder: Path) -> None:
    """As `sha256sum --check` reads them."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


@click.command(help=__doc__)
def main() -> None:
    dist = ROOT / "dist"
    try:
        shutil.rmtree(dist, ignore_errors=True)
        release(ROOT, dist)
    except ToolError as error:
        click.echo(f"release: {error}", err=True)
        sys.exit(2)
    for path in sorted(dist.iterdir()):
        click.echo(f"{path.stat().st_size:>9}  dist/{path.name}")


if __name__ == "__main__":
    main()
