"""A real browser: the machine's Chromium, else Debian's, unpacked beside the other tools and installed nowhere."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from playwright.sync_api import Browser, sync_playwright

from generator.base import subprocesses
from generator.base.names import TOOL

_SECONDS = 600


Program = tuple[str, dict[str, str]]


@contextmanager
def chromium(found: Program) -> Iterator[Browser]:
    program, environment = found
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, env={**os.environ, **environment}
        )
        try:
            yield browser
        finally:
            browser.close()


def obtained() -> Program:
    """Where the browser is, and what its environment needs."""
    installed = shutil.which("chromium")
    if installed:
        return installed, {}
    unpacked = _unpacked()
    libraries = next(unpacked.glob("usr/lib/*-linux-gnu"))
    folders = [libraries, *(folder for folder in libraries.iterdir() if folder.is_dir())]
    return str(unpacked / "usr/lib/chromium/chromium"), {
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))
    }


def _unpacked() -> Path:
    """The folder with Debian's Chromium and those of its libraries that this machine lacks."""
    target = platformdirs.user_cache_path(TOOL) / "chromium"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = Path(folder)
        for name in ("lists/partial", "archives/partial"):
            (work / name).mkdir(parents=True)
        apt = [
            *(
                "apt-get",
                "--quiet",
                "-o",
                f"Dir::State::lists={work / 'lists'}",
                "-o",
                "APT::Sandbox::User=",
            ),
            *("-o", f"Dir::Cache={work}", "-o", f"Dir::Cache::archives={work / 'archives'}"),
        ]
        _must([*apt, "update"], work)
        _must(
            [*apt, "--yes", "--no-install-recommends", "--download-only", "install", "chromium"],
            work,
        )
        for package in sorted((work / "archives").glob("*.deb")):
            _must(["dpkg-deb", "-x", str(package), "unpacked"], work)
        (work / "unpacked").rename(target)
    return target


def _must(command: list[str], work: Path) -> None:
    ok, output = subprocesses.run(command, work, _SECONDS)
    assert ok, f"{' '.join(command)} failed: {output.strip()[-500:]}"
