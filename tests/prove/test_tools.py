"""Where the real programs come from."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from generator.base import subprocesses
from generator.base.problems import ToolError
from generator.prove import tools
from generator.prove.tools import PROMTOOL


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without promtool, packages or Go, and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\necho promtool\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def silent(message: str) -> None:
    raise AssertionError(f"nothing should be obtained here: {message}")


def test_path_comes_first(bare: Path) -> None:
    cached = program(bare / "cache" / "kube-proxy-alerts" / "promtool-3.16" / "promtool")
    assert tools.find(PROMTOOL, silent) == cached
    on_path = program(bare / "bin" / "promtool")
    assert tools.find(PROMTOOL, silent) == on_path


def test_the_newest_in_the_cache_comes_next(bare: Path) -> None:
    older = program(bare / "cache" / "kube-proxy-alerts" / "promtool-2.42" / "promtool")
    assert tools.find(PROMTOOL, silent) == older
    packaged = program(bare / "cache" / "kube-proxy-alerts" / "promtool-2.100" / "promtool")
    assert tools.find(PROMTOOL, silent) == packaged
    newer = program(bare / "cache" / "kube-proxy-alerts" / "promtool-3.16" / "promtool")
    assert tools.find(PROMTOOL, silent) == newer


def test_a_machine_that_has_nothing_is_told_what_to_do(bare: Path) -> None:
    with pytest.raises(ToolError) as caught:
        tools.find(PROMTOOL, silent)
    assert str(caught.value) == (
        "promtool is not on PATH and could not be obtained (no apt-get here; no Go here). Either install it (Debian, "
        "Ubuntu: the package `prometheus`), or install Go so that the pinned version can be built, or put a promtool "
        "binary on PATH (the project that makes it releases binaries)"
    )


def test_a_broken_promtool_is_could_not_run(tmp_path: Path) -> None:
    broken = tmp_path / "promtool"
    broken.write_text("not a program")
    broken.chmod(0o755)
    with pytest.raises(ToolError, match="promtool: Exec format error"):
        subprocesses.run([str(broken), "--version"], tmp_path)


def test_the_package_is_unpacked_not_installed(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    offered = (
        shutil.which("apt-get")
        and subprocess.run(
            ["apt-cache", "show", "prometheus"], capture_output=True, check=False
        ).stdout
    )
    said: list[str] = []
    if not offered:  # not a Debian machine, or one whose package lists were never fetched: the message says which
        with pytest.raises(
            ToolError,
            match=r"no apt-get here|apt offers prometheus \(nothing; run apt-get update\)",
        ):
            tools._from_package(PROMTOOL, None, said.append)
        return
    found = tools._from_package(PROMTOOL, None, said.append)
    assert found.parent.parent == bare / "cache" / "kube-proxy-alerts"
    assert "promtool" in subprocesses.run([str(found), "--version"], bare)[1]
    assert said[0].startswith("getting promtool ")


def test_the_pinned_versions_are_what_they_say(pinned_promtool: Path, tmp_path: Path) -> None:
    version = pinned_promtool.parent.name.removeprefix("promtool-")
    assert (
        f"version {version}" in subprocesses.run([str(pinned_promtool), "--version"], tmp_path)[1]
    )
