"""What the servers that rules are loaded into answer, as far as it is read: the shapes of their APIs. No IO."""

from generator.base.shapes import (
    COUNT,
    LABELS,
    NANOSECONDS,
    NUMBER,
    TEXT,
    VALUE,
    Schema,
    Shape,
    each,
    maybe,
    record,
    row,
    values,
)

# Loki leaves the list out where it is empty.
LISTED = Shape(record({"data": each(TEXT)}))
SERIES = Shape(record({"data": each(LABELS)}))

# The rules API of Prometheus, Mimir, Cortex and Loki.
_SHOWN_RULE = record(
    {
        "query": TEXT,
        "labels": LABELS,
        "annotations": LABELS,
        "duration": NUMBER,
        "keepFiringFor": NUMBER,
        "health": TEXT,
        "lastError": TEXT,
        "lastEvaluation": TEXT,
    },
    name=TEXT,
)
_SHOWN_GROUP = record({"file": TEXT, "interval": NUMBER, "rules": each(_SHOWN_RULE)}, name=TEXT)
RULES = Shape(record(data=record({"groups": each(_SHOWN_GROUP)})))


def _query_result(item: Schema) -> Shape:
    """What a query gives: a list of such."""
    return Shape(record(data=record(result=each(item))))


VECTOR = _query_result(record(metric=LABELS, value=row(NUMBER, VALUE)))
COUNTS = _query_result(record(metric=LABELS, value=row(NUMBER, COUNT)))
MATRIX = _query_result(record(metric=LABELS, values=each(row(NUMBER, VALUE))))
LINES = _query_result(record(values=each(row(NANOSECONDS, TEXT))))
STREAMS = _query_result(record(stream=LABELS))  # of the same lines

ALERTS = Shape(each(record(labels=LABELS, status=record())))
STATUS = Shape(record(config=record(original=TEXT)))

# Rule groups as rule files hold them, and rulers that can be written.
_DURATION = {"type": ["string", "number"]}
_RULE = record(
    {
        "alert": TEXT,
        "record": TEXT,
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": values({"type": ["string", "number", "boolean"]}),
        "annotations": values({"type": ["string", "number", "boolean"]}),
    },
    expr=TEXT,
)
_GROUP = record({"interval": _DURATION, "rules": each(_RULE)}, name=TEXT)
NAMESPACES = Shape(maybe(values(maybe(each(_GROUP)))))
RULE_FILE = Shape(record(groups=each(_GROUP)))
