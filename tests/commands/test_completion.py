"""Completion, in a real bash with a real key: what the line becomes."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run
from tests.documents import blocks

SHELL = ["bash", "--noprofile", "--norc", "-i"]
PROMPT = "> "
SECONDS = 60


class Terminal:
    """A bash to type into."""

    def __init__(self, folder: Path) -> None:
        self.here, there = pty.openpty()
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {
            "PATH": path,
            "TERM": "dumb",
            "PS1": PROMPT,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        }
        self.shell = subprocess.Popen(
            SHELL,
            cwd=folder,
            env=environment,
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        self.until(PROMPT)
        self.type("bind 'set enable-bracketed-paste off'; stty cols 200\n")
        self.until(PROMPT)
        (setup,) = blocks("docs/install.md", "bash")
        for line in setup.splitlines():
            self.type(f"{line}\n")
            self.until(PROMPT)

    def type(self, keys: str) -> None:
        os.write(self.here, keys.encode())

    def until(self, end: str) -> str:
        """What came, up to an end that must come."""
        got, last = "", time.monotonic() + SECONDS
        while not got.endswith(end):
            ready, _, _ = select.select([self.here], [], [], max(0, last - time.monotonic()))
            assert ready, f"no {end!r} after {got!r}"
            got += os.read(self.here, 65536).decode()
        return got

    def completed(self, typed: str) -> str:
        """The line after a tab, as bash would run it."""
        self.type(f"{typed}\t")
        self.type("\x01printf '<%s>' '\x05'\n")  # to the line's begin, and to its end
        got = self.until(f">{PROMPT}")
        line: str = re.findall(r"<([^<>]*)>", got)[-1]
        return line


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.type("exit\n")
    terminal.shell.wait(SECONDS)
    os.close(terminal.here)


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("dia", "diagnose "),
        ("explain KubeProxySyncS", "explain KubeProxySyncSlow "),
        ("explain iptables-lock-h", "explain iptables-lock-held-too-long "),
        ("show kubeproxysyncs", "show KubeProxySyncSlow "),
        ("test --only sync-slow,rules-f", "test --only sync-slow,rules-flushed "),
        ("init --logs fl", "init --logs fluent-bit "),
        ("init --runs gk", "init --runs gke "),
        ("docs unit", "docs unit-tests "),
        ("schema prof", "schema profile "),
        ("verify --only lo", "verify --only loki "),
        ("advise --from", "advise --from-cluster "),
    ],
)
def test_a_tab_ends_the_word(bash: Terminal, typed: str, becomes: str) -> None:
    assert bash.completed(f"kube-proxy-alerts {typed}") == f"kube-proxy-alerts {becomes}"


def test_entries_of_ones_own_are_completed(bash: Terminal, run: Run, tmp_path: Path) -> None:
    assert run("new", "zebra", "--catalog", "ours", cwd=tmp_path).returncode == 0
    typed = "kube-proxy-alerts show --catalog ours zeb"
    assert bash.completed(typed) == "kube-proxy-alerts show --catalog ours zebra "
    assert bash.completed("kube-proxy-alerts show zeb") == "kube-proxy-alerts show zeb"
    (tmp_path / "kube-proxy-alerts.yaml").write_text("catalog: ours\n")
    assert bash.completed("kube-proxy-alerts show zeb") == "kube-proxy-alerts show zebra "


@pytest.mark.parametrize("project", ["catalog: nowhere\n", "catalog: [\n", "catlog: 1\n"])
def test_what_cannot_be_read_is_not_said(bash: Terminal, tmp_path: Path, project: str) -> None:
    (tmp_path / "kube-proxy-alerts.yaml").write_text(project)
    assert bash.completed("kube-proxy-alerts show zeb") == "kube-proxy-alerts show zeb"


def test_a_shell_that_asks_is_told_that_all_went_well(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("kube-proxy-alerts")
    environment = {
        **os.environ,
        "_KUBE_PROXY_ALERTS_COMPLETE": "zsh_source",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "#compdef kube-proxy-alerts" in done.stdout
