"""`test`: unit tests, those of log rules on a real Loki."""

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.base import disk
from generator.base.problems import Location, Problem, errors
from generator.commands import completion
from generator.commands.completion import some_of
from generator.commands.shared import (
    FOUND,
    client_of,
    compile_for,
    exactly,
    examples,
    file_option,
    format_option,
    inputs,
    json_option,
    report,
    say,
    stop_on_errors,
    tell,
    tell_json,
    validate_compiled,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from generator.catalog.model import Catalog, Entry
    from generator.prove.on_loki import Outcome, Suite
    from generator.servers.loki import Loki


@click.command(
    epilog=examples(
        "test",
        "test --catalog ours --only my-failure",
        "test --loki http://loki.example:3100",
        "test our-rules/tests.yaml --json",
        "test --junit tests.xml",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--only",
    metavar="NAMES",
    multiple=True,
    shell_complete=some_of(completion.entries),
    help="Only the tests of these entries: ids or alerts, with commas between them. Can be given several times.",
)
@inputs
@click.option(
    "url",
    "--loki",
    metavar="URL",
    help="Use this Loki. The lines of the tests are pushed to it and stay, under labels that other rules do not see.",
)
@file_option("--junit", "How each test ended in JUnit's XML too, for the test report of a CI.")
@json_option()
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    only: tuple[str, ...],
    catalogs: tuple[Path, ...],
    profile: Path | None,
    url: str | None,
    junit: Path | None,
    as_json: bool,
    style: str,
) -> None:
    """Run unit tests: the catalog's, those of the entries named, or those of the FILES given.

    A file without rule_files that stands in the folder of an entry tests the rules which that entry gives.

    Tests with input_series go to promtool. Tests with input_streams, log lines, go to a real Loki: the one given, or
    a local one that is started for the run. Loki must also see every sample of the entries as the checks do.

    In a Loki that is given, the lines stand under labels of other names, which the rules under test are rewritten for:
    no other rule selects them, and `init`, `verify` and `diagnose` pass them over. If one of its rules would see them
    all the same, nothing is pushed (exit code 2).
    """
    from generator.catalog.load import is_of_an_entry
    from generator.prove import on_loki, tools

    promtool = tools.find(tools.PROMTOOL, say)
    wanted = _Wanted(style, junit)
    of_entries = [path for path in files if is_of_an_entry(path)]
    suites, outcomes = _tests_of_files(
        [path for path in files if path not in of_entries], promtool, wanted
    )
    catalog: Catalog | None = None
    entries: Sequence[Entry] = ()
    if of_entries or only or not files:
        names = [name.strip() for words in only for name in words.split(",")]
        catalog, entries, more = _tests_of_entries(catalogs, profile, names, of_entries, wanted)
        suites += more
        outcomes += [
            on_loki.Outcome(entry.tests_path, "promtool") for entry in entries if entry.unit_tests
        ]
    compared, unseen = 0, list[Problem]()
    if suites or any(entry.samples for entry in entries):
        with _loki(url) as loki:
            if url:
                on_loki.unseen(loki, suites)
            for suite in suites:
                outcomes += on_loki.run_tests(loki, promtool, suite, hidden=url is not None)
            if catalog:
                unseen, compared = on_loki.samples_agree(loki, catalog, entries)
    failures = [
        Problem(Location(row.file), f"{row.test}: {row.said}") for row in outcomes if row.said
    ]
    outcomes += [on_loki.Outcome(str(row.where), "samples on Loki", row.message) for row in unseen]
    failed = [outcome for outcome in outcomes if outcome.said]
    if junit:
        _write(junit, outcomes)
    if style != "text":
        report([*failures, *unseen], style)
    elif as_json:
        tell_json([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            tell(f"{'FAILED' if outcome.said else 'ok'}\t{outcome.file}: {outcome.test}")
            if outcome.said:
                tell(textwrap.indent(outcome.said, "    "))
    seen = (
        f"; Loki sees {compared} sample lines as the checks do" if compared and not failed else ""
    )
    say(f"{len(outcomes) - len(failed)} tests pass, {len(failed)} fail{seen}")
    if failed:
        ctx.exit(FOUND)


def _tests_of_files(
    files: Sequence[Path], promtool: Path, wanted: "_Wanted"
) -> tuple[list["Suite"], list["Outcome"]]:
    """The suites for Loki, and how promtool's own tests ended."""
    from generator.base import subprocesses
    from generator.catalog.load import load_tests
    from generator.prove import on_loki

    read = [(path, load_tests(path)) for path in files]
    _stop_on_errors([problem for _, file in read for problem in file.problems], wanted)
    outcomes = []
    for path, file in read:
        if file.log_tests is None:
            passed, said = subprocesses.run(
                [str(promtool), "test", "rules", path.name], path.parent
            )
            outcomes.append(
                on_loki.Outcome(path.as_posix(), "promtool", "" if passed else said.strip())
            )
    return [
        on_loki.suite(file.log_tests, file.rules) for _, file in read if file.log_tests
    ], outcomes


def _tests_of_entries(
    catalogs: Sequence[Path],
    profile: Path | None,
    names: Sequence[str],
    files: Sequence[Path],
    wanted: "_Wanted",
) -> tuple["Catalog", Sequence["Entry"], list["Suite"]]:
    """The catalog, its entries that are tested (those named and those of the files; all, if there are neither), and
    their suites for Loki, after promtool has passed the tests that are its own."""
    from generator.pipeline import default_log_rules
    from generator.prove import on_loki

    read, compiled = compile_for(
        [*catalogs, *_catalogs_of(files, catalogs)], profile, "output", log_tests=True
    )
    _stop_on_errors(compiled.problems, wanted)
    entries = read.catalog.entries
    if names or files:
        entries = tuple(_chosen(entries, names, files))
        _stop_on_errors(
            [_untested(entry) for entry in entries if not (entry.unit_tests or entry.log_tests)],
            wanted,
        )
    found, proof = validate_compiled(read, compiled.files, "output", skip=False, entries=entries)
    _stop_on_errors(found, wanted)
    say(proof)
    rules = default_log_rules(read)
    tests = [entry.log_tests for entry in entries if entry.log_tests]
    return read.catalog, entries, [on_loki.suite(one, rules) for one in tests]


def _catalogs_of(files: Sequence[Path], known: Sequence[Path]) -> list[Path]:
    """The catalogs in which files of tests stand, but for those known and the shipped one."""
    from generator.catalog.load import shipped_catalog

    there = {path.resolve() for path in [shipped_catalog(), *known]}
    found = {path.resolve().parent.parent: path.parent / os.pardir for path in files}
    return [path for resolved, path in found.items() if resolved not in there]


def _chosen(
    entries: Sequence["Entry"], names: Sequence[str], files: Sequence[Path]
) -> Iterator["Entry"]:
    """The entries of these names (ids or alerts) and of these files of tests; ends the command for an unknown name."""
    by_alert = {alert: entry.id for entry in entries for alert in entry.alerts()}
    known = by_alert | {entry.id: entry.id for entry in entries}
    wanted = {exactly(name, known) for name in names}
    folders = {path.resolve().parent for path in files}
    for entry in entries:
        if entry.id in wanted or Path(entry.document.path).resolve().parent in folders:
            yield entry


def _untested(entry: "Entry") -> Problem:
    return Problem(
        entry.document.at(), f"{entry.id} has no unit tests; write them into {entry.tests_path}"
    )


@dataclass(frozen=True)
class _Wanted:
    """How problems are printed, and the file that JUnit's XML goes to."""

    style: str
    junit: Path | None


def _stop_on_errors(problems: Sequence[Problem], wanted: _Wanted) -> None:
    """Warnings too are for people; a program reads one report, that of the tests.

    A CI shows what it finds in the file, so what kept the tests from running stands there as well.
    """
    from generator.prove.on_loki import Outcome

    found = sorted(errors(problems))
    if found and wanted.junit:
        rows = [Outcome(row.where.path, str(row.where), row.message) for row in found]
        _write(wanted.junit, rows)
    if found or wanted.style == "text":
        stop_on_errors(problems, wanted.style)


def _write(path: Path, outcomes: Sequence["Outcome"]) -> None:
    from generator.commands import reports

    disk.put(path, reports.junit(outcomes))


def _loki(url: str | None) -> "AbstractContextManager[Loki]":
    from contextlib import nullcontext

    from generator.prove import local_loki, tools
    from generator.servers import access, loki

    there = access.endpoint("loki", url, {}, os.environ) if url else None
    if there is None:
        return local_loki.running(tools.find(tools.LOKI, say))
    return nullcontext(loki.Loki(client_of(there)))
