"""What the templates of a rule's annotations ask the ruler's engine (the function `query`), for given labels. No IO.

promtool knows PromQL only. So its templates are made to ask for a series that holds the answer of the store.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.base.lines import Labels
from generator.query import gotemplate

# The series that hold what the store answered, each with the query in a label.
ANSWERS = "log_answers"
_QUERY_CALL = "query"
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)'
    r"|\$labels\.(?P<label>[a-zA-Z_]\w*)"
    r"|(?P<word>\$?[\w.]+)"
    r"|(?P<sign>\S)"
)
_ACTION = re.compile(r'\{\{((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\}).)*)\}\}', re.DOTALL)
_VERB = re.compile(r"%(.)", re.DOTALL)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Label:
    name: str


@dataclass(frozen=True)
class _Printf:
    """A text of a format and its arguments; a plain string is one without any."""

    format: str
    arguments: tuple["_Operand", ...]


_Operand = _Printf | _Label


@dataclass(frozen=True)
class Asked:
    """A query in a template, from its operand's start to its end; its text depends on labels alone."""

    start: int
    end: int
    _operand: _Operand

    def text(self, labels: Labels) -> str:
        return _filled(self._operand, labels)


def queries(template: str) -> list[Asked]:
    """The queries of a template, in order. Raises ValueError for one whose text depends on more than labels."""
    asked = []
    for action in _ACTION.finditer(template):
        tokens = _tokens(template, action.start(1), action.end(1))
        for number, token in enumerate(tokens, 1):
            if token.kind == "word" and token.text == _QUERY_CALL:
                following = tokens[number:]
                operand, count = _operand(following)
                begin = following[0].start
                end = following[count - 1].end
                asked.append(Asked(begin, end, operand))
    return asked


def _tokens(template: str, begin: int, end: int) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(template, begin, end):
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], match.start(), match.end()))
    return tokens


def asking_promtool(template: str) -> str:
    """The template with each query asking for the series that holds the store's answer to it."""
    for asked in reversed(queries(template)):
        before = template[: asked.start]
        operand = template[asked.start : asked.end]
        after = template[asked.end :]
        series = f'(printf "{ANSWERS}{{{_QUERY_CALL}=%q}}" {operand})'
        template = before + series + after
    return template


def answer_labels(query: str, labels: Labels) -> dict[str, str]:
    """The labels of a series of an answer, as the templates of `asking_promtool` find it."""
    return {**labels, _QUERY_CALL: query}


def _operand(tokens: Sequence[_Token]) -> tuple[_Operand, int]:
    """A string, a label, or a printf of such in parentheses; and how many tokens it takes."""
    match tokens:
        case [_Token("string", text), *_]:
            return _Printf(gotemplate.verbatim(_string(text)), ()), 1
        case [_Token("label", name), *_]:
            return _Label(name), 1
        case [_Token("sign", "("), _Token("word", "printf"), _Token("string", text), *_]:
            arguments: list[_Operand] = []
            place = 3
            while place < len(tokens):
                if tokens[place].text == ")":
                    return _Printf(_string(text), tuple(arguments)), place + 1
                argument, count = _operand(tokens[place:])
                arguments.append(argument)
                place += count
    raise ValueError(
        "what `query` asks for must be a string here, or a printf of strings and $labels in parentheses"
    )


def _string(token: str) -> str:
    if token.startswith("`"):
        return token[1:-1]
    try:
        return str(json.loads(token))
    except ValueError as error:
        raise ValueError(
            f"{token} has an escape that is not understood here; write it in backticks"
        ) from error


def _filled(operand: "_Operand", labels: Labels) -> str:
    if isinstance(operand, _Label):
        return labels.get(operand.name, "")
    values = iter([_filled(argument, labels) for argument in operand.arguments])

    def printed(verb: re.Match[str]) -> str:
        return _verb(verb[1], values)

    return _VERB.sub(printed, operand.format)


def _verb(verb: str, arguments: Iterator[str]) -> str:
    if verb == "%":
        return "%"
    value = next(arguments, None)
    if value is None or verb not in "sqv":
        raise ValueError(
            f"printf of a query has a %{verb} that is not understood here, or no argument for it"
        )
    return _go_quoted(value) if verb == "q" else value


def _go_quoted(text: str) -> str:
    """A string as Go's %q writes it, but for characters that it takes for unprintable."""
    return json.dumps(text, ensure_ascii=False)
