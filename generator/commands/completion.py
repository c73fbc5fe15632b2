"""What a shell completes besides options and files: names of the catalog, its presets and its pages.

A shell that asks is never told an error: what cannot be read completes to nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from generator.catalog.model import Entry

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Completions = Mapping[str, str | None]  # each with what it is, for shells that show it


def one_of(names: Callable[[click.Context], Completions]) -> Completer:
    """Completes a name."""

    def complete(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        with suppress(Exception):
            return list(_fitting(names(ctx), begun))
        return []

    return complete


def some_of(names: Callable[[click.Context], Completions]) -> Completer:
    """Completes the last of several names with commas between them."""

    def complete(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        before, comma, last = begun.rpartition(",")
        with suppress(Exception):
            return list(_fitting(names(ctx), last, before + comma))
        return []

    return complete


def _fitting(names: Completions, begun: str, before: str = "") -> Iterator[CompletionItem]:
    folded = begun.casefold()
    for name, text in names.items():
        if name.casefold().startswith(folded):
            yield CompletionItem(before + name, help=text)


def entries(ctx: click.Context) -> Completions:
    """Ids and alerts; their titles."""
    named: dict[str, str | None] = {}
    for entry in _completed_entries(ctx):
        named[entry.id] = entry.title
        named |= dict.fromkeys(entry.alerts(), entry.title)
    return dict(sorted(named.items()))


def _completed_entries(ctx: click.Context) -> Iterable["Entry"]:
    from generator.catalog.load import load

    return load(_catalogs(ctx), samples=False).catalog.entries


def _catalogs(ctx: click.Context) -> Iterable[Path]:
    """Those that were typed, or come from the environment; else the project's."""
    from generator.catalog import project
    from generator.catalog.package import shipped_catalog

    typed: tuple[Path, ...] = ctx.params.get("catalogs") or ()
    if typed:
        return typed
    file = project.nearest_file(Path.cwd())
    if file is None:
        return ()
    read, problems = project.read_project(file, shipped_catalog(), ["catalog"])
    if problems:
        return ()
    return read.catalogs


def preset_names(_: click.Context) -> Completions:
    from generator.catalog import profiles
    from generator.catalog.package import shipped_catalog

    return dict.fromkeys(profiles.presets(shipped_catalog()))


def page_names(_: click.Context) -> Completions:
    from generator.catalog import shipped

    return {name: shipped.page_title(name) for name in shipped.pages()}


def schema_names(_: click.Context) -> Completions:
    from generator.catalog import shipped

    return dict.fromkeys(shipped.schemas())
