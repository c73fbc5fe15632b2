"""`check`: everything `generate` proves, and nothing written."""

from collections.abc import Sequence
from pathlib import Path

import click

from generator.commands.shared import (
    compile_for,
    examples,
    format_option,
    inputs,
    no_validate_option,
    report,
    say,
    size,
    stop_on_errors,
    validate_compiled,
)
from generator.problems import errors


@click.command(
    short_help="Run every check, write nothing.", epilog=examples("check", "check --catalog ours --format github")
)
@inputs
@format_option
@no_validate_option
@click.option("--force", is_flag=True, help="Check again what has passed before.")
@click.pass_context
def command(
    ctx: click.Context, catalogs: tuple[Path, ...], profile: Path | None, style: str, no_validate: bool, force: bool
) -> None:
    """Run every check on catalog and profile, promtool on what they give, and write nothing."""
    from generator import stamp

    mark = _mark(catalogs, profile, no_validate)
    if not force and stamp.passed(mark):
        report((), style)
        say("unchanged since the last check, which passed; --force checks again")
        return
    read, compiled = compile_for(catalogs, profile, "output", log_tests=True)
    problems, proof = list(compiled.problems), ""
    if not errors(problems):
        found, proof = validate_compiled(read, compiled.files, "output", no_validate)
        problems += found
    stop_on_errors(problems, style)
    stamp.remember(mark)
    say(f"fine: {len(read.catalog.entries)} entries, {size(compiled)}; {proof}")


def _mark(catalogs: Sequence[Path], profile: Path | None, no_validate: bool) -> str:
    import shutil

    from generator import profiles, stamp
    from generator.load import shipped_catalog

    shipped = shipped_catalog()
    tool = shutil.which("promtool") or ""
    context = ["unproven" if no_validate else "proven", tool, str(Path(tool).stat().st_mtime_ns) if tool else ""]
    files = profiles.files(shipped, profile) if profile else []
    return stamp.fingerprint([shipped, *catalogs], files, context)
