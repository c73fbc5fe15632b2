"""`check`: everything `generate` proves, and nothing written."""

from pathlib import Path

import click

from generator.base.problems import errors
from generator.commands.shared import (
    compile_for,
    examples,
    format_option,
    inputs,
    no_validate_option,
    say,
    size,
    stop_on_errors,
    validate_compiled,
)


@click.command(epilog=examples("check", "check --catalog ours --format github"))
@inputs
@format_option
@no_validate_option
@click.option(
    "--force", is_flag=True, help="Ask promtool again about what it was content with before."
)
@click.pass_context
def command(
    ctx: click.Context,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    style: str,
    no_validate: bool,
    force: bool,
) -> None:
    """Run every check on catalog and profile, promtool on what they give, and write nothing."""
    read, compiled = compile_for(catalogs, profile, "output", log_tests=True)
    problems, proof = list(compiled.problems), ""
    if not errors(problems):
        found, proof = validate_compiled(read, compiled.files, "output", no_validate, force)
        problems += found
    stop_on_errors(problems, style)
    say(
        f"fine: {len(read.catalog.entries)} entries, {size(compiled, len(compiled.files))}; {proof}"
    )
