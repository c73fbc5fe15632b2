"""`test`: unit tests, those of log rules on a real Loki or VictoriaLogs."""

import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.base import disk
from generator.base.names import FOUND
from generator.base.problems import Location, Problem, ToolError, errors
from generator.commands import completion
from generator.commands.compiling import compile_for, report, stop_on_errors, validate_compiled
from generator.commands.completion import some_of
from generator.commands.options import examples, file_option, format_option, inputs, json_option
from generator.commands.printing import client_of, say, tell, tell_json
from generator.commands.typed_names import exactly

if TYPE_CHECKING:
    from generator.catalog.model import Catalog, Entry
    from generator.prove.over_time import Outcome, Store, Suite
    from generator.servers.http import Client

_A_STORE_OF_OURS = "own"  # in place of an address: a VictoriaLogs that is started for the run


def _address(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Without its value the option stands last, or it would take a file for the address."""
    if given and given != _A_STORE_OF_OURS and "://" not in given:
        raise click.BadParameter(
            f"{given!r} is no address such as http://victorialogs.example:9428; "
            "to have one started for the run, put the option behind the files"
        )
    return given


@click.command(
    epilog=examples(
        "test",
        "test --catalog ours --only my-failure",
        "test --loki http://loki.example:3100",
        "test our-rules/tests.yaml --json",
        "test --only iptables-lock-not-mounted --victorialogs",
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
@click.option(
    "--victorialogs",
    metavar="[URL]",
    is_flag=False,
    flag_value=_A_STORE_OF_OURS,
    callback=_address,
    help="Test the rules for vmalert, in LogsQL, on a VictoriaLogs in place of a Loki: on this one, under a tenant "
    "of each test, or, without an address, on one that is started for the run.",
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
    victorialogs: str | None,
    junit: Path | None,
    as_json: bool,
    style: str,
) -> None:
    """Run unit tests: the catalog's, those of the entries named, or those of the FILES given.

    A file without rule_files that stands in the folder of an entry tests the rules which that entry gives.

    Tests with input_series go to promtool. Tests with input_streams, log lines, go to a real Loki: the one given, or
    a local one that is started for the run. Loki must also see every sample of the entries as the checks do.
    VictoriaLogs can take its place: the tests are the same, the rules those for vmalert.

    In a Loki that is given, the lines stand under labels of other names, which the rules under test are rewritten for:
    no other rule selects them, and `init`, `verify` and `diagnose` pass them over. If one of its rules would see them
    all the same, nothing is pushed (exit code 2).
    """
    from generator.catalog.unit_tests import is_of_an_entry
    from generator.prove import over_time, tools

    if url and victorialogs:
        raise ToolError("the tests run on one store: give --loki or --victorialogs")
    promtool = tools.find(tools.PROMTOOL, say)
    wanted = _Wanted(style, junit)
    of_entries = [path for path in files if is_of_an_entry(path)]
    of_none = [path for path in files if path not in of_entries]
    suites, outcomes = _tests_of_files(of_none, promtool, wanted)
    catalog: Catalog | None = None
    entries: Sequence[Entry] = ()
    if of_entries or only or not files:
        names = [name.strip() for name in ",".join(only).split(",")] if only else []
        catalog, entries, of_the_catalog = _tests_of_entries(
            catalogs, profile, names, of_entries, wanted, victorialogs is not None
        )
        suites += of_the_catalog
        for entry in entries:
            if entry.unit_tests:
                outcomes.append(over_time.Outcome(entry.tests_path, "promtool"))
    compared = 0
    unseen: list[Problem] = []
    if suites or any(entry.samples for entry in entries):
        with _store_for_tests(url, victorialogs, suites) as store:
            for suite in suites:
                outcomes += over_time.run_tests(store, promtool, suite)
            if catalog:
                unseen, compared = over_time.samples_agree(store, catalog, entries)
    problems = []
    for outcome in outcomes:
        if outcome.said:
            problems.append(Problem(Location(outcome.file), f"{outcome.test}: {outcome.said}"))
    problems += unseen
    name = "VictoriaLogs" if victorialogs else "Loki"
    for problem in unseen:
        where = str(problem.where)
        outcomes.append(over_time.Outcome(where, f"samples on {name}", problem.message))
    if junit:
        _write_junit(junit, outcomes)
    if style != "text":
        report(problems, style)
    elif as_json:
        tell_json([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            verdict = "FAILED" if outcome.said else "ok"
            tell(f"{verdict}\t{outcome.file}: {outcome.test}")
            if outcome.said:
                tell(textwrap.indent(outcome.said, "    "))
    failed = sum(bool(outcome.said) for outcome in outcomes)
    seen = ""
    if compared and not failed:
        seen = f"; {name} sees {compared} sample lines as the checks do"
    say(f"{len(outcomes) - failed} tests pass, {failed} fail{seen}")
    if failed:
        ctx.exit(FOUND)


def _tests_of_files(
    files: Sequence[Path], promtool: Path, wanted: "_Wanted"
) -> tuple[list["Suite"], list["Outcome"]]:
    """The suites of log lines, and how promtool's own tests ended."""
    from generator.catalog.unit_tests import load_tests
    from generator.prove import over_time, verdicts

    read = [(path, load_tests(path)) for path in files]
    problems: list[Problem] = []
    for _, file in read:
        problems += file.problems
    _stop_on_errors(problems, wanted)
    suites = []
    outcomes = []
    for path, file in read:
        if file.log_tests:
            suites.append(over_time.suite(file.log_tests, file.rules))
            continue
        said = (verdicts.refusal(promtool, "test", [path.name], path.parent) or "").strip()
        outcomes.append(over_time.Outcome(path.as_posix(), "promtool", said))
    return suites, outcomes


def _tests_of_entries(
    catalogs: Sequence[Path],
    profile: Path | None,
    names: Sequence[str],
    files: Sequence[Path],
    wanted: "_Wanted",
    logsql: bool,
) -> tuple["Catalog", Sequence["Entry"], list["Suite"]]:
    """The catalog, its entries that are tested (those named and those of the files; all, if there are neither), and
    their suites of log lines, after promtool has passed the tests that are its own."""
    from generator.pipeline import default_log_rules
    from generator.prove import over_time

    all_catalogs = [*catalogs, *_catalogs_of(files, catalogs)]
    read, compiled = compile_for(all_catalogs, profile, "output", log_tests=True)
    _stop_on_errors(compiled.problems, wanted)
    entries = read.catalog.entries
    if names or files:
        entries = tuple(_chosen_entries(entries, names, files))
        untested = [entry for entry in entries if not (entry.unit_tests or entry.log_tests)]
        _stop_on_errors([_untested(entry) for entry in untested], wanted)
    refused, proof = validate_compiled(read, compiled.files, "output", entries=entries)
    _stop_on_errors(refused, wanted)
    say(proof)
    rules = default_log_rules(read, "victorialogs" if logsql else "loki")
    suites = []
    for entry in entries:
        if entry.log_tests:
            suites.append(over_time.suite(entry.log_tests, rules))
    return read.catalog, entries, suites


def _catalogs_of(files: Sequence[Path], known: Sequence[Path]) -> list[Path]:
    """The catalogs in which files of tests stand, but for those known and the shipped one."""
    from generator.catalog.package import shipped_catalog

    there = {path.resolve() for path in [shipped_catalog(), *known]}
    catalogs = {}
    for path in files:
        catalog = path.resolve().parent.parent
        if catalog not in there:
            catalogs[catalog] = path.parent / os.pardir
    return list(catalogs.values())


def _chosen_entries(
    entries: Sequence["Entry"], names: Sequence[str], files: Sequence[Path]
) -> Iterator["Entry"]:
    """The entries of these names (ids or alerts) and of these files of tests; ends the command for an unknown name."""
    known: dict[str, str] = {}
    for entry in entries:
        known |= dict.fromkeys([*entry.alerts(), entry.id], entry.id)
    wanted = {exactly(name, known) for name in names}
    folders = {path.resolve().parent for path in files}
    for entry in entries:
        folder = Path(entry.document.path).resolve().parent
        if entry.id in wanted or folder in folders:
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
    from generator.prove.over_time import Outcome

    wrong = sorted(errors(problems))
    if wrong and wanted.junit:
        outcomes = []
        for problem in wrong:
            where = problem.where
            outcomes.append(Outcome(where.path, str(where), problem.message))
        _write_junit(wanted.junit, outcomes)
    if wrong or wanted.style == "text":
        stop_on_errors(problems, wanted.style)


def _write_junit(path: Path, outcomes: Sequence["Outcome"]) -> None:
    from generator.commands import reports

    disk.put(path, reports.junit(outcomes))


@contextmanager
def _store_for_tests(
    loki: str | None, victorialogs: str | None, suites: Sequence["Suite"]
) -> Iterator["Store"]:
    """The store of logs that is named, or one that is started for the run."""
    from generator.prove import local_loki, local_victorialogs, tools
    from generator.prove.on_loki import OnLoki, unseen
    from generator.prove.on_victorialogs import OnVictoriaLogs
    from generator.servers.loki import Loki
    from generator.servers.victorialogs import VictoriaLogs

    if victorialogs == _A_STORE_OF_OURS:
        with local_victorialogs.running(tools.find(tools.VICTORIA_LOGS, say)) as own:
            yield OnVictoriaLogs(own)
    elif victorialogs:
        yield OnVictoriaLogs(VictoriaLogs(_client("victorialogs", victorialogs)))
    elif loki:
        given = Loki(_client("loki", loki))
        unseen(given, suites)
        yield OnLoki(given, hidden=True)
    else:
        with local_loki.running(tools.find(tools.LOKI, say)) as started:
            yield OnLoki(started)


def _client(kind: str, url: str) -> "Client":
    from generator.servers import access

    servers = access.named_servers([kind], {kind: url}, (), {}, os.environ)
    return client_of(servers[kind])
