"""Writes LogsQL, the language of VictoriaLogs, from the signatures that LogQL is written from.

Its strings are Go's, as those of LogQL, and so are its patterns. Its stream selectors are written alike.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from generator.query import lexer
from generator.query.logql import quote
from generator.query.signature import Signature, escape

COUNTED_LINES = (
    "kube_proxy_lines"  # what is counted; vmalert shows the name in the label `stats_result`
)
_RECENT = "kube_proxy_recent_lines"
_WINDOW = re.compile(r"_time:[0-9][0-9a-zµ.]*")
# VictoriaLogs searches for the plain text at the beginning of a pattern, and then tries the rest as if the line began
# there: of `AB\b` it finds nothing in `AB-`. With this before it a pattern means the same and has no such beginning.
_NO_BEGINNING = ".?"
_ASSERTION = re.compile(r"\\[bBAz]|[\^$]")


def filters(signature: Signature) -> list[str]:
    """The filters of a signature, in order. A search for words would not find a part of one, a pattern does."""
    patterns = [escape(literal) for literal in signature.literals]
    if signature.any_of:
        patterns.append("|".join(map(escape, signature.any_of)))
    if signature.pattern is not None:
        patterns.append(_seeing_whole_line(signature.pattern))
    chain = [f"~{quote(pattern)}" for pattern in patterns]
    for exclusion in signature.exclude:
        pattern = _seeing_whole_line(exclusion)
        chain.append(f"!~{quote(pattern)}")
    return chain


def _seeing_whole_line(pattern: str) -> str:
    """The pattern in a form whose assertions see the whole line."""
    if _ASSERTION.search(pattern):
        return f"{_NO_BEGINNING}(?:{pattern})"
    return pattern


def lines(selector: str, signature: Signature, window: str) -> str:
    """A query for the matching lines in the window."""
    query = [f"{selector} _time:{window}"]
    for line_filter in filters(signature):
        query.append(f"  {line_filter}")
    return "\n".join(query)


def count(
    selector: str,
    signature: Signature,
    window: str,
    by: Sequence[str],
    threshold: str,
    recent: str | None = None,
) -> str:
    """An alert expression: matching lines per place in the window, above the threshold, some of them recent."""
    query = lines(selector, signature, window)
    places = ", ".join(by)
    if not recent:
        return f"{query}\n| stats by ({places}) count() as {COUNTED_LINES}\n| filter {COUNTED_LINES}:>{threshold}\n"
    kept = ", ".join([*by, COUNTED_LINES])  # each other field would be an alert
    return (
        f"{query}\n"
        f"| stats by ({places}) count() as {COUNTED_LINES}, count() if (_time:{recent}) as {_RECENT}\n"
        f"| filter {COUNTED_LINES}:>{threshold} {_RECENT}:>0\n"
        f"| fields {kept}\n"
    )


def log_query(expr: str) -> str:
    """What an expression counts: its query up to the statistics, without the window."""
    words = lexer.words(expr)
    end = len(expr)
    for first, second in pairwise(words):
        if (first.text, second.text) == ("|", "stats"):
            end = first.start
            break
    query = expr[:end]
    for word in reversed(words):
        if word.kind != "name" or word.start >= end:
            continue
        window = _WINDOW.match(query, word.start)
        if window:
            query = query[: word.start] + query[window.end() :]
    return query.strip() or "*"


def always(window: str) -> str:
    """An expression that is always true: a count without groups has an answer, 0, where nothing is.

    It gives the label that Loki's has of its selector.
    """
    return (
        f'{{kube_proxy_alerts="watchdog"}} _time:{window}\n'
        f"| stats count() as {COUNTED_LINES}\n"
        "| format `watchdog` as kube_proxy_alerts\n"
    )
