"""Proves the compiled rules with promtool: the files as they are, and the catalog's own unit tests."""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generator.base import document
from generator.base.disk import populate
from generator.base.file import File
from generator.base.problems import Location, Problem
from generator.catalog.model import Catalog, Entry
from generator.compile.rule import RuleGroup, Rules
from generator.compile.rule_files import rules_file
from generator.prove import remembered_verdicts, verdicts
from generator.prove.needed_rules import needed
from generator.prove.verdicts import Action, ToJudge

Progress = Callable[[int, int], None]
_AT_ONCE = 4  # files that one promtool is asked about: as many as take it a second or two


@dataclass(frozen=True)
class Validation:
    """What promtool found; of its `answers`, one for each file, `remembered` are of an earlier run."""

    problems: tuple[Problem, ...]
    rules: int
    test_files: int
    answers: int
    remembered: int


@dataclass(frozen=True)
class _Question:
    """A file that promtool judges, first of the files that it reads; what it refuses is a problem at `where`."""

    action: Action
    files: tuple[File, ...]
    where: Location
    refused: str

    def mark(self, tool: Path) -> str:
        words: list[str] = [self.action]
        for file in self.files:
            words += [file.path, file.text]
        return remembered_verdicts.mark(tool, words)


def validate(
    tool: Path,
    files: Iterable[File],
    rules: Rules,
    catalog: Catalog,
    output: str,
    again: bool = False,
    progress: Progress = lambda done, of: None,
) -> Validation:
    """Run `check rules` on the files and `test rules` on `rules`, what the catalog gives with the default profile.

    The entries' tests state the catalog's own thresholds, so they are not run on a site's numbers. What promtool was
    content with before is not asked `again`. Raises ToolError if promtool cannot run.
    """
    checked = [file for file in files if file.path.startswith("prometheus/")]
    of_files = [_of_file(file, output) for file in checked]
    groups = rules.groups["prometheus"]
    of_tests = []
    for entry in catalog.entries:
        for name, text in entry.unit_tests.items():
            of_tests.append(_of_tests(entry, name, text, groups))
    questions = [*of_files, *of_tests]
    known = set()
    if not again:
        known = remembered_verdicts.passed(question.mark(tool) for question in questions)
    open_files = [question for question in of_files if question.mark(tool) not in known]
    open_tests = [question for question in of_tests if question.mark(tool) not in known]

    def tests_done(done: int) -> None:
        progress(done, len(open_tests))

    problems = _ask_promtool(tool, open_files, lambda done: None)
    if not problems:
        problems = _ask_promtool(tool, open_tests, tests_done)
    return Validation(
        problems=tuple(problems),
        rules=sum(map(_count, checked)),
        test_files=len(of_tests),
        answers=len(questions),
        remembered=len(questions) - len(open_files) - len(open_tests),
    )


def _count(file: File) -> int:
    groups = document.plain_values(file.text)["groups"]
    return sum(len(group["rules"]) for group in groups)


def _of_file(file: File, output: str) -> _Question:
    return _Question(
        action="check",
        files=(file,),
        where=Location(f"{output}/{file.path}"),
        refused="promtool refuses the rules",
    )


def _of_tests(entry: Entry, name: str, text: str, groups: Sequence[RuleGroup]) -> _Question:
    tests = File(f"catalog/{entry.id}/{name}", _with_rules(text))
    seen = needed(groups, tests.text)
    rules = rules_file("output/prometheus/kube-proxy.rules.yaml", seen)
    return _Question(
        action="test",
        files=(tests, rules),
        where=Location(entry.document.path.replace("failure.yaml", name)),
        refused="promtool's unit tests fail",
    )


def _with_rules(text: str) -> str:
    """Unit tests that name the rule files, which those of an entry need not do."""
    try:
        data = document.plain_values(text)
    except ValueError:  # promtool says what is wrong
        return text
    if not isinstance(data, dict) or "rule_files" in data:
        return text
    return f"{text}\nrule_files: [../../output/prometheus/*.rules.yaml]\n"


def _ask_promtool(
    tool: Path, questions: Sequence[_Question], progress: Callable[[int], None]
) -> list[Problem]:
    """What promtool refuses, in the order of the questions; the rest is remembered. They run side by side."""
    starts = range(0, len(questions), _AT_ONCE)
    batches = [questions[start : start + _AT_ONCE] for start in starts]
    problems = []
    done = 0
    workers = ThreadPoolExecutor(os.cpu_count())
    with workers as pool:
        answers = pool.map(partial(_refusals, tool), batches)
        for batch, refused in zip(batches, answers, strict=True):
            remembered_verdicts.remember(_content(tool, batch, refused))
            for question, printed in zip(batch, refused, strict=True):
                if printed is not None:
                    message = f"{question.refused}:\n{printed.strip()}"
                    problems.append(Problem(question.where, message))
            done += len(batch)
            progress(done)
    return problems


def _refusals(tool: Path, questions: Sequence[_Question]) -> list[str | None]:
    """What promtool prints of each that it refuses; all are of one action."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        files = []
        for number, question in enumerate(questions):
            work = root / str(number)
            populate(work, question.files)
            files.append(ToJudge(work, question.files[0].path))
        return verdicts.refusals(tool, questions[0].action, files, root)


def _content(
    tool: Path, questions: Sequence[_Question], refused: Sequence[str | None]
) -> list[str]:
    """The marks of those that promtool is content with."""
    marks = []
    for question, printed in zip(questions, refused, strict=True):
        if printed is None:
            marks.append(question.mark(tool))
    return marks
