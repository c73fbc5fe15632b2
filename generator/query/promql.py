"""Fills in and inspects PromQL."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

import promql_parser

from generator.query import lexer
from generator.query.lexer import Token

_GROUPED = (
    promql_parser.VectorMatchCardinality.ManyToOne,
    promql_parser.VectorMatchCardinality.OneToMany,
)
_TEXT = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_LABEL = r"\s*[A-Za-z_][A-Za-z0-9_]*\s*(?:=~|!~|!=|=)\s*"
_SELECTOR = re.compile(
    rf"\s*\{{(?:{_LABEL}(?:{_TEXT}|'(?:[^'\\\n]|\\.)*')\s*(?:,|(?=\}})))*\s*\}}\s*"
)
# Loki is stricter: no single quotes, no comma at the end, and none of the words that its language consists of.
_OF_LOKI = re.compile(rf"\s*\{{{_LABEL}(?:{_TEXT})\s*(?:,{_LABEL}(?:{_TEXT})\s*)*\}}\s*")
LOKI_WORDS = {
    "and",
    "bool",
    "by",
    "json",
    "label_format",
    "label_replace",
    "line_format",
    "logfmt",
    "or",
    "regexp",
    "unless",
    "unpack",
    "unwrap",
    "without",
}


# What a value is marked with, by the sign before it; and the signs that stand for those of regular expressions.
_MARKS = {"=~": "~", "!~": "~", "=": "=", "!=": "="}
_EXACT_SIGNS = {"=~": "=", "!~": "!="}


def is_of_loki(selector: str) -> bool:
    """Whether Loki reads a selector that Prometheus reads."""
    return _OF_LOKI.fullmatch(selector) is not None


def matchers(selector: str) -> list[Any]:
    """The label matchers of a selector such as `{job="kube-proxy"}`, which Loki and Prometheus write alike.

    Raises ValueError if it is not a plain selector.
    """
    parsed = parse(selector)
    # The text leaves out what only Prometheus understands: offset, @, comments and quoted names.
    if not _SELECTOR.fullmatch(selector) or not _is_plain(parsed):
        raise ValueError('not a selector like {job="kube-proxy"}')
    return list(parsed.matchers.matchers)


def _is_plain(node: Any) -> bool:
    """Whether it is a selector without a name and without `or`."""
    if not isinstance(node, promql_parser.VectorSelector):
        return False
    return not node.name and not node.matchers.or_matchers


def pinned(selector: str) -> dict[str, str]:
    """The labels that a selector pins to one value."""
    values = {}
    for matcher in matchers(selector):
        if matcher.op == promql_parser.MatchOp.Equal:
            values[matcher.name] = matcher.value
    return values


def inside(selector: str) -> str:
    """The label matchers of a selector as text, to stand beside others."""
    return selector.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")


def labels(selector: str) -> dict[str, str]:
    """The labels that a selector of equalities names. Raises ValueError if it is none."""
    if any(matcher.op != promql_parser.MatchOp.Equal for matcher in matchers(selector)):
        raise ValueError('labels are given with =, as in {job="kube-proxy"}')
    return pinned(selector)


def fill(expr: str, values: Mapping[str, str]) -> str:
    """An expression with its placeholders filled in. Raises KeyError for an unknown one, ValueError for a lone $."""
    return Template(expr).substitute(values)


def number(value: float | str) -> str:
    """A parameter as PromQL: durations as they are, whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    whole = int(value)
    return repr(whole if whole == value else value)


def parse(expr: str) -> Any:
    """The syntax tree. Raises ValueError with the parser's reason."""
    texts = map(_double_quoted, lexer.tokens(expr))
    return promql_parser.parse("".join(texts))


def _double_quoted(token: Token) -> str:
    """Strings in double quotes: the parser takes a backslash of a raw one for an escape."""
    if token.kind != "string":
        return token.text
    return json.dumps(token.value, ensure_ascii=False)


@dataclass(frozen=True)
class Selection:
    """One vector selector of an expression: the name of its series, and the labels it names."""

    series: str
    labels: frozenset[str]


def walk(node: Any) -> Iterator[Any]:
    """All nodes of a syntax tree, parents first."""
    found: list[Any] = []
    promql_parser.walk(node, lambda child: found.append(child))
    return iter(found)


def selections(tree: Any) -> list[Selection]:
    selections = []
    for node in walk(tree):
        if isinstance(node, promql_parser.VectorSelector):
            labels = frozenset(matcher.name for matcher in node.matchers.matchers)
            selections.append(Selection(node.name or "", labels))
    return selections


def grouping_labels(tree: Any) -> set[str]:
    """Every label that a by(), on() or group_left() names."""
    named: set[str] = set()
    for node in walk(tree):
        match node:
            case promql_parser.AggregateExpr() if node.modifier:
                named.update(node.modifier.labels)
            case promql_parser.BinaryExpr() if node.modifier:
                named.update(node.modifier.group_labels or ())
                if node.modifier.matching:
                    named.update(node.modifier.matching.labels)
    return named


def tree_of(expr: str) -> Any:
    """What an expression means, as nested tuples: equal for all texts that a server may print it as.

    Raises ValueError with the parser's reason.
    """
    texts = _literally(lexer.tokens(expr))
    return _tree(parse("".join(texts)))


def _literally(tokens: Iterable[Token]) -> Iterator[str]:
    """With values marked in place of regular expressions, which the parser would judge by another syntax than Go's."""
    mark = ""
    for token in tokens:
        if token.kind == "sign":
            mark = _MARKS.get(token.text, "")
            yield _EXACT_SIGNS.get(token.text, token.text)
        elif token.kind == "string":
            yield json.dumps(mark + token.value, ensure_ascii=False)
        else:
            yield token.text


def _tree(node: Any) -> Any:
    match node:
        case promql_parser.ParenExpr():
            return _tree(node.expr)
        case promql_parser.NumberLiteral():
            return ("number", repr(node.val))
        case promql_parser.StringLiteral():
            return ("string", node.val)
        case promql_parser.UnaryExpr():
            return ("-", _tree(node.expr))
        case promql_parser.Call():
            return (node.func.name, *map(_tree, node.args))
        case promql_parser.AggregateExpr():
            # The parser tells the operator in the text alone.
            name = re.match(r"\w+", str(node))
            grouping = _grouping_meaning(node.modifier)
            param = None if node.param is None else _tree(node.param)
            return (name and name[0], grouping, param, _tree(node.expr))
        case promql_parser.BinaryExpr():
            # Here too.
            sign = str(node).removeprefix(str(node.lhs)).split()[0]
            matching = _matching_meaning(node.modifier)
            return (sign, matching, _tree(node.lhs), _tree(node.rhs))
        case promql_parser.VectorSelector():
            return ("series", _selected(node), node.offset, _at_modifier(node.at))
        case promql_parser.MatrixSelector():
            return ("range", node.range, _tree(node.vector_selector))
        case promql_parser.SubqueryExpr():
            return (
                "subquery",
                node.range,
                node.step,
                node.offset,
                _at_modifier(node.at),
                _tree(node.expr),
            )
    raise ValueError(f"a {type(node).__name__} is not known")


def _selected(node: Any) -> Any:
    """The matchers of a selector; the name of a series is one of them."""
    own = set(_matchers(node.matchers.matchers))
    if node.name:
        own.add(("__name__", str(promql_parser.MatchOp.Equal), f"={node.name}"))
    alternatives = frozenset(map(_matchers, node.matchers.or_matchers))
    return frozenset(own), alternatives


def _matchers(row: Iterable[Any]) -> frozenset[tuple[str, str, str]]:
    found = set()
    for matcher in row:
        value = _with_mark(matcher.value)
        found.add((matcher.name, str(matcher.op), value))
    return frozenset(found)


def _with_mark(value: str) -> str:
    """As `_literally` has marked it; a name in quotes, as in {"a.b"}, has no mark."""
    return value if value[:1] in ("=", "~") else f"={value}"


def _at_modifier(modifier: Any) -> Any:
    return modifier and (str(modifier.type), modifier.at)


def _grouping_meaning(modifier: Any) -> Any:
    """`by ()` is what stands for no grouping."""
    if modifier is None:
        return ()
    if modifier.type == promql_parser.AggModifierType.By and not modifier.labels:
        return ()
    return (str(modifier.type), frozenset(modifier.labels))


def _matching_meaning(modifier: Any) -> Any:
    """How the two sides belong together; `ignoring ()` is what stands for nothing said."""
    if modifier is None:
        return ()
    meaning: list[tuple[str, Any]] = []
    if modifier.return_bool:
        meaning.append(("bool", True))
    how = modifier.matching
    if how is not None and (how.labels or how.type != promql_parser.LabelModifierType.Exclude):
        meaning.append(("on or ignoring", (str(how.type), frozenset(how.labels))))
    if modifier.card in _GROUPED:
        labels = frozenset(modifier.group_labels or ())
        meaning.append(("group", (str(modifier.card), labels)))
    fill = (modifier.fill_values.lhs, modifier.fill_values.rhs)
    if fill != (None, None):
        meaning.append(("fill", fill))
    return tuple(meaning)
