"""The log of the machine's kernel. It has one for all nodes of the lab, and names the network that a line is about."""

import os
from pathlib import Path
from typing import Self

from generator.base.problems import ToolError

_DEVICE = Path("/dev/kmsg")
_RECORD_BYTES = 8192  # no record is longer


class KernelLog:
    """What the kernel prints from now on. Raises ToolError if it may not be read."""

    def __init__(self, device: Path = _DEVICE) -> None:
        try:
            self._file = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise ToolError(
                f"the kernel's log, {device}, cannot be read: {error.strerror}; run the lab as root"
            ) from error
        os.lseek(self._file, 0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def news(self) -> list[str]:
        """The messages since it was last asked."""
        found: list[str] = []
        while True:
            try:
                record = os.read(self._file, _RECORD_BYTES)
            except BlockingIOError:
                return found
            except BrokenPipeError:
                continue  # the next one was overwritten; reading goes on behind it
            found.append(message(record))


def message(record: bytes) -> str:
    """The text of a record of /dev/kmsg: `priority,number,time,flags;text`, and then a line for each property."""
    text = record.partition(b";")[2].partition(b"\n")[0]
    return text.decode(errors="replace")


def network(folder: Path) -> int:
    """The number of a network namespace, by the file that it is bound to."""
    return folder.stat().st_ino


def is_about(text: str, number: int) -> bool:
    """Whether a message names this network namespace."""
    return f" in netns {number}," in text
