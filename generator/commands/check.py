"""`check`: everything `generate` proves, and nothing written."""

from pathlib import Path

import click

from generator.base import disk
from generator.base.problems import errors
from generator.commands.compiling import (
    Extent,
    compile_for,
    output_size,
    stop_on_errors,
    validate_compiled,
)
from generator.commands.options import (
    examples,
    extent_option,
    file_option,
    format_option,
    inputs,
)
from generator.commands.printing import say


@click.command(
    epilog=examples(
        "check", "check --catalog ours --format github", "check --sarif kube-proxy-alerts.sarif"
    ),
)
@inputs
@format_option
@file_option(
    "--sarif", "The problems in SARIF 2.1.0 too, for code scanning; written without any as well."
)
@extent_option
@click.option(
    "--force", is_flag=True, help="Ask promtool again about what it was content with before."
)
@click.pass_context
def command(
    ctx: click.Context,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    style: str,
    sarif: Path | None,
    extent: Extent,
    force: bool,
) -> None:
    """Run every check on catalog and profile, promtool on what they give, and write nothing."""
    read, compiled = compile_for(catalogs, profile, "output", log_tests=True)
    problems, proof = list(compiled.problems), ""
    if not errors(problems):
        found, proof = validate_compiled(read, compiled.files, "output", extent, force)
        problems += found
    if sarif:
        from generator.commands import reports

        disk.put(sarif, reports.sarif(problems))
    stop_on_errors(problems, style)
    say(
        f"fine: {len(read.catalog.entries)} entries, {output_size(compiled, len(compiled.files))}; {proof}"
    )
