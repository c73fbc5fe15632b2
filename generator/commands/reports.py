"""Problems as text, and as GitHub and GitLab read them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from generator.base.names import TOOL
from generator.base.problems import Problem


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
        "location": {
            "path": problem.where.path or ".",
            "lines": {"begin": max(problem.where.line, 1)},
        },
    }
