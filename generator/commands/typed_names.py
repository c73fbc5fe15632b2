"""What was typed, and what of that name there is."""

from collections.abc import Hashable, Mapping
from typing import NoReturn, TypeVar

import click

from generator.base.names import FOUND, TOOL
from generator.commands.printing import say

# Modules that cost time to import are imported by the functions that need them.

Meant = TypeVar("Meant", bound=Hashable)

_ALMOST = 0.85  # as difflib measures how much two names are alike


def exactly(word: str, known: Mapping[str, Meant], listed_by: str = "list") -> Meant:
    """What is called so, in upper or lower case; else ends the command. `listed_by` is the command that lists all."""
    names = {name.casefold(): name for name in known}
    folded = word.casefold()
    if folded not in names:
        unknown(word, list(known), listed_by)
    return known[names[folded]]


def meant(word: str, known: Mapping[str, Meant]) -> Meant:
    """The same, or what is almost called so if it can be nothing else."""
    import difflib

    names = {name.casefold(): name for name in known}
    folded = word.casefold()
    close = difflib.get_close_matches(folded, names, n=5, cutoff=_ALMOST)
    almost = [names[name] for name in close]
    candidates = {known[name] for name in almost}
    if folded in names or len(candidates) != 1:
        return exactly(word, known)
    say(f"{TOOL}: there is no {word}; this is {almost[0]}")
    return known[almost[0]]


def unknown(word: str, known: list[str], listed_by: str) -> NoReturn:
    """End the command: there is nothing of this name, but perhaps one like it."""
    import difflib

    names = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), names, n=1)
    hint = f"`{TOOL} {listed_by}` shows what there is"
    if close:
        hint = f"did you mean {names[close[0]]}?"
    say(f"{TOOL}: there is no {word}; {hint}")
    raise click.exceptions.Exit(FOUND)
