"""The command line. Exit codes: 0 fine, 1 a problem was found, 2 could not run.

Adding a command: one module of commands/, and its line in COMMANDS.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from generator import __version__
from generator.base import process_signals, streams
from generator.base.names import COULD_NOT_RUN, PROJECT, TOOL
from generator.base.problems import ToolError
from generator.commands.printing import STDOUT, say

# What each is for, in words that need no import of it.
COMMANDS: Mapping[str, str] = {
    "advise": "Say which failures a version can have, and the smallest upgrade that ends them.",
    "changelog": "Say which rules changed; check that CHANGELOG.md names them.",
    "check": "Run every check, write nothing.",
    "diagnose": "Say which failures are in logs.",
    "diff": "Compare rulers with what they should hold.",
    "docs": "Print a page of the documentation.",
    "explain": "Print the runbook of an alert.",
    "generate": "Compile the catalog into rules and runbooks.",
    "init": "Write a profile for a site.",
    "list": "List the entries.",
    "new": "Write a new entry to fill in.",
    "push": "Load the rules into rulers.",
    "schema": "Print a JSON Schema, for editors and programs.",
    "serve": "Show the web site on this machine, for a look.",
    "show": "Show an entry and its rules.",
    "site": "Write the runbooks as a web site that names the failures in a log.",
    "test": "Run the unit tests, those of log rules on a real Loki or VictoriaLogs.",
    "verify": "Prove that the rules are live.",
}


class _Group(click.Group):
    """Imports a command when it is asked for; turns its ToolError into a message and exit code 2."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run, and end with an exit code that means what it says: click's 1 for a broken pipe or ^C means "found"."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        refused = ""
        try:
            code = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt) as ended:
            code = process_signals.exit_code(ended)
        except (
            SystemExit
        ) as left:  # 0: a shell asked what completes; else the reader of a pipe has seen enough
            code = COULD_NOT_RUN if left.code else 0
        except OSError as error:  # the machine refuses what every command relies on: a full disk, a removed folder
            refused = ": ".join(
                str(part) for part in (error.filename, error.strerror or error) if part
            )
            code = COULD_NOT_RUN
        undelivered = streams.finish()
        if undelivered is not None:
            refused = undelivered and f"{STDOUT}: {undelivered}"
            code = COULD_NOT_RUN
        if refused:
            say(f"{TOOL}: {refused}")
        sys.exit(code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"generator.commands.{cmd_name}").command
        command.short_help = COMMANDS[cmd_name]  # which completion in a shell shows
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToolError as error:
            say(f"{TOOL}: {error}")
            ctx.exit(COULD_NOT_RUN)
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise
        except Exception:
            import traceback

            # Not 1, which would say that the input is wrong, or that rulers differ.
            say(
                f"{traceback.format_exc()}{TOOL}: this is a fault of {TOOL} {__version__}, not of yours; please report "
                "it to whoever you have it from, who made the package, the image or the repository: with these lines, "
                "the command, and what it read, as far as others may see that"
            )
            ctx.exit(COULD_NOT_RUN)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="--profile, --catalog and --output come from the command line, else from the environment, else from "
    f"{PROJECT} in the working folder or above it in its repository: `{TOOL} docs sites`.\n\n"
    f"Exit codes: 0 fine, 1 a problem was found, 2 could not run.\n\nBegin with: {TOOL} list",
)
@click.version_option(__version__, prog_name=TOOL)
def main() -> None:
    """Compiles a catalog of documented kube-proxy failures into Loki alerts, Prometheus rules and runbooks."""
