"""Texts that a pattern of RE2 matches, made from what it says. No IO."""

import itertools
import re

from generator.query.signature import compile_whole

_LONGEST_PATTERN = 200  # characters of a pattern that is looked at
_MOST_WITNESSES = 6  # texts for a pattern
_POOL = "a0x-_. A"  # characters that are tried where several may stand
_MATCHES_NOTHING = re.compile(r"\(\?[a-zA-Z-]+\)|[\^$]|\\[AbBz]")
_OPENING = re.compile(r"\((?:\?(?:P?<\w+>|[a-zA-Z-]*:))?")
_ONE = re.compile(
    r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\\[pP](?:\{\^?\w+\}|\w)|\\x\{\w+\}|\\x\w\w|\\.|.",
    re.DOTALL,
)
_REPETITION = re.compile(r"[*+?]|\{(\d{1,4})(?:,\d{0,4})?\}")


def witnesses(pattern: str) -> list[str]:
    """Some texts that the pattern matches as a whole; none for one that is long or out of the ordinary."""
    if len(pattern) > _LONGEST_PATTERN:
        return []
    made, _ = _alternatives(pattern, 0)
    matches = compile_whole(pattern).search
    return [one for one in dict.fromkeys(made) if matches(one)]


def _alternatives(text: str, start: int) -> tuple[list[str], int]:
    """Texts for what stands up to a closing bracket, one for each alternative first, and where the bracket is."""
    rows: list[list[str]] = []
    while not rows or text[start : start + 1] == "|":
        row, start = _sequence(text, start + 1 if rows else start)
        rows.append(row)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*rows))
    return [one for one in turns if one is not None][:_MOST_WITNESSES], start


def _sequence(text: str, start: int) -> tuple[list[str], int]:
    made = [""]
    while start < len(text) and text[start] not in "|)":
        pieces, start = _piece(text, start)
        while repetition := _REPETITION.match(text, start):
            pieces = _repeated(pieces, repetition)
            start = repetition.end()
        made = [before + piece for before in made for piece in pieces][:_MOST_WITNESSES]
    return made, start


def _piece(text: str, start: int) -> tuple[list[str], int]:
    """Texts for a group, or for what stands for one character or none."""
    if empty := _MATCHES_NOTHING.match(text, start):
        return [""], empty.end()
    if opening := _OPENING.match(text, start):
        inner, end = _alternatives(text, opening.end())
        return inner, end + 1
    one = _ONE.match(text, start)
    if one is None:
        return [], len(text)
    return _characters(one[0]), one.end()


def _characters(one: str) -> list[str]:
    if len(one) == 1 and one != ".":
        return [one]
    try:
        matches = compile_whole(one).search
    except ValueError:  # a half of what is written in another way
        return []
    return [character for character in dict.fromkeys(_POOL + one) if matches(character)][:2]


def _repeated(pieces: list[str], repetition: re.Match[str]) -> list[str]:
    least = int(repetition[1]) if repetition[1] else int(repetition[0] == "+")
    return [piece * least for piece in pieces] if least else ["", *pieces]
