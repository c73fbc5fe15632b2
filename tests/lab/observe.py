"""Runs scenarios side by side and watches what comes of each."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from generator.base.durations import seconds
from generator.catalog.model import Catalog
from generator.compile.rule import CompiledAlert, Rules
from generator.diagnose.findings import Findings
from generator.diagnose.windows import Window
from generator.fixes.known_builds import known_builds
from generator.query.signature import compile_re2
from generator.verify.headings import headings
from tests.lab.node import Node
from tests.lab.report import Seen
from tests.lab.scenarios import Scenario
from tests.lab.stack import Notification, Stack

_POLL_SECONDS = 0.5
_SYMPTOM_SECONDS = 240
_START_EVERY_SECONDS = 1.0
_HEALTHY_SECONDS = 75
_BEFORE, _AFTER = 2, 4  # lines that are kept around the telling one


class Observer:
    """Follows each failure until its alert was notified, or for `patience` seconds, and then tells `say`.

    Healthy runs go on until all failures have been seen, and for some evaluations of the rules; where there are no
    failures, for all that time. `afterwards` is asked when all failures have been seen and healthy runs still run.
    """

    def __init__(
        self,
        running: Stack,
        catalog: Catalog,
        rules: Rules,
        patience: float,
        say: Callable[[Seen], None],
        afterwards: Callable[[], Awaitable[None]],
    ) -> None:
        self._running, self._patience, self._say, self._afterwards = (
            running,
            patience,
            say,
            afterwards,
        )
        self._catalog = catalog
        self._alerts = {alert.rule.alert: alert for alert in rules.alerts}
        self._own_alerts = {alert.entry.id: alert.entry.alert for alert in rules.alerts}
        self._known_builds = {
            alert.rule.alert: known_builds(alert.entry)
            for alert in rules.alerts
            if alert.known_build
        }
        self._enough = asyncio.Event()

    async def observe(self, pairs: Sequence[tuple[Scenario, Node]]) -> list[Seen]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = []
                for scenario, node in pairs:
                    tasks.append(group.create_task(self._one(scenario, node)))
                    await asyncio.sleep(_START_EVERY_SECONDS)
                failing = [
                    task
                    for task, (scenario, _) in zip(tasks, pairs, strict=True)
                    if scenario.failure
                ]
                if failing:
                    await asyncio.wait(
                        [*failing, group.create_task(asyncio.sleep(_HEALTHY_SECONDS))]
                    )
                    await self._afterwards()
                    self._enough.set()
        except ExceptionGroup as several:
            raise several.exceptions[0] from several  # the others were cancelled because of it
        return [task.result() for task in tasks]

    async def _one(self, scenario: Scenario, node: Node) -> Seen:
        async with node:
            if scenario.node_exporter:
                await node.start_node_exporter()
            provoking = asyncio.create_task(scenario.provoke(node))
            try:
                await self._wait(scenario, node, provoking)
                seen = await self._seen(scenario, node)
            finally:
                provoking.cancel()
                await asyncio.wait([provoking])
        self._say(seen)
        return seen

    async def _wait(self, scenario: Scenario, node: Node, provoking: "asyncio.Task[None]") -> None:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            if provoking.done():
                provoking.result()  # it never ends by itself, so this raises
            if self._notification(scenario, node) if scenario.failure else self._enough.is_set():
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _seen(self, scenario: Scenario, node: Node) -> Seen:
        symptom = await self._symptom(node, scenario.symptom) if scenario.symptom else None
        names = {found.labels["alertname"] for found in self._running.notified(node.cluster)}
        names -= self._known(scenario.build.kube_proxy)
        basis = Seen(scenario.name, str(scenario.build), scenario.how, scenario.failure)
        if not scenario.failure:
            return replace(
                basis,
                synced=await self._running.synced(node),
                others=tuple(sorted(names)),
                diagnosed=diagnosed(self._catalog, [line for _, line in node.lines]),
            )
        wanted = self._wanted(scenario)
        seen = replace(
            basis,
            critical=wanted.rule.labels["severity"] == "critical",
            hold_seconds=seconds(wanted.rule.hold),
            alert=wanted.rule.alert,
            expr=wanted.rule.expr,
            symptom=symptom,
            others=tuple(sorted(names - {wanted.rule.alert, scenario.symptom})),
        )
        logs = wanted.entry.logs
        printed = node.printed(logs.stream if logs else "kube-proxy")
        proof = _proof(printed, wanted)
        if proof is not None:
            at, line = printed[proof]
            around = printed[max(0, proof - _BEFORE) : proof + _AFTER]
            after = round(at - node.caused, 1)
            seen = replace(
                seen, line=line, line_seconds=after, lines=tuple(line for _, line in around)
            )
        notification = self._notification(scenario, node)
        if notification:
            url = notification.annotations["runbook_url"]
            page = await self._running.page(url)
            message = await self._running.message(url, node)
            seen = replace(
                seen,
                receiver=notification.receiver,
                message=f"{message.title}\n{message.text}" if message else None,
                seconds=round(notification.at - node.caused, 1),
                summary=notification.annotations["summary"],
                description=notification.annotations["description"],
                runbook_url=url,
                runbook_served=wanted.rule.alert in headings(page),
            )
        return seen

    def _wanted(self, scenario: Scenario) -> CompiledAlert:
        return self._alerts[scenario.alert or self._own_alerts[str(scenario.failure)]]

    def _known(self, version: str) -> set[str]:
        """The alerts on known builds that rightly fire for this version."""
        return {
            name
            for name, builds in self._known_builds.items()
            if any(compile_re2(f"^(?:{known.pattern})$").search(f"v{version}") for known in builds)
        }

    def _notification(self, scenario: Scenario, node: Node) -> Notification | None:
        alert = self._wanted(scenario).rule.alert
        found = (
            seen
            for seen in self._running.notified(node.cluster)
            if seen.labels["alertname"] == alert
        )
        return next(found, None)

    async def _symptom(self, node: Node, alert: str) -> str:
        """What becomes of a symptom's alert within four minutes."""
        deadline = time.monotonic() + _SYMPTOM_SECONDS
        while time.monotonic() < deadline:
            if alert in await self._running.inhibited(node.cluster):
                early = any(
                    seen.labels["alertname"] == alert
                    for seen in self._running.notified(node.cluster)
                )
                return f"{alert} {'was notified first' if early else 'held back'}"
            await asyncio.sleep(_POLL_SECONDS)
        return f"{alert} did not fire"


def diagnosed(catalog: Catalog, lines: Sequence[str]) -> tuple[str, ...]:
    """What `diagnose` makes of a log: the alerts that it names, and the errors that no entry explains."""
    data = "".join(f"{line}\n" for line in lines).encode()
    findings = Findings(catalog, datetime.now(UTC))
    findings.read(Window(data, 0, len(data)), "kube-proxy")
    diagnosis = findings.diagnosis()
    alerts = [found.alert for found in diagnosis.found]
    return (*alerts, *(one.text for one in diagnosis.unexplained))


def _proof(printed: Sequence[tuple[float, str]], wanted: CompiledAlert) -> int | None:
    """Which line is the first by which the failure is known."""
    if not wanted.filters:
        return None
    known = wanted.filters
    return next((number for number, (_, line) in enumerate(printed) if known.matches(line)), None)
