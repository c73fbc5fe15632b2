"""The steps that are typed on a node: what the lab compares, that no step is left out, and the proof itself."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from generator.base import disk
from generator.catalog.load import load
from generator.scaffolds import scaffold
from tests.conftest import ROOT, alone, say
from tests.lab import page, proven, steps
from tests.lab.programs import node_programs
from tests.lab.proven import Outcome, Proof
from tests.lab.shell import Ran
from tests.lab.states import SHORT, STATES
from tests.lab.steps import Expected, NodeStep, Shows

PROVE = [sys.executable, "-m", "tests.lab.prove"]
LOOK = NodeStep("broken-lock", "diagnosis: See who holds the lock.", "lslocks", changes=False)
CURE = NodeStep(
    "broken-lock", "mitigation: Restart kube-proxy.", "restart-kube-proxy", changes=True
)


@pytest.fixture(scope="module")
def _short_lab(tmp_path_factory: pytest.TempPathFactory) -> None:
    with alone(tmp_path_factory, "lab"):
        node_programs([state.build for state in STATES if state.name in SHORT], say)


def prove(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROVE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("_short_lab")
def test_steps_show_what_they_promise_on_a_broken_node_and_on_a_healthy_one() -> None:
    """Nothing here is simulated; without its programs, or without namespaces, it fails and says so."""
    with ThreadPoolExecutor() as side_by_side:
        labs = list(side_by_side.map(lambda state: prove("--short", state), SHORT))
    assert [lab.returncode for lab in labs] == [0, 0], [lab.stdout + lab.stderr for lab in labs]
    said = [line for lab in labs for line in lab.stdout.splitlines()]
    assert any(
        "broken (sh)  iptables-backend-mismatch mitigation: Make the missing chain" in line
        for line in said
    )
    assert any(
        "cured (sh)  iptables-backend-mismatch mitigation: Make sure that a sync" in line
        for line in said
    )
    assert any(
        "healthy (sh)  never-synced diagnosis: See whether the node has rules" in line
        for line in said
    )


CHANGES = {
    "ip6tables-legacy-save -t raw >/dev/null": "/proc/net/ip6_tables_names: got raw",
    "nft add table ip other": "nft list ruleset: got table ip other {",
    "iptables -t nat -N FOREIGN": "iptables-legacy-save -t nat: got :FOREIGN - ",
    "ipset create other hash:ip": "ipset save: got create other hash:ip",
    "sysctl -q -w net.ipv4.ip_forward=1": "/proc/sys/net: got /proc/sys/net/ipv4/ip_forward:1",
    "touch /run/other": "/run: got f 644 /run/other",
    "echo ip_vs > /var/tmp/other.conf": "files: got f 644 6 var/tmp/other.conf",
}


@pytest.mark.usefixtures("_short_lab")
def test_what_a_step_changes_is_seen_and_stays_in_the_lab() -> None:
    done = prove(SHORT[1], "--type", "\n".join(CHANGES))
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line.partition("!! changes ")[2] for line in done.stdout.splitlines()]
    assert [
        change for change in CHANGES.values() if not any(line.startswith(change) for line in said)
    ] == []
    assert not Path("/var/tmp/other.conf").exists()


@pytest.mark.usefixtures("_short_lab")
def test_a_script_that_only_looks_is_no_problem() -> None:
    done = prove(
        SHORT[1],
        "--type",
        "iptables-save; iptables-legacy-save; nft list ruleset; cat /proc/net/ip_tables_names",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_step_that_is_typed_on_a_node_is_expected_to_show_something() -> None:
    pairs, problems = steps.matched(steps.of_catalog(load()), steps.load())
    assert problems == []
    due = {
        (step, phase)
        for state in STATES
        for step, phase, _ in steps.due(pairs, state.name, state.pages)
    }
    forgotten = [
        f"{step.entry}: nothing is expected in the {phase} state of: {step.name}"
        for step, expected in pairs.items()
        for phase in expected_phases(step, expected)
        if (step, phase) not in due and not expected.reason(phase)
    ]
    assert forgotten == []


def test_a_step_that_is_still_to_be_written_is_not_asked_for(tmp_path: Path) -> None:
    disk.populate(
        tmp_path / "mine", scaffold.files("mine", "KubeProxyMine", "failure", schema=False)
    )
    assert [step for step in steps.of_catalog(load([tmp_path])) if step.entry == "mine"] == []
    entry = tmp_path / "mine" / "failure.yaml"
    entry.write_text(
        entry.read_text(encoding="utf-8").replace("TODO how to make sure", "Make sure"),
        encoding="utf-8",
    )
    assert [step.name for step in steps.of_catalog(load([tmp_path])) if step.entry == "mine"] == [
        "diagnosis: Make sure."
    ]


def test_what_a_step_shows_can_fail() -> None:
    pairs, _ = steps.matched(steps.of_catalog(load()), steps.load())
    empty = [
        f"{step.entry}: {step.name}: {phase} {pattern}"
        for step, expected in pairs.items()
        for phase, pattern, shows in expected.shows
        if shows == Shows() and not step.changes
    ]
    assert empty == []


def expected_phases(step: NodeStep, expected: Expected) -> tuple[str, ...]:
    """A step that looks is proven on both kinds of node; one that changes something where it is needed."""
    if expected.not_here:
        return ()
    return ("broken",) if step.changes else ("broken", "healthy")


def test_every_step_was_typed_as_it_reads_today() -> None:
    pairs, _ = steps.matched(steps.of_catalog(load()), steps.load())
    wanted = {
        Proof(step.entry, step.run, phase, state.name)
        for state in STATES
        for step, phase, _ in steps.due(pairs, state.name, state.pages)
    }
    missing = sorted(
        f"{proof.entry} in {proof.state}: {proof.run}" for proof in wanted - proven.load()
    )
    assert missing == [], "run make lab"


def test_the_documents_say_what_was_typed() -> None:
    pairs, _ = steps.matched(steps.of_catalog(load()), steps.load())
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.put(text, page.STEPS, proven.account(proven.load(), pairs)) == text, "run make lab"


@pytest.mark.parametrize(
    ("ran", "shows", "problems"),
    [
        (Ran(0, "3 flock\n", ""), Shows(prints=("^3 flock$",)), []),
        (
            Ran(0, "3 flock\n", ""),
            Shows(prints=("^4",), never=("flock",)),
            ["is not found: ^4", "is found: flock"],
        ),
        (Ran(1, "", ""), Shows(never=(".",)), []),
        (Ran(127, "", "sh: 1: x: not found\n"), Shows(), ["goes to stderr: sh: 1: x: not found"]),
        (Ran(0, "", "# Warning: legacy\n"), Shows(complains="^# Warning"), []),
        (
            Ran(0, "", "# Warning: legacy\nno\n"),
            Shows(complains="^# Warning"),
            ["goes to stderr: no"],
        ),
        (Ran(0, "", ""), Shows(complains="^# Warning"), ["is not found in stderr: ^# Warning"]),
        (Ran(None, "", ""), Shows(), ["did not end"]),
    ],
)
def test_what_a_step_prints_is_compared(ran: Ran, shows: Shows, problems: list[str]) -> None:
    assert steps.wrong(ran, shows, []) == problems


@pytest.mark.parametrize(
    ("stdout", "age", "problems"),
    [
        (
            "1795728812\nkubeproxy_sync_proxy_rules_last_timestamp_seconds 1.7957288e+09\n",
            (0, 60),
            [],
        ),
        (
            "1795728900\nkubeproxy_sync_proxy_rules_last_timestamp_seconds 1.7957288e+09\n",
            (0, 60),
            ["the last sync is 100.0 s old, and not 0 to 60"],
        ),
        (  # the older one of two families
            '1795728812\nkubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"} 1.7957288e+09\n'
            'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv6"} 1.7957280e+09\n',
            (0, 60),
            ["the last sync is 812.0 s old, and not 0 to 60"],
        ),
        ("1795728812\n", (0, 60), ["the last sync is None s old, and not 0 to 60"]),
    ],
)
def test_the_age_of_the_last_sync_is_compared(
    stdout: str, age: tuple[float, float], problems: list[str]
) -> None:
    assert steps.wrong(Ran(0, stdout, ""), Shows(age=age), []) == problems


def test_a_step_changes_what_it_says_and_nothing_else() -> None:
    before = {"/proc/net/ip_tables_names": "", "files": "f etc/a"}
    after = {
        "/proc/net/ip_tables_names": "nat",
        "files": "f etc/a\nf etc/b",
        "iptables-legacy-save -t nat": ":X - ",
    }
    differences = steps.changed(before, after)
    assert differences == [
        "/proc/net/ip_tables_names: got nat",
        "files: got f etc/b",
        "iptables-legacy-save -t nat: got :X - ",
        "iptables-legacy-save -t nat: was not there",
    ]
    assert steps.wrong(Ran(0, "", ""), Shows(changes=("etc/b$",)), ["files: got f etc/b"]) == []
    assert steps.wrong(Ran(0, "", ""), Shows(changes=("etc/b$",)), differences[:2]) == [
        "changes /proc/net/ip_tables_names: got nat"
    ]
    assert steps.wrong(Ran(0, "", ""), Shows(changes=("etc/b$",)), []) == ["does not change etc/b$"]
    assert steps.changed(after, before)[0] == "/proc/net/ip_tables_names: lost nat"


def test_two_equal_rules_that_become_one_are_a_change() -> None:
    assert steps.changed({"rules": "-A X\n-A X"}, {"rules": "-A X"}) == ["rules: lost -A X"]


def test_the_order_of_rules_counts() -> None:
    assert steps.changed({"rules": "-A X\n-A Y"}, {"rules": "-A Y\n-A X"}) != []


def test_looking_comes_first_and_again_after_the_cure() -> None:
    shows = (
        ("broken", "lock-*", Shows(prints=("flock",))),
        ("cured", "*", Shows()),
        ("healthy", "*", Shows()),
    )
    pairs = {
        CURE: Expected(CURE.entry, CURE.name, (("broken", "*", Shows()),), heals=True),
        LOOK: Expected(LOOK.entry, LOOK.name, shows),
    }
    assert [
        (step, phase) for step, phase, _ in steps.due(pairs, "lock-held", ("broken-lock",))
    ] == [
        (LOOK, "broken"),
        (CURE, "broken"),
        (LOOK, "cured"),
    ]
    assert [(step, phase) for step, phase, _ in steps.due(pairs, "healthy-1", None)] == [
        (LOOK, "healthy")
    ]
    assert steps.due(pairs, "lock-held", ("another-page",)) == []
    assert [(step, phase) for step, phase, _ in steps.due(pairs, "other", ("broken-lock",))] == [
        (CURE, "broken"),
        (LOOK, "cured"),
    ]


def test_each_step_has_one_row_and_each_row_a_step() -> None:
    row, stray = (
        Expected(LOOK.entry, "diagnosis: See who"),
        Expected(LOOK.entry, "diagnosis: Reword"),
    )
    pairs, problems = steps.matched([LOOK, CURE], [row, stray])
    assert pairs == {LOOK: row}
    assert problems == [
        "broken-lock: no row of expectations.yaml for the step: mitigation: Restart kube-proxy.",
        "broken-lock: no step begins: diagnosis: Reword",
    ]
    assert steps.matched([LOOK], [row, Expected(LOOK.entry, "diagnosis:")])[1][0].startswith(
        "broken-lock: 2 rows"
    )


def test_what_a_reader_puts_in_is_put_in() -> None:
    run = "CLUSTER_IP=10.96.0.1   # put in the Service's\nipvsadm -Ln | grep $CLUSTER_IP"
    assert steps.given(run, {"CLUSTER_IP": "10.96.2.1"}).startswith(
        "CLUSTER_IP=10.96.2.1   # put in"
    )
    assert steps.given(run, None) == run
    with pytest.raises(ValueError, match="PID is not set in"):
        steps.given(run, {"PID": "1"})


def seen(shell: str, *problems: str) -> Outcome:
    return Outcome(
        "lock-held", "broken", LOOK.entry, LOOK.name, shell, LOOK.run, 0, "", "", problems
    )


def test_a_proof_is_kept_until_the_step_changes(tmp_path: Path) -> None:
    proof = Proof(LOOK.entry, LOOK.run, "broken", "lock-held")
    old = replace(proof, run="lslocks --old")
    kept = proven.merged([old], [seen("sh"), seen("bash")], [LOOK])
    proven.save(kept, tmp_path / "proven.json")
    assert proven.load(tmp_path / "proven.json") == {proof}


def test_a_step_that_is_wrong_in_one_shell_is_not_proven() -> None:
    proof = Proof(LOOK.entry, LOOK.run, "broken", "lock-held")
    assert proven.merged([proof], [seen("sh"), seen("bash", "is not found: x")], [LOOK]) == set()
