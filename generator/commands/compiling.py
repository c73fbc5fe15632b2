"""The way from the options to validated files, or to the end of the command with what is wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from generator.base.names import FOUND
from generator.base.problems import Problem, ToolError, errors
from generator.commands.printing import say, show_count, tell, tell_json_text

if TYPE_CHECKING:
    from generator.base.file import File
    from generator.catalog.load import Inputs
    from generator.catalog.model import Entry
    from generator.catalog.profile import Profile
    from generator.compile.rule import Rules
    from generator.pipeline import Compiled

# Modules that cost time to import are imported by the functions that need them.

Extent = Literal["all", "rules", "nothing"]  # of what promtool is asked about


def report(problems: Sequence[Problem], style: str = "text") -> None:
    if style == "text" and not problems:
        return
    from generator.commands.reports import rendered_problems

    text = rendered_problems(problems, style)
    if style == "text":
        say(text.removesuffix("\n"))
    elif style in ("json", "gitlab"):
        tell_json_text(text, nl=False)
    else:
        tell(text, nl=False)


def compile_for(
    catalogs: Sequence[Path], profile: Path | None, output: str, log_tests: bool = False
) -> tuple["Inputs", "Compiled"]:
    """Read and compile for a profile. `output` is how problems name the output folder."""
    from generator.catalog.load import load
    from generator.pipeline import compile_catalog

    inputs = load(catalogs, profile, log_tests=log_tests)
    return inputs, compile_catalog(inputs, output)


def validate_compiled(
    inputs: "Inputs",
    files: Sequence["File"],
    output: str,
    extent: Extent = "all",
    again: bool = False,
    entries: Sequence["Entry"] | None = None,
) -> tuple[Sequence[Problem], str]:
    """Problems that promtool finds, and a sentence on what was proven; with unit tests of all entries, or of these."""
    if extent == "nothing":
        return (), "NOT validated by promtool (--no-validate)"
    from generator.compile.rules import compile_rules
    from generator.prove import tools
    from generator.prove.promtool import validate

    try:
        tool = tools.find(tools.PROMTOOL, say)
    except ToolError as error:
        raise ToolError(
            f"{error}; --no-validate does without it and leaves the rules unproven"
        ) from error
    tested = compile_rules(inputs.catalog, inputs.default_profile)
    if extent == "rules":
        entries = ()
    with_tests = inputs.catalog
    if entries is not None:
        with_tests = replace(with_tests, entries=tuple(entries))
    progress = partial(show_count, "unit tests")
    verdict = validate(tool, files, tested, with_tests, output, again, progress)
    proof = f"promtool accepts the {verdict.rules} rules of Prometheus"
    if verdict.test_files:
        noun = "entry" if verdict.test_files == 1 else "entries"
        proof += f", the unit tests of {verdict.test_files} {noun} pass"
    if extent == "rules":
        proof += ", the unit tests were NOT run (--no-unit-tests)"
    if verdict.remembered:
        proof += (
            f" ({verdict.remembered} of {verdict.answers} files are unchanged since they passed)"
        )
    return verdict.problems, proof


def output_size(compiled: "Compiled", count: int) -> str:
    """Such as `41 files, 25 alerts (11 for Loki, 14 for Prometheus) and 9 recording rules`."""
    files = f"{count} files"
    if compiled.rules is None:
        return files
    alerts = Counter(alert.engine for alert in compiled.rules.alerts)
    rules = 0
    of_engines = []
    for engine, groups in compiled.rules.groups.items():
        rules += sum(len(group.rules) for group in groups)
        of_engines.append(f"{alerts[engine]} for {engine.capitalize()}")
    total = alerts.total()
    engines = ", ".join(of_engines)
    return f"{files}, {total} alerts ({engines}) and {rules - total} recording rules"


def stop_on_errors(problems: Sequence[Problem], style: str = "text") -> None:
    """Report problems, warnings too, and end the command if one is an error."""
    report(problems, style)
    if errors(problems):
        raise click.exceptions.Exit(FOUND)


def compile_or_stop(
    catalogs: Sequence[Path], profile: Path | None, warn: bool = False
) -> tuple["Inputs", "Rules", Sequence["File"]]:
    """What was read, and the rules and files it gives; ends the command with the problems if there are errors."""
    read, compiled = compile_for(catalogs, profile, "output")
    rules = _rules_of(compiled)
    if warn:
        report(compiled.problems)
    return read, rules, compiled.files


def _rules_of(compiled: "Compiled") -> "Rules":
    """The rules; ends the command with the problems if there are errors."""
    if compiled.rules is None:
        report(compiled.problems)
        raise click.exceptions.Exit(FOUND)
    return compiled.rules


def rules_or_stop(catalogs: Sequence[Path], profile: Path | None) -> tuple["Inputs", "Rules"]:
    """What was read, and its rules; ends the command with the problems if there are errors.

    The checks take most of a run. Tests prove that they find nothing in what is shipped, so that is not checked.
    """
    from generator.catalog.load import load

    if catalogs or profile:
        from generator.pipeline import checked_rules

        read = load(catalogs, profile)
        return read, _rules_of(checked_rules(read))
    from generator.compile.rules import compile_rules

    read = load(samples=False)
    stop_on_errors(errors(read.problems))
    with said_by_the_checks():
        return read, compile_rules(read.catalog, read.profile)


@contextmanager
def said_by_the_checks() -> Iterator[None]:
    """Where something fails with what is shipped, somebody has changed it; the checks say what is wrong with it."""
    try:
        yield
    except Exception:
        compile_or_stop((), None)
        raise


def profile_of(profile: Path | None) -> "Profile":
    """The profile alone; ends the command with the problems if it cannot be read."""
    from generator.base.reader import Reader
    from generator.catalog import profiles
    from generator.catalog.package import shipped_catalog

    reader = Reader()
    read = profiles.read_profile(reader, shipped_catalog(), profile)
    stop_on_errors(reader.problems)
    return read


def entries_of(catalogs: Sequence[Path], profile: Path | None) -> Sequence["Entry"]:
    """The entries; ends the command with the problems if the catalog cannot be read."""
    from generator.catalog.load import load

    read = load(catalogs, profile, samples=bool(catalogs))  # what is wrong with one's own is said
    stop_on_errors(errors(read.problems))
    return read.catalog.entries
