"""Proves log rules with a real store of logs: unit tests over time, and that it sees every sample as this tool does.

The store evaluates the expressions, promtool judges the rest: `generator.prove.log_tests` says how.
"""

import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from generator.base.disk import populate
from generator.base.file import File
from generator.base.problems import Location, Problem, ToolError
from generator.catalog.model import Catalog, Entry, LogStream, LogTest, LogTests
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.prove import log_tests, verdicts
from generator.prove.log_tests import Rule
from generator.prove.verdicts import ToJudge
from generator.query.signature import Signature
from generator.servers.loki import Series, first_step

_LINES_SHOWN = 20  # matching lines in a report
_MARGIN = 60  # seconds between a test's end and now, as stores refuse lines of the future
_HOUR = 3600


class Held(Protocol):
    """The streams of one test in a store; what is asked here sees no other lines. Times are seconds of the test."""

    def evaluate(
        self, expr: str, step: float, numbers: Collection[int], before: int = 0
    ) -> list[Series]:
        """The answers to an expression at the steps with these numbers, of which the test's start has 0.

        And at so many steps before each of them, back to one at which there is none.
        """

    def counted(self, expr: str, length: float) -> list[tuple[float, str]]:
        """The lines that an expression counts, with their times."""

    def found(self, filters: Signature) -> set[int]:
        """Which lines of the one stream pass the filters of a signature: their numbers from 0."""


class Store(Protocol):
    """A store of logs whose engine evaluates the expressions of rules. Raises ToolError if it cannot."""

    name: str

    def hold(self, streams: Sequence[LogStream], start: int) -> Held:
        """Hand over the streams of a test that starts at a time in seconds."""


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


def run_tests(store: Store, promtool: Path, suite: Suite) -> Iterator[Outcome]:
    """Run the tests of a file. Raises ToolError if the store or promtool cannot."""
    return judged(promtool, suite, answers(store, suite))


@dataclass(frozen=True)
class Answered:
    """A test in promtool's words, with what a store has answered to its rules."""

    files: Sequence[File]
    rules: Sequence[Rule]
    held: Held
    length: float


def answers(store: Store, suite: Suite) -> list[Answered | str]:
    """What a store answers to each test of a file, or why it cannot be asked. Raises ToolError if the store cannot."""
    found: list[Answered | str] = []
    for test in suite.tests.tests:
        try:
            found.append(_answered(store, test, suite))
        except ValueError as error:
            found.append(str(error))
    return found


def judged(promtool: Path, suite: Suite, answered: Sequence[Answered | str]) -> Iterator[Outcome]:
    """How the tests of a file end with what a store has answered. Raises ToolError if promtool cannot run."""
    asked = {number: one for number, one in enumerate(answered) if isinstance(one, Answered)}
    said = _judged(promtool, asked)
    for number, (test, one) in enumerate(zip(suite.tests.tests, answered, strict=True)):
        why = one if isinstance(one, str) else said[number]
        yield Outcome(suite.tests.path, test.name, why)


def _answered(store: Store, test: LogTest, suite: Suite) -> Answered:
    interval = suite.tests.interval
    rules = log_tests.looked_at(test, suite.rules)
    length = log_tests.length(test, interval)
    start = first_step(time.time() - length - _MARGIN, interval)
    held = store.hold(test.streams, start)
    answers = []
    asked: dict[str, set[int]] = {}
    for rule in rules:
        looked_at = log_tests.looked_at_steps(test, rule["alert"], interval)
        before = log_tests.steps_of_for(rule, interval)
        answer = held.evaluate(rule["expr"], interval, looked_at, before)
        answers.append(answer)
        for text, numbers in log_tests.asked(rule, answer, looked_at).items():
            asked.setdefault(text, set()).update(numbers)
    query_answers = {}
    for text, numbers in asked.items():
        query_answers[text] = held.evaluate(text, interval, numbers)
    files = log_tests.as_promtool(test, rules, answers, query_answers, interval)
    return Answered(files, rules, held, length)


def _judged(promtool: Path, answered: Mapping[int, Answered]) -> dict[int, str]:
    """What promtool says against each test."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = [ToJudge(root / str(number), "tests.yaml") for number in answered]
        for file, test in zip(files, answered.values(), strict=True):
            populate(file.folder, test.files)
        refused = verdicts.refusals(promtool, "test", files, root)
        said = {}
        for (number, test), printed in zip(answered.items(), refused, strict=True):
            report = [] if printed is None else _difference_report(printed, test)
            said[number] = "\n".join(report)
        return said


def _difference_report(printed: str, test: Answered) -> Iterator[str]:
    """What promtool expected and got, and for each rule its query and the lines that this counts."""
    for line in printed.splitlines():
        if line.strip() and "tests.yaml" not in line:
            yield line
    for rule in test.rules:
        expr = rule["expr"]
        yield f"    query of {rule['alert']}:"
        for line in expr.splitlines():
            yield f"        {line}"
        matched = test.held.counted(expr, test.length + _MARGIN)
        yield "    lines that matched:" if matched else "    no line matched"
        for at, line in matched[:_LINES_SHOWN]:
            yield f"        {at:.0f}s  {line}"
        left_out = len(matched) - _LINES_SHOWN
        if left_out > 0:
            yield f"        and {left_out} more"


def samples_agree(
    store: Store, catalog: Catalog, entries: Iterable[Entry]
) -> tuple[list[Problem], int]:
    """A problem for each sample line of some entries that the store sees otherwise than the line-level check, for any
    entry of the catalog; and how many were compared."""
    signatures = {}
    for entry in catalog.entries:
        if entry.logs:
            signatures[entry.id] = signature(entry.logs)
    dressed = list(_dressed_samples(entries))
    at_once = tuple((0.0, line) for _, line in dressed)
    an_hour_ago = int(time.time()) - _HOUR
    held = store.hold([LogStream({}, at_once)], an_hour_ago)
    problems = list(_differences(store.name, held, signatures, dressed))
    return problems, len(dressed)


def _dressed_samples(entries: Iterable[Entry]) -> Iterator[tuple[Location, str]]:
    """Each line of the samples in every wrapping that agents give it, and where it stands."""
    for entry in entries:
        for sample in entry.samples:
            for number, line in enumerate(sample.lines, 1):
                if not line:
                    continue
                where = Location(sample.path, number, 1)
                for dress in DRESSES:
                    yield where, dress(line)


def _differences(
    name: str,
    held: Held,
    signatures: Mapping[str, Signature],
    lines: Sequence[tuple[Location, str]],
) -> Iterator[Problem]:
    for owner, filters in signatures.items():
        seen = held.found(filters)
        for number, (where, line) in enumerate(lines):
            seen_by_store = number in seen
            if seen_by_store != filters.matches(line):
                who = name if seen_by_store else "the line-level check"
                yield Problem(where, f"only {who} finds {owner} in: {line[:300]}")
