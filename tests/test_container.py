"""The Containerfile: what a linter says of it, what it builds of, and what is typed to run it.

No container is built here: an image comes from an index of images, and tests get along without one.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.conftest import ROOT, Run, wheel_of
from tests.documents import blocks

TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [line.split(maxsplit=1) for line in TEXT.replace("\\\n", "").splitlines() if line]


def said(instruction: str) -> list[str]:
    return [line[1] for line in INSTRUCTIONS if line[0] == instruction]


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    hadolint = Path(sys.executable).with_name("hadolint")
    return subprocess.run([hadolint, file], capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say(tmp_path: Path) -> None:
    done = lint(ROOT / "Containerfile")
    assert (done.returncode, done.stdout) == (0, "")
    spoiled = tmp_path / "Containerfile"
    spoiled.write_text(TEXT.replace(":3.13-slim", ":latest"), encoding="utf-8")
    assert "DL3007" in lint(spoiled).stdout


def test_what_is_copied_is_enough_for_the_whole_wheel(wheel: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for *sources, _ in (shlex.split(line) for line in said("COPY") if "--from" not in line):
        for source in sources:
            if (ROOT / source).is_dir():
                hidden = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, context / source, ignore=hidden)
            else:
                shutil.copy2(ROOT / source, context)
    assert files_of(wheel_of(context, tmp_path)) == files_of(wheel)


def files_of(wheel: Path) -> dict[str, int]:
    """The files of a wheel, with their checksums."""
    with ZipFile(wheel) as files:
        return {file.filename: file.CRC for file in files.infolist()}


def test_it_runs_the_command_as_nobody() -> None:
    (program,) = said("ENTRYPOINT")
    made = re.search(r"-m venv (\S+)", " ".join(said("RUN")))
    assert made
    assert json.loads(program) == [f"{made[1]}/bin/kube-proxy-alerts"]
    assert said("USER") == ["65534:65534"]
    assert len(set(said("FROM")[0].split()[:1]) | set(said("FROM")[1].split())) == 1


def test_what_the_document_types_fills_a_mounted_folder(run: Run, tmp_path: Path) -> None:
    (block,) = blocks("docs/install.md", "console")
    build, start = [shlex.split(line.removeprefix("$ ")) for line in block.splitlines()]
    assert build == ["podman", "build", "--tag", "kube-proxy-alerts", "."]
    image = start.index("kube-proxy-alerts")
    assert said("WORKDIR")[-1] == start[image - 1].rpartition(":")[2]
    # That a mount point is filled where it is, tests/outputs/test_write.py proves with a real mount.
    done = run(*start[image + 1 :], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output" / "loki" / "kube-proxy.rules.yaml").is_file()
