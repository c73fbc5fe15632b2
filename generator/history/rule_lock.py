"""The lock: one row for each rule, so that a review shows which rules change and in what.

What can be told in a word stands there as it is: status, interval, `for`, labels. The rest is hashed in two parts.
`expr` is when the rule fires; comments and the breaking of lines do not count. `text` is what people read, the
annotations: its change is a change of prose, every other one a change of behaviour.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from msgspec import Struct, convert, field, to_builtins
from msgspec.structs import replace

from generator.base.names import GENERATED
from generator.base.shapes import LABELS, TEXT, Shape, each, record
from generator.catalog.model import Catalog, Entry
from generator.compile.rule import AlertRule, RecordingRule, Rules
from generator.query import lexer

_HASH_DIGITS = 16  # of SHA-256; enough to tell a rule from its former self
_ROW = record(
    {"failure": TEXT, "for": TEXT, "labels": LABELS, "text": TEXT},
    name=TEXT,
    engine=TEXT,
    status=TEXT,
    interval=TEXT,
    expr=TEXT,
)
_LOCK = Shape(record(rules=each(_ROW)))


class Locked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule as the lock keeps it.

    A recording rule has no `for`, labels or text; one that serves all entries has no failure either.
    """

    name: str
    engine: str
    failure: str = ""
    status: str
    interval: str
    hold: str = field(name="for", default="")
    labels: Mapping[str, str] = {}
    expr: str
    text: str = ""


def lock(rules: Rules, catalog: Catalog) -> list[Locked]:
    """The rows of compiled rules, by name."""
    owners = {record.name: entry for entry in catalog.entries for record in entry.records}
    owners |= {alert.rule.alert: alert.entry for alert in rules.alerts}
    rows = []
    for engine, groups in rules.groups.items():
        for group in groups:
            for rule in group.rules:
                name = rule.record if isinstance(rule, RecordingRule) else rule.alert
                rows.append(_rule_row(rule, name, engine, group.interval, owners.get(name)))
    return sorted(rows, key=lambda row: (row.name, row.engine))


def _rule_row(
    rule: AlertRule | RecordingRule, name: str, engine: str, interval: str, owner: Entry | None
) -> Locked:
    row = Locked(
        name=name,
        engine=engine,
        failure=owner.id if owner else "",
        status=owner.status if owner else "stable",
        interval=interval,
        expr=_hash(lexer.plain(rule.expr)),
    )
    if isinstance(rule, RecordingRule):
        return row
    labels = {key: value for key, value in sorted(rule.labels.items()) if key != "failure"}
    annotations = json.dumps(dict(rule.annotations), sort_keys=True)
    return replace(row, hold=rule.hold, labels=labels, text=_hash(annotations))


def dump(rows: Iterable[Locked]) -> str:
    """The lock file: a line for each fact, so that a difference shows the fact."""
    data = {"generated": GENERATED, "rules": list(rows)}
    return json.dumps(to_builtins(data), indent=2, ensure_ascii=False) + "\n"


def rows_in(text: str) -> list[Locked]:
    """The rows of a lock file. Raises ValueError if it is none."""
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    return convert(_LOCK.checked(data)["rules"], list[Locked])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
