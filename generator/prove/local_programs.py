"""Starts programs of our own on loopback, which end with the block."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from generator.base.problems import ToolError

_START_SECONDS = 90


@contextlib.contextmanager
def started(
    command: Sequence[str], log: Path, folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that prints into a file and ends with the block. Raises ToolError if it cannot be started."""
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise ToolError(f"{command[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        process.kill()  # there is nothing to save
        process.wait()


def wait(
    ask: Callable[[], None], process: "subprocess.Popen[bytes]", log: Path, name: str, fix: str
) -> None:
    """Until a program that was started does what it is asked. Raises ToolError if it ends, or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return ask()
        except ToolError as error:
            if process.poll() is not None:
                printed = log.read_text(errors="replace").strip().splitlines()
                last_line = printed[-1][:500] if printed else "it printed nothing"
                raise ToolError(f"{name} ended at its start: {last_line}; {fix}") from error
            if time.monotonic() > deadline:
                raise ToolError(
                    f"{name} does not take lines within {_START_SECONDS} s: {error}"
                ) from error
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def die_with_parent() -> None:
    """Also where this process is killed and can clean up nothing (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
