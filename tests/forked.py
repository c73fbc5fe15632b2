"""The command in processes of its own that are forked from one that has imported it, and has compiled once.

Such a process has its own arguments, folder, environment, streams and exit code, and ends as one that was started.
What it has in memory from before are modules, and what functions without side effects have given.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryFile

import generator

_LONGEST = 100_000  # bytes of a request: arguments, folder and environment
_SECONDS = 300
# What the command imports when it needs it, beside its own modules.
_LATE = (
    "anyio._backends._asyncio",
    "drain3",
    "httpcore",
    "jsonschema",
    "rich.markdown",
    "rich.table",
)
_AT_START = ("PYTHON", "LC_", "LANG", "TZ")  # what Python reads when it starts, and not again


class Forking:
    """The process that forks, seen from the tests. The `generator` that it runs is that of a folder."""

    def __init__(self, root: Path) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(other.fileno())],
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # no terminal, as for all that it starts
                pass_fds=[other.fileno()],
            )

    @staticmethod
    def can_give(folder: Path, environment: Mapping[str, str]) -> bool:
        """Whether a process that is forked is the one that is started in a folder with these variables."""
        source = folder / "generator"  # which Python imports where it is started there
        there = source.exists() and not source.samefile(generator.__path__[0])
        return not there and not any(name.startswith(_AT_START) for name in environment)

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        asked = json.dumps([list(arguments), str(folder), dict(environment)])
        with TemporaryFile() as stdout, TemporaryFile() as stderr:
            files = [stdout.fileno(), stderr.fileno()]
            socket.send_fds(self._socket, [asked.encode("utf-8")], files)
            pid = self._answer()
            if not select.select([self._socket], [], [], _SECONDS)[0]:
                os.kill(pid, signal.SIGKILL)
            code = self._answer()
            said = [_text(file.fileno()) for file in (stdout, stderr)]
        return subprocess.CompletedProcess(list(arguments), code, *said)

    def _answer(self) -> int:
        return int(self._socket.recv(_LONGEST))

    def close(self) -> None:
        self._socket.close()
        self._process.wait(_SECONDS)


def _text(file: int) -> str:
    """All that was written into a file, its lines as those of a pipe are read."""
    os.lseek(file, 0, os.SEEK_SET)
    with open(file, encoding="utf-8", errors="surrogateescape", closefd=False) as reader:
        return reader.read()


def _prepare() -> None:
    from generator.catalog.load import load
    from generator.pipeline import compile_catalog

    own = [found.name for found in walk_packages(generator.__path__, "generator.")]
    own.remove("generator.__main__")
    for name in (*own, *_LATE):
        import_module(name)
    compile_catalog(load(), "output")
    gc.collect()
    gc.freeze()  # memory that nothing writes to stays shared


def _forks(requests: socket.socket) -> bool:
    """Fork for each request. In what was forked: true; when there are no more requests: false."""
    while True:
        asked, files, _, _ = socket.recv_fds(requests, _LONGEST, 2)
        if not asked:
            return False
        pid = os.fork()
        if pid == 0:
            requests.close()
            arguments, folder, environment = json.loads(asked)
            _become(arguments, folder, environment, files)
            return True
        for file in files:
            os.close(file)
        requests.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(
    arguments: Sequence[str], folder: str, environment: Mapping[str, str], files: Sequence[int]
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    sys.path[0] = folder
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)


if __name__ == "__main__":
    _prepare()
    with socket.socket(fileno=int(sys.argv[1])) as _requests:
        _forked = _forks(_requests)
    if _forked:
        runpy.run_module("generator", run_name="__main__", alter_sys=True)
