"""`test`: unit tests, those of log rules on a real Loki."""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.commands.shared import (
    FOUND,
    client_of,
    compile_for,
    examples,
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
from generator.problems import Location, Problem, errors

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from generator.loki import Loki
    from generator.model import Catalog
    from generator.prove_logs import Outcome, Suite


@click.command(
    short_help="Run the unit tests, those of log rules on a real Loki.",
    epilog=examples("test", "test --loki http://loki.example:3100", "test our-rules/tests.yaml --json"),
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@inputs
@click.option(
    "url",
    "--loki",
    metavar="URL",
    help="Use this Loki. The lines of the tests are pushed to it and stay, under labels that other rules do not see.",
)
@json_option()
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    catalogs: tuple[Path, ...],
    profile: Path | None,
    url: str | None,
    as_json: bool,
    style: str,
) -> None:
    """Run unit tests: the catalog's, or those of the FILES given.

    Tests with input_series go to promtool. Tests with input_streams, log lines, go to a real Loki: the one given, or
    a local one that is started for the run. Loki must also see every sample of the catalog as the checks do.

    In a Loki that is given, the lines stand under labels of other names, which the rules under test are rewritten for:
    no other rule selects them, and `init`, `verify` and `diagnose` pass them over. If one of its rules would see them
    all the same, nothing is pushed (exit code 2).
    """
    from generator import prove_logs, tools

    promtool = tools.find(tools.PROMTOOL, say)
    if files:
        catalog = None
        suites, outcomes = _tests_of_files(files, promtool, style)
    else:
        catalog, suites = _tests_of_catalog(catalogs, profile, style)
        outcomes = []
    compared, unseen = 0, list[Problem]()
    if suites or catalog:
        with _loki(url) as loki:
            if url:
                prove_logs.unseen(loki, suites)
            for suite in suites:
                outcomes += prove_logs.run_tests(loki, promtool, suite, hidden=url is not None)
            if catalog:
                unseen, compared = prove_logs.samples_agree(loki, catalog)
    failures = [Problem(Location(row.file), f"{row.test}: {row.said}") for row in outcomes if row.said]
    outcomes += [prove_logs.Outcome(str(row.where), "samples on Loki", row.message) for row in unseen]
    failed = [outcome for outcome in outcomes if outcome.said]
    if style != "text":
        report([*failures, *unseen], style)
    elif as_json:
        tell_json([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            tell(f"{'FAILED' if outcome.said else 'ok'}\t{outcome.file}: {outcome.test}")
            if outcome.said:
                tell(textwrap.indent(outcome.said, "    "))
    seen = f"; Loki sees {compared} sample lines as the checks do" if compared and not failed else ""
    say(f"{len(outcomes) - len(failed)} tests pass, {len(failed)} fail{seen}")
    if failed:
        ctx.exit(FOUND)


def _tests_of_files(files: Sequence[Path], promtool: Path, style: str) -> tuple[list["Suite"], list["Outcome"]]:
    """The suites for Loki, and how promtool's own tests ended."""
    from generator import prove_logs, tools
    from generator.load import load_tests

    read = [(path, load_tests(path)) for path in files]
    _stop_on_errors([problem for _, file in read for problem in file.problems], style)
    outcomes = []
    for path, file in read:
        if file.log_tests is None:
            passed, said = tools.run([str(promtool), "test", "rules", path.name], path.parent)
            outcomes.append(prove_logs.Outcome(path.as_posix(), "promtool", "" if passed else said.strip()))
    return [prove_logs.suite(file.log_tests, file.rules) for _, file in read if file.log_tests], outcomes


def _tests_of_catalog(catalogs: Sequence[Path], profile: Path | None, style: str) -> tuple["Catalog", list["Suite"]]:
    """The catalog and its suites for Loki, after promtool has passed the tests that are its own."""
    from generator import prove_logs
    from generator.compiler import default_files

    read, compiled = compile_for(catalogs, profile, "output", log_tests=True)
    problems = list(compiled.problems)
    if not errors(problems):
        found, proof = validate_compiled(read, compiled.files, "output", skip=False)
        problems += found
    _stop_on_errors(problems, style)
    say(proof)
    rules = [file.text for file in default_files(read) if file.path.startswith("loki/")]
    tests = [entry.log_tests for entry in read.catalog.entries if entry.log_tests]
    return read.catalog, [prove_logs.suite(one, rules) for one in tests]


def _stop_on_errors(problems: Sequence[Problem], style: str) -> None:
    """Warnings too are for people; a program reads one report, that of the tests."""
    if errors(problems) or style == "text":
        stop_on_errors(problems, style)


def _loki(url: str | None) -> "AbstractContextManager[Loki]":
    from contextlib import nullcontext

    from generator import loki, servers, tools

    there = servers.endpoint("loki", url, {}, os.environ) if url else None
    if there is None:
        return loki.local(tools.find(tools.LOKI, say))
    return nullcontext(loki.Loki(client_of(there)))
