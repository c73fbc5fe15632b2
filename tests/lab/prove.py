"""Follows the runbooks on nodes that are broken and on nodes that are well, and shows that they say the truth."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import click
import httpx

from generator.base.names import COULD_NOT_RUN, FOUND
from generator.base.problems import ToolError
from generator.catalog.load import load
from tests.lab import namespaces, page, proven, steps
from tests.lab.namespaces import WORK
from tests.lab.node import METRICS_PORT, Node
from tests.lab.programs import NodePrograms, node_programs
from tests.lab.proven import Outcome
from tests.lab.shell import RESTART, Ran, Shell
from tests.lab.states import SHORT, STATES, State
from tests.lab.steps import Expected, NodeStep, Shows

_SHELLS = ("sh", "bash")
_READY_SECONDS = 120
_STILL_SECONDS = 60
_HEALED_SECONDS = 100
_POLL_SECONDS = 0.5
_NAME_WIDTH, _SHOWN_LINES = 70, 40
# What a kubelet does at its start.
_KUBELET = "iptables -t nat -N KUBE-MARK-DROP && iptables -t nat -A KUBE-MARK-DROP -j MARK --or-mark 0x8000"
_LAST_SYNC = re.compile(
    r"^kubeproxy_sync_proxy_rules_last_timestamp_seconds(?:\{.*\})? (\S+)$", re.MULTILINE
)


@click.command()
@click.argument("names", nargs=-1, metavar="[STATE]...")
@click.option("--list", "listing", is_flag=True, help="Name the states and end.")
@click.option(
    "--short",
    is_flag=True,
    help="Type into sh only; of the states, where none is named, one broken and one healthy.",
)
@click.option(
    "--page", "pages", multiple=True, metavar="ENTRY", help="Only the steps of this entry."
)
@click.option(
    "--type", "script", help="Type a script of your own, not the steps; show what it changes."
)
@click.option(
    "--record",
    is_flag=True,
    help="Keep which steps were right, and write it into docs/evidence.md.",
)
@click.option("--verbose", is_flag=True, help="Show what each step printed.")
def main(
    names: tuple[str, ...],
    listing: bool,
    short: bool,
    pages: tuple[str, ...],
    script: str | None,
    record: bool,
    verbose: bool,
) -> None:
    """Types each step of a runbook that runs on the node into a shell there, and compares what it shows."""
    if listing:
        return click.echo("\n".join(state.name for state in STATES))
    wanted = names or (SHORT if short else ())
    if unknown := set(wanted) - {state.name for state in STATES}:
        raise click.UsageError(
            f"no state is called {', '.join(sorted(unknown))}; --list names them"
        )
    chosen = [state for state in STATES if not wanted or state.name in wanted]
    try:
        found = node_programs(
            [state.build for state in chosen], lambda text: click.echo(text, err=True)
        )
        if not namespaces.inside():
            sys.exit(namespaces.enter("tests.lab.prove", sys.argv[1:]))
        shells = _SHELLS[:1] if short else _SHELLS
        outcomes = asyncio.run(_prove(chosen, found, pages, script, shells, verbose))
    except ToolError as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    click.echo(f"{len(outcomes)} runs of steps in {len(chosen)} states, {len(problems)} problems")
    if record:
        today = steps.of_catalog(load())
        kept = proven.merged(proven.load(), outcomes, today)
        proven.save(kept)
        pairs, _ = steps.matched(today, steps.load())
        page.write(page.STEPS, proven.account(kept, pairs))
    sys.exit(FOUND if problems else 0)


async def _prove(
    states: Sequence[State],
    found: NodePrograms,
    pages: Sequence[str],
    script: str | None,
    shells: Sequence[str],
    verbose: bool,
) -> list[Outcome]:
    wanted = [step for step in steps.of_catalog(load()) if not pages or step.entry in pages]
    pairs, _ = steps.matched(wanted, steps.load())
    outcomes: list[Outcome] = []
    for state in states:
        node = Node(1, state.name, state.build, found, WORK, lambda *_: None)
        async with _in_state(node, state) as shell:
            visit = _Visit(
                state,
                node,
                shell,
                shells,
                lambda outcome: _say(outcome, verbose or script is not None),
            )
            outcomes += await (visit.follow(pairs) if script is None else visit.type(script))
        shutil.rmtree(node.folder)
    return outcomes


def _say(outcome: Outcome, verbose: bool) -> None:
    verdict = "PROBLEM" if outcome.problems else "ok"
    name = outcome.step[:_NAME_WIDTH]
    click.echo(
        f"{verdict}  {outcome.state} {outcome.phase} ({outcome.shell})  {outcome.entry} {name}"
    )
    if verbose or outcome.problems:
        lines = [f"| {line}" for line in outcome.run.splitlines()]
        lines += (outcome.stdout + outcome.stderr).splitlines()[:_SHOWN_LINES]
        lines += [f"!! {problem}" for problem in outcome.problems]
        click.echo("".join(f"    {line}\n" for line in lines), nl=False)


@asynccontextmanager
async def _in_state(node: Node, state: State) -> AsyncIterator[Shell]:
    """A node in a state, at rest: nothing changes there but by what is typed."""
    node.supervised = True
    async with node, Shell(node, state.backend, state.nft) as shell:
        if state.foreign:
            ran = await shell.run(_KUBELET)
            if ran.code:
                raise ToolError(f"kubelet's chain cannot be made: {ran.stderr}")
        provoking = asyncio.create_task(state.provoke(node))
        try:
            await _until(
                lambda: _ready(node, state, provoking),
                _READY_SECONDS,
                f"{state.name} does not come about",
            )
            node.restless.clear()
            await _at_rest(shell)
            await asyncio.sleep(state.stays)
            if state.stays and await _last_sync(node):
                raise ToolError(f"{state.name}: syncs succeed again by themselves")
            yield shell
        finally:
            provoking.cancel()
            await asyncio.wait([provoking])


async def _ready(node: Node, state: State, provoking: "asyncio.Task[None]") -> bool:
    if provoking.done():
        provoking.result()  # it never ends by itself, so this raises
    return state.broken(node) if state.telling else await _last_sync(node) > 0


async def _last_sync(node: Node) -> float:
    """When syncs last succeeded, in seconds of the epoch; of the family that succeeded last."""
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://{node.address}:{METRICS_PORT}/metrics")
        except httpx.HTTPError:
            return 0
    return max(map(float, _LAST_SYNC.findall(answer.text)), default=0)


async def _at_rest(shell: Shell) -> None:
    """Wait until the node stays as it is."""
    deadline = time.monotonic() + _STILL_SECONDS
    looks = [await shell.look()]
    while True:
        await asyncio.sleep(2)
        looks.append(await shell.look())
        difference = steps.changed(*looks[-2:])
        if not difference:
            return
        if time.monotonic() > deadline:
            raise ToolError(f"the node does not come to rest: {'; '.join(difference[:3])}")


class _Visit:
    """The pages of a node in a state, followed once: while it is broken or well, and after it was healed."""

    def __init__(
        self,
        state: State,
        node: Node,
        shell: Shell,
        shells: Sequence[str],
        say: Callable[[Outcome], None],
    ) -> None:
        self._state, self._node, self._shell, self._shells, self._say = (
            state,
            node,
            shell,
            shells,
            say,
        )
        self._outcomes: list[Outcome] = []
        self._known: dict[tuple[str, str, str], tuple[Ran, list[str]]] = {}
        self._look: Mapping[str, str] | None = None  # the newest one; nothing was typed since

    async def follow(self, pairs: Mapping[NodeStep, Expected]) -> list[Outcome]:
        for step, phase, shows in steps.due(pairs, self._state.name, self._state.pages):
            if pairs[step].heals and step.changes:
                await self._heal(step, shows)
            else:
                for shell in self._shells[: 1 if step.changes else None]:
                    await self._type(step, shows, phase, shell)
        return self._outcomes

    async def type(self, script: str) -> list[Outcome]:
        """A script that no page has; it may print what it likes, and change nothing."""
        ran, differences = await self._typed(script, _SHELLS[0], "now")
        step = NodeStep("-", "your own", script, changes=False)
        self._note(step, "now", _SHELLS[0], ran, [f"changes {line}" for line in differences])
        return self._outcomes

    async def _type(self, step: NodeStep, shows: Shows, phase: str, shell: str) -> None:
        ran, differences = await self._typed(steps.given(step.run, shows.given), shell, phase)
        self._note(step, phase, shell, ran, steps.wrong(ran, shows, differences))

    async def _typed(self, script: str, shell: str, phase: str) -> tuple[Ran, list[str]]:
        """What came of a script and what it changed. What two pages say in the same words is typed once."""
        if (script, shell, phase) not in self._known:
            before = self._look or await self._shell.look()
            ran = await self._shell.run(script, shell)
            self._look = await self._shell.look()
            self._known[script, shell, phase] = ran, steps.changed(before, self._look)
        return self._known[script, shell, phase]

    async def _heal(self, step: NodeStep, shows: Shows) -> None:
        await self._node.put_right(self._state.mended, self._state.undone)
        begun, old = time.time(), self._node.pid
        ran = await self._shell.run(steps.given(step.run, shows.given))
        problems = steps.wrong(ran, shows, ())
        try:
            await _until(
                lambda: self._synced_since(begun), _HEALED_SECONDS, "no sync succeeds afterwards"
            )
        except ToolError as error:
            problems.append(str(error))
        if RESTART in step.run and self._node.pid == old:
            problems.append("kube-proxy is still the same process")
        self._note(step, "broken", _SHELLS[0], ran, problems)
        await asyncio.sleep(_POLL_SECONDS)
        self._shell.later()
        self._look = None

    async def _synced_since(self, begun: float) -> bool:
        return await _last_sync(self._node) > begun

    def _note(self, step: NodeStep, phase: str, shell: str, ran: Ran, problems: list[str]) -> None:
        outcome = Outcome(
            self._state.name,
            phase,
            step.entry,
            step.name,
            shell,
            step.run,
            ran.code,
            ran.stdout,
            ran.stderr,
            tuple(problems),
        )
        self._outcomes.append(outcome)
        self._say(outcome)


async def _until(holds: Callable[[], Awaitable[bool]], seconds: float, otherwise: str) -> None:
    """Wait until a question is answered with yes. Raises ToolError with `otherwise` if that takes too long."""
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise ToolError(f"{otherwise} within {seconds:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main()
