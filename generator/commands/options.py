"""The options that commands share, and where their values come from when nobody typed them."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from generator.base.names import PROJECT, SERVERS, TOOL
from generator.base.problems import ToolError
from generator.commands.compiling import stop_on_errors
from generator.commands.completion import some_of
from generator.commands.printing import say

if TYPE_CHECKING:
    from generator.fixes.versions import Version

# Modules that cost time to import are imported by the functions that need them.

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


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


def extent_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """How much promtool has to prove."""
    no_tests = click.option(
        "--no-unit-tests",
        "extent",
        flag_value="rules",
        help="Let promtool look at the rules alone; the unit tests of the entries are not run.",
    )
    nothing = click.option(
        "--no-validate",
        "extent",
        flag_value="nothing",
        default="all",
        help="Skip promtool; the rules stay unproven.",
    )
    return no_tests(nothing(function))


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
    from generator.catalog.package import shipped_catalog

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


def _colour(_: click.Context, __: click.Parameter, given: str) -> bool:
    """Whether colours are wanted though no terminal is seen, as FORCE_COLOR says too; NO_COLOR counts on a terminal."""
    if given == "never":
        os.environ["NO_COLOR"] = "1"
    if given != "auto":
        return given == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "") not in ("", "0")


colour_option = click.option(
    "colour",
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    callback=_colour,
    help="Colours: on a terminal, always, or never; NO_COLOR and FORCE_COLOR of the environment count.",
)
