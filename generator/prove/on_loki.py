"""Proves Loki rules with a real Loki: unit tests over time, and that Loki sees every sample as this tool does."""

import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.base import subprocesses
from generator.base.disk import populate
from generator.base.names import TEST_LABEL
from generator.base.problems import Location, Problem, ToolError
from generator.catalog.model import Catalog, Entry, LogTest, LogTests
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.prove import log_tests
from generator.prove.log_tests import Rule
from generator.query import logql
from generator.servers.loki import Loki, Series

_NANO = 1_000_000_000
_SHOWN = 20  # matching lines in a report
_ADDED = {"service_name": "unknown_service"}  # by Loki 3 to streams that have no such label
_MARGIN = 60  # seconds between a test's end and now, as Loki refuses lines of the future


@dataclass(frozen=True)
class Suite:
    """A file of tests, and the alerting rules that it is about."""

    tests: LogTests
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Outcome:
    """How a test ended; `said` tells what was expected and what came, and is empty if that is the same."""

    file: str
    test: str
    said: str = ""


def suite(tests: LogTests, rule_files: Iterable[str]) -> Suite:
    """Raises ToolError if one of the texts is no rule file."""
    try:
        return Suite(tests, tuple(log_tests.alerting_rules(rule_files)))
    except ValueError as error:
        raise ToolError(f"{tests.path}: {error}") from error


def run_tests(loki: Loki, promtool: Path, suite: Suite, hidden: bool = False) -> Iterator[Outcome]:
    """Run the tests of a file one after the other, hidden in a Loki that others use.

    Raises ToolError if Loki or promtool cannot.
    """
    for test in suite.tests.tests:
        try:
            said = _run(
                loki, promtool, suite.tests, test, log_tests.looked_at(test, suite.rules), hidden
            )
        except ValueError as error:
            said = str(error)
        yield Outcome(suite.tests.path, test.name, said)


def _run(
    loki: Loki, promtool: Path, tests: LogTests, test: LogTest, rules: Sequence[Rule], hidden: bool
) -> str:
    name = uuid.uuid4().hex
    count = log_tests.steps(test, tests.interval)
    length = log_tests.length(test, tests.interval)
    start = int(time.time() - length - _MARGIN)
    loki.push(
        [
            log_tests.push(stream, name, start * _NANO, hidden)
            for stream in test.streams
            if stream.lines
        ]
    )
    exprs = [log_tests.query(rule["expr"], test, name, hidden) for rule in rules]

    def evaluated(expr: str) -> list[Series]:
        return loki.evaluate(expr, start, tests.interval, count)

    answers = [evaluated(expr) for expr in exprs]
    texts = [
        text
        for rule, answer in zip(rules, answers, strict=True)
        for text in log_tests.asked(rule, answer)
    ]
    asked = {
        text: evaluated(log_tests.query(text, test, name, hidden)) for text in dict.fromkeys(texts)
    }
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        populate(work, log_tests.as_promtool(test, rules, answers, asked, tests.interval))
        passed, said = subprocesses.run([str(promtool), "test", "rules", "tests.yaml"], work)
    if passed:
        return ""
    report = [line for line in said.splitlines() if line.strip() and "tests.yaml" not in line]
    for rule, expr in zip(rules, exprs, strict=True):
        report += [
            f"    query of {rule['alert']}:",
            *(f"        {line}" for line in rule["expr"].splitlines()),
        ]
        end = (start + _MARGIN) * _NANO + round(length * _NANO)
        matched = [
            line
            for query in logql.log_queries(expr)
            for line in loki.lines(query, start * _NANO, end)
        ]
        report += ["    lines that matched:" if matched else "    no line matched"]
        report += [
            f"        {(at - start * _NANO) / _NANO:.0f}s  {line}" for at, line in matched[:_SHOWN]
        ]
        report += [f"        and {len(matched) - _SHOWN} more"] if len(matched) > _SHOWN else []
    return "\n".join(report)


def unseen(loki: Loki, suites: Iterable[Suite]) -> None:
    """Raises ToolError if a rule that is loaded in this Loki would see the streams that the tests push hidden."""
    tests = [test for suite in suites for test in suite.tests.tests]
    pushed = [
        log_tests.push(stream, "any", 0, hidden=True)["stream"]
        for test in tests
        for stream in test.streams
    ]
    streams = [{**_ADDED, **labels} for labels in [*pushed, {TEST_LABEL: "any"}]]
    names = sorted({rule["name"] for rule in loki.rules() if _sees(rule, streams)})
    if names:
        raise ToolError(
            f"the ruler of {loki.url} has rules that would see the lines of the tests, and might alert: "
            f"{', '.join(names)}; leave --loki out, and one is started for the tests, or name one without these rules"
        )


def _sees(rule: Mapping[str, Any], streams: Sequence[Mapping[str, str]]) -> bool:
    try:
        return logql.selects(str(rule["query"]), streams)
    except ValueError:
        return True  # what cannot be read may select anything


def samples_agree(
    loki: Loki, catalog: Catalog, entries: Iterable[Entry]
) -> tuple[list[Problem], int]:
    """A problem for each sample line of some entries that Loki sees otherwise than the line-level check, for any entry
    of the catalog; and how many were compared."""
    name = uuid.uuid4().hex
    start = time.time_ns() - 3600 * _NANO
    signatures = {entry.id: signature(entry.logs) for entry in catalog.entries if entry.logs}
    rows = [
        (Location(sample.path, number, 1), dress(line))
        for entry in entries
        for sample in entry.samples
        for number, line in enumerate(sample.lines, 1)
        for dress in DRESSES
        if line
    ]
    values = [[str(start + number), line] for number, (_, line) in enumerate(rows)]
    for begin in range(0, len(values), 1000):
        loki.push([{"stream": {TEST_LABEL: name}, "values": values[begin : begin + 1000]}])
    problems = []
    for owner, filters in signatures.items():
        query = " ".join([f'{{{TEST_LABEL}="{name}"}}', *logql.filters(filters)])
        seen = {at - start for at, _ in loki.lines(query, start, start + len(rows))}
        ours = {number for number, (_, line) in enumerate(rows) if filters.matches(line)}
        for number in sorted(seen ^ ours):
            who = "Loki" if number in seen else "the line-level check"
            where, line = rows[number]
            problems.append(Problem(where, f"only {who} finds {owner} in: {line[:300]}"))
    return problems, len(rows)
