"""What is forked cannot be told from what was started, but for the time that it takes."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run, completed
from tests.forked import Forking


@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("list", "--help"),
        ("list", "--json"),
        ("nothing",),
        ("explain", "KubeProxySyncSlow"),
        ("show", "nothing"),
        ("check", "--no-validate", "--profile", "site.yaml"),
    ],
    ids=" ".join,
)
def test_it_says_the_same_and_ends_with_the_same_code(
    words: tuple[str, ...], forking: Forking, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text("labls: {}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "70"}
    forked = forking.run(words, tmp_path, environment)
    started = completed([sys.executable, "-m", "generator", *words], tmp_path, COLUMNS="70")
    assert forked.stdout + forked.stderr
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_nothing_of_a_run_is_left_for_the_next(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kube-proxy-alerts.yaml").write_text("profile: nowhere.yaml\n")
    refused = run("check", "--no-validate", cwd=tmp_path)
    assert refused.returncode == 1
    assert "nowhere.yaml" in refused.stderr
    missing = run("check", KUBE_PROXY_ALERTS_CATALOG="/nowhere")
    assert missing.returncode == 2
    assert "/nowhere" in missing.stderr
    assert run("check", "--no-validate").returncode == 0


def test_what_python_reads_when_it_starts_needs_a_start(forking: Forking, tmp_path: Path) -> None:
    for folder in (ROOT, tmp_path):
        assert forking.can_give(folder, {"HOME": "/nowhere", "NO_COLOR": "1"})
    for name in ("PYTHONHASHSEED", "LC_ALL", "LANG", "TZ"):
        assert not forking.can_give(tmp_path, {name: "C"})
    (tmp_path / "generator").mkdir()
    assert not forking.can_give(tmp_path, {})
