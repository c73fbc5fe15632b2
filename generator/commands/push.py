"""`push`: the compiled rules into real rulers."""

from pathlib import Path

import click

from generator.commands import pushing
from generator.commands.compiling import (
    Extent,
    compile_or_stop,
    profile_of,
    stop_on_errors,
    validate_compiled,
)
from generator.commands.options import examples, extent_option
from generator.commands.printing import say, tell, tell_json


@click.command(
    epilog=examples(
        "push --loki http://loki.example:3100 --dry-run",
        "push --profile site.yaml --only prometheus --rules-dir /etc/prometheus/rules",
        "push --mimir https://mimir.example --namespace kube-proxy",
        "push --profile site.yaml --rollback",
    ),
)
@pushing.ruler_options
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--rollback",
    is_flag=True,
    help="Bring back what was there before the last push from this machine.",
)
@extent_option
def command(
    catalogs: tuple[Path, ...],
    profile: Path | None,
    only: frozenset[str],
    rules_dir: Path | None,
    namespace: str,
    as_json: bool,
    dry_run: bool,
    rollback: bool,
    extent: Extent,
    **urls: str | None,
) -> None:
    """Make rulers hold the rules that the catalog gives, once every check and promtool have passed.

    The plan is shown first. Only our own namespace (for Prometheus: our own file) is touched, and nothing is written
    where nothing differs. What was there is kept, for --rollback.
    """
    if rollback:
        plans = pushing.backwards(
            pushing.rulers(profile_of(profile), urls, only, rules_dir, namespace)
        )
    else:
        read, rules, files = compile_or_stop(catalogs, profile, warn=True)
        problems, proof = validate_compiled(read, files, "output", extent)
        stop_on_errors(problems)
        say(proof)
        plans = pushing.differences(
            rules, pushing.rulers(read.profile, urls, only, rules_dir, namespace)
        )
    if as_json:
        tell_json(pushing.differences_as_data(plans))
    else:
        tell(pushing.differences_told(plans), nl=False)
    for plan in plans:
        if not dry_run:
            _apply(plan, rollback)
        done = "would change" if dry_run else "changed"
        state = f"{done}: {pushing.counted(plan.changes)}" if plan.changes else "up to date"
        say(f"{plan.ruler.place}: {state}")


def _apply(plan: pushing.Difference, rollback: bool) -> None:
    """Make the changes. A push that broke off and is repeated, or rolled back, still knows what was there before."""
    from generator.rulers import kept

    place = plan.ruler.place
    if plan.changes and not rollback:
        kept.begin(place, plan.loaded)
    if plan.changes:
        plan.ruler.apply(plan.changes, plan.wanted)
    if rollback:
        kept.forget(place)
    else:
        kept.mark_complete(place)
