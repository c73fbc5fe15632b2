"""Runs a program to its end, within a limit of time; a run that is told to end takes its programs along."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from generator.base import process_signals
from generator.base.problems import ToolError

_RUN_SECONDS = 600


class _Running:
    """The programs that run; each in a group of its own, with all that it starts."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def add(self, process: "subprocess.Popen[bytes]") -> None:
        self._processes.add(process)
        if self._over:  # another thread begins what the main one does not wait for any more
            _kill(process)

    def remove(self, process: "subprocess.Popen[bytes]") -> None:
        self._processes.discard(process)

    def end(self) -> None:
        self._over = True
        for process in tuple(self._processes):
            _kill(process)


_running = _Running()
process_signals.first(_running.end)


def run(
    command: Sequence[str],
    folder: Path,
    limit: int = _RUN_SECONDS,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bool, str]:
    """Run a program in a folder; whether it was content, and all it printed. `defaults` are variables of the
    environment where ours has none of that name. Raises ToolError if it could not run."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**defaults, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: {error.strerror}") from error
    with process:
        _running.add(process)
        try:
            printed, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{command[0]} did not end within {limit} s") from error
        finally:
            _kill(process)
            _running.remove(process)
    return process.returncode == 0, printed.decode("utf-8", errors="replace")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a program and what it has started; nothing where it has ended."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(process.pid, signal.SIGKILL)
