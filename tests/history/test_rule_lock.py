"""The lock: what a row says of a rule, and what counts as a change of it."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from generator.base.names import GENERATED
from generator.catalog.load import load
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup, Rules
from generator.history import rule_lock
from generator.history.rule_lock import Locked
from generator.pipeline import compile_catalog
from tests.conftest import TINY

READ = load(base=TINY)
RULES = compile_catalog(READ, "output").rules or pytest.fail("the tiny catalog has no rules")
ROWS = {row.name: row for row in rule_lock.lock(RULES, READ.catalog)}


def relocked(**changed: object) -> Locked:
    """The row of KubeProxyGateSlow after a change of its rule."""

    def group(old: RuleGroup) -> RuleGroup:
        named = (rule for rule in old.rules)
        return replace(
            old,
            rules=tuple(
                replace(rule, **changed)  # type: ignore[arg-type]
                if isinstance(rule, AlertRule) and rule.alert == "KubeProxyGateSlow"
                else rule
                for rule in named
            ),
        )

    groups = {engine: tuple(map(group, groups)) for engine, groups in RULES.groups.items()}
    rows = rule_lock.lock(Rules(groups, RULES.alerts), READ.catalog)
    return next(row for row in rows if row.name == "KubeProxyGateSlow")


def test_an_alert_says_in_the_clear_what_a_word_can_tell() -> None:
    row = ROWS["KubeProxyGateSlow"]
    assert (row.engine, row.failure, row.interval, row.hold) == (
        "prometheus",
        "gate-slow",
        "30s",
        "10m",
    )
    assert row.labels == {"severity": "warning"}


def test_a_recording_rule_has_a_row_too() -> None:
    row = ROWS["instance:gate:p99"]
    assert (row.failure, row.hold, row.labels, row.text) == ("gate-slow", "", {}, "")


def test_a_record_that_serves_all_entries_has_no_failure() -> None:
    shared = RecordingRule("instance:build:info", "up\n")
    rules = Rules({"loki": (), "prometheus": (RuleGroup("records", "30s", (shared,)),)}, ())
    (row,) = rule_lock.lock(rules, READ.catalog)
    assert (row.failure, row.status) == ("", "stable")
    assert rule_lock.rows_in(rule_lock.dump([row])) == [row]


def test_every_rule_has_one_row_and_the_rows_are_sorted() -> None:
    assert list(ROWS) == [
        "KubeProxyBrokenGate",
        "KubeProxyBrokenGateKnownBuild",
        "KubeProxyGateSlow",
        "KubeProxyGateWatchdog",
        "instance:gate:p99",
        "instance:kubeproxy_build:info",
    ]


def test_the_file_is_read_back_as_it_was_written() -> None:
    text = rule_lock.dump(ROWS.values())
    assert GENERATED in text[:500]
    assert rule_lock.rows_in(text) == list(ROWS.values())


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"rules": [{"name": "A"}]}', '{"rules": [1]}', "null"]
)
def test_what_is_no_lock_file_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"^at .*: |Expecting value"):
        rule_lock.rows_in(text)


def test_prose_changes_only_the_text() -> None:
    row = relocked(annotations={"summary": "slow"})
    assert row.text != ROWS["KubeProxyGateSlow"].text
    assert structs.replace(row, text="") == structs.replace(ROWS["KubeProxyGateSlow"], text="")


def test_the_expression_changes_only_its_hash() -> None:
    row = relocked(expr="instance:gate:p99 > 3\n")
    assert row.expr != ROWS["KubeProxyGateSlow"].expr
    assert structs.replace(row, expr="") == structs.replace(ROWS["KubeProxyGateSlow"], expr="")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a > 1", "a  >\n  1\n"),
        ("a > 1", "# why\na > # one\n1"),
        ('{x="#"} > 1', '{x="#"} > 1 # ends'),
    ],
)
def test_comments_and_line_breaks_do_not_count(one: str, other: str) -> None:
    assert relocked(expr=one).expr == relocked(expr=other).expr


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{x=`a b`}", "{x=`a  b`}"),
        ('{x="# a"}', '{x="# b"}'),
        ("{x='# a'}", "{x='# b'}"),
        (r'{x="\"# a"}', r'{x="\"# b"}'),
        ("a or b", "aor b"),
    ],
)
def test_inside_a_string_and_between_words_they_do(one: str, other: str) -> None:
    assert relocked(expr=one).expr != relocked(expr=other).expr


def test_a_difference_shows_the_fact_in_one_line() -> None:
    old, new = (
        rule_lock.dump([structs.replace(ROWS["KubeProxyGateSlow"], hold=hold)]).splitlines()
        for hold in ("10m", "15m")
    )
    assert [line.strip() for line in new if line not in old] == ['"for": "15m",']
    assert json.loads("\n".join(new))["rules"][0]["for"] == "15m"
