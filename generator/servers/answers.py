"""What the servers that rules are loaded into answer, as far as it is read: the shapes of their APIs. No IO."""

from collections.abc import Mapping

from generator.base.shapes import (
    COUNT,
    FLAG,
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

# The configuration of an Alertmanager, as far as it says where alerts go.
_SCALAR = {"type": ["string", "number", "boolean"]}


def _matched(side: str = "") -> Mapping[str, Schema]:
    maps = {f"{side}match": values(_SCALAR), f"{side}match_re": values(_SCALAR)}
    return {**maps, f"{side}matchers": each(TEXT)}


_ROUTE_BELOW = {"$ref": "#/$defs/route"}
_ROUTE = record(
    {
        **_matched(),
        "receiver": TEXT,
        "continue": FLAG,
        "mute_time_intervals": each(TEXT),
        "active_time_intervals": each(TEXT),
        "routes": each(_ROUTE_BELOW),
    }
)
_INHIBITION = record({**_matched("source_"), **_matched("target_"), "equal": each(TEXT)})
_INTERVALS = each(record({"time_intervals": each(record())}, name=TEXT))
ROUTING = Shape(
    {
        "$defs": {"route": _ROUTE},
        **record(
            {
                "receivers": each(record(name=TEXT)),
                "inhibit_rules": each(_INHIBITION),
                "time_intervals": _INTERVALS,
                "mute_time_intervals": _INTERVALS,
            },
            route=_ROUTE_BELOW,
        ),
    }
)

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
