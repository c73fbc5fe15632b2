"""The commands of the runbooks are true: at every way to run kube-proxy, over real logs, and by a real kubectl.

The steps are collected by walking the catalog; a new entry is tested by being there. What is typed on the node, the lab
runs.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from generator import deployment, profiles
from generator.deployment import Command, Word
from generator.load import load, shipped_catalog
from generator.model import Failure, KubeProxyProfile, Sample, Step
from generator.rules import compile_rules
from generator.signature import signature
from generator.steps import fill
from generator.targets import runbooks
from tests.conftest import ROOT
from tests.documents import fenced

INPUTS = load()
ENTRIES = {entry.id: entry for entry in INPUTS.catalog.entries}
HEALTHY = sorted((ROOT / "tests" / "captures" / "healthy").glob("*.log"))
PRESETS = {preset.name: preset.profile for preset in profiles.read_presets(shipped_catalog())}
SITES = deployment.kinds(INPUTS.default_profile.kube_proxy)


def test_no_entry_is_left_out() -> None:
    assert INPUTS.problems == ()


# Every page as shellcheck reads it.


@pytest.mark.parametrize("name", ["default", *PRESETS])
def test_shellcheck_accepts_every_page(name: str, tmp_path: Path) -> None:
    """All commands of a page, one after the other, as somebody types them who follows it."""
    profile = PRESETS.get(name, INPUTS.default_profile)
    pages = runbooks.files(compile_rules(INPUTS.catalog, profile), INPUTS.catalog, profile)
    for page in pages:
        script = "\n".join(fenced(page.text, "sh"))
        (tmp_path / f"{Path(page.path).stem}.sh").write_text(f"{script}\n", encoding="utf-8")
    # A variable that a page sets and does not use (SC2034) is for whoever follows it: POD, NODE.
    command = ["shellcheck", "--shell=sh", "--exclude=SC2034", "--format=gcc", *sorted(map(str, tmp_path.glob("*.sh")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")


# What reads kube-proxy's log, over real logs.


LOG = "/the/log"


@dataclass(frozen=True)
class Reading:
    """A step that reads kube-proxy's log. `verifies`: its answer is that nothing is there."""

    entry: Failure
    step: Step
    script: str
    verifies: bool

    def over(self, path: Path) -> str:
        """What its commands show where the log is this file."""
        done = subprocess.run(
            ["sh", "-c", self.script.replace(LOG, f"'{path}'")], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == "", self.script
        return done.stdout


def readings() -> Iterator[Reading]:
    """Of each step, its lines that read the log, at each way to run kube-proxy."""
    for entry in ENTRIES.values():
        for step in (*entry.diagnosis, *entry.mitigation):
            nothing = re.match(r"(Nothing|`0`)", step.expect or "") is not None
            scripts = (fill(step.run or "", with_log(site)).text for site in SITES)
            logs = ("\n".join(line for line in script.splitlines() if LOG in line) for script in scripts)
            for script in dict.fromkeys(text for text in logs if text):
                yield Reading(entry, step, script, nothing and step in entry.mitigation)


def with_log(site: KubeProxyProfile) -> Mapping[str, Word]:
    """A site's words, with those for kube-proxy's log replaced by one that reads a file."""
    cat = Command("node", f"cat {LOG}")
    return {**deployment.words(site), "log": lambda *_: cat, "whole_log": cat, "previous_log": cat}


READINGS = list(readings())


def named(reading: Reading) -> str:
    return f"{reading.entry.id}-{reading.step.do.strip()[:40]}"


def samples(entry: Failure) -> list[tuple[Failure, Sample]]:
    """The failing logs of an entry; of a symptom, those of its causes."""
    causes = [entry] if entry.logs else INPUTS.catalog.causes.get(entry.id, ())
    return [(cause, sample) for cause in causes for sample in cause.samples if sample.fires]


def path_of(cause: Failure, sample: Sample) -> Path:
    return ROOT / "catalog" / cause.id / "samples" / sample.name


def shows_reason(cause: Failure, output: str) -> bool:
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
        sample.name for cause, sample in pairs if not shows_reason(cause, reading.over(path_of(cause, sample)))
    ] == []


@pytest.mark.parametrize("healthy", HEALTHY, ids=lambda path: path.stem)
@pytest.mark.parametrize("reading", [row for row in READINGS if row.verifies], ids=named)
def test_what_says_that_all_is_over_is_silent_on_a_healthy_log(reading: Reading, healthy: Path) -> None:
    assert reading.over(healthy) in ("", "0\n")
