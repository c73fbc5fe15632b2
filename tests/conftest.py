"""Shared by all tests: the command as a user runs it, a small catalog, and both promtools."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from generator import loki, tools
from generator.loki import Loki

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "golden" / "catalog"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the command in a folder, in its own process; environment variables can be added."""

    def command(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "generator", *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return command


@pytest.fixture(scope="session", params=tools.PROMTOOL.pinned)
def pinned_promtool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """promtool of each pinned version. Never skipped: a version that cannot be had fails the tests that need it."""
    # Test processes run side by side; one builds, the others wait.
    with FileLock(tmp_path_factory.getbasetemp().parent / f"promtool-{request.param}.lock"):
        return tools.pinned(tools.PROMTOOL, request.param, lambda message: print(message, file=sys.stderr))


@pytest.fixture(scope="session")
def pinned_loki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loki of the pinned version. Never skipped: if it cannot be had, the tests that need it fail."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "loki.lock"):
        return tools.pinned(tools.LOKI, tools.LOKI.pinned[0], lambda message: print(message, file=sys.stderr))


@pytest.fixture(scope="session")
def real_loki(pinned_loki: Path) -> Iterator[Loki]:
    """A real Loki, one for all tests of a process."""
    with loki.local(pinned_loki) as running:
        yield running
