"""Runs scenarios without what watches them, and keeps what kube-proxy printed under tests/captures."""

import asyncio
import re
import sys
from pathlib import Path

import click

from tests.lab import namespaces
from tests.lab.captures import CAPTURED, Capture
from tests.lab.namespaces import WORK
from tests.lab.node import Node
from tests.lab.programs import NodePrograms, node_programs

CAPTURES = Path(__file__).parents[1] / "captures"
_AT_ONCE = 40


@click.command()
@click.argument("pattern", default="")
def main(pattern: str) -> None:
    """Captures those in whose path the regular expression PATTERN is found."""
    chosen = [one for one in CAPTURED if re.search(pattern, one.path)]
    found = node_programs([one.build for one in chosen], lambda said: click.echo(said, err=True))
    if not namespaces.inside():
        sys.exit(namespaces.enter("tests.lab.capture", sys.argv[1:]))
    asyncio.run(_run(chosen, found))


async def _run(chosen: list[Capture], found: NodePrograms) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, capture: Capture) -> None:
        async with turns:
            node = Node(number, f"capture-{number}", capture.build, found, WORK, lambda *_: None)
            node.flags = capture.flags
            async with node:
                provoking = asyncio.create_task(capture.provoke(node))
                await asyncio.wait([provoking], timeout=capture.seconds)
                failed = provoking.exception() if provoking.done() else None
                provoking.cancel()
            if failed:
                click.echo(f"{capture.path}: {failed!r}", err=True)
            else:
                _keep(capture, node)

    await asyncio.gather(*(one(number, capture) for number, capture in enumerate(chosen, 1)))


def _keep(capture: Capture, node: Node) -> None:
    text = "".join(f"{line}\n" for _, line in node.lines)
    target = CAPTURES / capture.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    table = CAPTURES / "PROVENANCE.tsv"
    rows = {row.partition("\t")[0]: row for row in table.read_text(encoding="utf-8").splitlines()}
    rows[capture.path] = f"{capture.path}\t{capture.programs}\t{capture.how}"
    table.write_text("".join(f"{rows[path]}\n" for path in sorted(rows)), encoding="utf-8")
    click.echo(f"{len(node.lines):5} lines  {capture.path}")


if __name__ == "__main__":
    main()
