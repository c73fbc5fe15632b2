"""The command line: the only module that prints and exits. 0 fine, 1 a problem was found, 2 could not run."""

import gc
import json
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator import __version__
from generator.names import TOOL
from generator.problems import Problem, ToolError, errors, render

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from generator.compiler import Compiled
    from generator.load import Inputs
    from generator.loki import Loki
    from generator.model import Catalog, Failure
    from generator.prove_logs import Outcome, Suite

FOUND = 1
COULD_NOT_RUN = 2

# Modules that cost time to import are imported by the commands that need them.


class _Group(click.Group):
    """Turns ToolError into a message and exit code 2, whichever command raised it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToolError as error:
            _say(f"{TOOL}: {error}")
            ctx.exit(COULD_NOT_RUN)


def _say(message: str) -> None:
    """A message for the person at the terminal, away from what a program reads."""
    click.echo(message, err=True)


def _report(problems: Sequence[Problem], style: str) -> None:
    text = render(problems, style)
    if text:
        click.echo(text, nl=False, err=style == "text")


_catalog = click.option(
    "catalogs",
    "--catalog",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A catalog of your own, added to the shipped one. Can be given several times.",
)
_profile = click.option(
    "--profile", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What differs at your site (YAML)."
)
_format = click.option(
    "style",
    "--format",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How problems are printed; github marks the lines of a pull request.",
)
_no_validate = click.option("--no-validate", is_flag=True, help="Skip promtool; the rules stay unproven.")


def _inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    return _catalog(_profile(function))


def _examples(*lines: str) -> str:
    """The examples below a command's help; \\b keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {TOOL} {line}" for line in lines)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Exit codes: 0 fine, 1 a problem was found, 2 could not run.\n\nBegin with: {TOOL} list",
)
@click.version_option(__version__, prog_name=TOOL)
def main() -> None:
    """Compiles a catalog of documented kube-proxy failures into Loki alerts, Prometheus rules and runbooks."""
    # Nearly everything a run makes lives until its end; looking for garbage is a tenth of the time.
    gc.disable()


@main.command(
    short_help="Compile the catalog into rules and runbooks.",
    epilog=_examples("generate", "generate --profile site.yaml --output rules", "generate --check --format github"),
)
@_inputs
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("output"),
    show_default=True,
    help="Folder to fill; it is replaced as a whole.",
)
@click.option("--check", is_flag=True, help="Write nothing; show what would change and exit 1 if anything would.")
@_format
@_no_validate
@click.pass_context
def generate(
    ctx: click.Context,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    output: Path,
    check: bool,
    style: str,
    no_validate: bool,
) -> None:
    """Compile the catalog into the output folder, after every check and promtool have passed."""
    from generator import write

    inputs, compiled = _compile(catalogs, profile, output.as_posix())
    problems = list(compiled.problems)
    proof = ""
    if not errors(problems):
        problems += write.foreign(output, compiled.files)
    if not errors(problems):
        found, proof = _validate(inputs, compiled, output.as_posix(), no_validate)
        problems += found
    _report(problems, style)
    if errors(problems):
        ctx.exit(FOUND)
    if check:
        changes = write.diff(output, compiled.files)
        if changes:
            click.echo(changes, nl=False, err=style == "json")
            _say(f"{output} is not what the catalog gives; repair it with:\n  {_repair(catalogs, profile, output)}")
            ctx.exit(FOUND)
        _say(f"{output}: up to date, {len(compiled.files)} files; {proof}")
        return
    changed = write.replace(output, compiled.files)
    state = "written" if changed else "unchanged"
    _say(f"{output}: {state}, {_size(compiled)}; {proof}")


def _repair(catalogs: Sequence[Path], profile: Path | None, output: Path) -> str:
    words = [TOOL, "generate", *(word for path in catalogs for word in ("--catalog", str(path)))]
    if profile:
        words += ["--profile", str(profile)]
    if output != Path("output"):
        words += ["--output", str(output)]
    return shlex.join(words)


def _size(compiled: "Compiled") -> str:
    alerts = len(compiled.rules.alerts) if compiled.rules else 0
    return f"{len(compiled.files)} files, {alerts} alerts"


def _compile(
    catalogs: Sequence[Path], profile: Path | None, output: str, log_tests: bool = False
) -> tuple["Inputs", "Compiled"]:
    from generator.compiler import compile_catalog
    from generator.load import load

    inputs = load(catalogs, profile, log_tests=log_tests)
    return inputs, compile_catalog(inputs, output)


def _validate(inputs: "Inputs", compiled: "Compiled", output: str, skip: bool) -> tuple[Sequence[Problem], str]:
    """Problems that promtool finds, and a sentence on what was proven."""
    if skip:
        return (), "NOT validated by promtool (--no-validate)"
    from generator import tools
    from generator.compiler import default_files
    from generator.validate import validate

    try:
        tool = tools.find(tools.PROMTOOL, _say)
    except ToolError as error:
        raise ToolError(f"{error}; --no-validate does without it and leaves the rules unproven") from error
    same = inputs.profile is inputs.default_profile
    verdict = validate(tool, compiled.files, compiled.files if same else default_files(inputs), inputs.catalog, output)
    return verdict.problems, f"promtool accepts {verdict.rules} rules, unit tests of {verdict.test_files} entries pass"


@main.command(
    short_help="Run every check, write nothing.", epilog=_examples("check", "check --catalog ours --format github")
)
@_inputs
@_format
@_no_validate
@click.option("--force", is_flag=True, help="Check again what has passed before.")
@click.pass_context
def check(
    ctx: click.Context, catalogs: tuple[Path, ...], profile: Path | None, style: str, no_validate: bool, force: bool
) -> None:
    """Run every check on catalog and profile, promtool on what they give, and write nothing."""
    from generator import stamp

    mark = _mark(catalogs, profile, no_validate)
    if not force and stamp.passed(mark):
        _report((), style)
        _say("unchanged since the last check, which passed; --force checks again")
        return
    inputs, compiled = _compile(catalogs, profile, "output", log_tests=True)
    problems, proof = list(compiled.problems), ""
    if not errors(problems):
        found, proof = _validate(inputs, compiled, "output", no_validate)
        problems += found
    _report(problems, style)
    if errors(problems):
        ctx.exit(FOUND)
    stamp.remember(mark)
    _say(f"fine: {len(inputs.catalog.entries)} entries, {_size(compiled)}; {proof}")


@main.command(
    short_help="Run the unit tests, those of log rules on a real Loki.",
    epilog=_examples("test", "test --loki http://loki.example:3100", "test our-rules/tests.yaml --json"),
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_inputs
@click.option("url", "--loki", metavar="URL", help="Use this Loki; the lines of the tests are pushed to it and stay.")
@click.option("as_json", "--json", is_flag=True, help="For programs.")
@click.pass_context
def test(
    ctx: click.Context,
    files: tuple[Path, ...],
    catalogs: tuple[Path, ...],
    profile: Path | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Run unit tests: the catalog's, or those of the FILES given.

    Tests with input_series go to promtool. Tests with input_streams, log lines, go to a real Loki: the one given, or
    a local one that is started for the run. Loki must also see every sample of the catalog as the checks do.
    """
    from generator import prove_logs, tools

    promtool = tools.find(tools.PROMTOOL, _say)
    if files:
        catalog = None
        suites, outcomes = _tests_of_files(ctx, files, promtool)
    else:
        catalog, suites = _tests_of_catalog(ctx, catalogs, profile)
        outcomes = []
    compared = 0
    if suites or catalog:
        with _loki(url) as loki:
            for suite in suites:
                outcomes += prove_logs.run_tests(loki, promtool, suite)
            if catalog:
                problems, compared = prove_logs.samples_agree(loki, catalog)
                outcomes += [prove_logs.Outcome(str(row.where), "samples on Loki", row.message) for row in problems]
    failed = [outcome for outcome in outcomes if outcome.said]
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in outcomes], indent=2, ensure_ascii=False))
    else:
        for outcome in outcomes:
            click.echo(f"{'FAILED' if outcome.said else 'ok'}\t{outcome.file}: {outcome.test}")
            if outcome.said:
                click.echo(textwrap.indent(outcome.said, "    "))
    seen = f"; Loki sees {compared} sample lines as the checks do" if compared and not failed else ""
    _say(f"{len(outcomes) - len(failed)} tests pass, {len(failed)} fail{seen}")
    if failed:
        ctx.exit(FOUND)


def _tests_of_files(ctx: click.Context, files: Sequence[Path], promtool: Path) -> tuple[list["Suite"], list["Outcome"]]:
    """The suites for Loki, and how promtool's own tests ended."""
    from generator import prove_logs, tools
    from generator.load import load_tests

    read = [(path, load_tests(path)) for path in files]
    problems = [problem for _, file in read for problem in file.problems]
    if problems:
        _report(problems, "text")
        ctx.exit(FOUND)
    outcomes = []
    for path, file in read:
        if file.log_tests is None:
            passed, said = tools.run([str(promtool), "test", "rules", path.name], path.parent)
            outcomes.append(prove_logs.Outcome(path.as_posix(), "promtool", "" if passed else said.strip()))
    return [prove_logs.suite(file.log_tests, file.rules) for _, file in read if file.log_tests], outcomes


def _tests_of_catalog(
    ctx: click.Context, catalogs: Sequence[Path], profile: Path | None
) -> tuple["Catalog", list["Suite"]]:
    """The catalog and its suites for Loki, after promtool has passed the tests that are its own."""
    from generator import prove_logs
    from generator.compiler import default_files

    inputs, compiled = _compile(catalogs, profile, "output", log_tests=True)
    problems = list(compiled.problems)
    if not errors(problems):
        found, proof = _validate(inputs, compiled, "output", skip=False)
        problems += found
    _report(problems, "text")
    if errors(problems):
        ctx.exit(FOUND)
    _say(proof)
    rules = [file.text for file in default_files(inputs) if file.path.startswith("loki/")]
    tests = [entry.log_tests for entry in inputs.catalog.entries if entry.log_tests]
    return inputs.catalog, [prove_logs.suite(one, rules) for one in tests]


def _loki(url: str | None) -> "AbstractContextManager[Loki]":
    from contextlib import nullcontext

    from generator import loki, tools

    return nullcontext(loki.Loki(url)) if url else loki.local(tools.find(tools.LOKI, _say))


def _mark(catalogs: Sequence[Path], profile: Path | None, no_validate: bool) -> str:
    import shutil

    from generator import stamp
    from generator.load import shipped_catalog

    tool = shutil.which("promtool") or ""
    context = ["unproven" if no_validate else "proven", tool, str(Path(tool).stat().st_mtime_ns) if tool else ""]
    return stamp.fingerprint([shipped_catalog(), *catalogs], [profile] if profile else [], context)


@main.command(
    "list", short_help="List the entries.", epilog=_examples("list", "list --json", "list --evidence | grep source")
)
@_inputs
@click.option("--evidence", is_flag=True, help="List each wording of a log line, and what it is known from.")
@click.option("as_json", "--json", is_flag=True, help="For programs.")
@click.pass_context
def list_entries(
    ctx: click.Context, catalogs: tuple[Path, ...], profile: Path | None, evidence: bool, as_json: bool
) -> None:
    """List the entries: id, kind, severity, alert, what it is known from."""
    entries = _entries(ctx, catalogs, profile)
    rows = [row for entry in entries for row in _wordings(entry)] if evidence else [_row(entry) for entry in entries]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _table(list(rows[0]) if rows else [], rows)


def _entries(ctx: click.Context, catalogs: Sequence[Path], profile: Path | None) -> Sequence["Failure"]:
    """The entries; stops with the problems if the catalog cannot be read."""
    from generator.load import load

    inputs = load(catalogs, profile)
    if errors(inputs.problems):
        _report(inputs.problems, "text")
        ctx.exit(FOUND)
    return inputs.catalog.entries


def _row(entry: "Failure") -> dict[str, str]:
    evidence = {variant.evidence for variant in entry.logs.variants} if entry.logs else set()
    signals = [
        ("logs", entry.logs),
        ("metrics", entry.metric_alerts),
        (f"heartbeat of {entry.heartbeat}", entry.heartbeat),
    ]
    return {
        "id": entry.id,
        "kind": entry.kind,
        "severity": entry.severity,
        "alert": entry.alert,
        "signals": ", ".join(name for name, there in signals if there),
        "evidence": ", ".join(sorted(evidence)),
        "title": entry.title,
    }


def _wordings(entry: "Failure") -> list[dict[str, str]]:
    return [
        {"id": entry.id, "evidence": variant.evidence, "wording": variant.name, "printed by": variant.printed_by}
        for variant in (entry.logs.variants if entry.logs else ())
    ]


def _table(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    """A table on a terminal, tab-separated lines for everything that reads a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row[column] for column in columns))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    Console().print(table, markup=False)


@main.command(
    short_help="Show an entry and its rules.",
    epilog=_examples("show iptables-backend-mismatch", "show sync-slow --json"),
)
@click.argument("entry_id", metavar="ID")
@_inputs
@click.option("as_json", "--json", is_flag=True, help="The entry as it stands in the catalog, for programs.")
@click.pass_context
def show(ctx: click.Context, entry_id: str, catalogs: tuple[Path, ...], profile: Path | None, as_json: bool) -> None:
    """Show one entry: what it is, where it is kept, and the rules it gives."""
    entries = {entry.id: entry for entry in _entries(ctx, catalogs, profile)}
    if entry_id not in entries:
        _unknown(ctx, entry_id, list(entries))
    entry = entries[entry_id]
    if as_json:
        click.echo(json.dumps(entry.document.data, indent=2, ensure_ascii=False))
        return
    from generator.file import rules_file

    _, compiled = _compile(catalogs, profile, "output")
    if compiled.rules is None:
        _report(compiled.problems, "text")
        ctx.exit(FOUND)
    click.echo(f"{entry.id}: {entry.title}\n{entry.document.path}\n{entry.severity}: {entry.severity_reason}\n")
    for groups in compiled.rules.groups.values():
        own = [
            group
            for group in groups
            if any(rule.alert in entry.alerts() for rule in group.rules if hasattr(rule, "alert"))
        ]
        if own:
            click.echo(rules_file("", own).text.partition("\n")[2], nl=False)


def _unknown(ctx: click.Context, word: str, known: list[str]) -> None:
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"`{TOOL} list` shows what there is"
    _say(f"{TOOL}: there is no {word}; {hint}")
    ctx.exit(FOUND)


@main.command(epilog=_examples("explain KubeProxyIptablesBackendMismatch", "explain KubeProxySyncSlow | less"))
@click.argument("alert")
@_inputs
@click.pass_context
def explain(ctx: click.Context, alert: str, catalogs: tuple[Path, ...], profile: Path | None) -> None:
    """Print the runbook of an alert."""
    from generator.names import runbook_file

    _, compiled = _compile(catalogs, profile, "output")
    if compiled.rules is None:
        _report(compiled.problems, "text")
        ctx.exit(FOUND)
    pages = {file.path: file.text for file in compiled.files}
    text = pages.get(f"runbooks/{runbook_file(alert)}")
    if text is None:
        _unknown(ctx, alert, [row.rule.alert for row in compiled.rules.alerts])
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text.partition("\n")[2]))
    else:
        click.echo(text, nl=False)


@main.command(
    short_help="Write a new entry to fill in.",
    epilog=_examples("new conntrack-table-full", "new nftables-sync-slow --kind symptom --catalog ours"),
)
@click.argument("entry_id", metavar="ID")
@click.option(
    "--kind",
    type=click.Choice(["failure", "symptom"]),
    default="failure",
    show_default=True,
    help="failure: seen in log lines. symptom: seen in metrics.",
)
@click.option("--alert", help="Name of the alert; made from the id where left out.")
@click.option(
    "--catalog",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("catalog"),
    show_default=True,
    help="Catalog to put it in.",
)
@click.pass_context
def new(ctx: click.Context, entry_id: str, kind: str, alert: str | None, catalog: Path) -> None:
    """Write a new entry that passes every check, with a TODO wherever you have to say something."""
    import re

    from generator import scaffold, write

    name = alert or scaffold.alert_name(entry_id)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry_id) or not re.fullmatch(r"KubeProxy[A-Za-z0-9]+", name):
        _say(f"{TOOL}: an id is like my-failure, an alert like KubeProxyMyFailure; choose another name")
        ctx.exit(FOUND)
    folder = catalog / entry_id
    if folder.exists():
        _say(f"{TOOL}: {folder} exists already; choose another id")
        ctx.exit(FOUND)
    files = scaffold.files(entry_id, name, kind)
    write.create(catalog, files)
    for file in files:
        click.echo((catalog / file.path).as_posix())
    _say("fill in every TODO, then run: " + shlex.join([TOOL, "check", *_added(catalog)]))


def _added(catalog: Path) -> list[str]:
    from generator.load import shipped_catalog

    return [] if catalog.resolve() == shipped_catalog().resolve() else ["--catalog", str(catalog)]
