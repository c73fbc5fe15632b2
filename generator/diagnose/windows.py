"""A stream of bytes as windows of bounded size, so that gigabytes and endless lines need no memory. No IO."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

AROUND = 1 << 19  # bytes of context kept before and after what is read
BLOCK = 4 << 20  # a good size to read at once


@dataclass(frozen=True)
class Window:
    """Lines that begin at `begin` or later and before `end` are new; the bytes around them are context.

    `cut`: `end` lies within a line that is longer than a window. `number` is that of the line at `begin`, from 1 on.
    """

    data: bytes
    begin: int
    end: int
    cut: bool = False
    number: int = 1


def windows(blocks: Iterable[bytes]) -> Iterator[Window]:
    """Each byte is new in one window. An empty block says that no more is there yet: what is whole is handed on."""
    parts: list[bytes] = []
    size = begin = 0
    number = 1
    for block in blocks:
        parts.append(block)
        size += len(block)
        if block and size - begin < 2 * AROUND:
            continue
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        last = len(data) - AROUND if block else len(data)
        end = data.rfind(b"\n", begin, last) + 1
        cut = bool(block) and not end
        if cut:
            end = last
        if end:
            yield Window(data, begin, end, cut, number)
            number += data.count(b"\n", begin, end)
            first = max(0, end - AROUND)
            data, begin = data[first:], end - first
        parts, size = [data], len(data)
    data = b"".join(parts)
    if len(data) > begin:
        yield Window(data, begin, len(data), number=number)
