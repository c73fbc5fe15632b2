"""The steps of runbooks that are typed on a node, and what the lab expects of each. Reads only the expectations."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from generator.catalog.load import Inputs
from generator.catalog.model import Entry
from generator.catalog.profile import KubeProxyProfile
from generator.steps.deployment import Command, Word, site_words
from generator.steps.filled import at_site
from tests.lab.shell import INSIDE, LOG, RESTART, WHOLE_LOG, Ran

PHASES = ("broken", "cured", "healthy")
EXPECTATIONS = Path(__file__).parent / "expectations.yaml"
_HEAD_LINES = 2  # of a unified diff: the names of the files
_CHANGES = {"-": "lost", "+": "got"}
_TIME = re.compile(r"^(\d{10})$", re.MULTILINE)
_LAST_SYNC = re.compile(
    r"^kubeproxy_sync_proxy_rules_last_timestamp_seconds\S* (\S+)$", re.MULTILINE
)


@dataclass(frozen=True)
class NodeStep:
    """A step as it reads where kube-proxy is a program of the node. `name` is its section and what it says to do."""

    entry: str
    name: str
    run: str
    changes: bool


@dataclass(frozen=True)
class Shows:
    """What a step shows in a state: each of `prints` is found, none of `never` is; `complains` is found in what goes to
    stderr, in each line of it, and without it nothing goes there. Each of `changes` is found among what it changes, and
    nothing else is. `age`: the least and the most seconds since the last successful sync, by the times that it prints.

    `given`: values for the variables that a reader fills in. `not_here`: why the lab does not have this state.
    """

    prints: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    complains: str | None = None
    age: tuple[float, float] | None = None
    changes: tuple[str, ...] = ()
    given: Mapping[str, str] | None = None
    not_here: str | None = None


@dataclass(frozen=True)
class Expected:
    """What is expected of a step, for each state of a node by its phase and a pattern of its name.

    `heals`: once the step was run in the broken state, syncs succeed. `not_here`: why the lab cannot show the step.
    """

    entry: str
    step: str
    shows: tuple[tuple[str, str, Shows], ...] = ()
    heals: bool = False
    not_here: str | None = None

    def of(self, phase: str, state: str) -> Shows | None:
        """What the step shows in a state; the first that fits counts."""
        fitting = (
            shows
            for of, pattern, shows in self.shows
            if of == phase and fnmatchcase(state, pattern)
        )
        return next(fitting, None)

    def reason(self, phase: str) -> str | None:
        """Why the lab cannot show the step in a phase."""
        reasons = (shows.not_here for of, _, shows in self.shows if of == phase and shows.not_here)
        return self.not_here or next(reasons, None)


def lab_words(default: KubeProxyProfile) -> Mapping[str, Word]:
    """The words of a site where kube-proxy is a unit of systemd, so that all that concerns it is typed on the node.

    In the place of systemd and of kube-proxy's container is what the lab has.
    """
    site = replace(default, runs_as="systemd")

    def node(text: str) -> Command:
        return Command("node", text)

    return {
        **site_words(site),
        "log": lambda since="15m": node(LOG),
        "whole_log": node(WHOLE_LOG),
        "previous_log": node(WHOLE_LOG),
        "inside": lambda text: node(f"{INSIDE} {text}"),
        "status": node("ps -ww -o pid,etime,args -C kube-proxy"),
        "configuration": node("ps -ww -o args= -C kube-proxy"),
        "restart": node(RESTART),
        "restart_everywhere": node(RESTART),
    }


def of_catalog(inputs: Inputs) -> list[NodeStep]:
    """The steps of all entries that are typed on a node."""
    filled = lab_words(inputs.default_profile.kube_proxy)
    return [step for entry in inputs.catalog.entries for step in node_steps(entry, filled)]


def node_steps(entry: Entry, filled: Mapping[str, Word]) -> list[NodeStep]:
    """An entry's steps that have commands for the node, in their order; those still to be written cannot be typed."""
    sections = (("diagnosis", entry.diagnosis), ("mitigation", entry.mitigation))
    found = []
    for section, steps in sections:
        for step in (at_site(step, filled) for step in steps if step.where):
            if step.where == "node" and not step.step.do.startswith("TODO"):
                name = f"{section}: {' '.join(step.step.do.split())}"
                found.append(
                    NodeStep(entry.id, name, step.step.run or "", step.step.changes is not None)
                )
    return found


def given(run: str, values: Mapping[str, str] | None) -> str:
    """A script with values in the place of those that a reader fills in. Raises ValueError if one has no place."""
    for name, value in (values or {}).items():
        before, found, after = run.partition(f"{name}=")
        if not found:
            raise ValueError(f"{name} is not set in: {run}")
        run = before + found + value + re.sub(r"^\S+", "", after)
    return run


def wrong(ran: Ran, shows: Shows, differences: Sequence[str]) -> list[str]:
    """What is not as expected of what a step printed and of what it changed, a line each."""
    found = [
        f"is not found: {pattern}" for pattern in shows.prints if not _found(pattern, ran.stdout)
    ]
    found += [f"is found: {pattern}" for pattern in shows.never if _found(pattern, ran.stdout)]
    if shows.complains and not _found(shows.complains, ran.stderr):
        found.append(f"is not found in stderr: {shows.complains}")
    found += [
        f"goes to stderr: {line}"
        for line in ran.stderr.splitlines()
        if line and not (shows.complains and _found(shows.complains, line))
    ]
    if ran.code is None:
        found.append("did not end")
    if shows.age:
        age = _age(ran.stdout)
        if age is None or not shows.age[0] <= age <= shows.age[1]:
            found.append(f"the last sync is {age} s old, and not {shows.age[0]} to {shows.age[1]}")
    said = [
        line for line in differences if not any(_found(pattern, line) for pattern in shows.changes)
    ]
    found += [f"changes {line}" for line in said]
    found += [
        f"does not change {want}"
        for want in shows.changes
        if not _found(want, "\n".join(differences))
    ]
    return found


def _age(text: str) -> float | None:
    """Seconds from the older of the last successful syncs to the time; None unless both are printed."""
    times, syncs = _TIME.findall(text), _LAST_SYNC.findall(text)
    return float(times[-1]) - min(map(float, syncs)) if times and syncs else None


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What differs between two looks at a node, a line each."""
    found = []
    for name in sorted({*before, *after}):
        old, new = (look.get(name, "").splitlines() for look in (before, after))
        lines = list(difflib.unified_diff(old, new, n=0, lineterm=""))[_HEAD_LINES:]
        words = ((_CHANGES.get(line[0]), line[1:]) for line in lines)
        found += [f"{name}: {word} {line}" for word, line in words if word]
        if name not in before:
            found.append(f"{name}: was not there")
    return found


def load(path: Path = EXPECTATIONS) -> list[Expected]:
    rows: Mapping[str, Mapping[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        _expected(entry, step, row) for entry, steps in rows.items() for step, row in steps.items()
    ]


def _expected(entry: str, step: str, row: Mapping[str, Any]) -> Expected:
    if "not here" in row:
        return Expected(entry, step, not_here=row["not here"])
    shows = []
    for key, value in row.items():
        phase, _, pattern = key.partition(" ")
        if phase != "heals":
            shows.append((phase, pattern or "*", _shows(value)))
    return Expected(entry, step, tuple(shows), heals=row.get("heals", False))


def _shows(row: Mapping[str, Any]) -> Shows:
    return Shows(
        prints=_texts(row.get("prints")),
        never=_texts(row.get("never")),
        complains=row.get("complains"),
        age=tuple(row["age"]) if "age" in row else None,
        changes=_texts(row.get("changes")),
        given=row.get("given"),
        not_here=row.get("not here"),
    )


def _texts(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None


def matched(
    steps: Iterable[NodeStep], expected: Iterable[Expected]
) -> tuple[dict[NodeStep, Expected], list[str]]:
    """The expectation of each step, whose name begins as it says; and what has no partner, a line each."""
    rows = list(expected)
    pairs: dict[NodeStep, Expected] = {}
    problems = []
    for step in steps:
        fitting = [
            row for row in rows if row.entry == step.entry and step.name.startswith(row.step)
        ]
        if len(fitting) == 1:
            pairs[step] = fitting[0]
        else:
            said = "no row" if not fitting else f"{len(fitting)} rows"
            problems.append(
                f"{step.entry}: {said} of {EXPECTATIONS.name} for the step: {step.name}"
            )
    used = {(row.entry, row.step) for row in pairs.values()}
    problems += [
        f"{row.entry}: no step begins: {row.step}"
        for row in rows
        if (row.entry, row.step) not in used
    ]
    return pairs, problems


def due(
    pairs: Mapping[NodeStep, Expected], state: str, pages: Collection[str] | None
) -> list[tuple[NodeStep, str, Shows]]:
    """What is typed in a state, in order, with the phase and what it shows.

    `pages` are those of the failure that the node has, none if it is healthy. Steps that only look come first.
    """
    mine = {
        step: expected for step, expected in pairs.items() if pages is None or step.entry in pages
    }
    begin = "healthy" if pages is None else "broken"
    looking = [step for step in mine if not step.changes]
    plan = [(step, begin) for step in looking]
    plan += [(step, begin) for step in mine if step.changes]
    if pages is not None and any(
        expected.heals and expected.of("broken", state) for expected in mine.values()
    ):
        plan += [(step, "cured") for step in looking]
    found = ((step, phase, mine[step].of(phase, state)) for step, phase in plan)
    return [(step, phase, shows) for step, phase, shows in found if shows and not shows.not_here]
