"""Speed against sigma-cli with its Loki backend, as ratios of whole processes in one run, and how cost grows; how long
commands take to start, against `import click`; and what promtool's proof costs, at first and unchanged.

    python -m tests.bench                     # all sizes, some minutes
    python -m tests.bench --sizes 10,100      # quick

sigma-cli converts rules of the same texts and filters into one LogQL rule each. This tool does that too, and checks
every sample against every entry, writes a runbook for each alert and follows its links. Exit codes: 0 measured,
2 could not run.
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import platformdirs
import yaml

from generator.base import disk
from generator.base.problems import ToolError
from generator.catalog.load import load
from generator.catalog.model import Entry
from generator.prove import tools
from generator.query.signature import escape
from generator.scaffolds import scaffold

ROOT = Path(__file__).parent.parent
PINS = Path(__file__).with_name("bench-constraints.txt")
SIZES = (10, 100, 1_000, 10_000)


SAMPLE = "catalog/iptables-backend-mismatch/samples/fires/lab-backend-mismatch-1.16.15-legacy.log"
# What people wait for, in processor time: at most so many times that of `import click`, or so many seconds.
STARTS = (
    ("--version", ("--version",), 1.5, None),
    ("--help", ("--help",), 1.5, None),
    ("list", ("list",), None, 0.25),
    ("explain", ("explain", "KubeProxyIptablesBackendMismatch"), None, 0.25),
    ("diagnose, a small file", ("diagnose", SAMPLE), None, 0.25),
)


# Starts a program and writes down what it took. What a process holds counts as that of one that it starts, until this
# one has begun, so that a big process cannot measure a small one: this launcher is a small one.
LAUNCHER = """
import os, sys, time
measured, *command = sys.argv[1:]
begin = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - begin
row = [os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss, usage.ru_utime + usage.ru_stime]
os.write(int(measured), str(row).encode())
"""


class CannotRunError(Exception):
    """A program that the comparison needs is not there; the message says which."""


@dataclass(frozen=True)
class Run:
    """One process: seconds of wall clock, its largest size in KiB, and seconds of processor time."""

    seconds: float
    kib: int
    cpu: float = 0.0


@dataclass(frozen=True)
class Row:
    """What was measured with a number of entries beside the shipped catalog. Ratios below 1 mean: faster than sigma."""

    entries: int
    ratio: float
    seconds: float
    kib: int


def sigma() -> Path:
    """sigma-cli of the pinned version, in an environment of its own in the user's cache. Raises CannotRunError."""
    name = f"bench-sigma-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]}"
    folder = platformdirs.user_cache_path("kube-proxy-alerts") / name
    program = folder / "bin" / "sigma"
    if not (folder / ".ready").exists():
        print("installing sigma-cli for the comparison …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        steps = (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(PINS)],
        )
        for step in steps:
            if subprocess.run(step, check=False).returncode:
                raise CannotRunError(
                    "sigma-cli cannot be installed; without it there is nothing to compare with"
                )
        (folder / ".ready").touch()
    return program


def our_entries(folder: Path, number: int) -> None:
    """A catalog of complete entries, each with a line of its own in its samples."""
    for index in range(number):
        files = scaffold.files(
            f"failure-{index:05}", f"KubeProxyFailure{index:05}", "failure", schema=False
        )
        filled = [
            type(file)(file.path, file.text.replace("TODO", f"thing {index:05}")) for file in files
        ]
        disk.populate(folder / f"failure-{index:05}", filled)


def sigma_rules(folder: Path, entries: Iterable[Entry]) -> None:
    """The log signals of entries as Sigma rules, with every text that Sigma has a field for."""
    folder.mkdir(parents=True)
    for entry in entries:
        if entry.logs is None:
            continue
        # The backend joins plain words and expressions by `or` only within one kind.
        words = [variant.literal for variant in entry.logs.variants if variant.literal is not None]
        patterns = [
            variant.pattern for variant in entry.logs.variants if variant.pattern is not None
        ]
        variants = {"|re": [*map(escape, words), *patterns]} if patterns else words
        contains = {f"contains{index}": [word] for index, word in enumerate(entry.logs.contains)}
        excluded = [exclusion.pattern for exclusion in entry.logs.exclude]
        condition = [*contains, "variants", *(["not excluded"] if excluded else [])]
        rule = {
            "title": entry.title,
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, entry.id)),
            "status": "test",
            "description": entry.meaning.text,
            "references": [source.url or source.title for source in entry.sources.values()],
            "falsepositives": [row.text for row in entry.false_positives],
            "logsource": {"product": "kubernetes", "service": "kube-proxy"},
            "detection": {
                **contains,
                "variants": variants,
                **({"excluded": {"|re": excluded}} if excluded else {}),
                "condition": " and ".join(condition),
            },
            "level": {"critical": "critical", "warning": "medium", "info": "informational"}[
                entry.severity.level
            ],
        }
        (folder / f"{entry.id}.yml").write_text(yaml.safe_dump(rule, sort_keys=False))


def measure(command: Sequence[str], codes: Sequence[int] = (0,), **environment: str) -> Run:
    """Run a program to its end. Raises CannotRunError if it ends with another code than these, with what it said."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as measured:
        subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, str(measured.fileno()), *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            pass_fds=[measured.fileno()],
            check=True,
        )
        measured.seek(0)
        code, seconds, kib, cpu = json.loads(measured.read())
        if code not in codes:
            output.seek(0)
            said = output.read().decode(errors="replace")[-500:]
            raise CannotRunError(f"`{' '.join(command)}` ended with {code}: {said}")
    return Run(seconds, kib, cpu)


def compare(number: int, peer: Path, scratch: Path) -> Row:
    """Both programs in turns, so that a busy machine slows both; medians of the pairs."""
    catalog, rules = scratch / "catalog", scratch / "rules"
    our_entries(catalog, number)
    added = (catalog,) if number else ()
    sigma_rules(rules, load(added).catalog.entries)
    tool = [sys.executable, "-m", "generator"]
    inputs = [word for folder in added for word in ("--catalog", str(folder))]
    ours: list[Run] = []
    theirs: list[Run] = []
    for turn in range(7 if number <= 100 else 3 if number <= 1_000 else 1):
        output = scratch / f"output-{turn}"
        ours.append(measure([*tool, "generate", "--no-validate", *inputs, "--output", str(output)]))
        convert = [
            str(peer),
            "convert",
            "-t",
            "loki",
            "-f",
            "ruler",
            "--without-pipeline",
            "-o",
            str(scratch / "o.yml"),
        ]
        theirs.append(measure([*convert, str(rules)]))
    seconds = statistics.median(run.seconds for run in ours)
    return Row(
        number,
        statistics.median(
            one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)
        ),
        seconds,
        max(run.kib for run in ours),
    )


def report(rows: Sequence[Row]) -> list[str]:
    """The measurements as lines for a person; an entry's cost is what it adds to the shipped catalog's."""
    lines = ["  entries   time / sigma's   time of an entry   memory of an entry"]
    first = rows[0]
    unit: float | None = None
    for row in rows:
        growth = memory = "-"
        if row.entries >= 100:  # below, an entry costs less than the noise
            each = (row.seconds - first.seconds) / (row.entries - first.entries)
            unit = unit or each
            growth = f"x {each / unit:.2f}"
            memory = f"{(row.kib - first.kib) / (row.entries - first.entries):.0f} KiB"
        name = f"+ {row.entries:,}" if row.entries else "shipped"
        lines.append(f"{name:>9}   {row.ratio:>14.2f}   {growth:>16}   {memory:>18}")
    aims = {0: 0.5, 1_000: 1.0}
    for row in rows:
        if row.entries in aims:
            name = f"{row.entries:,} entries" if row.entries else "shipped catalog"
            verdict = "met" if row.ratio <= aims[row.entries] else "MISSED"
            lines.append(
                f"aim: {name} in at most {aims[row.entries]:g} of sigma's time: {row.ratio:.2f}, {verdict}"
            )
    return lines


@dataclass(frozen=True)
class Start:
    """Seconds of processor time of a command that does little, and how many times `import click` that is."""

    name: str
    seconds: float
    ratio: float
    most: float | None
    most_seconds: float | None

    def __str__(self) -> str:
        met = self.ratio <= self.most if self.most else self.seconds <= (self.most_seconds or 0)
        aim = f"{self.most:g} x" if self.most else f"{self.most_seconds:g} s"
        said = f"{self.ratio:.2f} x `import click`, {self.seconds:.2f} s"
        return f"aim: {self.name} in at most {aim} of processor time: {said}, {'met' if met else 'MISSED'}"


def starts() -> list[Start]:
    """The commands and `import click` in turns, so that a busy machine slows both; medians of the pairs."""
    found = []
    for name, arguments, most, most_seconds in STARTS:
        pairs = [
            (_start("-m", "generator", *arguments), _start("-c", "import click")) for _ in range(7)
        ]
        seconds = statistics.median(ours for ours, _ in pairs)
        ratio = statistics.median(ours / click_alone for ours, click_alone in pairs)
        found.append(Start(name, seconds, ratio, most, most_seconds))
    return found


def _start(*arguments: str) -> float:
    return measure([sys.executable, *arguments], (0, 1)).cpu  # 1: diagnose has found something


def proofs(scratch: Path) -> tuple[float, float]:
    """Seconds of processor time of `generate` for the shipped catalog with promtool: at first, and unchanged."""
    # promtool's answers are remembered in the cache, promtool itself is found on PATH.
    cache = {"XDG_CACHE_HOME": str(scratch / "cache")}
    promtool = tools.find(tools.PROMTOOL, lambda message: print(message, file=sys.stderr))
    path = {"PATH": os.pathsep.join([str(promtool.parent), os.environ["PATH"]])}
    command = [sys.executable, "-m", "generator", "generate", "--output", str(scratch / "output")]
    first, again = (measure(command, (0,), **cache, **path).cpu for _ in range(2))
    return first, again


@click.command(help=__doc__)
@click.option(
    "--sizes",
    default=",".join(map(str, SIZES)),
    show_default=True,
    help="Entries beside the shipped ones.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def main(sizes: str, as_json: bool) -> None:
    try:
        print("measuring how long commands take to start …", file=sys.stderr)
        begun = starts()
        peer = sigma()
        rows = []
        for number in (0, *map(int, sizes.split(","))):
            print(f"measuring the shipped catalog and {number:,} entries …", file=sys.stderr)
            with tempfile.TemporaryDirectory() as scratch:
                rows.append(compare(number, peer, Path(scratch)))
        with tempfile.TemporaryDirectory() as scratch:
            first, again = proofs(Path(scratch))
    except (CannotRunError, ToolError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if as_json:
        proven = {"first": first, "unchanged": again}
        print(
            json.dumps(
                {
                    "starts": [asdict(start) for start in begun],
                    "sizes": [asdict(row) for row in rows],
                    "proven_by_promtool": proven,
                },
                indent=2,
            )
        )
    else:
        print("\n".join(map(str, begun)))
        print("\n".join(report(rows)))
        for name, seconds, aim in (("at first", first, 8), ("unchanged", again, 1)):
            verdict = "met" if seconds <= aim else "MISSED"
            print(
                f"aim: proven by promtool, {name}, in at most {aim} s of processor time: {seconds:.2f}, {verdict}"
            )


if __name__ == "__main__":
    main()
