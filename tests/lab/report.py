"""What the lab saw: as values, as JSON, as lines on the terminal, and as the table of docs/evidence.md."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

AIM_SECONDS = 90
RISE_SECONDS = 60  # until the scrapes show that a counter rises
SEEN = Path(__file__).parent / "seen.json"


@dataclass(frozen=True)
class Seen:
    """One scenario. `line_seconds` from the cause to the first telling line, `seconds` to the notification.

    `expr` is that of the alert as it was loaded, which waits `hold_seconds` on purpose, for what heals by itself;
    `receiver` is Alertmanager's, `message` what it wrote into the chat; `symptom` says what became of the alert that
    the failure causes; `others` are notifications about the node that nobody expected.
    """

    scenario: str
    build: str
    how: str
    failure: str | None = None
    critical: bool = False
    hold_seconds: float = 0
    line: str | None = None
    line_seconds: float | None = None
    alert: str | None = None
    expr: str | None = None
    seconds: float | None = None
    summary: str | None = None
    description: str | None = None
    receiver: str | None = None
    message: str | None = None
    runbook_url: str | None = None
    runbook_served: bool = False
    symptom: str | None = None
    synced: bool = (
        False  # only of healthy runs: kube-proxy ran to the end and had written its rules
    )
    others: tuple[str, ...] = ()
    diagnosed: tuple[str, ...] = ()  # only of healthy runs: what `diagnose` names or cannot explain
    lines: tuple[str, ...] = ()  # what kube-proxy printed around the first telling line

    def problems(self) -> list[str]:
        """What is not as it should be; empty if all is well."""
        found = [f"{self.scenario}: {name} was notified and should not be" for name in self.others]
        found += [
            f"{self.scenario}: diagnose does not say that all is well: {said}"
            for said in self.diagnosed
        ]
        if not self.failure and not self.synced:
            found.append(
                f"{self.scenario}: kube-proxy is not healthy: it does not answer, or has not written its rules"
            )
        if self.alert and self.seconds is None:
            said = f"; its line was: {self.line}" if self.line else "; no line of it was printed"
            found.append(f"{self.scenario}: {self.alert} did not arrive{said}")
        if self.alert and self.seconds is not None:
            aim = AIM_SECONDS + self.hold_seconds + (0 if self.line else RISE_SECONDS)
            if self.critical and self.seconds > aim:
                found.append(
                    f"{self.scenario}: {self.alert} took {self.seconds:.0f} s, more than {aim:.0f}"
                )
            if not self.runbook_served:
                found.append(
                    f"{self.scenario}: {self.runbook_url} is not served with the heading {self.alert}"
                )
            if not self.message:
                found.append(f"{self.scenario}: no chat message leads to {self.runbook_url}")
            if self.symptom and not self.symptom.endswith("held back"):
                found.append(f"{self.scenario}: {self.symptom}")
        return found


def text(seen: Seen) -> str:
    """A scenario for the terminal."""
    if not seen.alert:
        return f"{seen.scenario}: {'nothing fired' if not seen.others else ', '.join(seen.others)}"
    rows = [
        f"{seen.scenario}: {seen.build}; {seen.how}",
        f"  line      {seen.line or '(none: seen in metrics)'}",
        f"  alert     {seen.alert}: {seen.summary or 'did not arrive'}",
        f"  after     {'-' if seen.seconds is None else f'{seen.seconds:.0f} s'}",
        f"  message   {indent(seen.message or '-', ' ' * 12).strip()}",
        f"  runbook   {seen.runbook_url}{'' if seen.runbook_served else ' (NOT SERVED)'}",
    ]
    return "\n".join([*rows, *([f"  symptom   {seen.symptom}"] if seen.symptom else [])])


def save(seen: Sequence[Seen], path: Path) -> None:
    rows = [
        {key: value for key, value in asdict(row).items() if value and key != "lines"}
        for row in seen
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> list[Seen]:
    rows: Any = json.loads(path.read_text(encoding="utf-8"))
    return [
        Seen(
            **{
                **row,
                "others": tuple(row.get("others", ())),
                "diagnosed": tuple(row.get("diagnosed", ())),
            }
        )
        for row in rows
    ]


def merge(known: Sequence[Seen], seen: Sequence[Seen], order: Sequence[str]) -> list[Seen]:
    """What is known of each scenario, the newest of each, in this order; scenarios that are gone are forgotten."""
    newest = {row.scenario: row for row in (*known, *seen)}
    return [newest[name] for name in order if name in newest]


def account(seen: Sequence[Seen]) -> str:
    """Markdown: a row for each failure and build, and a message as it arrived."""
    rows = ["| Alert | On | Seconds | Symptom |", "|---|---|---|---|"]
    for row in seen:
        if row.alert and row.seconds is not None:
            build = (
                row.build
                if not row.scenario.endswith("replayed")
                else "replayed: " + row.how.partition(": ")[2]
            )
            rows.append(f"| {row.alert} | {build} | {row.seconds:.0f} | {row.symptom or ''} |")
    quiet: dict[str, list[str]] = {}
    for row in seen:
        if not row.failure:
            quiet.setdefault(row.how, []).append(row.build)
    healthy = "".join(f"- {how}: {'; '.join(builds)}\n" for how, builds in quiet.items())
    example = next((row.message for row in seen if row.message and row.critical), "")
    return (
        "\n".join(rows)
        + f"\n\nHealthy, and no alert of a failure or a symptom fired:\n\n{healthy}"
        + f"\nWhat the first of them looked like in the chat:\n\n```text\n{example}\n```\n"
    )
