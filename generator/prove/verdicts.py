"""What promtool says of files: rules (`check`) and unit tests (`test`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator.base import subprocesses

Action = Literal["check", "test"]
# It lives for a second or two. So it need not look for memory to use again before it has this much, which takes it a
# tenth of its time.
_MEMORY = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}


@dataclass(frozen=True)
class ToJudge:
    """A file in a folder of its own, beside those that it names."""

    folder: Path
    name: str


def refusal(tool: Path, action: Action, names: Sequence[str], folder: Path) -> str | None:
    """What promtool prints where it refuses one of the files of a folder; nothing if it is content with all.

    Raises ToolError if it cannot run.
    """
    command = [str(tool), action, "rules", *names]
    content, printed = subprocesses.run(command, folder, defaults=_MEMORY)
    return None if content else printed


def refusals(tool: Path, action: Action, files: Sequence[ToJudge], root: Path) -> list[str | None]:
    """The same of each of some files below a root. To start promtool takes longer than most files do, so it is asked
    about all at once, and about each by itself where it refuses. Raises ToolError if it cannot run."""
    if len(files) > 1:
        names = [(file.folder / file.name).relative_to(root).as_posix() for file in files]
        if refusal(tool, action, names, root) is None:
            return [None] * len(files)
    return [refusal(tool, action, [file.name], file.folder) for file in files]
