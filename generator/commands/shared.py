"""What the commands share: options, messages, tables, and the way from input to validated files."""

import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from generator.base.names import PROJECT, SERVERS, TOOL
from generator.base.problems import Problem, ToolError, errors
from generator.commands.completion import some_of

if TYPE_CHECKING:
    from rich.console import Console

    from generator.base.file import File
    from generator.catalog.load import Inputs
    from generator.catalog.model import Entry
    from generator.catalog.profile import Profile
    from generator.compile.rule import Rules
    from generator.fixes.versions import Version
    from generator.pipeline import Compiled
    from generator.servers.http import Client, Endpoint
    from generator.servers.masks import Mask

FOUND = 1
COULD_NOT_RUN = 2
Value = TypeVar("Value", bound=Hashable)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# Columns that are typed or copied, so never broken.
_NAMES = ("id", "alert", "severity", "kind", "name", "page")
_ALMOST = 0.85  # as difflib measures how much two names are alike
_MASK = "generator.servers.masks"  # in the context of the command
STDOUT = "standard output"

# Modules that cost time to import are imported by the functions that need them.


def say(message: str, **style: Any) -> None:
    """A message for the person at the terminal, away from what a program reads; where nobody can read it, none."""
    with suppress(OSError):
        click.echo(_painted(printable(masked(message)), style), err=True)


def tell(text: str, nl: bool = True, **style: Any) -> None:
    """What the command was asked for, on standard output, without the secrets of the servers that said a part of it."""
    _echo(_painted(printable(masked(text)), style), nl)


def tell_json(data: Any) -> None:
    """The same for programs."""
    import json

    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    text = json.dumps(data, indent=2, ensure_ascii=encoding != "utf8")
    _echo(_printable_json(masked(text)))


def _echo(text: str, nl: bool = True) -> None:
    try:
        click.echo(text, nl=nl)
    except OSError as error:
        error.filename = STDOUT  # what cannot be written
        raise


def _painted(text: str, style: Mapping[str, Any]) -> str:
    """In a style of click, which leaves colours out where no terminal is."""
    if not style or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, **style)


def _printable_json(text: str) -> str:
    """JSON that steers no terminal and fits every encoding of Unicode, and is the same JSON."""
    return "\n".join(map(_printable_line, text.split("\n")))


def _printable_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else _escaped(char) for char in line)


def _escaped(char: str) -> str:
    import json

    quoted = json.dumps(char)
    return quoted[1:-1]


def masked(text: str) -> str:
    context = click.get_current_context(silent=True)
    mask: Mask | None = context.meta.get(_MASK) if context else None
    return mask(text) if mask else text


def client_of(endpoint: "Endpoint") -> "Client":
    """Speaks to a server, until the command ends; what it is told in confidence is printed nowhere."""
    from generator.servers.http import Client

    context = click.get_current_context()
    before: Mask | None = context.meta.get(_MASK)
    context.meta[_MASK] = before + endpoint.mask if before else endpoint.mask
    return context.with_resource(Client(endpoint))


def printable(text: str) -> str:
    """Text that steers no terminal, whatever was read: control characters, and halves of surrogate pairs, replaced."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def on_terminal(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal; a program may have been started without it, or have lost it."""
    return stream is not None and not stream.closed and stream.isatty()


def _colour(_: click.Context, __: click.Parameter, given: str) -> bool:
    """Whether colours are wanted though no terminal is seen, as FORCE_COLOR says too; NO_COLOR counts on a terminal."""
    if given == "never":
        os.environ["NO_COLOR"] = "1"
    if given != "auto":
        return given == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "") not in ("", "0")


def console(colour: bool = False, **more: Any) -> "Console":
    """What prints on a terminal, or as if on one; texts stay as they are, and NO_COLOR leaves no escape at all."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) and not colour
    return Console(
        emoji=False,
        highlight=False,
        force_terminal=colour or None,
        no_color=False if colour else None,
        color_system=None if plain else "auto",
        **more,
    )


colour_option = click.option(
    "colour",
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    callback=_colour,
    help="Colours: on a terminal, always, or never; NO_COLOR and FORCE_COLOR of the environment count.",
)


def report(problems: Sequence[Problem], style: str = "text") -> None:
    if style == "text" and not problems:
        return
    from generator.commands.reports import rendered_problems

    text = rendered_problems(problems, style)
    if style == "text":
        say(text.removesuffix("\n"))
    elif style in ("json", "gitlab"):
        _echo(_printable_json(text), nl=False)
    elif text:
        _echo(printable(text), nl=False)


def project_option(key: str, *names: str, **more: Any) -> Decorator:
    """An option that the environment can give too, and with `from_project` the project's file."""
    return click.option(*names, envvar=_variable(key), show_envvar=True, **more)


def _variable(key: str) -> str:
    return f"KUBE_PROXY_ALERTS_{key.upper()}"


catalog_option = project_option(
    "catalog",
    "catalogs",
    "--catalog",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"A catalog of your own, added to the shipped one; else those of {PROJECT}. Can be given several times.",
)
profile_option = project_option(
    "profile",
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"What differs at your site (YAML); else that of {PROJECT}.",
)
format_option = click.option(
    "style",
    "--format",
    is_eager=True,  # known when what is wrong with the other options is printed
    type=click.Choice(["text", "json", "github", "gitlab"]),
    default="text",
    show_default=True,
    help="How problems are printed; github and gitlab mark the lines of a pull or merge request.",
)


def file_option(name: str, text: str) -> Decorator:
    """A file that is written beside what is printed; where none can be, that is said before the work begins."""

    def writable(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        from generator.base import disk

        if path:
            disk.takes_a_file(path)
        return path

    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option(name, metavar="FILE", type=kind, callback=writable, help=text)


no_validate_option = click.option(
    "--no-validate", is_flag=True, help="Skip promtool; the rules stay unproven."
)


def mode_option(function: Callable[..., Any]) -> Callable[..., Any]:
    from generator.catalog.model import MODES

    return click.option("--mode", type=click.Choice(MODES), help="Proxy mode.")(function)


def output_option(text: str, **type_of_path: bool) -> Decorator:
    return project_option(
        "output",
        "--output",
        type=click.Path(path_type=Path, **type_of_path),
        default=Path("output"),
        show_default=True,
        help=f"{text}; else that of {PROJECT}.",
    )


def inputs(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is compiled: catalogs and profile."""
    return catalog_option(profile_option(from_project(function)))


# Of parameters, in the project's file.
_KEYS = {"profile": "profile", "catalogs": "catalog", "output": "output"}


def from_project(function: Callable[..., Any]) -> Callable[..., Any]:
    """Takes what the command line and the environment leave open from the project's file, and says what was taken."""

    @wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        context = click.get_current_context()
        left_open = []
        of_environment = []
        for name in _KEYS:
            origin = context.get_parameter_source(name)
            if origin is ParameterSource.DEFAULT:
                left_open.append(name)
            if origin is ParameterSource.ENVIRONMENT:
                of_environment.append(name)
        taken, place = _of_project(left_open, given.get("style", "text"))
        _say_taken(taken, place)
        for name in of_environment:
            _say_taken({name: given[name]}, _variable(_KEYS[name]))
        return function(*arguments, **{**given, **taken})

    return command


def _of_project(names: Sequence[str], style: str) -> tuple[dict[str, Any], str]:
    """What the project's file says of these parameters, and where it is; ends the command if that is wrong."""
    from generator.catalog import project
    from generator.catalog.load import shipped_catalog

    path = None
    if names:
        with suppress(OSError):  # the working folder was removed
            path = project.nearest_file(Path.cwd())
    if path is None:
        return {}, ""
    keys = [_KEYS[name] for name in names]
    read, problems = project.read_project(path, shipped_catalog(), keys)
    stop_on_errors(problems, style)
    values = {}
    for name in names:
        value = getattr(read, name)
        if value:
            values[name] = value
    return values, read.name


def _say_taken(values: Mapping[str, Any], place: str) -> None:
    """What nobody typed, in the words that somebody would have typed; it may be long forgotten."""
    if values:
        words = as_options(values.get("catalogs", ()), values.get("profile"), values.get("output"))
        say(f"{TOOL}: takes {shlex.join(words)} from {place}")


def as_options(
    catalogs: Sequence[Path], profile: Path | None, output: Path | None = None
) -> list[str]:
    """The words of a command line that give these."""
    words = []
    for path in catalogs:
        words += ["--catalog", str(path)]
    if profile:
        words += ["--profile", str(profile)]
    if output:
        words += ["--output", str(output)]
    return words


def version_of(text: str | None) -> "Version | None":
    """A version that was given. Raises ToolError if it is none."""
    from generator.fixes.versions import parse_version

    if text is None:
        return None
    version = parse_version(text)
    if version is None:
        raise ToolError(
            f"{text!r} is no version that is known here; versions are like 1.14, v1.18.20, v1.18.4-tke.26"
        )
    return version


def server_options(*kinds: str) -> Callable[..., Any]:
    """An option with an address for each of these servers; `access.endpoint` says where else it may come from."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in reversed(kinds):
            text = f"Address of {SERVERS[kind]}."
            option = click.option(f"--{kind}", metavar="URL", help=text)
            function = option(function)
        return function

    return add


def only_option(*kinds: str) -> Callable[..., Any]:
    """Which of the servers that are named somewhere the command speaks to."""

    def names(_: click.Context, option: click.Parameter, given: str | None) -> frozenset[str]:
        if not given:
            return frozenset()
        wanted = frozenset(name.strip() for name in given.split(","))
        strangers = sorted(wanted - set(kinds))
        if strangers:
            message = f"{strangers[0]!r} is not one of {', '.join(kinds)}"
            raise click.BadParameter(message, param=option)
        return wanted

    return click.option(
        "--only",
        metavar="NAMES",
        callback=names,
        shell_complete=some_of(lambda _: dict.fromkeys(kinds)),
        help=f"Speak to these servers only, with commas between them ({', '.join(kinds)}), whatever the profile names.",
    )


def json_option(text: str = "For programs.") -> Callable[..., Any]:
    return click.option("as_json", "--json", is_flag=True, help=text)


def examples(*lines: str) -> str:
    """The examples below a command's help; \\b keeps click from joining the lines."""
    typed = [f"  {TOOL} {line}" for line in lines]
    return "\n".join(["\b", "Examples:", *typed])


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
    skip: bool,
    again: bool = False,
    entries: Sequence["Entry"] | None = None,
) -> tuple[Sequence[Problem], str]:
    """Problems that promtool finds, and a sentence on what was proven; the unit tests are those of some entries, or
    all."""
    if skip:
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
    with_tests = inputs.catalog
    if entries is not None:
        with_tests = replace(with_tests, entries=tuple(entries))
    verdict = validate(tool, files, tested, with_tests, output, again, _unit_test_progress)
    proof = f"promtool accepts the {verdict.rules} rules of Prometheus"
    if verdict.test_files:
        noun = "entry" if verdict.test_files == 1 else "entries"
        proof += f", the unit tests of {verdict.test_files} {noun} pass"
    if verdict.remembered:
        proof += (
            f" ({verdict.remembered} of {verdict.answers} files are unchanged since they passed)"
        )
    return verdict.problems, proof


def _unit_test_progress(done: int, of: int) -> None:
    """How far promtool is with the unit tests, on a terminal."""
    if on_terminal(sys.stderr):
        line = f"\runit tests {done}/{of}" if done < of else "\r\033[K"
        click.echo(line, nl=False, err=True)


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
    if warn or compiled.rules is None:
        report(compiled.problems)
    if compiled.rules is None:
        raise click.exceptions.Exit(FOUND)
    return read, compiled.rules, compiled.files


def rules_or_stop(catalogs: Sequence[Path], profile: Path | None) -> tuple["Inputs", "Rules"]:
    """What was read, and its rules; ends the command with the problems if there are errors.

    The checks take most of a run. Tests prove that they find nothing in what is shipped, so that is not checked.
    """
    from generator.catalog.load import load
    from generator.compile.rules import compile_rules

    if catalogs or profile:
        read, rules, _ = compile_or_stop(catalogs, profile)
        return read, rules
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
    from generator.catalog.load import shipped_catalog

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


def table(
    columns: Sequence[str], rows: Sequence[dict[str, str]], narrow: Sequence[str] = ()
) -> None:
    """A table on a terminal, of the `narrow` columns if any are named; lines of all columns, with tabs, in a pipe."""
    if not on_terminal(sys.stdout):
        for row in rows:
            tell("\t".join(row[column] for column in columns))
        return
    from rich.table import Table

    shown = narrow or columns
    table = Table(box=None, header_style="bold")
    for column in shown:
        table.add_column(column, overflow="fold", no_wrap=column in _NAMES)
    for row in rows:
        cells = [printable(row[column]) for column in shown]
        table.add_row(*cells)
    console().print(table, markup=False)


def exactly(word: str, known: Mapping[str, Value], listed_by: str = "list") -> Value:
    """What is called so, in upper or lower case; else ends the command. `listed_by` is the command that lists all."""
    names = {name.casefold(): name for name in known}
    folded = word.casefold()
    if folded not in names:
        unknown(word, list(known), listed_by)
    return known[names[folded]]


def meant(word: str, known: Mapping[str, Value]) -> Value:
    """The same, or what is almost called so if it can be nothing else."""
    import difflib

    names = {name.casefold(): name for name in known}
    folded = word.casefold()
    close = difflib.get_close_matches(folded, names, n=5, cutoff=_ALMOST)
    almost = [names[name] for name in close]
    candidates = {known[name] for name in almost}
    if folded in names or len(candidates) != 1:
        return exactly(word, known)
    say(f"{TOOL}: there is no {word}; this is {almost[0]}")
    return known[almost[0]]


def unknown(word: str, known: list[str], listed_by: str) -> NoReturn:
    """End the command: there is nothing of this name, but perhaps one like it."""
    import difflib

    names = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), names, n=1)
    hint = f"`{TOOL} {listed_by}` shows what there is"
    if close:
        hint = f"did you mean {names[close[0]]}?"
    say(f"{TOOL}: there is no {word}; {hint}")
    raise click.exceptions.Exit(FOUND)
