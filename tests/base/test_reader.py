"""Files are read whole, in bounds, and what cannot be read is said; nothing of a catalog is left out without a word."""

import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.base.reader import Reader, contents, text_if_there, text_of
from generator.catalog.load import load
from tests.conftest import TINY, completed


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """An entry in a catalog of its own."""
    return Path(shutil.copytree(TINY / "broken-gate", tmp_path / "ours" / "broken-gate"))


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 << 30)


ODD: list[tuple[Callable[[Path], object], str]] = [
    (os.mkfifo, "cannot be read: it is a FIFO, not a file"),
    (Path.mkdir, "cannot be read: Is a directory"),
    (_socket, "cannot be read: No such device or address"),
    (lambda path: path.symlink_to("/dev/zero"), "cannot be read: it is a device, not a file"),
    (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links"),
    (_sparse, "is larger than 16 MiB, which no such file is"),
]


@pytest.mark.parametrize(("make", "said"), ODD)
def test_only_files_of_a_sane_size_are_read(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "odd")
    with pytest.raises(ToolError) as error:
        contents(tmp_path / "odd")
    assert str(error.value) == f"{tmp_path}/odd: {said}"


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read: File name too long"):
        contents(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "a: 1\n".encode("utf-16"),
            "f.yaml:1:1: UTF-16 text, as `>` of PowerShell writes it; save the file as UTF-8",
        ),
        (
            b"\xfe\xff\x00a",
            "f.yaml:1:1: UTF-16 text, as `>` of PowerShell writes it; save the file as UTF-8",
        ),
        ("a: 1\nb: ä\n".encode("latin-1"), "f.yaml:2:4: not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_other_encodings_are_named(
    tmp_path: Path, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_bytes(data)
    reader = Reader()
    assert reader.text(Path("f.yaml")) is None
    assert [str(problem) for problem in reader.problems] == [said]


def test_a_profile_may_come_from_a_pipe_of_the_shell(tmp_path: Path) -> None:
    line = f"{sys.executable} -m generator check --no-validate --profile <(echo nonsense: 1)"
    done = completed(["bash", "-c", line], tmp_path)
    assert done.returncode == 1
    assert "unknown key 'nonsense'" in done.stderr


def problems(catalog: Path) -> list[str]:
    """What is said of a catalog of one's own, paths relative to it."""
    found = load([catalog]).problems
    return [str(problem).removeprefix(f"{catalog}/") for problem in found]


def _renamed(before: str, after: str) -> Callable[[Path], object]:
    return lambda entry: (entry / before).rename(entry / after)


def _without_entry(entry: Path) -> None:
    (entry / "failure.yaml").unlink()


def _tests_of_another_name(entry: Path) -> None:
    (entry / "tests.yml").write_text("")


def _folder_of_samples(entry: Path) -> None:
    (entry / "samples" / "fires" / "more").mkdir()


def _link(name: str, target: str) -> Callable[[Path], object]:
    return lambda entry: (entry.parent / name).symlink_to(target)


def _dangling(entry: Path) -> None:
    (entry / "failure.yaml").unlink()
    (entry / "failure.yaml").symlink_to("gone")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            _renamed("failure.yaml", "failure.yml"),
            "ID/failure.yml: is not read; name it failure.yaml",
        ),
        (
            _renamed("failure.yaml", "Failure.YAML"),
            "ID/Failure.YAML: is not read; name it failure.yaml",
        ),
        (_without_entry, "ID: looks like an entry and has no failure.yaml"),
        (_tests_of_another_name, "ID/tests.yml: is not read; name it tests.yaml"),
        (_link("other", "gone"), "other: is a link that leads nowhere"),
        (_link("other", "other"), "other: is a link that leads nowhere"),
        (_dangling, "ID/failure.yaml: is a link that leads nowhere"),
        (_folder_of_samples, "ID/samples/fires/more: is no file; samples are files of lines"),
    ],
)
def test_what_would_be_left_out_is_a_problem(
    entry: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(entry)
    assert said.replace("ID", entry.name) in problems(entry.parent)


# root may look everywhere, unless it gives that up.
AS_ANYBODY = (
    ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)
LOAD = """
from pathlib import Path
from generator.catalog.load import load
print(*load(base=Path("ours"), log_tests=True).problems, sep="\\n")
"""


@pytest.mark.parametrize("mode", [0, stat.S_IRUSR, stat.S_IXUSR])
@pytest.mark.parametrize(
    ("closed", "folders"),
    [
        ("samples/fires", ["ID/samples/fires"]),
        ("samples", ["ID/samples/fires", "ID/samples/silent"]),
        (".", ["ID"]),
    ],
)
def test_a_folder_that_may_not_be_read_is_said_to_be_so_and_nothing_to_be_missing(
    entry: Path, closed: str, folders: list[str], mode: int
) -> None:
    folder = entry / closed
    folder.chmod(mode)
    done = completed([*AS_ANYBODY, sys.executable, "-c", LOAD], entry.parent.parent)
    folder.chmod(stat.S_IRWXU)
    said = [
        f"ours/{place.replace('ID', entry.name)}: cannot be read: Permission denied"
        for place in folders
    ]
    if (closed, mode) == ("samples", stat.S_IXUSR):
        said = [""]  # nobody asks what else is in it
    assert done.stdout.splitlines() == said, done.stderr


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"caf\xe9")
    with pytest.raises(ToolError, match=r"odd: cannot be read: it is not UTF-8 text"):
        text_of(tmp_path / "odd")


def test_of_what_is_not_there_nothing_was_written(tmp_path: Path) -> None:
    assert text_if_there(tmp_path / "none") is None
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ToolError, match="pipe: cannot be read: it is a FIFO, not a file"):
        text_if_there(tmp_path / "pipe")
