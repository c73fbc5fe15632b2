"""A problem is a value: where it is, what is wrong, what to do about it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from generator.names import TOOL


@dataclass(frozen=True, order=True)
class Location:
    """A place in an input file; line and column count from 1, line 0 means the file as a whole.

    Without a path it is what stands in no file, such as a default.
    """

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with the input. A warning is reported and does not fail the run."""

    where: Location
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where.path else ""
        kind = "warning: " if self.severity == "warning" else ""
        return f"{place}{kind}{self.message}"


class ToolError(Exception):
    """The command could not run (exit code 2); the message says what to do."""


class UnreachableError(ToolError):
    """A server does not answer at all."""


def errors(problems: Iterable[Problem]) -> list[Problem]:
    return [p for p in problems if p.severity == "error"]


def render(problems: Sequence[Problem], style: str) -> str:
    """Problems as `text`, one `json` document, `github` workflow annotations, or a `gitlab` Code Quality report.

    Ends in a newline unless empty.
    """
    ordered = sorted(set(problems))
    if style == "json":
        rows = [{**asdict(p.where), "severity": p.severity, "message": p.message} for p in ordered]
        return json.dumps({"problems": rows}, indent=2, ensure_ascii=False) + "\n"
    if style == "gitlab":
        return json.dumps([_gitlab(p) for p in ordered], indent=2, ensure_ascii=False) + "\n"
    line = _github if style == "github" else str
    return "".join(f"{line(p)}\n" for p in ordered)


def _github(problem: Problem) -> str:
    # Escapes of GitHub's workflow commands: data escapes %, CR and LF; properties also ':' and ','.
    data = problem.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = problem.where.path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = path.replace(":", "%3A").replace(",", "%2C")
    place = f" file={path}" if path else ""
    if problem.where.line:
        place += f",line={problem.where.line},col={problem.where.column}"
    return f"::{problem.severity}{place}::{data}"


def _gitlab(problem: Problem) -> dict[str, Any]:
    """One issue, in the part of Code Climate's format that GitLab reads; it tells issues apart by the fingerprint."""
    return {
        "description": problem.message,
        "check_name": TOOL,
        "fingerprint": hashlib.sha256(str(problem).encode(errors="backslashreplace")).hexdigest(),
        "severity": "major" if problem.severity == "error" else "minor",
        # GitLab wants a path in any case; of what stands in no file it is the repository's.
        "location": {"path": problem.where.path or ".", "lines": {"begin": max(problem.where.line, 1)}},
    }
