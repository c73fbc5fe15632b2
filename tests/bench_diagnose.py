"""Speed of `diagnose` on a healthy log against ripgrep, how it grows, and the ways to search that it was chosen from.

    python -m tests.bench_diagnose                       # up to 4 GB, some minutes
    python -m tests.bench_diagnose --sizes 10,100        # quick

The log is the captures of healthy kube-proxies, one after the other, over and over: it restarts every 70 kB, so it has
far more errors and versions in it than that of a kube-proxy that keeps running. ripgrep counts the lines with a text of
the catalog's signatures, on the same single core. Exit codes: 0 measured, 2 could not run.
"""

import json
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, cycle, islice
from pathlib import Path
from time import process_time
from typing import Any

import ahocorasick_rs
import click
import hyperscan
import re2

from generator.catalog.load import load
from generator.catalog.wordings import signature
from generator.diagnose.scan import Scanner
from generator.diagnose.windows import BLOCK
from tests.bench import CannotRunError, Run, measure

ROOT = Path(__file__).parent.parent
HEALTHY = sorted((ROOT / "tests" / "captures" / "healthy").glob("*.log"))
SICK = sorted((ROOT / "tests" / "captures").glob("*/fires/*.log"))
SICK_MB, DIFFERENT = 50, 100_000
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # numbers alone would not make errors different
SIZES = (10, 100, 1_000, 4_000)
AIM = 0.5  # of ripgrep's speed
TIMES_HEALTHY, DIFFERENT_SECONDS, MEMORY_MIB = 3, 10, 150
_CANDIDATES_BYTES = 128 << 20
_SLOW_BYTES = 8 << 20  # for what would take minutes

Search = Callable[[bytes], int]


def healthy_log(path: Path, megabytes: int) -> None:
    text = b"".join(file.read_bytes() for file in HEALTHY)
    text *= max(1, (8 << 20) // len(text))
    with path.open("wb") as file:
        while (left := megabytes * 1_000_000 - file.tell()) > 0:
            file.write(text[: max(left, 1)] if left < len(text) else text)


def journald_json(number: int, line: str) -> str:
    return (
        json.dumps(
            {
                "__REALTIME_TIMESTAMP": f"{1795496101000000 + number}",
                "_HOSTNAME": f"node-{number % 40}",
                "SYSLOG_IDENTIFIER": "kube-proxy",
                "MESSAGE": line,
            }
        )
        + "\n"
    )


def journald_export(number: int, line: str) -> str:
    fields = {
        "__REALTIME_TIMESTAMP": 1795496101000000 + number,
        "_HOSTNAME": f"node-{number % 40}",
        "SYSLOG_IDENTIFIER": "kube-proxy",
        "MESSAGE": line,
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n"


def csv_row(number: int, line: str) -> str:
    quoted = line.replace('"', '""')
    return f'2026-11-24T05:{number // 60 % 60:02}:{number % 60:02}Z,node-{number % 40},"{quoted}"\n'


# Wrappings that cost by themselves: the healthy log of the comparison has them too. What stands above the lines.
DRESSES: dict[str, tuple[str, Callable[[int, str], str]]] = {
    "journald's JSON": ("", journald_json),
    "journald's export": ("", journald_export),
    "a table (CSV)": ("time,host,message\n", csv_row),
}
OPTIONS = {"40 Pods, --since": ("--since", "2020-01-01T00:00:00Z")}


def sick_logs(folder: Path) -> dict[str, Path]:
    """Logs of nothing but errors, by what they are; in the wrappings that fleets are read in, 40 Pods at once."""
    shown = [line for file in SICK for line in file.read_text(errors="replace").split("\n") if line]
    numbered = [*enumerate(shown * 40)]
    by_pod = (
        f"[pod/kube-proxy-{number % 40:02}/kube-proxy] {line}\n" for number, line in cycle(numbered)
    )
    docker = (
        json.dumps(
            {
                "log": f"{line}\n",
                "stream": "stderr",
                "time": f"2026-11-24T05:{n // 60 % 60:02}:{n % 60:02}.1Z",
            }
        )
        for n, line in enumerate(cycle(shown))
    )
    by_node = (
        f"Nov 24 05:{n // 60 % 60:02}:{n % 60:02} node-{n % 40} kube-proxy[7]: {line}\n"
        for n, line in cycle(numbered)
    )
    by_10_000 = (
        f"[pod/kube-proxy-{f'{number % 10_000:05}'.translate(LETTERS)}/kube-proxy] {line}\n"
        for number, line in enumerate(cycle(shown))
    )
    one = next(line for line in shown if line.startswith("E") and "xtables lock" in line)
    again = (f"E1124 05:{n // 60 % 60:02}:{n % 60:02}.1{one[20:]}\n" for n in count())
    words = random.Random(1)
    message = (f"{words.getrandbits(256):064x}".translate(LETTERS) for _ in count())
    different = (f"E1124 05:02:22.1       1 a.go:7] {text}\n" for text in message)
    logs: dict[str, Iterator[str]] = {
        "errors of 40 Pods": by_pod,
        "the same in journald": by_node,
        "the same in docker": (f"{line}\n" for line in docker),
        "one error on and on": again,
        "different errors": different,
        "errors of 10,000 Pods": by_10_000,
        "40 Pods, --since": (
            f"[pod/kube-proxy-{number % 40:02}/kube-proxy] {line}\n"
            for number, line in cycle(numbered)
        ),
    }
    for name, (heading, dress) in DRESSES.items():
        logs[name] = chain([heading], (dress(*row) for row in cycle(numbered)))
    paths = {}
    for name, lines in logs.items():
        paths[name] = folder / f"{name}.log"
        with paths[name].open("w", encoding="utf-8") as file:
            if name == "different errors":
                file.writelines(islice(lines, DIFFERENT))
            else:
                while file.tell() < SICK_MB * 1_000_000:
                    file.writelines(islice(lines, 1000))
    return paths


def dressed(path: Path, heading: str, dress: Callable[[int, str], str], size: int) -> None:
    """Put the lines of a log into a wrapping, as far as they then fit the size."""
    plain = path.with_suffix(".plain")
    path.rename(plain)
    left = size - len(heading)
    # Line by line: what this process holds would count as the memory of those that it starts.
    with plain.open(encoding="utf-8", errors="replace") as lines, path.open("w") as file:
        file.write(heading)
        for number, line in enumerate(lines):
            text = dress(number, line.rstrip("\n"))
            left -= len(text)
            if left < 0:
                return
            file.write(text)


def sickness(folder: Path) -> list[dict[str, Any]]:
    """Processor time of each sick log, and of a healthy one of its size, one after the other; memory in KiB."""
    rows = []
    for name, path in sick_logs(folder).items():
        size = path.stat().st_size
        healthy = folder / "as large.log"
        healthy_log(healthy, round(size / 1_000_000))
        if name in DRESSES:
            dressed(healthy, *DRESSES[name], size)
        command = [sys.executable, "-m", "generator", "diagnose", "--json", *OPTIONS.get(name, ())]
        sick = measure([*command, str(path)], codes=(0, 1))
        well = measure([*command, str(healthy)])
        rows.append(
            {
                "log": name,
                "bytes": size,
                "seconds": sick.cpu,
                "ratio": sick.cpu / well.cpu,
                "kib": sick.kib,
            }
        )
    return rows


def patterns() -> list[str]:
    """What ripgrep searches for: a text for each signature that its lines hold, or all of which they hold one."""
    found: list[str] = []
    for entry in load().catalog.entries:
        if entry.logs:
            one = signature(entry.logs)
            found += [max(one.literals, key=len)] if one.literals else one.any_of
    return list(dict.fromkeys(found))


def candidates(parts: Sequence[Sequence[str]]) -> Iterator[tuple[str, Search, bool]]:
    """Ways to find the keys in a block, each with its name, and whether it is slow."""
    words = [key.encode() for part in parts for key in part]
    escaped = [re.escape(word) for word in words]

    def aho(kind: Any, words: Sequence[bytes]) -> Search:
        automaton = ahocorasick_rs.BytesAhoCorasick(words, matchkind=kind)
        return lambda block: len(automaton.find_matches_as_indexes(block))

    leftmost = ahocorasick_rs.MatchKind.LeftmostFirst
    first, second = (
        aho(leftmost, words) for words in ([key.encode() for key in part] for part in parts)
    )
    yield (
        "ahocorasick-rs, leftmost matches, in two passes (chosen)",
        lambda block: first(block) + second(block),
        False,
    )
    yield "ahocorasick-rs, leftmost matches", aho(leftmost, words), False
    yield "ahocorasick-rs, all matches", aho(ahocorasick_rs.MatchKind.Standard, words), False

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=escaped, ids=list(range(len(escaped))), elements=len(escaped))

    def hyper(block: bytes) -> int:
        ends: list[int] = []
        database.scan(
            block, match_event_handler=lambda _id, _from, end, _flags, _context: ends.append(end)
        )
        return len(ends)

    yield "hyperscan", hyper, False
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    fast = re2.compile(b"|".join(escaped), options)
    yield "google-re2", lambda block: sum(1 for _ in fast.finditer(block)), False
    plain = re.compile(b"|".join(escaped))
    yield "re", lambda block: sum(1 for _ in plain.finditer(block)), True


def rates(path: Path) -> dict[str, float]:
    """Megabytes a second of processor time, by candidate."""
    signatures = {entry.id: signature(entry.logs) for entry in load().catalog.entries if entry.logs}
    found = {}
    for name, search, slow in candidates([one.keys for one in Scanner(signatures).searches]):
        left = size = min(_SLOW_BYTES if slow else _CANDIDATES_BYTES, path.stat().st_size)
        begin = process_time()
        with path.open("rb", buffering=0) as file:
            while left > 0:
                block = file.read(min(BLOCK, left))
                search(block)
                left -= len(block)
        found[name] = size / 1e6 / (process_time() - begin)
    return found


def compare(path: Path, megabytes: int, rg: str, words: Path) -> dict[str, float]:
    """Both programs in turns, so that a busy machine slows both; medians of processor time."""
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(5 if megabytes <= 1_000 else 2):
        ours.append(measure([sys.executable, "-m", "generator", "diagnose", str(path)]))
        theirs.append(measure([rg, "-j1", "-c", "-F", "-f", str(words), str(path)]))
    return {
        "megabytes": megabytes,
        "speed": statistics.median(b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)),
        "seconds": statistics.median(run.cpu for run in ours),
        "kib": max(run.kib for run in ours),
    }


def report(speeds: dict[str, float], rows: list[dict[str, float]]) -> Iterator[str]:
    yield "searching a healthy log for all keys, on one core:"
    for name, speed in sorted(speeds.items(), key=lambda row: -row[1]):
        yield f"{speed:>9,.0f} MB/s   {name}"
    yield "      log   speed / ripgrep's   time       time of a MB   memory"
    start = rows[0]
    unit: float | None = None
    for row in rows:
        growth = "-"
        if row["megabytes"] > 100:  # below, the start takes longer than the log
            each = (row["seconds"] - start["seconds"]) / (row["megabytes"] - start["megabytes"])
            unit = unit or each
            growth = f"x {each / unit:.2f}"
        yield (
            f"{row['megabytes']:>6,.0f} MB   {row['speed']:>17.2f}   {row['seconds']:>6.2f} s   {growth:>12}   "
            f"{row['kib'] / 1024:>4.0f} MiB"
        )
    for row in rows:
        if row["megabytes"] >= 1_000:
            verdict = f"{row['speed']:.2f}, {'met' if row['speed'] >= AIM else 'MISSED'}"
            yield f"aim: {row['megabytes']:,.0f} MB at {AIM:g} of ripgrep's speed or more: {verdict}"


def report_sick(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "      sick log              size   / healthy   time       memory     aims"
    for row in rows:
        different = row["log"] == "different errors"
        met = row["seconds"] <= DIFFERENT_SECONDS if different else row["ratio"] <= TIMES_HEALTHY
        wanted = f"at most {DIFFERENT_SECONDS} s" if different else f"at most {TIMES_HEALTHY} x"
        small = row["kib"] <= MEMORY_MIB * 1024
        yield (
            f"{row['log']:>22}   {row['bytes'] / 1e6:>6.0f} MB   {row['ratio']:>5.1f} x   {row['seconds']:>6.2f} s   "
            f"{row['kib'] / 1024:>4.0f} MiB   {wanted}: {'met' if met else 'MISSED'}; "
            f"at most {MEMORY_MIB} MiB: {'met' if small else 'MISSED'}"
        )


@click.command(help=__doc__)
@click.option(
    "--sizes",
    default=",".join(map(str, SIZES)),
    show_default=True,
    help="Of the log, in megabytes.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def main(sizes: str, as_json: bool) -> None:
    try:
        rg = shutil.which("rg")
        if rg is None:
            raise CannotRunError(
                "ripgrep is not on PATH and there is nothing to compare with; apt-get install ripgrep"
            )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        with tempfile.TemporaryDirectory() as folder:
            words, log = Path(folder) / "patterns", Path(folder) / "healthy.log"
            words.write_text("".join(f"{word}\n" for word in patterns()), encoding="utf-8")
            rows = []
            for size in sorted(map(int, sizes.split(","))):
                print(f"measuring {size:,} MB …", file=sys.stderr)
                healthy_log(log, size)
                rows.append(compare(log, size, rg, words))
            speeds = rates(log)
            print("measuring sick logs …", file=sys.stderr)
            sick = sickness(Path(folder))
    except CannotRunError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if as_json:
        print(json.dumps({"candidates": speeds, "sizes": rows, "sick": sick}, indent=2))
    else:
        print("\n".join([*report(speeds, rows), *report_sick(sick)]))


if __name__ == "__main__":
    main()
