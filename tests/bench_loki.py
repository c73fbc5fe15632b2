"""What the log rules cost a real Loki, beside two other ways to write them, as ratios in one run.

    python -m tests.bench_loki                    # 400 nodes at most, a minute or two
    python -m tests.bench_loki --nodes 50,100

Ten minutes of logs of real, healthy kube-proxy runs at -v2 are pushed for a number of nodes, and a fault here and
there. Then each rule set is evaluated in turns: ours; one `|~` of the vendor page's text for each failure; and the line
filters that pySigma's Loki backend makes of the same signatures. All use the same selector and the same range.
Exit codes: 0 measured, 2 could not run.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import click
import httpx
import yaml

from generator.base.lines import NANOSECONDS_A_SECOND
from generator.base.problems import ToolError
from generator.catalog.load import load
from generator.catalog.wordings import signature
from generator.prove import local_loki, tools
from generator.query import logql
from generator.query.signature import escape
from generator.servers import loki
from tests.bench import CannotRunError, sigma, sigma_rules
from tests.catalog.test_lines import CAPTURES, PAGE_LINES, lines

RANGE = 600  # seconds, as in the default profile
INTERVAL = 30
TURNS = 7
SELECTOR = '{container="kube-proxy"}'


@dataclass(frozen=True)
class Cost:
    """One evaluation of all rules of a set: seconds of wall clock, and bytes that Loki says it went through."""

    seconds: float
    bytes: int


@dataclass(frozen=True)
class Row:
    """A number of nodes, the bytes of their logs within the range, and what each rule set costs."""

    nodes: int
    volume: int
    costs: Mapping[str, Cost]


def rule_sets() -> dict[str, list[str]]:
    """For each way to write the rules, one query for each failure."""
    entries = [entry for entry in load().catalog.entries if entry.logs]
    ours = [
        " ".join([SELECTOR, *logql.filters(signature(entry.logs))])
        for entry in entries
        if entry.logs
    ]
    naive = [f"{SELECTOR} |~ {logql.quote(escape(text))}" for text in PAGE_LINES.values()]
    with tempfile.TemporaryDirectory() as scratch:
        rules, made = Path(scratch) / "rules", Path(scratch) / "made.yml"
        sigma_rules(rules, entries)
        command = [
            str(sigma()),
            "convert",
            "-t",
            "loki",
            "-f",
            "ruler",
            "--without-pipeline",
            "-o",
            str(made),
            str(rules),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"sigma-cli does not convert: {done.stderr[-500:]}")
        groups = yaml.safe_load(made.read_text(encoding="utf-8"))["groups"]
    found = [logql.log_queries(rule["expr"])[0] for group in groups for rule in group["rules"]]
    theirs = [SELECTOR + query[query.index("}") + 1 :] for query in found]
    return {
        name: [_count(query) for query in queries]
        for name, queries in _named(ours, naive, theirs).items()
    }


def _named(ours: list[str], naive: list[str], theirs: list[str]) -> dict[str, list[str]]:
    return {"ours": ours, "page text": naive, "pySigma": theirs}


def _count(query: str) -> str:
    return f"sum by (cluster, namespace, pod, node_name) (count_over_time({query} [{RANGE}s])) > 0"


def fill(server: loki.Loki, nodes: int, now: int, run: str) -> int:
    """Push the logs of nodes; the bytes that were pushed. Every fiftieth node has a fault."""
    healthy = [
        [line for line in lines(path) if line] for path in sorted(CAPTURES.glob("healthy/*.log"))
    ]
    streams: list[dict[str, Any]] = []
    volume = 0
    for node, log in zip(range(nodes), cycle(healthy)):
        # A run of 75 s, again and again: more than a quiet node prints.
        text = [line for turn in range(RANGE // 75) for line in log]
        if node % 50 == 0:
            text[len(text) // 2 : len(text) // 2] = PAGE_LINES.values()
        step = RANGE * NANOSECONDS_A_SECOND // (len(text) + 1)
        values = [
            [str(now - RANGE * NANOSECONDS_A_SECOND + step * (number + 1)), line]
            for number, line in enumerate(text)
        ]
        labels = {
            "container": "kube-proxy",
            "namespace": "kube-system",
            "pod": f"kube-proxy-{node}",
        }
        streams.append(
            {"stream": {**labels, "node_name": f"node-{node}", "run": run}, "values": values}
        )
        volume += sum(len(line.encode()) for line in text)
    server.push(streams)
    return volume


def evaluate(client: httpx.Client, queries: Sequence[str], now: int) -> Cost:
    begin, processed = time.perf_counter(), 0
    for query in queries:
        answer = client.get("/loki/api/v1/query", params={"query": query, "time": now})
        if answer.is_error:
            raise CannotRunError(f"Loki refuses {query}: {answer.text[:300]}")
        processed += answer.json()["data"]["stats"]["summary"]["totalBytesProcessed"]
    return Cost(time.perf_counter() - begin, processed)


def measure(binary: Path, nodes: int, sets: Mapping[str, Sequence[str]]) -> Row:
    now = time.time_ns() - 60 * NANOSECONDS_A_SECOND
    with local_loki.running(binary) as server:
        volume = fill(server, nodes, now, "bench")
        client = httpx.Client(base_url=server.url, timeout=300)
        runs: dict[str, list[Cost]] = {name: [] for name in sets}
        for _ in range(TURNS):
            for name, queries in sets.items():
                runs[name].append(evaluate(client, queries, now))
    costs = {
        name: Cost(statistics.median(one.seconds for one in found), found[0].bytes)
        for name, found in runs.items()
    }
    return Row(nodes, volume, costs)


def report(rows: Sequence[Row]) -> list[str]:
    text = [
        " nodes   logs in range   time / page text   time / pySigma   bytes / page text   bytes / pySigma   growth"
    ]
    each = rows[0].costs["ours"].seconds / rows[0].nodes
    for row in rows:
        ours, naive, theirs = row.costs["ours"], row.costs["page text"], row.costs["pySigma"]
        text.append(
            f"{row.nodes:>6}   {row.volume / 1e6:>10.1f} MB   {ours.seconds / naive.seconds:>16.2f}   "
            f"{ours.seconds / theirs.seconds:>14.2f}   {ours.bytes / naive.bytes:>17.2f}   "
            f"{ours.bytes / theirs.bytes:>15.2f}   x {ours.seconds / row.nodes / each:.2f}"
        )
    last = rows[-1]
    node = last.costs["ours"].seconds / last.nodes
    for nodes in (1_000, 10_000):
        share = node * nodes / INTERVAL
        text.append(
            f"worked out for {nodes:,} nodes: {last.volume / last.nodes * nodes / 1e6:,.0f} MB in the range, "
            f"{share:.0%} of the interval of {INTERVAL} s for one such Loki"
        )
    return text


@click.command(help=__doc__)
@click.option("--nodes", default="50,100,200,400", show_default=True, help="Numbers of nodes.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def main(nodes: str, as_json: bool) -> None:
    try:
        binary = tools.find(tools.LOKI, lambda said: print(said, file=sys.stderr))
        sets = rule_sets()
        rows = []
        for number in map(int, nodes.split(",")):
            print(f"measuring {number} nodes …", file=sys.stderr)
            rows.append(measure(binary, number, sets))
    except (CannotRunError, ToolError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if as_json:
        rendered = [
            {
                "nodes": row.nodes,
                "volume": row.volume,
                **{name: vars(cost) for name, cost in row.costs.items()},
            }
            for row in rows
        ]
        print(json.dumps(rendered, indent=2))
    else:
        print("\n".join(report(rows)))


if __name__ == "__main__":
    main()
