"""A problem is a value: where it is, what is wrong, what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Location:
    """A place in an input file; line and column count from 1, line 0 means the file as a whole.

    Without a path it is what stands in no file, such as a default.
    """

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        # A name may hold line breaks; what follows one would look like a message, or like a command to the CI.
        name = " ".join(self.path.splitlines())
        if not self.line:
            return name
        return f"{name}:{self.line}:{self.column}"


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
    return [problem for problem in problems if problem.severity == "error"]
