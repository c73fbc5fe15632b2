"""Runs kubectl. Every way in which that can fail is a ToolError."""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from generator.base.problems import ToolError

_SECONDS = 120
_SAID = 300  # characters of an error
_BLOCK = 1 << 20
_KLOG = re.compile(
    r"[IWEF][0-9]{4} "
)  # what kubectl logs of its own work, the same thing several times
_NO_CLUSTER = re.compile(
    r"connection to the server|Unable to connect|context .*does not exist|no configuration|no such host"
)


def ask(context: str | None, *arguments: str) -> Any:
    """What a command prints with `--output json`; None if it prints nothing."""
    command = _command(context, *arguments, "--output", "json")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except OSError as error:
        raise _no_program(error) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"kubectl did not answer within {_SECONDS} s: {shlex.join(command)}"
        ) from error
    if done.returncode:
        raise ToolError(_why_it_failed(command, done.stderr))
    if not done.stdout.strip():
        return None
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        said = f"`{shlex.join(command)}` printed no JSON: {_first_words_printed(done.stdout)!r}; is this kubectl?"
        raise ToolError(said) from error


class Running:
    """A command whose output may be long; its pipe holds it back until it is read."""

    def __init__(self, context: str | None, *arguments: str) -> None:
        self._command = _command(context, *arguments)
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            raise _no_program(error) from error

    def blocks(self, note: Callable[[str], None]) -> Iterator[bytes]:
        """What it prints; a failure is noted."""
        out = self._process.stdout
        while out and (block := out.read(_BLOCK)):
            yield block
        if self._process.wait():
            self._said.seek(0)
            note(_why_it_failed(self._command, self._said.read()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._said.close()


def _command(context: str | None, *arguments: str) -> list[str]:
    if shutil.which("kubectl") is None:
        raise ToolError("kubectl is not on PATH; install it, or give files with what it prints")
    return ["kubectl", *(["--context", context] if context else []), *arguments]


def _no_program(error: OSError) -> ToolError:
    return ToolError(
        f"the kubectl on PATH cannot be run: {error.strerror}; is it a program for this machine?"
    )


def _why_it_failed(command: list[str], stderr: bytes) -> str:
    said = _first_words_printed(stderr)
    if _NO_CLUSTER.search(said):
        return f"kubectl reaches no cluster: {said.rstrip('.?')}; choose one with --context or KUBECONFIG"
    return f"`{shlex.join(command)}` failed: {said}"


def _first_words_printed(printed: bytes) -> str:
    """What it said to people, in one line."""
    lines = [line.strip() for line in printed.decode(errors="replace").splitlines() if line.strip()]
    spoken = [line for line in lines if not _KLOG.match(line)] or lines[-1:]
    return " ".join(" ".join(dict.fromkeys(spoken)).split())[:_SAID]
