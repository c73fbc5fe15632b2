"""Reads files of unit tests with log lines, of an entry or beside rule files."""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

from generator.base.document import Document, parse
from generator.base.durations import seconds
from generator.base.problems import Location, Problem
from generator.base.reader import Reader, display, is_file
from generator.catalog.model import LogStream, LogTest, LogTests
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import Number
from generator.catalog.wrappings import DRESSES

ENTRY_FILE = "failure.yaml"
TESTS_FILE = "tests.yaml"
LOG_TESTS = "input_streams"  # what only a file of unit tests with log lines has; promtool's have input_series
_MOST_LINES = 100_000  # that one line of a test writes
_MOST_STEPS = 11_000  # points that Loki answers at once
_DRESS = {dress.__name__: dress for dress in DRESSES}


@dataclass(frozen=True)
class TestFile:
    """A file of unit tests outside a catalog: log tests with the texts of their rule files, or None for promtool's."""

    log_tests: LogTests | None
    rules: tuple[str, ...]
    problems: tuple[Problem, ...]


def is_of_an_entry(tests: Path) -> bool:
    """Whether a file of unit tests is about what its entry gives: it names no rule files and is beside a failure.yaml.

    Raises ToolError if it cannot be read at all.
    """
    if tests.name != TESTS_FILE or not is_file(tests.parent / ENTRY_FILE):
        return False
    text = Reader().text(tests) or ""
    parsed, _ = parse(text, display(tests))
    return isinstance(parsed.data, dict) and "rule_files" not in parsed.data


def load_tests(path: Path) -> TestFile:
    """Read one file of unit tests. Raises ToolError if it cannot be read at all."""
    reader = UnitTestReader()
    text = reader.text(path) or ""
    tests = reader.log_tests(path) if LOG_TESTS in text else None
    if tests is None:
        reader.problems += _no_rule_files(path, text)
        return TestFile(None, (), tuple(reader.problems))
    if not tests.rule_files:
        alone = f"only {TESTS_FILE} of an entry, beside its {ENTRY_FILE}, does without it"
        message = f"key 'rule_files' is missing; {alone}"
        reader.report(Location(display(path), 1, 1), message)
    rules: list[str | None] = []
    for pattern in tests.rule_files:
        found = _matching_files(path.parent, pattern)
        if not found:
            reader.report_file(path, f"no rule file matches {pattern}")
        rules += map(reader.text, found)
    readable = tuple(text for text in rules if text is not None)
    return TestFile(tests, readable, tuple(reader.problems))


def _no_rule_files(path: Path, text: str) -> Iterator[Problem]:
    """What promtool would wait for: it opens whatever its `rule_files` match. All else it says itself."""
    parsed, _ = parse(text, display(path))
    named = parsed.data.get("rule_files") if isinstance(parsed.data, dict) else None
    if not isinstance(named, list):
        return
    for pattern in named:
        found = glob.glob(str(pattern), root_dir=path.parent)  # noqa: PTH207
        for name in sorted(found):
            if not is_file(path.parent / name):
                yield Problem(Location(display(path)), f"{name} in rule_files is no file")


def _matching_files(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        return [Path(pattern)]
    try:
        found = sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError, IndexError):  # what pathlib says of '', '.' and '**x'
        return []
    return [path for path in found if path.is_file()]


class _WrittenLines(Struct, frozen=True):
    """A line of a test, or a file of them, and when it is written."""

    at: str
    line: str | None = None
    file: str | None = None
    every: str | None = None
    times: Number | None = None


class _WrittenStream(Struct, frozen=True):
    stream: str
    lines: tuple[_WrittenLines, ...]
    dress: str = "raw"


class _WrittenTest(Struct, frozen=True):
    name: str
    input_streams: tuple[_WrittenStream, ...]
    alert_rule_test: tuple[Mapping[str, Any], ...]


class _WrittenTests(Struct, frozen=True):
    """A file of unit tests with log lines, with the keys of its schema."""

    tests: tuple[_WrittenTest, ...]
    rule_files: tuple[str, ...] = ()
    evaluation_interval: str = "1m"


class UnitTestReader(Reader):
    """Reads unit tests with log lines."""

    def report(self, where: Location, message: str) -> None:
        self.problems.append(Problem(where, message))

    def report_file(self, path: Path, message: str) -> None:
        """The same of a whole file or folder."""
        self.report(Location(display(path)), message)

    def schema(self, name: str) -> str:
        """The text of a schema that is shipped."""
        return self.text(shipped_catalog() / name) or "{}"

    def log_tests(self, path: Path) -> LogTests | None:
        parsed = self.document(path, self.schema("tests.schema.json"))
        if parsed is None:
            return None
        written = convert(parsed.data, _WrittenTests)
        tests = tuple(
            self.log_test(path.parent, parsed, index, test)
            for index, test in enumerate(written.tests)
        )
        interval = seconds(written.evaluation_interval)
        if not interval:
            self.report(parsed.at("evaluation_interval"), "the interval must be longer than 0")
        for index, test in enumerate(tests):
            if interval and _last_look(test) / interval > _MOST_STEPS:
                message = (
                    f"is evaluated more than {_MOST_STEPS:,} times; "
                    "look earlier, or set a longer evaluation_interval"
                )
                self.report(parsed.at("tests", index, "alert_rule_test"), message)
        return LogTests(display(path), written.rule_files, interval, tests)

    def log_test(
        self, folder: Path, parsed: Document, index: int, written: _WrittenTest
    ) -> LogTest:
        from generator.query import promql  # its parser costs as much as reading ten entries

        streams = []
        for number, stream in enumerate(written.input_streams):
            at = ("tests", index, "input_streams", number)
            try:
                labels = promql.labels(stream.stream)
            except ValueError as error:
                self.report(parsed.at(*at, "stream"), str(error))
                continue
            dressed = _DRESS[stream.dress]
            lines: list[tuple[float, str]] = []
            for place, row in enumerate(stream.lines):
                where = parsed.at(*at, "lines", place)
                written_at = self.written_lines(folder, row, where)
                lines += ((time, dressed(line)) for time, line in written_at)
            lines.sort(key=itemgetter(0))
            streams.append(LogStream(labels, tuple(lines)))
        return LogTest(written.name, tuple(streams), written.alert_rule_test)

    def written_lines(
        self, folder: Path, row: _WrittenLines, where: Location
    ) -> Iterable[tuple[float, str]]:
        """Lines with the seconds after which they are written."""
        lines = self.log_lines(folder, row, where)
        times = int(row.times or 1)
        if len(lines) * times > _MOST_LINES:
            self.report(where, f"writes more than {_MOST_LINES:,} lines; a test needs fewer")
            return
        start = seconds(row.at)
        every = seconds(row.every or "0s")
        for turn in range(times):
            time = start + turn * every
            for line in lines:
                yield time, line

    def log_lines(self, folder: Path, row: _WrittenLines, where: Location) -> Sequence[str]:
        if (row.line is None) == (row.file is None):
            self.report(where, "give either `line` or `file`")
        elif row.times and not row.every:
            self.report(where, "`times` needs `every`")
        elif row.line is not None:
            return [row.line]
        elif row.file is not None:
            if is_file(folder / row.file):
                return physical_lines(self.bytes(folder / row.file))
            self.report(where, f"there is no file {row.file} beside this one")
        return ()


def _last_look(test: LogTest) -> float:
    return max(seconds(check["eval_time"]) for check in test.checks)


def physical_lines(data: bytes) -> list[str]:
    """Physical lines; what is not UTF-8 becomes the replacement character, as Loki's clients do it."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    return lines if lines[-1] else lines[:-1]
