"""What `push` and `diff` share: the rulers they speak to, and how a plan is told."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.commands.options import inputs, json_option, only_option, server_options
from generator.commands.printing import client_of

if TYPE_CHECKING:
    from generator.catalog.profile import Engine, Profile
    from generator.compile.as_shown import Group
    from generator.compile.rule import Rules
    from generator.rulers.plan import GroupChange
    from generator.rulers.ruler import Ruler

_KINDS_OF_RULER = ("loki", "mimir", "cortex", "prometheus")


_IN_FILES = (
    "vmalert takes rules from files alone, so nothing can be pushed into it: put victorialogs/kube-proxy.rules.yaml of "
    "the output where its -rule points and ask it for /-/reload, or with the VictoriaMetrics operator apply "
    "kubernetes/victorialogs.vmrule.yaml; `kube-proxy-alerts verify --vmalert URL` compares what it has loaded"
)


@dataclass(frozen=True)
class Difference:
    """A ruler, what it holds of ours, what it should hold, and the changes between."""

    ruler: "Ruler"
    loaded: Sequence["Group"]
    wanted: Sequence["Group"]
    changes: Sequence["GroupChange"]


def _one_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A namespace is one part of an address or a path: none that leads to another folder, or to all of them."""
    if value in ("", ".", "..") or not value.isprintable() or "/" in value or "\\" in value:
        raise click.BadParameter(f"{value!r} is no name of a namespace; choose one such as {TOOL}")
    return value


_VMALERT = "Not possible: vmalert takes rules from files alone; says what to do in its place."


def _only_files(_: click.Context, __: click.Parameter, url: str | None) -> None:
    if url:
        raise ToolError(_IN_FILES)


def ruler_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is compiled, and into which rulers it belongs."""
    options = (
        inputs,
        server_options(*_KINDS_OF_RULER),
        only_option(*_KINDS_OF_RULER),
        click.option(
            "--vmalert", metavar="URL", callback=_only_files, expose_value=False, help=_VMALERT
        ),
        click.option(
            "--rules-dir",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Folder from which the Prometheus of --prometheus reads its rules; it is reloaded over HTTP.",
        ),
        click.option(
            "--namespace",
            default=TOOL,
            show_default=True,
            callback=_one_name,
            help="Keeps our groups apart; of Prometheus, the file's name.",
        ),
        json_option(),
    )
    for option in reversed(options):
        function = option(function)
    return function


def rulers(
    profile: "Profile",
    urls: Mapping[str, str | None],
    only: frozenset[str],
    rules_dir: Path | None,
    namespace: str,
) -> list[tuple["Engine", "Ruler"]]:
    """The rulers that are named, each with the engine whose rules it takes; they are closed with the command.

    Raises ToolError if there is none.
    """
    from generator.rulers.ruler import Api, RuleFile
    from generator.servers import access

    named: list[tuple[Engine, Ruler]] = []
    has_rule_file = False
    servers = access.named_servers(_KINDS_OF_RULER, urls, only, profile.servers, os.environ)
    for kind, server in servers.items():
        engine: Engine = "loki" if kind == "loki" else "prometheus"
        asked_for = urls[kind] or kind in only
        if kind == "prometheus" and not rules_dir and not asked_for:
            continue  # `verify` alone asks it
        if kind == "prometheus" and not rules_dir:
            raise ToolError(
                "Prometheus takes rules from files: name the folder that it reads with --rules-dir"
            )
        client = client_of(server)
        if kind == "prometheus" and rules_dir:
            named.append((engine, RuleFile(client, rules_dir, namespace)))
            has_rule_file = True
        else:
            named.append((engine, Api(client, namespace)))
    left_out = only and "prometheus" not in only
    if rules_dir and not left_out and not has_rule_file:
        raise ToolError(
            "--rules-dir needs the address of the Prometheus that reads it: --prometheus URL"
        )
    if not named and "vmalert" in profile.servers:
        raise ToolError(_IN_FILES)
    if not named:
        raise ToolError(
            "no ruler is named; give --loki URL and the like, or `servers:` in the profile"
        )
    return named


def differences(rules: "Rules", chosen: Sequence[tuple["Engine", "Ruler"]]) -> list[Difference]:
    """What each ruler lacks. Raises ToolError if it cannot be asked, or holds groups that are not ours."""
    from generator.compile.rule_files import groups_data

    differing = []
    for engine, ruler in chosen:
        wanted = groups_data(rules.groups[engine])
        differing.append(_difference(engine, ruler, wanted))
    return differing


def backwards(chosen: Sequence[tuple["Engine", "Ruler"]]) -> list[Difference]:
    """What each ruler lacks of that which it held before the last push. Raises ToolError as `differences` does."""
    from generator.rulers import kept

    return [_difference(engine, ruler, kept.kept(ruler.place)) for engine, ruler in chosen]


def _difference(engine: "Engine", ruler: "Ruler", wanted: Sequence["Group"]) -> Difference:
    from generator.rulers import plan

    loaded = ruler.groups()
    others = plan.foreign(loaded)
    if others:
        listed = ", ".join(others)
        raise ToolError(
            f"{ruler.place} holds groups that are not ours: {listed}; use another --namespace"
        )
    return Difference(ruler, loaded, wanted, plan.changes(engine, wanted, loaded))


def differences_told(plans: Sequence[Difference]) -> str:
    """A line for each group that differs, below its ruler, with a diff of what changes in it; empty if none does."""
    text = ""
    for plan in plans:
        if plan.changes:
            text += f"{plan.ruler.place}\n"
        for change in plan.changes:
            text += f"  {change.kind} {change.name}\n"
            if change.kind == "update":
                text += "".join(f"    {line}\n" for line in change.lines())
    return text


def differences_as_data(plans: Sequence[Difference]) -> list[dict[str, Any]]:
    data = []
    for plan in plans:
        changes = []
        for change in plan.changes:
            changes.append({"group": change.name, "change": change.kind, "diff": change.lines()})
        data.append({"ruler": plan.ruler.place, "changes": changes})
    return data


def counted(changes: Sequence["GroupChange"]) -> str:
    """Such as `2 to create, 1 to update`."""
    counts = Counter(change.kind for change in changes)
    parts = []
    for kind in ("create", "update", "delete"):
        if counts[kind]:
            parts.append(f"{counts[kind]} to {kind}")
    return ", ".join(parts) or "no difference"
