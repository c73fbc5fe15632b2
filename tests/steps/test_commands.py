"""The commands of the runbooks are true: at every way to run kube-proxy, over real logs, and by a real kubectl.

The steps are collected by walking the catalog; a new entry is tested by being there. What is typed on the node, the lab
runs.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from generator.catalog import profiles
from generator.catalog.model import Entry, Sample, Step
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import KubeProxyProfile, RunsAs
from generator.catalog.wordings import signature
from generator.compile.rules import compile_rules
from generator.outputs import runbooks
from generator.steps import deployment, shell, verbs
from generator.steps.deployment import Command, Word
from generator.steps.filled import at_site, fill_in
from tests import kubernetes_api, once
from tests.conftest import ROOT
from tests.documents import fenced

INPUTS = once.inputs()
ENTRIES = {entry.id: entry for entry in INPUTS.catalog.entries}
HEALTHY = sorted((ROOT / "tests" / "captures" / "healthy").glob("*.log"))
PRESETS = {preset.name: preset.profile for preset in profiles.read_presets(shipped_catalog())}
SITES = deployment.kinds(INPUTS.default_profile.kube_proxy)


def test_no_entry_is_left_out() -> None:
    assert INPUTS.problems == ()


# Every page as shellcheck reads it.


ACCEPTED: set[str] = set()  # most pages of a preset have the commands of another's


@pytest.mark.parametrize("name", ["default", *PRESETS])
def test_shellcheck_accepts_every_page(name: str, tmp_path: Path) -> None:
    """All commands of a page, one after the other, as somebody types them who follows it."""
    profile = PRESETS.get(name, INPUTS.default_profile)
    pages = runbooks.files(compile_rules(INPUTS.catalog, profile), INPUTS.catalog, profile)
    typed = {Path(page.path).stem: "\n".join(fenced(page.text, "sh")) for page in pages}
    for page_name, script in typed.items():
        if script not in ACCEPTED:
            (tmp_path / f"{page_name}.sh").write_text(f"{script}\n", encoding="utf-8")
    # SC2034: a variable that a page sets and does not use is for whoever follows it: POD, NODE.
    # SC2009: pgrep shows neither age nor parent of a process.
    program = str(Path(sys.executable).with_name("shellcheck"))
    scripts = sorted(map(str, tmp_path.glob("*.sh")))
    if scripts:
        command = [program, "--shell=sh", "--exclude=SC2034,SC2009", "--format=gcc", *scripts]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("", "")
    ACCEPTED.update(typed.values())


# What reads kube-proxy's log, over real logs.


LOG = "/the/log"


@dataclass(frozen=True)
class Reading:
    """A step that reads kube-proxy's log. `verifies`: its answer is that nothing is there."""

    entry: Entry
    step: Step
    script: str
    verifies: bool

    def over(self, path: Path) -> str:
        """What its commands show where the log is this file."""
        return shown_by(self.script.replace(LOG, f"'{path}'"))


@cache
def shown_by(script: str) -> str:
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "", script
    return done.stdout


def readings() -> Iterator[Reading]:
    """Of each step that is written, its lines that read the log, at each way to run kube-proxy."""
    for entry in ENTRIES.values():
        for step in (step for step in entry.steps() if not step.do.startswith("TODO")):
            nothing = re.match(r"(Nothing|`0`)", step.expect or "") is not None
            scripts = (fill_in(step.run or "", with_log(site)).text for site in SITES)
            logs = (
                "\n".join(line for line in script.splitlines() if LOG in line) for script in scripts
            )
            for script in dict.fromkeys(text for text in logs if text):
                yield Reading(entry, step, script, nothing and step in entry.mitigation)


def with_log(site: KubeProxyProfile) -> Mapping[str, Word]:
    """A site's words, with those for kube-proxy's log replaced by one that reads a file."""
    cat = Command("node", f"cat {LOG}")
    return {
        **deployment.site_words(site),
        "log": lambda *_: cat,
        "whole_log": cat,
        "previous_log": cat,
    }


READINGS = list(readings())


def named(reading: Reading) -> str:
    return f"{reading.entry.id}-{reading.step.do.strip()[:40]}"


def samples(entry: Entry) -> list[tuple[Entry, Sample]]:
    """The failing logs of an entry; of a symptom, those of its causes, or of all failures where none is named."""
    causes = (
        [entry] if entry.logs else INPUTS.catalog.causes.get(entry.id) or INPUTS.catalog.entries
    )
    return [(cause, sample) for cause in causes for sample in cause.samples if sample.fires]


def path_of(cause: Entry, sample: Sample) -> Path:
    return ROOT / "catalog" / cause.id / "samples" / sample.name


def shows_reason(cause: Entry, output: str) -> bool:
    """Whether one of the lines by which the failure is told is there; or how many of them, where they are counted."""
    assert cause.logs
    tells = signature(cause.logs).matches
    return any(tells(line) for line in output.splitlines()) or counted(output) > 0


def counted(output: str) -> int:
    return int(output) if re.fullmatch(r"[0-9]+\n", output) else 0


@pytest.mark.parametrize("reading", READINGS, ids=named)
def test_a_command_that_reads_the_log_shows_something_of_a_failing_one(reading: Reading) -> None:
    assert any(reading.over(path_of(*pair)) for pair in samples(reading.entry))


@pytest.mark.parametrize("entry", sorted({reading.entry.id for reading in READINGS}))
def test_the_diagnosis_shows_the_line_with_the_reason(entry: str) -> None:
    """Of every log that is known of a failure, in each rendering of each era."""
    asked = [reading for reading in READINGS if reading.entry.id == entry and not reading.verifies]
    blind = [
        (cause.id, sample.name)
        for cause, sample in samples(ENTRIES[entry])
        if not any(shows_reason(cause, reading.over(path_of(cause, sample))) for reading in asked)
    ]
    assert blind == []


@pytest.mark.parametrize("reading", [row for row in READINGS if row.verifies], ids=named)
def test_what_says_that_all_is_over_shows_every_failing_log(reading: Reading) -> None:
    pairs = samples(reading.entry)
    assert [
        sample.name
        for cause, sample in pairs
        if not shows_reason(cause, reading.over(path_of(cause, sample)))
    ] == []


@pytest.mark.parametrize("reading", [row for row in READINGS if row.verifies], ids=named)
def test_what_says_that_all_is_over_is_silent_on_a_healthy_log(reading: Reading) -> None:
    assert HEALTHY
    shown = {path.stem: reading.over(path) for path in HEALTHY}
    assert {stem: text for stem, text in shown.items() if text not in ("", "0\n")} == {}


def test_options_of_kubectl_are_those_of_the_oldest_release_or_told() -> None:
    """Of each option that a page uses it is known which kubectl has it first; the page says so where it is not 1.10."""
    scripts = [
        fill_in(step.run or "", deployment.site_words(site)).text
        for site in SITES
        for step in all_steps()
    ]
    runs = [run for text in scripts for run in shell.script(text).runs if run.program == "kubectl"]
    used = {option for run in runs for option in verbs.options(run)}
    assert used - OPTIONS_OF_1_10 == {
        option for option in used if verbs.oldest(shell.script(f"kubectl get {option}"))
    }


# As `kubectl options` and the help of the verbs of 1.10.5 name them.
OPTIONS_OF_1_10 = {"-l", "-n", "-o", "-p", "-w"} | {
    *(
        "--all-namespaces",
        "--field-selector",
        "--ignore-daemonsets",
        "--no-headers",
        "--previous",
        "--raw",
    ),
    *(
        "--request-timeout",
        "--show-labels",
        "--since",
        "--sort-by",
        "--tail",
        "--timestamps",
        "--watch-only",
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_step_needs_nothing_of_the_steps_before_it(entry: str) -> None:
    """A page is not always followed from its top, nor in one shell; NODE and POD are those of its head."""
    runs = [
        fill_in(step.run or "", deployment.site_words(site)).text
        for site in SITES
        for step in ENTRIES[entry].steps()
    ]
    needed = {
        run: shell.script(run).reads - shell.script(run).sets - {"NODE", "POD"} for run in runs
    }
    assert {run: names for run, names in needed.items() if names} == {}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_step_that_is_named_by_its_number_is_there(entry: str) -> None:
    known = ENTRIES[entry]
    lists = {"diagnosis": known.diagnosis, "mitigation": known.mitigation}
    # The file says what the page says, first steps, causes and false positives among it.
    text = " ".join((ROOT / "catalog" / entry / "failure.yaml").read_text(encoding="utf-8").split())
    named = re.findall(r"step ([0-9]+) of the (diagnosis|mitigation)", text)
    named += [
        (number, section)
        for section, number in re.findall(r"\((diagnosis|mitigation), step ([0-9]+)\)", text)
    ]
    assert [
        (number, section)
        for number, section in named
        if not 1 <= int(number) <= len(lists[section])
    ] == []


def test_a_server_that_does_not_answer_is_told() -> None:
    """curl -s alone says nothing then, and what reads it shows nothing, which looks like an answer."""
    scripts = [
        fill_in(step.run or "", deployment.site_words(site)).text
        for site in SITES
        for step in all_steps()
    ]
    asked = [run for text in scripts for run in shell.script(text).runs if run.program == "curl"]
    assert asked
    assert [run for run in asked if not any(word.startswith("-sS") for word in run.words)] == []


def test_a_drain_stops_where_data_would_be_lost() -> None:
    """So it runs with every kubectl too: the option for that had another name before 1.20."""
    drains = [run for step in all_steps() if "kubectl drain" in (run := step.run or "")]
    assert drains
    assert [run for run in drains if "--delete-" in run or "--force" in run] == []


def all_steps() -> Iterator[Step]:
    for entry in ENTRIES.values():
        yield from entry.steps()


# What is typed with kubectl, by a real one.

NAMED = {
    "name": "kube-proxy-x7k2p",
    "namespace": "kube-system",
    "uid": "x7k2p",
    "labels": {"k8s-app": "kube-proxy"},
}
OWNED = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "name": "kube-proxy",
    "uid": "ds",
    "controller": True,
}
CONTAINERS = [
    {"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.36.3", "command": ["kube-proxy"]}
]
POD: Mapping[str, Any] = {
    "kind": "Pod",
    "spec": {"nodeName": "node-1", "containers": CONTAINERS},
    "status": {"phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-11-24T03:12:44Z"},
}
PODS = {
    "daemonset": {**POD, "metadata": {**NAMED, "ownerReferences": [OWNED]}},
    "static-pod": {
        **POD,
        "metadata": {**NAMED, "annotations": {"kubernetes.io/config.mirror": "1"}},
    },
}
CLUSTER: tuple[Mapping[str, Any], ...] = (
    {"kind": "Node", "metadata": {"name": "node-1"}, "spec": {}, "status": {}},
    {
        "kind": "ConfigMap",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
        "data": {"config.conf": "x"},
    },
    {
        "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "uid": "ds"},
        "spec": {
            "selector": {"matchLabels": NAMED["labels"]},
            "template": {"metadata": {}, "spec": POD["spec"]},
        },
    },
    *(
        {
            "kind": "ControllerRevision",
            "metadata": {**NAMED, "name": f"kube-proxy-{number}", "ownerReferences": [OWNED]},
            "revision": number,
            "data": {
                "spec": {"template": {"$patch": "replace", "metadata": {}, "spec": POD["spec"]}}
            },
        }
        for number in (1, 2)
    ),
    {
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "uid": "w",
            "ownerReferences": [{**OWNED, "kind": "ReplicaSet"}],
        },
        "spec": {"nodeName": "node-1", "containers": CONTAINERS},
        "status": POD["status"],
    },
    # What steps name as an example, for the reader to replace.
    {
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1"},
    },
    {
        "kind": "Endpoints",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "subsets": [],
    },
)
AT_ONCE = "sleep() { :; }"  # a Pod that was deleted is there again at once
EDITOR = "sed -i -e s/config.conf/config/"
ELSEWHERE = frozenset({"curl", "amtool"})  # ask other servers than the API server


# What has been typed: many pages have steps of another's, and none needs what those before it have set.
READ: set[tuple[RunsAs, str | None]] = set()
CHANGED: set[tuple[RunsAs, tuple[str | None, ...]]] = set()


def not_typed_yet(steps: Sequence[Step], runs_as: RunsAs) -> list[Step]:
    """Without what was typed on another page: a step that only reads, and all that change something in one order."""
    changing = tuple(step.run for step in steps if step.changes)
    left = []
    for step in steps:
        typed = (runs_as, changing) in CHANGED if step.changes else (runs_as, step.run) in READ
        if not typed:
            left.append(step)
    READ.update((runs_as, step.run) for step in steps if not step.changes)
    CHANGED.add((runs_as, changing))
    return left


@pytest.mark.parametrize("runs_as", PODS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_real_kubectl_does_what_a_page_asks(entry: str, runs_as: RunsAs, tmp_path: Path) -> None:
    """Its steps in their order, in one shell. A step that says nothing of changes changes nothing; the others do."""
    words = deployment.site_words(replace(INPUTS.default_profile.kube_proxy, runs_as=runs_as))
    changes: list[str] = []
    executed: list[Sequence[str]] = []

    def execute(command: Sequence[str]) -> str:
        executed.append(command)
        return "*nat\n"

    logs = {
        ("kube-proxy-x7k2p", before): "E1124 03:12:44.118273       1 proxier.go:1] x\n"
        for before in (True, False)
    }
    with kubernetes_api.serve(
        [*CLUSTER, PODS[runs_as]], "v1.36.3", tmp_path, logs, execute, changes
    ) as config:
        state = tmp_path / "state"
        state.write_text(
            f"export NODE=node-1 POD=kube-proxy-x7k2p HOME='{tmp_path}' KUBECONFIG='{config}'\n"
        )
        for step in not_typed_yet(list(typed_with_kubectl(entry, words)), runs_as):
            run = step.run or ""
            done = subprocess.run(
                ["sh", "-c", f". '{state}'\n{AT_ONCE}\nset -a\n{run}\nexport -p >'{state}'"],
                capture_output=True,
                text=True,
                env={**os.environ, "KUBE_EDITOR": EDITOR},
                timeout=60,
                check=False,
            )
            assert not re.search(
                "^(error|Error|Unable|unknown|.*not found)", done.stderr, re.MULTILINE
            ), (
                run,
                done.stderr,
            )
            assert not changes or step.changes, (run, changes)
            assert changes or executed or not step.changes, run
            changes.clear()
            executed.clear()


def typed_with_kubectl(entry: str, words: Mapping[str, Word]) -> Iterator[Step]:
    for row in (at_site(step, words) for step in ENTRIES[entry].steps()):
        asked = {run.program for run in shell.script(row.step.run or "").runs}
        if row.where == "kubectl" and not ELSEWHERE & asked:
            yield row.step
