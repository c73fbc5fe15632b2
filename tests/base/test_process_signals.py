"""A run that is told to end: nothing that it has started goes on, nothing of it stays, and its code says the signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

TOLD = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
LIMIT = 30  # seconds

# What the real one does on a slow machine, with a program of its own under it.
SLOW = """\
#!/bin/sh
[ "$1" = --version ] && exec {promtool} --version
sleep 300 &
echo $$ $! >> {started}
wait
"""


@pytest.fixture
def started(tmp_path: Path, pinned_promtool: Path) -> Path:
    """The file where each promtool that runs notes its processes; the first one on PATH is one that does not end."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()
    program = tmp_path / "bin" / "promtool"
    program.write_text(SLOW.format(promtool=pinned_promtool, started=tmp_path / "started"))
    program.chmod(0o755)
    return tmp_path / "started"


@pytest.fixture
def checking(tmp_path: Path, started: Path) -> Iterator["subprocess.Popen[str]"]:
    """A `check` that waits for promtool."""
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),  # where nothing has passed before
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "generator", "check"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_a_terminal_begins_it,
    )
    deadline = time.monotonic() + 2 * LIMIT
    while not (started.exists() and started.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def as_a_terminal_begins_it() -> None:
    for number in TOLD:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def alive(started: Path) -> list[int]:
    """Of the processes that were noted, those that run."""
    numbers = [int(word) for word in started.read_text().split()]
    return [number for number in numbers if Path(f"/proc/{number}/exe").exists()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", TOLD, ids=lambda number: number.name)
def test_what_was_started_ends_with_the_run(
    number: signal.Signals, checking: "subprocess.Popen[str]", started: Path, tmp_path: Path
) -> None:
    assert len(alive(started)) >= 2
    checking.send_signal(number)
    _, said = checking.communicate(timeout=LIMIT)
    assert checking.returncode == 128 + number
    assert "Traceback" not in said
    assert list((tmp_path / "tmp").iterdir()) == []
    deadline = time.monotonic() + LIMIT
    while alive(started):
        assert time.monotonic() < deadline
        time.sleep(0.05)


IGNORING = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from generator.base import process_signals
with process_signals.caught():
    os.kill(os.getpid(), signal.SIGHUP)
    print("goes on")
"""


def test_what_was_told_to_go_on_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IGNORING], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n")
