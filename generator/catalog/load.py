"""Reads the catalog, and with `profiles` the profile."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import convert

from generator.base.document import Document, named_rows
from generator.base.problems import Problem
from generator.base.reader import display
from generator.catalog import profiles
from generator.catalog.model import (
    Catalog,
    Entry,
    Harmless,
    KnownBug,
    LogTests,
    Metric,
    Sample,
)
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import Profile
from generator.catalog.unit_tests import (
    ENTRY_FILE,
    LOG_TESTS,
    TESTS_FILE,
    UnitTestReader,
    physical_lines,
)

_METRIC_TESTS = "metric-tests.yaml"
_METRICS = "metrics.yaml"  # those that a catalog's expressions may read, besides the shipped ones
_OF_AN_ENTRY = {TESTS_FILE, _METRIC_TESTS, "samples"}
_SAMPLE_FOLDERS = ("fires", "silent")


@dataclass(frozen=True)
class Inputs:
    """All that was read. With error problems in it, the catalog lacks the entries that could not be understood."""

    catalog: Catalog
    profile: Profile
    default_profile: Profile
    problems: tuple[Problem, ...]


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
    metrics = reader.metrics(shipped)
    harmless = reader.harmless(shipped)
    known_bugs = reader.known_bugs(shipped)
    entries: dict[str, Entry] = {}
    catalogs = (base or shipped, *extra_catalogs)
    for folder in catalogs[1:]:
        if os.path.lexists(folder / _METRICS):
            metrics = {**metrics, **reader.metrics(folder)}
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


class _CatalogReader(UnitTestReader):
    """Reads what is in a catalog."""

    def metrics(self, folder: Path) -> Mapping[str, Metric]:
        schema_text = self.schema("metrics.schema.json")
        rows = self.rows(folder / _METRICS, schema_text, "name")
        metrics = convert(rows, list[Metric])
        return {metric.name: metric for metric in metrics}

    def harmless(self, folder: Path) -> tuple[Harmless, ...]:
        schema_text = self.schema("harmless.schema.json")
        rows = self.rows(folder / "harmless.yaml", schema_text, "id")
        return convert(rows, tuple[Harmless, ...])

    def known_bugs(self, folder: Path) -> tuple[KnownBug, ...]:
        schema_text = self.schema("known-bugs.schema.json")
        rows = self.rows(folder / "known-bugs.yaml", schema_text, "id")
        return convert(rows, tuple[KnownBug, ...])

    def rows(self, path: Path, schema_text: str, key: str) -> list[dict[str, Any]]:
        """The rows of a file that is one mapping, each with its own name under a key."""
        parsed = self.document(path, schema_text)
        return named_rows(parsed.data, key) if parsed else []

    def entries(self, folder: Path, log_tests: bool, samples: bool) -> Iterable[Entry]:
        noted = len(self.problems)
        schema_text = self.schema("schema.json")
        found = self.entry_folders(folder)
        if not found and len(self.problems) == noted:
            message = "no entry here; a catalog holds folders with a failure.yaml each"
            self.report_file(folder, message)
        for path in found:
            parsed = self.document(path / ENTRY_FILE, schema_text)
            if parsed is None:
                continue
            own_id = parsed.data["id"]
            if own_id != path.name:
                message = f"id '{own_id}' must be the name of its folder, '{path.name}'"
                self.report(parsed.at("id"), message)
            unit_tests = self.unit_tests(path)
            on_loki = None
            if LOG_TESTS in unit_tests.get(TESTS_FILE, ""):
                del unit_tests[TESTS_FILE]
                on_loki = self.log_tests(path / TESTS_FILE) if log_tests else None
            lines = tuple(self.samples(path, parsed)) if samples else ()
            yield entry_of(parsed, lines, unit_tests, on_loki)

    def unit_tests(self, entry: Path) -> dict[str, str]:
        """The texts of an entry's files of unit tests, by name; it need not have any."""
        texts = {}
        for name in (TESTS_FILE, _METRIC_TESTS):
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
            if ENTRY_FILE in names:
                found.append(path)
            elif names & _OF_AN_ENTRY:
                self.report_file(path, f"looks like an entry and has no {ENTRY_FILE}")
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
                lines=tuple(physical_lines(self.bytes(path))),
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


def _misnamed(names: Iterable[str]) -> list[tuple[str, str]]:
    """File names that stand for another one, as people write them, and that one."""
    rights = {Path(name).stem: name for name in (ENTRY_FILE, TESTS_FILE, _METRIC_TESTS)}
    found = []
    for name in sorted(names):
        stem, dot, ending = name.lower().rpartition(".")
        if not dot or ending not in ("yaml", "yml", "json"):
            continue
        right = rights.get(stem, name)
        if right != name:
            found.append((name, right))
    return found
