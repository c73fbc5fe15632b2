"""Runs kubectl for what it prints as JSON. Every way in which that can fail is a ToolError."""

import json
import shlex
import shutil
import subprocess
from typing import Any

from generator.problems import ToolError

_SECONDS = 120
_SAID = 300  # characters of an error


def ask(context: str | None, *arguments: str) -> Any:
    """What a command prints with `--output json`; None if it prints nothing."""
    command = ["kubectl", *(["--context", context] if context else []), *arguments, "--output", "json"]
    shown = shlex.join(command)
    if shutil.which("kubectl") is None:
        raise ToolError("kubectl is not on PATH; install it, or give what it prints with --cluster-file")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise ToolError(
            f"the kubectl on PATH cannot be run: {error.strerror}; is it a program for this machine?"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"kubectl did not answer within {_SECONDS} s: {shown}") from error
    if done.returncode:
        raise ToolError(f"`{shown}` failed: {_short(done.stderr)}")
    if not done.stdout.strip():
        return None
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"`{shown}` printed no JSON: {_short(done.stdout)!r}; is this kubectl?") from error


def _short(said: bytes) -> str:
    return " ".join(said.decode(errors="replace").split())[:_SAID]
