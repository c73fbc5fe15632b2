"""The fault lab: real programs, end to end, and what it says of them."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from generator.catalog.load import load
from generator.pipeline import compile_catalog
from tests.conftest import ROOT, alone, completed, say
from tests.lab import page, report, samples
from tests.lab.observe import diagnosed
from tests.lab.programs import programs
from tests.lab.report import Seen
from tests.lab.scenarios import SCENARIOS, SHORT
from tests.waiting import until

LAB = [sys.executable, "-m", "tests.lab"]
WELL = Seen(
    scenario="s",
    failure="f",
    build="kube-proxy 1",
    how="broken",
    critical=True,
    line="l",
    alert="A",
    seconds=90.0,
    message="A: broken",
    runbook_url="http://r/A.md",
    runbook_served=True,
    symptom="B held back",
)


def test_a_log_of_a_healthy_run_must_satisfy_diagnose() -> None:
    catalog = load().catalog
    capture = "tests/captures/healthy/v1.36.3-nftables-restart.log"
    healthy = (ROOT / capture).read_text(encoding="utf-8").splitlines()
    assert diagnosed(catalog, healthy) == ()
    strange = 'E1127 02:03:51.483664    1109 proxier.go:1] "Never heard of" err="such a thing"'
    forbidden = (
        'E1127 02:03:51.483664    1109 reflector.go:227] "Failed to watch" err="failed to list '
        '*v1.Node: nodes is forbidden: User u"'
    )
    assert diagnosed(catalog, [*healthy, strange, forbidden]) == (
        "KubeProxyApiserverForbidden",
        'E proxier.go] "Never heard of" err="such a thing"',
    )
    row = Seen(scenario="h", build="b", how="well", synced=True, diagnosed=("KubeProxyX",))
    assert row.problems() == ["h: diagnose does not say that all is well: KubeProxyX"]


@pytest.fixture(scope="module")
def short_lab(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The programs of the short lab."""
    with alone(tmp_path_factory, "lab"):
        programs([scenario.build for scenario in SCENARIOS if scenario.name in SHORT], say)


@pytest.mark.usefixtures("short_lab")
def test_from_the_cause_to_the_notification(tmp_path: Path) -> None:
    """Nothing here is simulated; without its programs, or without namespaces, the lab fails and says so."""
    saved = tmp_path / "seen.json"
    done = subprocess.run(
        [*LAB, "--short", "--minutes", "5", "--json", str(saved)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    mismatch, wait, held, healthy = json.loads(saved.read_text(encoding="utf-8"))

    assert mismatch["alert"] == "KubeProxyIptablesBackendMismatch"
    assert mismatch["line"].endswith(
        "Couldn't load target `KUBE-MARK-DROP':No such file or directory"
    )
    assert mismatch["summary"] == (
        "kube-proxy cannot write its rules because it does not find the chain KUBE-MARK-DROP on node node-1"
        " (cluster lab-1)"
    )
    assert mismatch["receiver"] == "kube-proxy-critical"
    assert mismatch["message"] == (
        "CRITICAL: KubeProxyIptablesBackendMismatch in lab-1\n"
        f"• {mismatch['summary']}\n"
        "`iptables-restore v1.8.9 (legacy): Couldn't load target 'KUBE-MARK-DROP':No such file or directory`\n"
        f"{mismatch['description']}\n"
        f"Runbook: {mismatch['runbook_url']}"
    )
    assert mismatch["runbook_url"].endswith("/KubeProxyIptablesBackendMismatch.html")
    assert mismatch["symptom"] == "KubeProxyIptablesRestoreFailing held back"

    assert wait["alert"] == "KubeProxyIptablesRestoreWithoutWait"
    assert (
        "Another app is currently holding the xtables lock. Perhaps you want to use the -w option?"
        in wait["line"]
    )
    assert wait["receiver"] == "kube-proxy-warning"
    assert wait["symptom"] == "KubeProxyIptablesRestoreFailing held back"

    assert held["alert"] == "KubeProxyIptablesLockHeldTooLong"
    assert (
        "Another app is currently holding the xtables lock. Stopped waiting after 5s."
        in held["line"]
    )
    assert held["runbook_served"] is True

    assert healthy["synced"] is True
    assert "alert" not in healthy
    assert "others" not in healthy

    assert "diff, push, verify and the panels of the dashboard: as they should be" in done.stdout


def marked(mark: str) -> set[str]:
    """Names of the processes that were started by the lab run with this mark in its environment."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes():
                found.add((folder / "comm").read_text().strip())
        except OSError:
            continue  # it has ended, or is not ours
    return found


@pytest.mark.usefixtures("short_lab")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_lab_that_was_stopped(kill: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    lab = subprocess.Popen(
        [*LAB, "healthy-1.36.3-legacy"],
        cwd=ROOT,
        env={**os.environ, "MARK": mark},
        stderr=subprocess.DEVNULL,
    )
    while not marked(mark) >= {"loki", "prometheus", "alertmanager", "kube-proxy"}:
        assert lab.poll() is None
        time.sleep(0.2)
    lab.send_signal(kill)
    assert lab.wait(timeout=60) != 0
    until(lambda: not marked(mark), 20)
    assert marked(mark) == set()


def test_missing_commands_are_named(tmp_path: Path) -> None:
    done = completed([*LAB, "--short"], ROOT, PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "lab: the lab needs, and this machine has not: ip (package iproute2), nsenter ("
    )


def test_an_unknown_scenario_is_an_error() -> None:
    done = subprocess.run([*LAB, "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: no scenario is called nonsense; --list names them",
    )


def test_the_short_lab_is_part_of_the_whole() -> None:
    assert set(SHORT) <= {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"seconds": None}, "s: A did not arrive; its line was: l"),
        ({"seconds": None, "line": None}, "s: A did not arrive; no line of it was printed"),
        ({"seconds": 90.6}, "s: A took 91 s, more than 90"),
        ({"seconds": 90.6, "critical": False}, None),
        ({"seconds": 510.0, "hold_seconds": 420.0}, None),
        ({"seconds": 510.6, "hold_seconds": 420.0}, "s: A took 511 s, more than 510"),
        ({"message": None}, "s: no chat message leads to http://r/A.md"),
        ({"runbook_served": False}, "s: http://r/A.md is not served with the heading A"),
        ({"symptom": "B was notified first"}, "s: B was notified first"),
        ({"symptom": "B did not fire"}, "s: B did not fire"),
        ({"others": ("C",)}, "s: C was notified and should not be"),
        ({"failure": None, "alert": None, "synced": True}, None),
        (
            {"failure": None, "alert": None, "synced": False},
            "s: kube-proxy is not healthy: it does not answer, or has not written its rules",
        ),
    ],
)
def test_the_lab_is_content_only_if_all_is_well(
    changes: dict[str, object], problem: str | None
) -> None:
    assert replace(WELL, **changes).problems() == ([problem] if problem else [])  # type: ignore[arg-type]


def test_the_newest_of_each_scenario_is_kept() -> None:
    first, again, other = WELL, replace(WELL, seconds=5.0), replace(WELL, scenario="t")
    assert report.merge(
        [other, first, replace(WELL, scenario="gone")], [again], ["s", "t", "u"]
    ) == [again, other]


def test_the_documents_show_what_the_lab_saw() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.put(text, page.ALERTS, report.account(report.load(report.SEEN))) == text, (
        "run make lab"
    )


def test_the_lab_saw_every_scenario_with_the_rules_of_today() -> None:
    seen = report.load(report.SEEN)
    assert [row.scenario for row in seen] == [scenario.name for scenario in SCENARIOS], (
        "run make lab"
    )
    assert [problem for row in seen for problem in row.problems()] == []
    rules = compile_catalog(load(), "output").rules
    assert rules
    today = {alert.rule.alert: alert.rule.expr for alert in rules.alerts}
    assert {
        row.alert: row.expr for row in seen if row.alert and today[row.alert] != row.expr
    } == {}, "run make lab"


ENTRY = """\
id: x
samples:
  fires/page.log:
    evidence: documented
    from: "The page"  # a comment

signals: {}
"""


def test_a_sample_is_added_below_the_others() -> None:
    assert samples.add(ENTRY, "fires/lab-s.log", "kube-proxy 1: it's broken") == ENTRY.replace(
        "  # a comment\n",
        "  # a comment\n  fires/lab-s.log:\n    evidence: reproduced\n    from: 'kube-proxy 1: it''s broken'\n",
    )


def test_a_sample_that_is_there_stays_as_it_is() -> None:
    assert samples.add(ENTRY, "fires/page.log", "kube-proxy 1: broken") == ENTRY
