"""Signals that end a run: what it has started ends at once, and what it holds is cleaned up, as with Ctrl-C."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# SIGTERM comes from a CI job that is cancelled and from `timeout`, SIGHUP from a terminal that was closed.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_ENDING = [number for number in signal.Signals if number.name in _NAMES]
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
    before = {}
    for number in _ENDING:
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN:
            before[number] = handler
    for number in before:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def first(action: Callable[[], None]) -> None:
    """Do this before the block is left: it may wait for what the action ends."""
    _first.append(action)


def exit_code(ended: BaseException) -> int:
    """Of a run that was told to end; click has its own error for it, whose cause is what came."""
    number: int = signal.SIGINT
    for error in (ended, ended.__cause__):
        if isinstance(error, Ended):
            number = error.number
            break
    return _AS_SHELLS_SAY_IT + number


def _end(number: int, _: object) -> None:
    for action in _first:
        action()
    raise Ended(number)
