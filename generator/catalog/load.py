"""Reads the catalog, and with `profiles` the profile."""

import errno
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

from generator.base.document import Document, named_rows, parse
from generator.base.durations import seconds
from generator.base.problems import Location, Problem
from generator.base.reader import Reader, display, is_file
from generator.catalog import profiles
from generator.catalog.model import (
    Catalog,
    Entry,
    Harmless,
    KnownBug,
    LogStream,
    LogTest,
    LogTests,
    Metric,
    Sample,
)
from generator.catalog.profile import Number, Profile
from generator.catalog.wrappings import DRESSES

PACKAGE = Path(__file__).parents[1]  # importlib.resources says the same after ten times as long
_ENTRY = "failure.yaml"
_TESTS, _METRIC_TESTS = "tests.yaml", "metric-tests.yaml"
_METRICS = "metrics.yaml"  # those that a catalog's expressions may read, besides the shipped ones
_OF_AN_ENTRY = {_TESTS, _METRIC_TESTS, "samples"}
_SAMPLE_FOLDERS = ("fires", "silent")
_MOST_LINES = 100_000  # that one line of a test writes
_MOST_STEPS = 11_000  # points that Loki answers at once
_LOG_TESTS = "input_streams"  # what only a file of unit tests with log lines has; promtool's have input_series
_DRESS = {dress.__name__: dress for dress in DRESSES}


@dataclass(frozen=True)
class Inputs:
    """All that was read. With error problems in it, the catalog lacks the entries that could not be understood."""

    catalog: Catalog
    profile: Profile
    default_profile: Profile
    problems: tuple[Problem, ...]


def shipped_catalog() -> Path:
    """The folder beside the package in a checkout, inside the package where it is installed."""
    installed = PACKAGE / "_catalog"
    return installed if installed.is_dir() else PACKAGE.parent / "catalog"


def load(
    extra_catalogs: Iterable[Path] = (),
    profile: Path | None = None,
    base: Path | None = None,
    log_tests: bool = False,
    samples: bool = True,
) -> Inputs:
    """Read the shipped catalog (or the entries of `base` in its place), those added to it in order, and the profile.

    Unit tests with log lines are read where they are asked for; the rest of a run does not need them. Without the
    samples a run has a third less to read; it is for those that show what is known to be right.

    Raises ToolError if a file cannot be read at all; everything wrong inside a file is a problem.
    """
    reader = _CatalogReader()
    shipped = shipped_catalog()
    reader.read_schemas(shipped)
    metrics = reader.metrics(shipped, shipped)
    harmless = reader.harmless(shipped)
    known_bugs = reader.known_bugs(shipped)
    entries: dict[str, Entry] = {}
    catalogs = (base or shipped, *extra_catalogs)
    for folder in catalogs[1:]:
        if os.path.lexists(folder / _METRICS):
            metrics = {**metrics, **reader.metrics(folder, shipped)}
    for folder in catalogs:
        for entry in reader.entries(folder, log_tests, samples):
            reader.problems += _no_successor(entry, entries.get(entry.id))
            entries[entry.id] = entry
    default = profiles.read_profile(reader, shipped, None)
    site = profiles.read_profile(reader, shipped, profile) if profile else default
    by_id = tuple(entries[key] for key in sorted(entries))
    catalog = Catalog(by_id, metrics, harmless, known_bugs)
    return Inputs(catalog, site, default, tuple(reader.problems))


def _no_successor(entry: Entry, known: Entry | None) -> Iterator[Problem]:
    """Why an entry cannot take the place of the one that has its id already, or of none."""
    at = entry.document.at
    if known and entry.replaces != entry.id:
        yield Problem(
            at("id"),
            f"id '{entry.id}' is already that of {known.document.path}; "
            f"choose another id, or add `replaces: {entry.id}` to take its place",
        )
    elif not known and entry.replaces:
        yield Problem(at("replaces"), f"there is no entry '{entry.replaces}' to replace")


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
    if tests.name != _TESTS or not is_file(tests.parent / _ENTRY):
        return False
    text = Reader().text(tests) or ""
    parsed, _ = parse(text, display(tests))
    return isinstance(parsed.data, dict) and "rule_files" not in parsed.data


def load_tests(path: Path) -> TestFile:
    """Read one file of unit tests. Raises ToolError if it cannot be read at all."""
    reader = _CatalogReader()
    reader.read_schemas(shipped_catalog())
    text = reader.text(path) or ""
    tests = reader.log_tests(path) if _LOG_TESTS in text else None
    if tests is None:
        reader.problems += _no_rule_files(path, text)
        return TestFile(None, (), tuple(reader.problems))
    if not tests.rule_files:
        message = f"key 'rule_files' is missing; only {_TESTS} of an entry, beside its {_ENTRY}, does without it"
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


class _CatalogReader(Reader):
    """Reads what is in a catalog."""

    def report(self, where: Location, message: str) -> None:
        self.problems.append(Problem(where, message))

    def report_file(self, path: Path, message: str) -> None:
        """The same of a whole file or folder."""
        self.report(Location(display(path)), message)

    def read_schemas(self, shipped: Path) -> None:
        self.entry_schema = self.schema(shipped, "schema.json")
        self.tests_schema = self.schema(shipped, "tests.schema.json")

    def schema(self, shipped: Path, name: str) -> str:
        return self.text(shipped / name) or "{}"

    def metrics(self, folder: Path, shipped: Path) -> Mapping[str, Metric]:
        schema_text = self.schema(shipped, "metrics.schema.json")
        rows = self.rows(folder / _METRICS, schema_text, "name")
        metrics = convert(rows, list[Metric])
        return {metric.name: metric for metric in metrics}

    def harmless(self, folder: Path) -> tuple[Harmless, ...]:
        schema_text = self.schema(folder, "harmless.schema.json")
        rows = self.rows(folder / "harmless.yaml", schema_text, "id")
        return convert(rows, tuple[Harmless, ...])

    def known_bugs(self, folder: Path) -> tuple[KnownBug, ...]:
        schema_text = self.schema(folder, "known-bugs.schema.json")
        rows = self.rows(folder / "known-bugs.yaml", schema_text, "id")
        return convert(rows, tuple[KnownBug, ...])

    def rows(self, path: Path, schema_text: str, key: str) -> list[dict[str, Any]]:
        """The rows of a file that is one mapping, each with its own name under a key."""
        parsed = self.document(path, schema_text)
        return named_rows(parsed.data, key) if parsed else []

    def entries(self, folder: Path, log_tests: bool, samples: bool) -> Iterable[Entry]:
        noted = len(self.problems)
        found = self.entry_folders(folder)
        if not found and len(self.problems) == noted:
            message = "no entry here; a catalog holds folders with a failure.yaml each"
            self.report_file(folder, message)
        for path in found:
            parsed = self.document(path / _ENTRY, self.entry_schema)
            if parsed is None:
                continue
            own_id = parsed.data["id"]
            if own_id != path.name:
                message = f"id '{own_id}' must be the name of its folder, '{path.name}'"
                self.report(parsed.at("id"), message)
            unit_tests = self.unit_tests(path)
            on_loki = None
            if _LOG_TESTS in unit_tests.get(_TESTS, ""):
                del unit_tests[_TESTS]
                on_loki = self.log_tests(path / _TESTS) if log_tests else None
            lines = tuple(self.samples(path, parsed)) if samples else ()
            yield entry_of(parsed, lines, unit_tests, on_loki)

    def unit_tests(self, entry: Path) -> dict[str, str]:
        """The texts of an entry's files of unit tests, by name; it need not have any."""
        texts = {}
        for name in (_TESTS, _METRIC_TESTS):
            path = entry / name
            text = self.text(path) if os.path.lexists(path) else None
            if text is not None:
                texts[name] = text
        return texts

    def entry_folders(self, catalog: Path) -> list[Path]:
        """The folders of entries. What looks like one and cannot be read as one is a problem, not left out."""
        found = []
        for path in self.children(catalog):
            if path.name.startswith(".") or not path.is_dir():
                continue
            names = {child.name for child in self.children(path)}
            for wrong, right in _misnamed(names):
                self.report_file(path / wrong, f"is not read; name it {right}")
            if _ENTRY in names:
                found.append(path)
            elif names & _OF_AN_ENTRY:
                self.report_file(path, f"looks like an entry and has no {_ENTRY}")
        return found

    def children(self, folder: Path) -> list[Path]:
        """What is in a folder; links that lead nowhere and folders that cannot be read are problems."""
        try:
            found = sorted(folder.iterdir())
            dangling = [path for path in found if _is_missing(path)]
        except OSError as error:
            self.report_file(folder, f"cannot be read: {error.strerror}")
            return []
        for path in dangling:
            if path.is_symlink():
                self.report_file(path, "is a link that leads nowhere")
        return [path for path in found if path not in dangling]

    def log_tests(self, path: Path) -> LogTests | None:
        parsed = self.document(path, self.tests_schema)
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
                return _physical_lines(self.bytes(folder / row.file))
            self.report(where, f"there is no file {row.file} beside this one")
        return ()

    def sample_files(self, folder: Path) -> list[Path]:
        found = self.children(folder) if _may_be_there(folder) else []
        for path in found:
            if not path.is_file():
                self.report_file(path, "is no file; samples are files of lines")
        return [path for path in found if path.is_file()]

    def samples(self, entry: Path, parsed: Document) -> Iterable[Sample]:
        listed = parsed.data.get("samples", {})
        present: dict[str, Path] = {}
        for folder in _SAMPLE_FOLDERS:
            for path in self.sample_files(entry / "samples" / folder):
                present[f"{folder}/{path.name}"] = path
        for name in sorted(listed.keys() - present.keys()):
            if not _may_be_there(entry / "samples" / name):
                message = f"there is no file samples/{name}; add it or remove this line"
                self.report(parsed.at("samples", name), message)
        for name, path in present.items():
            if name not in listed:
                message = f"say where these lines come from: list '{name}' under `samples:`"
                self.report_file(path, message)
            yield Sample(
                path=display(path),
                name=name,
                fires=name.startswith("fires/"),
                lines=tuple(_physical_lines(self.bytes(path))),
            )


def entry_of(
    parsed: Document,
    samples: tuple[Sample, ...] = (),
    unit_tests: Mapping[str, str] | None = None,
    log_tests: LogTests | None = None,
) -> Entry:
    """The entry of a failure.yaml, with what stands beside it."""
    beside = {
        "document": parsed,
        "samples": samples,
        "unit_tests": unit_tests or {},
        "log_tests": log_tests,
    }
    return convert(parsed.data | beside, Entry)


def _last_look(test: LogTest) -> float:
    return max(seconds(check["eval_time"]) for check in test.checks)


def _is_missing(path: Path) -> bool:
    """Whether nothing is there, also where a link leads. Raises OSError where nobody may look."""
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return True
        raise
    return False


def _may_be_there(path: Path) -> bool:
    """Whether something is there, or nobody may look."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _physical_lines(data: bytes) -> list[str]:
    """Physical lines; what is not UTF-8 becomes the replacement character, as Loki's clients do it."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _misnamed(names: Iterable[str]) -> list[tuple[str, str]]:
    """File names that stand for another one, as people write them, and that one."""
    rights = {Path(name).stem: name for name in (_ENTRY, _TESTS, _METRIC_TESTS)}
    found = []
    for name in sorted(names):
        stem, dot, ending = name.lower().rpartition(".")
        if not dot or ending not in ("yaml", "yml", "json"):
            continue
        right = rights.get(stem, name)
        if right != name:
            found.append((name, right))
    return found
