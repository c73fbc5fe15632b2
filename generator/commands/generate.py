"""`generate`: the output folder from the catalog."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from generator.base.names import FOUND, TOOL
from generator.base.problems import errors
from generator.commands.compiling import Extent, compile_for, output_size, report, validate_compiled
from generator.commands.options import (
    as_options,
    examples,
    extent_option,
    format_option,
    inputs,
    output_option,
)
from generator.commands.printing import say, tell


@click.command(
    epilog=examples(
        "generate",
        "generate --profile site.yaml --output rules",
        "generate --check --format github",
    ),
)
@inputs
@output_option(
    "Folder to fill; all that was generated there is replaced, and nothing else may be there"
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; show what would change and exit 1 if anything would.",
)
@click.option(
    "--all-outputs",
    is_flag=True,
    help="Write every output, whatever `outputs` of the profile names.",
)
@format_option
@extent_option
@click.pass_context
def command(
    ctx: click.Context,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    output: Path,
    check: bool,
    all_outputs: bool,
    style: str,
    extent: Extent,
) -> None:
    """Compile the catalog into the output folder, after every check and promtool have passed."""
    from generator.commands.reports import literal
    from generator.outputs import write

    read, compiled = compile_for(catalogs, profile, output.as_posix())
    problems = list(compiled.problems)
    files = compiled.files if all_outputs else compiled.of_outputs(read.profile.outputs)
    proof = ""
    if not errors(problems):
        problems += write.not_generated(output, files)
    if not errors(problems):
        found, proof = validate_compiled(read, compiled.files, output.as_posix(), extent)
        problems += found
    # In a terminal the diff below says where; elsewhere each file that differs gets a mark of its own.
    drift = write.drift(output, files) if check and style != "text" and not errors(problems) else []
    report([*problems, *drift], style)
    if errors(problems):
        ctx.exit(FOUND)
    if check:
        changes = write.diff(output, files)
        if changes:
            if style in ("json", "gitlab"):
                say(changes.removesuffix("\n"))
            else:
                tell(literal(changes, style), nl=False)
            repair = _repair(catalogs, profile, output, all_outputs)
            say(f"{output} is not what the catalog gives; repair it with:\n  {repair}")
            ctx.exit(FOUND)
        say(f"{output}: up to date, {len(files)} files; {proof}")
        return
    try:
        changed = write.replace(output, files)
    except write.ForeignError as late:  # it came while promtool ran
        report(late.problems, style)
        ctx.exit(FOUND)
    state = "written" if changed else "unchanged"
    say(f"{output}: {state}, {output_size(compiled, len(files))}; {proof}")


def _repair(catalogs: Sequence[Path], profile: Path | None, output: Path, all_outputs: bool) -> str:
    return shlex.join(
        [
            TOOL,
            "generate",
            *(["--all-outputs"] if all_outputs else []),
            *as_options(catalogs, profile, output if output != Path("output") else None),
        ]
    )
