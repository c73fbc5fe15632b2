"""Runs a program to its end, within a limit of time."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from generator.base.problems import ToolError

_RUN_SECONDS = 600


def run(command: Sequence[str], folder: Path, limit: int = _RUN_SECONDS) -> tuple[bool, str]:
    """Run a program in a folder; whether it was content, and all it printed. Raises ToolError if it could not run."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} did not end within {limit} s") from error
    return done.returncode == 0, done.stdout.decode("utf-8", errors="replace")
