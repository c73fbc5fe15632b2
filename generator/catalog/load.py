"""Reads the catalog, and with `profiles` the profile."""

import errno
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from generator.base.document import Document, parse
from generator.base.durations import seconds
from generator.base.problems import Location, Problem
from generator.base.reader import Reader, display, is_file
from generator.catalog import profiles
from generator.catalog.model import (
    Affected,
    Catalog,
    Entry,
    Exclusion,
    Fixes,
    Harmless,
    KnownBug,
    LogSignal,
    LogStream,
    LogTest,
    LogTests,
    Metric,
    MetricAlert,
    Milder,
    MinimumSystem,
    MinimumVersion,
    OsFixes,
    OtherSystems,
    Parameter,
    Record,
    Reference,
    Sample,
    Setting,
    Source,
    Statement,
    Step,
    TkeFix,
    TkeFixes,
    UpstreamFix,
    Value,
    Variant,
    Versions,
)
from generator.catalog.profile import Profile
from generator.catalog.releases import minor
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
    harmless, known_bugs = reader.harmless(shipped), reader.known_bugs(shipped)
    entries: dict[str, Entry] = {}
    catalogs = (base or shipped, *extra_catalogs)
    for folder in catalogs[1:]:
        if os.path.lexists(folder / _METRICS):
            metrics = {**metrics, **reader.metrics(folder, shipped)}
    for folder in catalogs:
        for entry in reader.entries(folder, log_tests, samples):
            known = entries.get(entry.id)
            if known and entry.replaces != entry.id:
                reader.problems.append(
                    Problem(
                        entry.document.at("id"),
                        f"id '{entry.id}' is already that of {known.document.path}; "
                        f"choose another id, or add `replaces: {entry.id}` to take its place",
                    )
                )
            elif not known and entry.replaces:
                reader.problems.append(
                    Problem(
                        entry.document.at("replaces"),
                        f"there is no entry '{entry.replaces}' to replace",
                    )
                )
            entries[entry.id] = entry
    default = profiles.read_profile(reader, shipped, None)
    site = profiles.read_profile(reader, shipped, profile) if profile else default
    catalog = Catalog(tuple(entries[key] for key in sorted(entries)), metrics, harmless, known_bugs)
    return Inputs(catalog, site, default, tuple(reader.problems))


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
    data = parse(Reader().text(tests) or "", display(tests))[0].data
    return isinstance(data, dict) and "rule_files" not in data


def load_tests(path: Path) -> TestFile:
    """Read one file of unit tests. Raises ToolError if it cannot be read at all."""
    reader = _CatalogReader()
    reader.read_schemas(shipped_catalog())
    tests = reader.log_tests(path) if _LOG_TESTS in (reader.text(path) or "") else None
    rules: list[str] = []
    if tests and not tests.rule_files:
        message = f"key 'rule_files' is missing; only {_TESTS} of an entry, beside its {_ENTRY}, does without it"
        reader.problems.append(Problem(Location(display(path), 1, 1), message))
    if not tests:
        reader.problems += _no_rule_files(path, reader.text(path) or "")
    for pattern in tests.rule_files if tests else ():
        found = _matching_files(path.parent, pattern)
        if not found:
            reader.problems.append(
                Problem(Location(display(path)), f"no rule file matches {pattern}")
            )
        rules += [text for file in found if (text := reader.text(file)) is not None]
    return TestFile(tests, tuple(rules), tuple(reader.problems))


def _no_rule_files(path: Path, text: str) -> Iterator[Problem]:
    """What promtool would wait for: it opens whatever its `rule_files` match. All else it says itself."""
    data = parse(text, display(path))[0].data
    named = data.get("rule_files") if isinstance(data, dict) else None
    for pattern in named if isinstance(named, list) else ():
        for name in sorted(glob.glob(str(pattern), root_dir=path.parent)):  # noqa: PTH207
            if not is_file(path.parent / name):
                yield Problem(Location(display(path)), f"{name} in rule_files is no file")


def _matching_files(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        return [Path(pattern)]
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError, IndexError):  # what pathlib says of '', '.' and '**x'
        return []


class _CatalogReader(Reader):
    """Reads what is in a catalog."""

    def read_schemas(self, shipped: Path) -> None:
        self.schema_text = self.text(shipped / "schema.json") or "{}"
        self.tests_schema = self.text(shipped / "tests.schema.json") or "{}"

    def metrics(self, folder: Path, shipped: Path) -> Mapping[str, Metric]:
        parsed = self.document(
            folder / _METRICS, self.text(shipped / "metrics.schema.json") or "{}"
        )
        rows = parsed.data if parsed else {}
        return {name: _metric(name, row) for name, row in rows.items()}

    def harmless(self, folder: Path) -> tuple[Harmless, ...]:
        parsed = self.document(
            folder / "harmless.yaml", self.text(folder / "harmless.schema.json") or "{}"
        )
        return tuple(_harmless_lines(parsed, name) for name in parsed.data) if parsed else ()

    def known_bugs(self, folder: Path) -> tuple[KnownBug, ...]:
        parsed = self.document(
            folder / "known-bugs.yaml", self.text(folder / "known-bugs.schema.json") or "{}"
        )
        return tuple(_known_bug(name, row) for name, row in parsed.data.items()) if parsed else ()

    def entries(self, folder: Path, log_tests: bool, samples: bool) -> Iterable[Entry]:
        noted = len(self.problems)
        found = self.entry_folders(folder)
        if not found and len(self.problems) == noted:
            self.problems.append(
                Problem(
                    Location(display(folder)),
                    "no entry here; a catalog holds folders with a failure.yaml each",
                )
            )
        for path in found:
            parsed = self.document(path / "failure.yaml", self.schema_text)
            if parsed is None:
                continue
            if parsed.data["id"] != path.name:
                self.problems.append(
                    Problem(
                        parsed.at("id"),
                        f"id '{parsed.data['id']}' must be the name of its folder, '{path.name}'",
                    )
                )
            read = {name: self.optional(path / name) for name in (_TESTS, _METRIC_TESTS)}
            unit_tests = {name: text for name, text in read.items() if text is not None}
            on_loki = None
            if _LOG_TESTS in unit_tests.get(_TESTS, ""):
                del unit_tests[_TESTS]
                on_loki = self.log_tests(path / _TESTS) if log_tests else None
            lines = tuple(self.samples(path, parsed)) if samples else ()
            yield _entry(parsed, lines, unit_tests, on_loki)

    def optional(self, path: Path) -> str | None:
        """The text of a file that need not be there."""
        return self.text(path) if os.path.lexists(path) else None

    def entry_folders(self, catalog: Path) -> list[Path]:
        """The folders of entries. What looks like one and cannot be read as one is a problem, not left out."""
        found = []
        for path in self.children(catalog):
            if path.name.startswith(".") or not path.is_dir():
                continue
            names = {child.name for child in self.children(path)}
            for wrong, right in _misnamed(names):
                self.problems.append(
                    Problem(Location(display(path / wrong)), f"is not read; name it {right}")
                )
            if _ENTRY in names:
                found.append(path)
            elif names & _OF_AN_ENTRY:
                self.problems.append(
                    Problem(Location(display(path)), f"looks like an entry and has no {_ENTRY}")
                )
        return found

    def children(self, folder: Path) -> list[Path]:
        """What is in a folder; links that lead nowhere and folders that cannot be read are problems."""
        try:
            found = sorted(folder.iterdir())
            dangling = [path for path in found if _is_missing(path)]
        except OSError as error:
            self.problems.append(
                Problem(Location(display(folder)), f"cannot be read: {error.strerror}")
            )
            return []
        for path in dangling:
            if path.is_symlink():
                self.problems.append(
                    Problem(Location(display(path)), "is a link that leads nowhere")
                )
        return [path for path in found if path not in dangling]

    def log_tests(self, path: Path) -> LogTests | None:
        parsed = self.document(path, self.tests_schema)
        if parsed is None:
            return None
        tests = tuple(
            self.log_test(path.parent, parsed, index) for index in range(len(parsed.data["tests"]))
        )
        interval = seconds(parsed.data.get("evaluation_interval", "1m"))
        if not interval:
            self.problems.append(
                Problem(parsed.at("evaluation_interval"), "the interval must be longer than 0")
            )
        found = LogTests(display(path), tuple(parsed.data.get("rule_files", ())), interval, tests)
        for index, checks in enumerate(test.checks for test in tests):
            if (
                interval
                and max(seconds(check["eval_time"]) for check in checks) / interval > _MOST_STEPS
            ):
                message = (
                    f"is evaluated more than {_MOST_STEPS:,} times; "
                    "look earlier, or set a longer evaluation_interval"
                )
                self.problems.append(Problem(parsed.at("tests", index, "alert_rule_test"), message))
        return found

    def log_test(self, folder: Path, parsed: Document, index: int) -> LogTest:
        from generator.query import promql  # its parser costs as much as reading ten entries

        data = parsed.data["tests"][index]
        streams = []
        for number, stream in enumerate(data["input_streams"]):
            at = ("tests", index, "input_streams", number)
            try:
                labels = promql.labels(stream["stream"])
            except ValueError as error:
                self.problems.append(Problem(parsed.at(*at, "stream"), str(error)))
                continue
            dressed = {dress.__name__: dress for dress in DRESSES}[stream.get("dress", "raw")]
            lines = [
                (time, dressed(line))
                for place, row in enumerate(stream["lines"])
                for time, line in self.written(folder, row, parsed.at(*at, "lines", place))
            ]
            streams.append(LogStream(labels, tuple(sorted(lines, key=itemgetter(0)))))
        return LogTest(data["name"], tuple(streams), tuple(data["alert_rule_test"]))

    def written(
        self, folder: Path, row: Mapping[str, Any], where: Location
    ) -> Iterable[tuple[float, str]]:
        """Lines with the seconds after which they are written."""
        lines, times = self.log_lines(folder, row, where), row.get("times", 1)
        if len(lines) * times > _MOST_LINES:
            self.problems.append(
                Problem(where, f"writes more than {_MOST_LINES:,} lines; a test needs fewer")
            )
            return
        for turn in range(times):
            time = seconds(row["at"]) + turn * seconds(row.get("every", "0s"))
            yield from ((time, line) for line in lines)

    def log_lines(self, folder: Path, row: Mapping[str, Any], where: Location) -> Sequence[str]:
        if ("line" in row) == ("file" in row):
            self.problems.append(Problem(where, "give either `line` or `file`"))
        elif "times" in row and "every" not in row:
            self.problems.append(Problem(where, "`times` needs `every`"))
        elif "line" in row:
            return [row["line"]]
        elif not is_file(folder / row["file"]):
            self.problems.append(Problem(where, f"there is no file {row['file']} beside this one"))
        else:
            return _physical_lines(self.bytes(folder / row["file"]))
        return ()

    def sample_files(self, folder: Path) -> list[Path]:
        found = self.children(folder) if _may_be_there(folder) else []
        for path in found:
            if not path.is_file():
                self.problems.append(
                    Problem(Location(display(path)), "is no file; samples are files of lines")
                )
        return [path for path in found if path.is_file()]

    def samples(self, entry: Path, parsed: Document) -> Iterable[Sample]:
        listed = parsed.data.get("samples", {})
        present = {
            f"{folder}/{path.name}": path
            for folder in _SAMPLE_FOLDERS
            for path in self.sample_files(entry / "samples" / folder)
        }
        for name in sorted(listed.keys() - present.keys()):
            if not _may_be_there(entry / "samples" / name):
                self.problems.append(
                    Problem(
                        parsed.at("samples", name),
                        f"there is no file samples/{name}; add it or remove this line",
                    )
                )
        for name, path in present.items():
            if name not in listed:
                self.problems.append(
                    Problem(
                        Location(display(path)),
                        f"say where these lines come from: list '{name}' under `samples:`",
                    )
                )
            yield Sample(
                display(path),
                name,
                name.startswith("fires/"),
                tuple(_physical_lines(self.bytes(path))),
            )


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
    rights = {name.removesuffix(".yaml"): name for name in (_ENTRY, _TESTS, _METRIC_TESTS)}
    found = []
    for name in sorted(names):
        stem, dot, ending = name.lower().rpartition(".")
        right = rights.get(stem) if dot and ending in ("yaml", "yml", "json") else None
        if right and right != name:
            found.append((name, right))
    return found


def _metric(name: str, row: Mapping[str, Any]) -> Metric:
    versions = Versions(row["from"], row["to"]) if "from" in row and "to" in row else None
    return Metric(
        name=name,
        type=row["type"],
        labels=frozenset(row["labels"]),
        versions=versions,
        top_bucket=row.get("top_bucket"),
        program=row.get("program"),
        late=row.get("late", False),
    )


def _harmless_lines(parsed: Document, name: str) -> Harmless:
    row = parsed.data[name]
    return Harmless(
        id=name,
        pattern=row["pattern"],
        reason=row["reason"],
        versions=_version_span(row["versions"]),
        evidence=row["evidence"],
        origin=row["from"],
    )


def _known_bug(name: str, row: Mapping[str, Any]) -> KnownBug:
    modes = tuple(row["modes"])
    fix = UpstreamFix(
        row["instead"], (), tuple(row.get("fixed_in", ())), ends=modes, since=row["since"]
    )
    sources = tuple(Reference(**source) for source in row["sources"])
    return KnownBug(name, row["title"], row["effect"], modes, fix, sources)


def _cites(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row["sources"])


def _statement(row: Mapping[str, Any]) -> Statement:
    return Statement(row["text"], _cites(row))


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        do=row["do"],
        sources=_cites(row),
        where=row.get("where"),
        run=row.get("run"),
        changes=row.get("changes"),
        stops_damage=row.get("stops_damage", False),
        yaml=row.get("yaml"),
        expect=row.get("expect"),
    )


def _version_span(row: Mapping[str, Any]) -> Versions:
    return Versions(row["from"], row["to"])


def _entry(
    parsed: Document,
    samples: tuple[Sample, ...],
    unit_tests: Mapping[str, str],
    log_tests: LogTests | None,
) -> Entry:
    data = parsed.data
    signals = data.get("signals", {})
    metrics = signals.get("metrics", {})
    return Entry(
        id=data["id"],
        kind=data["kind"],
        alert=data["alert"],
        title=data["title"],
        status=data["status"],
        status_reason=data.get("status_reason"),
        severity=data["severity"]["level"],
        severity_reason=data["severity"]["reason"],
        summary=data["summary"],
        first_step=data["first_step"],
        sources=tuple(Source(key=key, **row) for key, row in data["sources"].items()),
        affected=_affected(data["affected"]),
        meaning=_statement(data["meaning"]),
        impact=_statement(data["impact"]),
        causes=tuple(map(_statement, data["causes"])),
        diagnosis=tuple(map(_step, data["diagnosis"])),
        mitigation=tuple(map(_step, data["mitigation"])),
        fixes=_fixes(data["fixes"]),
        false_positives=tuple(map(_statement, data["false_positives"])),
        related=tuple((row["id"], row["why"]) for row in data.get("related", ())),
        inhibits=tuple(data.get("inhibits", ())),
        explains=tuple(data.get("explains", ())),
        logs=_logs(signals["logs"]) if "logs" in signals else None,
        records=tuple(
            Record(name=row["record"], expr=row["expr"], why=row["why"])
            for row in metrics.get("records", ())
        ),
        metric_alerts=tuple(map(_metric_alert_of, metrics.get("alerts", ()))),
        heartbeat=signals.get("heartbeat"),
        samples=samples,
        replaces=data.get("replaces"),
        document=parsed,
        unit_tests=unit_tests,
        log_tests=log_tests,
    )


def _affected(data: Mapping[str, Any]) -> Affected:
    return Affected(
        modes=tuple(data["modes"]),
        os=tuple(data.get("os", ())),
        other_os=tuple(
            OtherSystems(
                first=row["from"],
                last=row["to"],
                modes=tuple(row.get("modes", data["modes"])),
                only=row["only"],
                sources=_cites(row),
            )
            for row in data.get("other_os", ())
        ),
        versions=_version_span(data["versions"]),
        since=data.get("since"),
        text=data["text"],
        sources=_cites(data),
    )


def _fixes(data: Mapping[str, Any]) -> Fixes:
    return Fixes(
        tke=_tke(data["tke"]) if "tke" in data else None,
        upstream=tuple(map(_upstream_fix, data.get("upstream", ()))),
        os=_os(data["os"]) if "os" in data else None,
        components=tuple(
            MinimumVersion(
                name=row["name"],
                match=row["match"],
                minimum=row["minimum"],
                sources=_cites(row),
                ends=row.get("ends", False),
            )
            for row in data.get("components", ())
        ),
        settings=tuple(map(_setting, data.get("settings", ()))),
    )


def _tke(data: Mapping[str, Any]) -> TkeFixes:
    sources = _cites(data)
    return TkeFixes(
        rows=tuple(_tke_row(row, sources[0]) for row in data["rows"]),
        sources=sources,
        note=data.get("note"),
    )


def _tke_row(row: Mapping[str, Any], page: str) -> TkeFix:
    sign, _, release = row["cluster"].rpartition(" ")
    return TkeFix(
        sign=sign or "=",
        minor=minor(release),
        action=row["action"],
        minimum=row.get("minimum"),
        edition=row.get("edition", page),
    )


def _upstream_fix(row: Mapping[str, Any]) -> UpstreamFix:
    return UpstreamFix(
        change=row["change"],
        sources=_cites(row),
        fixed_in=tuple(row.get("fixed_in", ())),
        note=row.get("note"),
        ends=tuple(row.get("ends", ())),
        since=row.get("since"),
        unless=row.get("unless"),
    )


def _os(data: Mapping[str, Any]) -> OsFixes:
    rows = tuple(MinimumSystem(name=row["name"], minimum=row["minimum"]) for row in data["rows"])
    return OsFixes(rows=rows, sources=_cites(data), note=data.get("note"))


def _setting(row: Mapping[str, Any]) -> Setting:
    return Setting(
        name=row["name"],
        change_to=row["change_to"],
        why=row["why"],
        sources=_cites(row),
        flag=row.get("flag"),
        variable=row.get("variable"),
        path=row.get("path"),
        found=row.get("found"),
        value=Value(**row["value"]) if "value" in row else None,
        safe=Value(**row["safe"]) if "safe" in row else None,
        ends=row.get("ends", False),
    )


def _logs(data: Mapping[str, Any]) -> LogSignal:
    return LogSignal(
        stream=data.get("stream", "kube-proxy"),
        contains=tuple(data.get("contains", ())),
        variants=tuple(
            Variant(
                name=row["name"],
                printed_by=row["printed_by"],
                evidence=row["evidence"],
                sources=_cites(row),
                literal=row.get("literal"),
                pattern=row.get("pattern"),
                holds=row.get("holds"),
            )
            for row in data["variants"]
        ),
        exclude=tuple(
            Exclusion(pattern=row["pattern"], reason=row["reason"])
            for row in data.get("exclude", ())
        ),
        range=data.get("range"),
        threshold=data.get("threshold", 0),
        hold=data.get("for", "0s"),
        persistence=data.get("persistence"),
        recent=data.get("recent"),
        milder=_milder(data["milder"]) if "milder" in data else None,
    )


def _milder(data: Mapping[str, Any]) -> Milder:
    return Milder(
        alert=data["alert"],
        holds=data["holds"],
        severity=data["severity"]["level"],
        severity_reason=data["severity"]["reason"],
    )


def _metric_alert_of(data: Mapping[str, Any]) -> MetricAlert:
    own = data.get("severity", {})
    return MetricAlert(
        name=data["alert"],
        expr=data["expr"],
        hold=data["for"],
        observation=data["observation"],
        unit=data["unit"],
        versions=_version_span(data["versions"]),
        parameters={
            key: Parameter(default=row["default"], why=row["why"], below=row.get("below"))
            for key, row in data.get("parameters", {}).items()
        },
        severity=own.get("level"),
        severity_reason=own.get("reason"),
        about=data.get("about", "kube-proxy"),
        summary=data.get("summary"),
    )
