"""Writes LogQL, within what Loki 2.2 understands."""

import re
from collections.abc import Iterable, Mapping, Sequence

import re2

from generator.query import lexer, logql_tree
from generator.query.signature import Signature, escape

# Loki turns a pattern of nothing but plain text, `.*`, `|` and groups into searches of plain text, and does it wrongly:
# for `X.*A|X.*B` it looks for XA or XB. With this at its end a pattern means the same, and goes to the engine as it is.
_FOR_THE_ENGINE = ".?"
# It leaves alone what has an operator that no search can stand for: `?`, `+`, a `.` without `*`, `\b`.
_PARTS = re.compile(
    r"\(\?|\*\??|\[\^?\]?(?:\\.|[^\]])*\]|(?P<operator>\\[bBdDsSwW]|[?+]|\.\{\d+,\d+\}|\.(?![*{)]))|\\.",
    re.DOTALL,
)
_REPEATED_GROUP = re.compile(r"\)[*{]")  # Go may fold its operator away, as that of `(.+)*`

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """A LogQL string: raw (in backticks) where Go's lexer leaves it unchanged, else double-quoted with Go's escapes."""
    raw = (
        "`" not in text
        and "\r" not in text
        and "\n" not in text
        and "\ufeff" not in text
        and "\0" not in text
    )
    if raw:
        return f"`{text}`"
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def filters(signature: Signature) -> list[str]:
    """The line filters of a signature, in order."""
    chain = [f"|= {quote(literal)}" for literal in signature.literals]
    if signature.any_of:
        # Loki searches for alternatives of plain text without its regular expression engine.
        chain.append(f"|~ {quote('|'.join(map(escape, signature.any_of)))}")
    if signature.pattern is not None:
        chain.append(f"|~ {quote(_for_the_engine(signature.pattern))}")
    return chain + [f"!~ {quote(_for_the_engine(pattern))}" for pattern in signature.exclude]


def _for_the_engine(pattern: str) -> str:
    """The pattern in a form that Loki does not take apart."""
    has_operator = any(part["operator"] for part in _PARTS.finditer(pattern))
    is_left_alone = has_operator and not _REPEATED_GROUP.search(pattern)
    return pattern if is_left_alone else pattern + _FOR_THE_ENGINE


def within(expr: str, label: str, value: str) -> str:
    """The expression with a further matcher in each of its stream selectors."""
    return _with_matcher(expr, f"{label}={quote(value)}")


def of_place(selector: str, place: Mapping[str, str]) -> str:
    """The lines of streams that have these values, empty for labels that a line must not have.

    A label may be structured metadata, which a stream lacks and a filter sees; streams that have another value are
    not read.
    """
    for label, value in place.items():
        selector = _with_matcher(selector, f"{label}=~{quote(f'({escape(value)})?')}")
    return " ".join([selector, *(f"| {label}={quote(value)}" for label, value in place.items())])


def _with_matcher(expr: str, matcher: str) -> str:
    parts, end = [], 0
    for begin, close in _selector_spans(expr):
        comma = ", " if expr[begin + 1 : close].strip() else ""
        parts.append(expr[end:close].rstrip() if comma else expr[end:close])
        parts.append(f"{comma}{matcher}")
        end = close
    return "".join([*parts, expr[end:]])


def renamed(expr: str, prefix: str, labels: Sequence[str]) -> str:
    """The expression for streams whose labels have names with a prefix; after the selector they have their own back."""
    back = ", ".join(f"{label}={prefix}{label}" for label in labels)
    stage = f" | label_format {back}" if back else ""
    for begin, close in reversed(_selector_spans(expr)):
        place = _first_stage(expr, close + 1)
        matchers = [
            prefix + token.text if token.kind == "name" else token.text
            for token in lexer.tokens(expr[begin:close])
        ]
        expr = f"{expr[:begin]}{''.join(matchers)}{expr[close:place]}{stage}{expr[place:]}"
    return expr


def _first_stage(expr: str, begin: int) -> int:
    """Where the first stage of a pipeline can stand after a selector: behind the range, if this comes first."""
    found = re.match(r"\s*\[[^\]]*\](\s*offset\s+-?\w+)?", expr[begin:])
    return begin + (found.end() if found else 0)


def selects(expr: str, streams: Iterable[Mapping[str, str]]) -> bool:
    """Whether an expression asks for the lines of one of these streams. Raises ValueError if a selector is none."""
    selectors = [
        logql_tree.stream_matchers(expr[begin : close + 1])
        for begin, close in _selector_spans(expr)
    ]
    return any(
        all(_fits(labels, *one) for one in matchers) for matchers in selectors for labels in streams
    )


def _fits(labels: Mapping[str, str], label: str, sign: str, value: str) -> bool:
    found = labels.get(label, "")
    match sign:
        case "=" | "!=":
            fits = found == value
        case _:
            try:
                fits = re2.fullmatch(f"(?s:{value})", found) is not None
            except re2.error as error:
                raise ValueError(f"{value}: {error}") from error
    return fits is (sign in ("=", "=~"))


def log_queries(expr: str) -> list[str]:
    """What the expression counts: each stream selector with its pipeline, up to the range."""
    stops = [token.start for token in lexer.tokens(expr) if token.text == "["]
    return [
        expr[begin : next((stop for stop in stops if stop > begin), len(expr))].strip()
        for begin, _ in _selector_spans(expr)
    ]


def _selector_spans(expr: str) -> list[tuple[int, int]]:
    """Where each stream selector opens and closes."""
    braces = [token.start for token in lexer.tokens(expr) if token.text in ("{", "}")]
    return list(zip(braces[::2], braces[1::2], strict=False))


def lines(selector: str, signature: Signature, window: str, by: str) -> str:
    """An expression for the matching lines per place in the window."""
    pipeline = "\n".join(f"      {line}" for line in filters(signature))
    return (
        f"sum by ({by}) (\n  count_over_time(\n    {selector}\n{pipeline}\n    [{window}]\n  )\n)"
    )


def count(
    selector: str,
    signature: Signature,
    window: str,
    by: str,
    threshold: str,
    recent: str | None = None,
) -> str:
    """An alert expression: matching lines per place in the window, above the threshold, some of them recent."""
    expr = f"{lines(selector, signature, window, by)} > {threshold}\n"
    return f"{expr}and\n{lines(selector, signature, recent, by)} > 0\n" if recent else expr


def always(window: str) -> str:
    """An expression that is always true. Loki 2.2 has no vector(): ask for a stream that nobody writes."""
    return f'absent_over_time({{kube_proxy_alerts="watchdog"}}[{window}])\n'
