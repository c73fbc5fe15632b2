"""`push`: the compiled rules into real rulers."""

import json
from pathlib import Path

import click

from generator.commands import ruling
from generator.commands.shared import (
    compile_or_stop,
    examples,
    no_validate_option,
    say,
    stop_on_errors,
    validate_compiled,
)


@click.command(
    short_help="Load the rules into rulers.",
    epilog=examples(
        "push --loki http://loki.example:3100 --dry-run",
        "push --profile site.yaml",
        "push --mimir https://mimir.example --namespace kube-proxy",
        "push --profile site.yaml --rollback",
    ),
)
@ruling.ruler_options
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--rollback", is_flag=True, help="Bring back what was there before the last push from this machine.")
@no_validate_option
def command(
    catalogs: tuple[Path, ...],
    profile: Path | None,
    rules_dir: Path | None,
    namespace: str,
    as_json: bool,
    dry_run: bool,
    rollback: bool,
    no_validate: bool,
    **urls: str | None,
) -> None:
    """Make rulers hold the rules that the catalog gives, once every check and promtool have passed.

    The plan is shown first. Only our own namespace (for Prometheus: our own file) is touched, and nothing is written
    where nothing differs. What was there is kept, for --rollback.
    """
    from generator import kept

    read, rules, files = compile_or_stop(catalogs, profile, warn=not rollback)
    if not rollback:
        problems, proof = validate_compiled(read, files, "output", no_validate)
        stop_on_errors(problems)
        say(proof)
    rulers = ruling.rulers(read.profile, urls, rules_dir, namespace)
    plans = ruling.backwards(rulers) if rollback else ruling.differences(rules, rulers)
    if as_json:
        click.echo(json.dumps(ruling.as_data(plans), indent=2, ensure_ascii=False))
    else:
        click.echo(ruling.told(plans), nl=False)
    for each in plans:
        if each.changes and not dry_run:
            kept.keep(each.ruler.place, each.loaded)
            each.ruler.apply(each.changes, each.wanted)
        done = "would change" if dry_run else "changed"
        state = f"{done}: {ruling.counted(each.changes)}" if each.changes else "up to date"
        say(f"{each.ruler.place}: {state}")
