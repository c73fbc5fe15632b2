"""A program has an end, and so has what it started."""

import time
from pathlib import Path

import pytest

from generator.base import subprocesses
from generator.base.problems import ToolError


def test_all_that_it_prints_comes_back_with_whether_it_was_content(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo one; echo two >&2; exit 3"]
    assert subprocesses.run(command, tmp_path) == (False, "one\ntwo\n")
    assert subprocesses.run(["pwd"], tmp_path) == (True, f"{tmp_path.resolve()}\n")


def test_defaults_of_its_environment_give_way_to_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "from us")
    monkeypatch.delenv("THEIRS", raising=False)
    command = ["sh", "-c", "echo $OURS, $THEIRS"]
    defaults = {"OURS": "a default", "THEIRS": "another"}
    said = subprocesses.run(command, tmp_path, defaults=defaults)
    assert said == (True, "from us, another\n")


def test_what_it_started_does_not_outlive_its_limit(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(ToolError, match="sh did not end within 1 s"):
        subprocesses.run(["sh", "-c", "sleep 300 & echo $! > child; wait"], tmp_path, limit=1)
    assert time.monotonic() - begin < 60
    child = (tmp_path / "child").read_text().strip()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}/exe").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
