"""Streams that are closed, full or of an odd encoding, and signals: a run ends with a message and a code that fit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from generator.commands.printing import _printable_json
from tests.conftest import ROOT, TINY, completed

TOOL = f"{sys.executable} -m generator"
LOG = (
    'E0102 03:04:05.678901       1 proxier.go:1507] "Failed to execute iptables-restore" err="exit status 4 '
    '(Another app is currently holding the xtables lock. Perhaps you want to use the -w option?)"\n'
)

NO_INPUT = (
    "standard input cannot be read: Bad file descriptor; "
    "name a file, or send one with `<` or through a pipe"
)


def shell(line: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    done = completed(
        ["bash", "-o", "pipefail", "-c", line.replace("TOOL", TOOL)], folder, **environment
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("TOOL list >&-", 2, "kube-proxy-alerts: standard output: Bad file descriptor\n"),
        ("TOOL explain KubeProxySyncSlow >&-", 2, "standard output: Bad file descriptor\n"),
        ("TOOL list --json >&-", 2, "standard output: Bad file descriptor\n"),
        ("TOOL --help >&-", 2, "standard output: Bad file descriptor\n"),
        ("TOOL list > /dev/full", 2, "standard output: No space left on device\n"),
        ("TOOL list --json > /dev/full", 2, "standard output: No space left on device\n"),
        ("TOOL advise --cluster-file - <&-", 2, f"{NO_INPUT}\n"),
        ("TOOL diagnose - <&-", 2, f"kube-proxy-alerts: {NO_INPUT}\n"),
        ("TOOL diagnose <&-", 2, f"kube-proxy-alerts: {NO_INPUT}\n"),
        ("TOOL show nothing 2>&-", 1, ""),
        ("TOOL show nothing 2>/dev/full", 1, ""),
        ("TOOL list --json <&- >&- 2>&-", 2, ""),
        ("TOOL list | true", 2, ""),
        ("TOOL list --json | true", 2, ""),
        ("TOOL --help | true", 2, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_said_and_is_not_found(
    tmp_path: Path, line: str, code: int, said: str
) -> None:
    found, _, stderr = shell(line, tmp_path)
    assert (found, stderr.endswith(said), stderr.count("\n") <= 1) == (code, True, True), stderr


def test_what_is_followed_is_said_too_where_nothing_can_come(tmp_path: Path) -> None:
    code, _, stderr = shell("TOOL diagnose --follow - <&-", tmp_path)
    assert code == 2
    assert stderr.endswith(f"kube-proxy-alerts: {NO_INPUT}\n")


def test_without_a_place_for_messages_there_is_a_report(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    assert shell("TOOL diagnose log", tmp_path)[0] == 1
    code, stdout, _ = shell("TOOL diagnose log 2>&-", tmp_path)
    assert code == 1
    assert "KubeProxyIptablesRestoreWithoutWait" in stdout


# The command for the small catalog: how much is read does not matter to the streams.
SMALL = f"""
from functools import partial
from pathlib import Path
from generator.catalog import load
from generator.__main__ import main
load.load = partial(load.load, base=Path({str(TINY)!r}))
main()
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_is_no_text_does_not_end_the_run(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9\x1b[2J")
    (folder / "an-entry").mkdir(parents=True)
    (folder / "an-entry" / "failure.yaml").write_text("id: [\n")
    (tmp_path / "small.py").write_text(SMALL)
    for style in ("text", "json", "github", "gitlab"):
        line = f"{sys.executable} small.py check --no-validate --catalog caf* --format {style}"
        code, stdout, stderr = shell(line, tmp_path, PYTHONIOENCODING=encoding)
        assert code == 1, stderr
        assert "Traceback" not in stderr
        assert "\x1b" not in stdout + stderr
        if style in ("json", "gitlab"):
            assert "caf" in json.dumps(json.loads(stdout))


def test_json_stays_the_same_json() -> None:
    text = json.dumps({"a": "\x7f\x9b\u202e\ud800 \U000e0001 ä 漢"}, indent=2, ensure_ascii=False)
    assert json.loads(_printable_json(text)) == json.loads(text)
    assert all(char.isprintable() or char == "\n" for char in _printable_json(text))


BEGIN = """
import sys
sys.argv = ["kube-proxy-alerts", "check", "--no-validate"]
from generator.__main__ import main
print("begins", flush=True)
main()
"""


@pytest.mark.parametrize("after", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
def test_an_interrupt_is_no_answer_and_no_traceback(tmp_path: Path, after: float) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            BEGIN,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert "Traceback" not in stderr
