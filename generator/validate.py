"""Proves the compiled rules with promtool: the files as they are, and the catalog's own unit tests."""

import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from generator import tools
from generator.file import File
from generator.model import Catalog
from generator.problems import Location, Problem
from generator.write import populate


@dataclass(frozen=True)
class Verdict:
    """What promtool found, and how much it looked at."""

    problems: tuple[Problem, ...]
    rules: int
    test_files: int


def validate(tool: Path, files: Iterable[File], defaults: Iterable[File], catalog: Catalog, output: str) -> Verdict:
    """Run `check rules` on the files and `test rules` on what the catalog gives with the default profile.

    The entries' tests state the catalog's own thresholds, so they are run against `defaults`, not a site's numbers.
    Raises ToolError if promtool cannot run.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        checked = [file for file in files if file.path.startswith("prometheus/")]
        populate(work / "site", checked)
        populate(work / "output", [file for file in defaults if file.path.startswith("prometheus/")])
        problems = []
        for file in checked:
            ok, said = tools.run([str(tool), "check", "rules", f"site/{file.path}"], work)
            if not ok:
                problems.append(
                    Problem(Location(f"{output}/{file.path}"), f"promtool refuses the rules:\n{said.rstrip()}")
                )
        tests = {entry.id: entry for entry in catalog.entries if entry.unit_tests}
        for entry in tests.values():
            populate(work, [File(f"catalog/{entry.id}/tests.yaml", entry.unit_tests or "")])
        if not problems:
            # One process for each file: it is known which one fails, and they run side by side.
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                commands = [[str(tool), "test", "rules", f"catalog/{key}/tests.yaml"] for key in tests]
                results = pool.map(lambda command: tools.run(command, work), commands)
                for entry, (ok, said) in zip(tests.values(), results, strict=True):
                    if not ok:
                        where = Location(entry.document.path.replace("failure.yaml", "tests.yaml"))
                        problems.append(Problem(where, f"promtool's unit tests fail:\n{said.strip()}"))
        rules = sum(_count(file) for file in checked)
        return Verdict(tuple(problems), rules, len(tests))


def _count(file: File) -> int:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return sum(len(group["rules"]) for group in yaml.load(file.text, Loader=loader)["groups"])  # noqa: S506
