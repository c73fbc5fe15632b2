"""The words of LogQL, which are PromQL's too: what is a string, a number, a name, a sign, and the gaps between them."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

PieceKind = Literal["gap", "string", "number", "name", "sign"]

# Comments are gaps. A number takes its unit along: 5m, 1h30m, 10MB, 1e+06. What is nothing else is a sign by itself.
_WORD = re.compile(
    r"""(?P<gap>(?:\#[^\n]*|\s)+)
      | (?P<string>`[^`]*`|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<number>0[xX][0-9a-fA-F]+|\.?[0-9](?:[eE][+-][0-9]|[0-9a-zA-Zµ.])*)
      | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<sign>\|=|\|~|=~|!~|!=|==|>=|<=|.)""",
    re.DOTALL | re.VERBOSE,
)
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|[smhdwy])")


@dataclass(frozen=True)
class Token:
    kind: PieceKind
    text: str
    start: int

    @property
    def value(self) -> str:
        """What it stands for, the same however it is written. Raises ValueError for a string that is none."""
        match self.kind:
            case "string":
                return _unquoted(self.text)
            case "number":
                return _number(self.text)
            case _:
                return self.text


def tokens(expr: str) -> Iterator[Token]:
    """All of an expression, gaps too: the texts of the tokens together are the expression."""
    for found in _WORD.finditer(expr):
        yield Token(found.lastgroup, found[0], found.start())  # type: ignore[arg-type]


def words(expr: str) -> list[Token]:
    """Its tokens without the gaps."""
    return without_gaps(tokens(expr))


def without_gaps(tokens: Iterable[Token]) -> list[Token]:
    return [token for token in tokens if token.kind != "gap"]


def places(expr: str, *signs: str) -> list[int]:
    """Where these signs stand, outside of strings and comments."""
    return [token.start for token in tokens(expr) if token.text in signs]


def plain(expr: str) -> str:
    """The expression without its comments, and with one space where there is a gap."""
    texts = [" " if token.kind == "gap" else token.text for token in tokens(expr)]
    return "".join(texts).strip()


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1].replace("\r", "")  # as Go does
    try:
        return str(ast.literal_eval(text))
    except SyntaxError as error:
        raise ValueError(f"not a string: {text}") from error


def _number(text: str) -> str:
    """A number as its value, a duration as its seconds, anything else as it stands."""
    if re.fullmatch("0[xX][0-9a-fA-F]+", text):
        return repr(float(int(text, 16)))
    parts = _LENGTH.findall(text)
    read = "".join(count + unit for count, unit in parts)
    if parts and read == text:
        lengths = [float(count) * _UNITS[unit] for count, unit in parts]
        return f"{sum(lengths):.9g}s"
    try:
        return repr(float(text))
    except ValueError:
        return text
