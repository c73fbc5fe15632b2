"""Signals that end a run: what it has started ends at once, and what it holds is cleaned up, as with Ctrl-C."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# SIGTERM comes from a CI job that is cancelled and from `timeout`, SIGHUP from a terminal that was closed.
_ENDING = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__
)
_AS_SHELLS_SAY_IT = 128
_first: list[Callable[[], None]] = []


class Ended(KeyboardInterrupt):
    """The run was told to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def caught() -> Iterator[None]:
    """While the block runs, each of them is an Ended in it; but one that is ignored, as under nohup, stays so."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def first(action: Callable[[], None]) -> None:
    """Do this before the block is left: it may wait for what the action ends."""
    _first.append(action)


def exit_code(ended: BaseException) -> int:
    """Of a run that was told to end; click has its own error for it, whose cause is what came."""
    came = ended if isinstance(ended, Ended) else ended.__cause__
    return _AS_SHELLS_SAY_IT + (came.number if isinstance(came, Ended) else signal.SIGINT)


def _end(number: int, _: object) -> None:
    for action in _first:
        action()
    raise Ended(number)
