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
_SHOWN_OF_ERROR = 300  # characters of an error
_BLOCK = 1 << 20
# What kubectl logs of its own work, the same thing several times.
_KLOG_LEVEL = re.compile(r"[IWEF][0-9]{4} ")
_NO_CLUSTER = re.compile(
    r"connection to the server|Unable to connect|context .*does not exist|no configuration|no such host"
)


def ask(context: str | None, *arguments: str) -> Any:
    """What a command prints with `--output json`; None if it prints nothing."""
    command = _command(context, *arguments, "--output", "json")
    printed = _output_of(command)
    if not printed.strip():
        return None
    try:
        return json.loads(printed)
    except (ValueError, RecursionError) as error:
        words = _first_words_printed(printed)
        raise ToolError(
            f"`{shlex.join(command)}` printed no JSON: {words!r}; is this kubectl?"
        ) from error


def _output_of(command: list[str]) -> bytes:
    """What a command prints that ends well."""
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
    return done.stdout


class Running:
    """A command whose output may be long; its pipe holds it back until it is read."""

    def __init__(self, context: str | None, *arguments: str) -> None:
        self._command = _command(context, *arguments)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors
            )
        except OSError as error:
            self._errors.close()
            raise _no_program(error) from error

    def blocks(self, note: Callable[[str], None]) -> Iterator[bytes]:
        """What it prints; a failure is noted."""
        while self._process.stdout:
            block = self._process.stdout.read(_BLOCK)
            if not block:
                break
            yield block
        if self._process.wait():
            self._errors.seek(0)
            note(_why_it_failed(self._command, self._errors.read()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()


def _command(context: str | None, *arguments: str) -> list[str]:
    if shutil.which("kubectl") is None:
        raise ToolError("kubectl is not on PATH; install it, or give files with what it prints")
    if context:
        return ["kubectl", "--context", context, *arguments]
    return ["kubectl", *arguments]


def _no_program(error: OSError) -> ToolError:
    return ToolError(
        f"the kubectl on PATH cannot be run: {error.strerror}; is it a program for this machine?"
    )


def _why_it_failed(command: list[str], stderr: bytes) -> str:
    words = _first_words_printed(stderr)
    if _NO_CLUSTER.search(words):
        reason = words.rstrip(".?")
        return f"kubectl reaches no cluster: {reason}; choose one with --context or KUBECONFIG"
    return f"`{shlex.join(command)}` failed: {words}"


def _first_words_printed(printed: bytes) -> str:
    """What it said to people, in one line."""
    text = printed.decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    spoken = [line for line in lines if not _KLOG_LEVEL.match(line)]
    if not spoken:
        spoken = lines[-1:]
    words = " ".join(dict.fromkeys(spoken)).split()
    return " ".join(words)[:_SHOWN_OF_ERROR]
