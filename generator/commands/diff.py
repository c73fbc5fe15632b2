"""`diff`: how the rules of real rulers differ from those compiled."""

from pathlib import Path

import click

from generator.base.names import FOUND
from generator.commands import pushing
from generator.commands.compiling import rules_or_stop
from generator.commands.options import examples
from generator.commands.printing import say, tell, tell_json


@click.command(
    epilog=examples(
        "diff --loki http://loki.example:3100",
        "diff --profile site.yaml --json",
        "diff --prometheus http://prometheus.example:9090 --rules-dir /etc/prometheus/rules",
    ),
)
@pushing.ruler_options
def command(
    catalogs: tuple[Path, ...],
    profile: Path | None,
    only: frozenset[str],
    rules_dir: Path | None,
    namespace: str,
    as_json: bool,
    **urls: str | None,
) -> None:
    """Compare the rules that rulers hold with those that the catalog gives; exit code 1 if they differ."""
    read, rules = rules_or_stop(catalogs, profile)
    plans = pushing.differences(
        rules, pushing.rulers(read.profile, urls, only, rules_dir, namespace)
    )
    if as_json:
        tell_json(pushing.differences_as_data(plans))
    else:
        tell(pushing.differences_told(plans), nl=False)
    for plan in plans:
        say(f"{plan.ruler.place}: {pushing.counted(plan.changes)}")
    if any(plan.changes for plan in plans):
        raise click.exceptions.Exit(FOUND)
