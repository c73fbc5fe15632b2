"""Writes LogQL, within what Loki 2.2 understands."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from generator.query import lexer, logql_tree
from generator.query.signature import Signature, compile_re2, escape

# Loki turns a pattern of nothing but plain text, `.*`, `|` and groups into searches of plain text, and does it wrongly:
# for `X.*A|X.*B` it looks for XA or XB. With this at its end a pattern means the same, and goes to the engine as it is.
_FOR_THE_ENGINE = ".?"
# It leaves alone what has an operator that no search can stand for: `?`, `+`, a `.` without `*`, `\b`.
_PARTS = re.compile(
    r"\(\?|\*\??|\[\^?\]?(?:\\.|[^\]])*\]|(?P<operator>\\[bBdDsSwW]|[?+]|\.\{\d+,\d+\}|\.(?![*{)]))|\\.",
    re.DOTALL,
)
_REPEATED_GROUP = re.compile(r"\)[*{]")  # Go may fold its operator away, as that of `(.+)*`

_NEVER_RAW = "`\r\n\ufeff\0"  # what Go's lexer drops in a raw string, or ends it at
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """A LogQL string: raw (in backticks) where Go's lexer leaves it unchanged, else double-quoted with Go's escapes."""
    if not any(char in text for char in _NEVER_RAW):
        return f"`{text}`"
    escaped = "".join(map(_escape, text))
    return f'"{escaped}"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def filters(signature: Signature) -> list[str]:
    """The line filters of a signature, in order."""
    chain = [f"|= {quote(literal)}" for literal in signature.literals]
    if signature.any_of:
        # Loki searches for alternatives of plain text without its regular expression engine.
        alternatives = "|".join(map(escape, signature.any_of))
        chain.append(f"|~ {quote(alternatives)}")
    if signature.pattern is not None:
        pattern = _for_the_engine(signature.pattern)
        chain.append(f"|~ {quote(pattern)}")
    for exclusion in signature.exclude:
        pattern = _for_the_engine(exclusion)
        chain.append(f"!~ {quote(pattern)}")
    return chain


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
    stages = []
    for label, value in place.items():
        value_or_none = quote(f"({escape(value)})?")
        selector = _with_matcher(selector, f"{label}=~{value_or_none}")
        stages.append(f"| {label}={quote(value)}")
    return " ".join([selector, *stages])


def _with_matcher(expr: str, matcher: str) -> str:
    parts = []
    end = 0
    for begin, close in _selector_spans(expr):
        before = expr[end:close]
        is_empty = not expr[begin + 1 : close].strip()
        if not is_empty:
            before = f"{before.rstrip()}, "
        parts += [before, matcher]
        end = close
    parts.append(expr[end:])
    return "".join(parts)


def renamed(expr: str, prefix: str, labels: Sequence[str]) -> str:
    """The expression for streams whose labels have names with a prefix; after the selector they have their own back."""
    back = ", ".join(f"{label}={prefix}{label}" for label in labels)
    stage = f" | label_format {back}" if back else ""
    for begin, close in reversed(_selector_spans(expr)):
        place = _first_stage(expr, close + 1)
        matchers = _with_prefix(expr[begin:close], prefix)
        expr = f"{expr[:begin]}{matchers}{expr[close:place]}{stage}{expr[place:]}"
    return expr


def _with_prefix(matchers: str, prefix: str) -> str:
    """Matchers of labels whose names have a prefix."""
    texts = []
    for token in lexer.tokens(matchers):
        if token.kind == "name":
            texts.append(prefix)
        texts.append(token.text)
    return "".join(texts)


def _first_stage(expr: str, begin: int) -> int:
    """Where the first stage of a pipeline can stand after a selector: behind the range, if this comes first."""
    window = re.match(r"\s*\[[^\]]*\](\s*offset\s+-?\w+)?", expr[begin:])
    return begin + window.end() if window else begin


def selects(expr: str, streams: Iterable[Mapping[str, str]]) -> bool:
    """Whether an expression asks for the lines of one of these streams. Raises ValueError if a selector is none."""
    selectors = [expr[begin : close + 1] for begin, close in _selector_spans(expr)]
    asked = [logql_tree.stream_matchers(selector) for selector in selectors]
    return any(_fits_all(labels, matchers) for labels, matchers in product(streams, asked))


def _fits_all(labels: Mapping[str, str], matchers: logql_tree.Matchers) -> bool:
    return all(_fits(labels, *matcher) for matcher in matchers)


def _fits(labels: Mapping[str, str], label: str, sign: str, value: str) -> bool:
    own = labels.get(label, "")
    if sign in ("=", "!="):
        fits = own == value
    else:
        fits = _matches_whole(value, own)
    return fits is (sign in ("=", "=~"))


def _matches_whole(pattern: str, text: str) -> bool:
    try:
        whole = compile_re2(rf"\A(?s:{pattern})\z")
    except ValueError as error:
        raise ValueError(f"{pattern}: {error}") from error
    return whole.search(text) is not None


def log_queries(expr: str) -> list[str]:
    """What the expression counts: each stream selector with its pipeline, up to the range."""
    ranges = lexer.places(expr, "[")
    queries = []
    for begin, _ in _selector_spans(expr):
        behind = [start for start in ranges if start > begin]
        end = min(behind, default=len(expr))
        queries.append(expr[begin:end].strip())
    return queries


def _selector_spans(expr: str) -> list[tuple[int, int]]:
    """Where each stream selector opens and closes."""
    braces = lexer.places(expr, "{", "}")
    return list(zip(braces[::2], braces[1::2], strict=False))


def lines(selector: str, signature: Signature, window: str, by: str) -> str:
    """An expression for the matching lines per place in the window."""
    pipeline = "".join(f"      {line}\n" for line in filters(signature))
    return f"sum by ({by}) (\n  count_over_time(\n    {selector}\n{pipeline}    [{window}]\n  )\n)"


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
    if recent:
        expr += f"and\n{lines(selector, signature, recent, by)} > 0\n"
    return expr


def always(window: str) -> str:
    """An expression that is always true. Loki 2.2 has no vector(): ask for a stream that nobody writes."""
    return f'absent_over_time({{kube_proxy_alerts="watchdog"}}[{window}])\n'
