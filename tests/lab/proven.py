"""Which steps were typed in which states, and held what they promise; kept, so that a step that changed since shows."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.steps import PHASES, Expected, NodeStep

PROVEN = Path(__file__).parent / "proven.json"


@dataclass(frozen=True)
class Outcome:
    """A step as it was typed in a state; `problems` is empty if it showed what it promises and left all as it was."""

    state: str
    phase: str
    entry: str
    step: str
    shell: str
    run: str
    code: int | None
    stdout: str
    stderr: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """That a step with these commands was right in a state; the words around them may change."""

    entry: str
    run: str
    phase: str
    state: str


def merged(
    kept: Iterable[Proof], outcomes: Iterable[Outcome], today: Iterable[NodeStep]
) -> set[Proof]:
    """What is proven of the steps as they read today. What was wrong in one shell now is proven no longer."""
    runs = {(step.entry, step.run) for step in today}
    good, bad = set(kept), set[Proof]()
    for seen in outcomes:
        proof = Proof(seen.entry, seen.run, seen.phase, seen.state)
        (bad if seen.problems else good).add(proof)
    return {proof for proof in good - bad if (proof.entry, proof.run) in runs}


def account(kept: Iterable[Proof], pairs: Mapping[NodeStep, Expected]) -> str:
    """Markdown: for each page how many of its steps were typed, on how many nodes, and why others were not."""
    rows = [
        "| Page | Steps typed | Broken | Healed | Healthy | Not shown here |",
        "|---|---|---|---|---|---|",
    ]
    known = list(kept)
    for entry in sorted({step.entry for step in pairs}):
        mine = [proof for proof in known if proof.entry == entry]
        runs = {proof.run for proof in mine}
        nodes = [len({proof.state for proof in mine if proof.phase == phase}) for phase in PHASES]
        steps = [step for step in pairs if step.entry == entry]
        typed = [step for step in steps if step.run in runs and not pairs[step].not_here]
        reasons = dict.fromkeys(pairs[step].not_here for step in steps if step not in typed)
        why = "; ".join(reason for reason in reasons if reason)
        counts = " | ".join(str(count) if count else "" for count in nodes)
        rows.append(f"| {entry} | {len(typed)} of {len(steps)} | {counts} | {why} |")
    return "\n".join(rows) + "\n"


def load(path: Path = PROVEN) -> set[Proof]:
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {
        Proof(row["entry"], row["run"], *state.split(" ", 1))
        for row in rows
        for state in row["states"]
    }


def save(kept: Iterable[Proof], path: Path = PROVEN) -> None:
    states: dict[tuple[str, str], list[str]] = {}
    for proof in sorted(kept, key=lambda proof: (proof.entry, proof.run, proof.phase, proof.state)):
        states.setdefault((proof.entry, proof.run), []).append(f"{proof.phase} {proof.state}")
    rows = [{"entry": entry, "run": run, "states": found} for (entry, run), found in states.items()]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
