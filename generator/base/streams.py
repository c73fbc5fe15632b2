"""The standard streams that a run was started with: closed, full, or of an encoding that lacks characters."""

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

# What is done with a stream that was closed fails as it would without it. Only for messages there is nobody to tell.
_MISSING_STREAMS = {
    "stdin": (0, os.O_WRONLY),
    "stdout": (1, os.O_RDONLY),
    "stderr": (2, os.O_WRONLY),
}


def prepare() -> None:
    """Open what was closed, or the next file would get its number; print what the encoding lacks as an escape."""
    for name, (number, flags) in _MISSING_STREAMS.items():
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, flags)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            mode = "r" if name == "stdin" else "w"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def finish() -> str | None:
    """Deliver what was printed. Why that failed; empty where the reader of a pipe has merely seen enough."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except ValueError:  # closed by the program itself, which was done
        return None
    except OSError as error:
        # Python tries once more when it ends.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return ""
        return str(error.strerror)
    return None
