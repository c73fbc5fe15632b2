"""Undoes what a terminal, a pager or a mail does to long lines: to fold them at a constant width. No IO."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from generator.diagnose.lines.unwrap import opens

_SAMPLE = 1 << 16  # bytes that tell the width
_NARROW, _WIDE = 40, 500  # columns of terminals in use
_USUAL = (80, 100, 120, 132, 160)  # at which less has to speak for it
_TAIL = 20  # characters by which one message is told from another, whatever stands in front
_LONGEST_RECORD = 1 << 20  # characters of a record that is put together
_WITHOUT_DIGITS = str.maketrans("", "", "0123456789")


def width(first: bytes) -> int | None:
    """The width at which a log was folded, by its first bytes; None if it was not.

    No line is longer, and lines of just this width go on in the next one, some in the middle of a word. Messages of
    several lines go on too: but one message has one length, and several have different ones.
    """
    lines = [_decoded(line) for line in first[:_SAMPLE].split(b"\n")]
    if len(first) > _SAMPLE:
        del lines[-1]  # it is cut here
    columns = max(map(len, lines), default=0)
    if not _NARROW <= columns <= _WIDE:
        return None
    usual = columns in _USUAL
    cuts = list(_cuts(lines, columns, usual))
    tails = (line[-_TAIL:] for line, _ in cuts)
    messages = {tail.translate(_WITHOUT_DIGITS) for tail in tails}
    likely = _mid_sentence if usual or len(messages) > 1 else _mid_word
    folded = any(likely(line, after) for line, after in cuts)
    return columns if folded else None


def _cuts(lines: Sequence[str], columns: int, anywhere: bool) -> Iterator[tuple[str, str]]:
    """Each line of just this width that goes on in the next one, and the next one.

    `anywhere`: not only from the first line of a record on.
    """
    within = False
    for line, after in pairwise(lines):
        if len(line) != columns:
            within = False
            continue
        of_record = within or anywhere or opens(line)
        within = of_record and not opens(after)
        if within and after:
            yield line, after


def _mid_sentence(line: str, after: str) -> bool:
    """Whether a line goes on in the next one, which begins neither a sentence nor a line of a stack."""
    if line.endswith(" "):
        return True
    return not (after[0].isupper() or after.startswith(("\t", "  ", "goroutine ")))


def _mid_word(line: str, after: str) -> bool:
    if not _mid_sentence(line, after):
        return False
    if line.endswith(" "):
        return True
    return line[-1].islower() and after[0].islower()


def unfolded(blocks: Iterable[bytes], columns: int) -> Iterator[bytes]:
    """The blocks with each record in one line again; an empty one stays: there is no more for now.

    A head or a wrapping begins a new record, so that nothing is put together that several programs printed.
    """
    record: list[str] = []
    for line in _decoded_lines(blocks):
        if record and not (line and _goes_on_in(line, record, columns)):
            yield f"{''.join(record)}\n".encode(errors="replace")
            record = []
        if line is None:
            yield b""
        else:
            record.append(line)


def _goes_on_in(line: str, record: Sequence[str], columns: int) -> bool:
    """Whether a record of these lines, which was folded so far, goes on in one more."""
    if len(record) * columns > _LONGEST_RECORD:
        return False
    return len(record[-1]) == columns and not opens(line)


def _decoded_lines(blocks: Iterable[bytes]) -> Iterator[str | None]:
    """The lines; None where no more is there for now, and at the end."""
    left = b""
    for block in blocks:
        *lines, left = (left + block).split(b"\n")
        yield from map(_decoded, lines)
        if not block:
            yield None
    if left:
        yield _decoded(left)
    yield None


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
