"""Reads the catalog, and with `profiles` the profile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from operator import itemgetter
from pathlib import Path
from typing import Any

from generator import profiles, promql
from generator.document import Document
from generator.dress import DRESSES
from generator.durations import seconds
from generator.model import (
    Affected,
    Catalog,
    Exclusion,
    Failure,
    Fixes,
    LogSignal,
    LogStream,
    LogTest,
    LogTests,
    Metric,
    MetricAlert,
    MinimumVersion,
    OsFixes,
    Parameter,
    Profile,
    Record,
    Sample,
    Setting,
    Source,
    Statement,
    Step,
    TkeFix,
    TkeFixes,
    UpstreamFix,
    Variant,
    Versions,
)
from generator.problems import Location, Problem
from generator.reader import Reader, display

_SAMPLE_FOLDERS = ("fires", "silent")
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
    package = Path(str(resources.files("generator")))
    installed = package / "_catalog"
    return installed if installed.is_dir() else package.parent / "catalog"


def load(
    extra_catalogs: Iterable[Path] = (),
    profile: Path | None = None,
    base: Path | None = None,
    log_tests: bool = False,
) -> Inputs:
    """Read the shipped catalog (or the entries of `base` in its place), those added to it in order, and the profile.

    Unit tests with log lines are read where they are asked for; the rest of a run does not need them.

    Raises ToolError if a file cannot be read at all; everything wrong inside a file is a problem.
    """
    reader = _Reader()
    shipped = shipped_catalog()
    reader.read_schemas(shipped)
    metrics = reader.metrics(shipped)
    entries: dict[str, Failure] = {}
    for folder in (base or shipped, *extra_catalogs):
        for entry in reader.entries(folder, log_tests):
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
                    Problem(entry.document.at("replaces"), f"there is no entry '{entry.replaces}' to replace")
                )
            entries[entry.id] = entry
    default = profiles.read(reader, shipped, None)
    site = profiles.read(reader, shipped, profile) if profile else default
    catalog = Catalog(tuple(entries[key] for key in sorted(entries)), metrics)
    return Inputs(catalog, site, default, tuple(reader.problems))


@dataclass(frozen=True)
class TestFile:
    """A file of unit tests outside a catalog: log tests with the texts of their rule files, or None for promtool's."""

    log_tests: LogTests | None
    rules: tuple[str, ...]
    problems: tuple[Problem, ...]


def load_tests(path: Path) -> TestFile:
    """Read one file of unit tests. Raises ToolError if it cannot be read at all."""
    reader = _Reader()
    reader.read_schemas(shipped_catalog())
    tests = reader.log_tests(path) if _LOG_TESTS in (reader.text(path) or "") else None
    rules: list[str] = []
    for pattern in tests.rule_files if tests else ():
        found = sorted(path.parent.glob(pattern) if not Path(pattern).is_absolute() else [Path(pattern)])
        if not found:
            reader.problems.append(Problem(Location(display(path)), f"no rule file matches {pattern}"))
        rules += [text for file in found if (text := reader.text(file)) is not None]
    return TestFile(tests, tuple(rules), tuple(reader.problems))


class _Reader(Reader):
    """Reads what is in a catalog."""

    def read_schemas(self, shipped: Path) -> None:
        self.schema_text = self.text(shipped / "schema.json") or "{}"
        self.tests_schema = self.text(shipped / "tests.schema.json") or "{}"

    def metrics(self, folder: Path) -> Mapping[str, Metric]:
        parsed = self.document(folder / "metrics.yaml", self.text(folder / "metrics.schema.json") or "{}")
        rows = parsed.data if parsed else {}
        return {name: _metric(name, row) for name, row in rows.items()}

    def entries(self, folder: Path, log_tests: bool) -> Iterable[Failure]:
        found = sorted(path.parent for path in folder.glob("*/failure.yaml"))
        if not found:
            self.problems.append(
                Problem(Location(display(folder)), "no entry here; a catalog holds folders with a failure.yaml each")
            )
        for path in found:
            parsed = self.document(path / "failure.yaml", self.schema_text)
            if parsed is None:
                continue
            if parsed.data["id"] != path.name:
                self.problems.append(
                    Problem(parsed.at("id"), f"id '{parsed.data['id']}' must be the name of its folder, '{path.name}'")
                )
            tests = path / "tests.yaml"
            unit_tests = self.text(tests) if tests.is_file() else None
            on_loki = None
            if unit_tests is not None and _LOG_TESTS in unit_tests:
                unit_tests, on_loki = None, self.log_tests(tests) if log_tests else None
            yield _failure(parsed, tuple(self.samples(path, parsed)), unit_tests, on_loki)

    def log_tests(self, path: Path) -> LogTests | None:
        parsed = self.document(path, self.tests_schema)
        if parsed is None:
            return None
        tests = tuple(self.log_test(path.parent, parsed, index) for index in range(len(parsed.data["tests"])))
        interval = seconds(parsed.data.get("evaluation_interval", "1m"))
        if not interval:
            self.problems.append(Problem(parsed.at("evaluation_interval"), "the interval must be longer than 0"))
        return LogTests(display(path), tuple(parsed.data["rule_files"]), interval, tests)

    def log_test(self, folder: Path, parsed: Document, index: int) -> LogTest:
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
                (seconds(row["at"]) + turn * seconds(row.get("every", "0s")), dressed(line))
                for place, row in enumerate(stream["lines"])
                for turn in range(row.get("times", 1))
                for line in self.log_lines(folder, row, parsed.at(*at, "lines", place))
            ]
            streams.append(LogStream(labels, tuple(sorted(lines, key=itemgetter(0)))))
        return LogTest(data["name"], tuple(streams), tuple(data["alert_rule_test"]))

    def log_lines(self, folder: Path, row: Mapping[str, Any], where: Location) -> Sequence[str]:
        if ("line" in row) == ("file" in row):
            self.problems.append(Problem(where, "give either `line` or `file`"))
        elif "times" in row and "every" not in row:
            self.problems.append(Problem(where, "`times` needs `every`"))
        elif "line" in row:
            return [row["line"]]
        elif not (folder / row["file"]).is_file():
            self.problems.append(Problem(where, f"there is no file {row['file']} beside this one"))
        else:
            return _lines(self.bytes(folder / row["file"]))
        return ()

    def samples(self, entry: Path, parsed: Document) -> Iterable[Sample]:
        listed = parsed.data.get("samples", {})
        present = {
            f"{folder}/{path.name}": path for folder in _SAMPLE_FOLDERS for path in _files(entry / "samples" / folder)
        }
        for name in sorted(listed.keys() - present.keys()):
            self.problems.append(
                Problem(parsed.at("samples", name), f"there is no file samples/{name}; add it or remove this line")
            )
        for name, path in present.items():
            if name not in listed:
                self.problems.append(
                    Problem(Location(display(path)), f"say where these lines come from: list '{name}' under `samples:`")
                )
            yield Sample(display(path), name, name.startswith("fires/"), tuple(_lines(self.bytes(path))))


def _lines(data: bytes) -> list[str]:
    """Physical lines; what is not UTF-8 becomes the replacement character, as Loki's clients do it."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _metric(name: str, row: Mapping[str, Any]) -> Metric:
    versions = Versions(row["from"], row["to"]) if "from" in row and "to" in row else None
    return Metric(name, row["type"], frozenset(row["labels"]), versions, row.get("top_bucket"), row.get("program"))


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


def _versions(row: Mapping[str, Any]) -> Versions:
    return Versions(row["from"], row["to"])


def _failure(
    parsed: Document, samples: tuple[Sample, ...], unit_tests: str | None, log_tests: LogTests | None
) -> Failure:
    data = parsed.data
    signals = data["signals"]
    metrics = signals.get("metrics", {})
    affected = data["affected"]
    return Failure(
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
        sources=tuple(Source(key, row["title"], row.get("url")) for key, row in data["sources"].items()),
        affected=Affected(
            tuple(affected["modes"]),
            tuple(affected.get("os", ())),
            _versions(affected["versions"]),
            affected["text"],
            _cites(affected),
        ),
        meaning=_statement(data["meaning"]),
        impact=_statement(data["impact"]),
        causes=tuple(map(_statement, data["causes"])),
        diagnosis=tuple(map(_step, data["diagnosis"])),
        mitigation=tuple(map(_step, data["mitigation"])),
        fixes=_fixes(data["fixes"]),
        false_positives=tuple(map(_statement, data["false_positives"])),
        related=tuple((row["id"], row["why"]) for row in data.get("related", ())),
        inhibits=tuple(data.get("inhibits", ())),
        logs=_logs(signals["logs"]) if "logs" in signals else None,
        records=tuple(Record(row["record"], row["expr"], row["why"]) for row in metrics.get("records", ())),
        metric_alerts=tuple(map(_metric_alert, metrics.get("alerts", ()))),
        heartbeat=signals.get("heartbeat"),
        samples=samples,
        replaces=data.get("replaces"),
        document=parsed,
        unit_tests=unit_tests,
        log_tests=log_tests,
    )


def _fixes(data: Mapping[str, Any]) -> Fixes:
    tke, os = data.get("tke"), data.get("os")
    return Fixes(
        tke=TkeFixes(
            tuple(TkeFix(row["cluster"], row["action"], row.get("minimum")) for row in tke["rows"]),
            _cites(tke),
            tke.get("note"),
        )
        if tke
        else None,
        upstream=tuple(
            UpstreamFix(
                row["change"],
                _cites(row),
                tuple(row.get("fixed_in", ())),
                row.get("note"),
                tuple(row.get("ends", ())),
                row.get("since"),
            )
            for row in data.get("upstream", ())
        ),
        os=OsFixes(tuple(MinimumVersion(row["name"], row["minimum"]) for row in os["rows"]), _cites(os), os.get("note"))
        if os
        else None,
        components=tuple(
            MinimumVersion(row["name"], row["minimum"], _cites(row), row.get("ends", False))
            for row in data.get("components", ())
        ),
        settings=tuple(
            Setting(row["name"], row["change_to"], row["why"], _cites(row), row.get("found"), row.get("ends", False))
            for row in data.get("settings", ())
        ),
    )


def _logs(data: Mapping[str, Any]) -> LogSignal:
    return LogSignal(
        contains=tuple(data.get("contains", ())),
        variants=tuple(
            Variant(
                row["name"],
                row["printed_by"],
                row["evidence"],
                _cites(row),
                row.get("literal"),
                row.get("pattern"),
                row.get("holds"),
            )
            for row in data["variants"]
        ),
        exclude=tuple(Exclusion(row["pattern"], row["reason"]) for row in data.get("exclude", ())),
        range=data.get("range"),
        threshold=data.get("threshold", 0),
        hold=data.get("for", "0s"),
        persistence=data.get("persistence"),
    )


def _metric_alert(data: Mapping[str, Any]) -> MetricAlert:
    return MetricAlert(
        name=data["alert"],
        expr=data["expr"],
        hold=data["for"],
        observation=data["observation"],
        unit=data["unit"],
        versions=_versions(data["versions"]),
        parameters={
            key: Parameter(row["default"], row["why"], row.get("below"))
            for key, row in data.get("parameters", {}).items()
        },
    )
