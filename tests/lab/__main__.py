"""Brings up the lab in namespaces of its own, provokes the failures, and shows what came of them."""

import asyncio
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import yaml

from generator.base.names import COULD_NOT_RUN, FOUND
from generator.base.problems import ToolError, errors
from generator.catalog import shipped
from generator.catalog.load import load
from generator.pages import website
from generator.pipeline import compile_catalog
from generator.servers.local_pages import PageServer
from tests.lab import afterwards, namespaces, page, report, samples
from tests.lab.namespaces import WORK
from tests.lab.node import Node
from tests.lab.observe import Observer
from tests.lab.programs import Programs, programs
from tests.lab.report import Seen
from tests.lab.scenarios import SCENARIOS, SHORT, Scenario
from tests.lab.stack import Receiver, stack

_LONGEST_RUN = 4 * 3600  # seconds that the pages are served, if nobody ends the lab before


@click.command(
    epilog="\b\nExamples:\n"
    "  python -m tests.lab --list\n"
    "  python -m tests.lab lock-held-1.36.3-legacy\n"
    "  python -m tests.lab --record --samples"
)
@click.argument("names", nargs=-1, metavar="[SCENARIO]...")
@click.option("--list", "listing", is_flag=True, help="Name the scenarios and end.")
@click.option("--short", is_flag=True, help="Only two failures and a healthy run.")
@click.option(
    "--minutes",
    type=float,
    default=30,
    show_default=True,
    help="How long to wait for an alert, and to watch healthy runs.",
)
@click.option(
    "--json", "saved", type=click.Path(path_type=Path), help="Write what was seen to a file."
)
@click.option(
    "--record",
    "documented",
    is_flag=True,
    help="Put what was seen into docs/evidence.md, unless something is wrong.",
)
@click.option(
    "--samples",
    "kept",
    is_flag=True,
    help="Write the lines that were printed into the catalog's samples.",
)
def main(
    names: tuple[str, ...],
    listing: bool,
    short: bool,
    minutes: float,
    saved: Path | None,
    documented: bool,
    kept: bool,
) -> None:
    """Runs real kube-proxy builds with real failures, and follows each to the notification."""
    if listing:
        return click.echo("\n".join(scenario.name for scenario in SCENARIOS))
    wanted = SHORT if short else names
    chosen = [scenario for scenario in SCENARIOS if not wanted or scenario.name in wanted]
    unknown = set(wanted) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise click.UsageError(
            f"no scenario is called {', '.join(sorted(unknown))}; --list names them"
        )
    try:
        found = programs([scenario.build for scenario in chosen], _say)
        if not namespaces.inside():
            sys.exit(namespaces.enter("tests.lab", sys.argv[1:]))
        seen, wrong = asyncio.run(_run(chosen, found, minutes * 60))
    except ToolError as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    problems = [problem for row in seen for problem in row.problems()] + wrong
    for problem in problems:
        click.echo(f"PROBLEM: {problem}")
    if saved:
        report.save(seen, saved)
    if documented and not problems:
        known = report.merge(
            report.load(report.SEEN), seen, [scenario.name for scenario in SCENARIOS]
        )
        report.save(known, report.SEEN)
        page.write(page.ALERTS, report.account(known))
    if kept:
        samples.write(seen)
    sys.exit(FOUND if problems else 0)


async def _run(
    scenarios: Sequence[Scenario], found: Programs, patience: float
) -> tuple[list[Seen], list[str]]:
    receiver = Receiver()
    pages = PageServer({}, 0)  # as `serve` starts it; its address stands in the pages that it gets
    profile = WORK / "profile.yaml"
    settings = {
        "runbooks": {"base_url": pages.url, "style": "site"},
        "disabled": ["not-running"],  # needs kube-state-metrics, and the lab has no Pods
    }
    profile.write_text(yaml.safe_dump(settings), encoding="utf-8")
    inputs = load(profile=profile)
    compiled = compile_catalog(inputs, "output")
    if errors(compiled.problems) or not compiled.rules:
        raise ToolError("the catalog has errors; run `make check`")
    written = website.files(compiled.files, compiled.rules, inputs.catalog, shipped.documents())
    pages.show({file.path: file.text for file in written})
    threading.Thread(target=pages.serve, args=(_LONGEST_RUN,), daemon=True).start()
    async with stack(found, receiver, profile, compiled.files, WORK) as running:
        pairs = [
            (scenario, Node(number, scenario.name, scenario.build, found.nodes, WORK, running.ship))
            for number, scenario in enumerate(scenarios, 1)
        ]
        running.scrape(
            [node for _, node in pairs],
            [node for scenario, node in pairs if scenario.node_exporter],
        )
        watchdogs = {
            alert.rule.alert for alert in compiled.rules.alerts if alert.urgency == "watchdog"
        }
        await running.arrived(watchdogs)
        wrong: list[str] = []

        async def after_failures() -> None:
            wrong.extend(await afterwards.problems(running, compiled.files))
            state = "wrong" if wrong else "as they should be"
            click.echo(f"diff, push, verify and the panels of the dashboard: {state}")

        # Nothing can be verified once the last kube-proxy is gone.
        healthy = any(scenario.failure is None for scenario in scenarios)
        if not healthy:
            _say(
                "no scenario is a healthy one: diff, push, verify and the dashboard are not checked"
            )
        last = after_failures if healthy else _nothing
        observer = Observer(
            running,
            inputs.catalog,
            compiled.rules,
            patience,
            lambda row: click.echo(report.text(row)),
            last,
        )
        seen = await observer.observe(pairs)
        everywhere = {found.labels["alertname"] for found in running.notified("")}
    stray = tuple(sorted(everywhere - watchdogs))
    return [replace(row, others=(*row.others, *stray)) for row in seen], wrong


async def _nothing() -> None:
    pass


def _say(message: str) -> None:
    click.echo(message, err=True)


if __name__ == "__main__":
    main()
