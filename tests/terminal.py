"""The command on a terminal."""

import contextlib
import os
import pty
import subprocess
import sys

from tests.conftest import ROOT


def shown(columns: int, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code, and what a terminal of so many columns gets: both streams, with their colours."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "generator", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **environment},
        stdout=there,
        stderr=there,
    )
    os.close(there)
    got = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while block := os.read(here, 65536):
            got += block
    os.close(here)
    return process.wait(60), got.decode().replace("\r", "")
