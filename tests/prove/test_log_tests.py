"""Unit tests of Loki rules, in promtool's words."""

import pytest
import yaml

from generator.base.names import TEST_LABEL
from generator.catalog.model import LogStream, LogTest
from generator.prove.log_tests import (
    HIDDEN,
    alerting_rules,
    as_promtool,
    asked,
    looked_at,
    looked_at_steps,
    push,
    query,
    steps,
    steps_of_for,
)
from generator.servers.loki import Series

RULES = """
groups:
- name: one
  rules:
  - {record: r, expr: x}
  - {alert: A, expr: 'sum(count_over_time({a="b"}[5m])) > 0', for: 1m, labels: {severity: info}}
- name: two
  rules:
  - {alert: B, expr: y}
"""


def log_test(*checks: tuple[str, str]) -> LogTest:
    return LogTest("a test", (), tuple({"eval_time": at, "alertname": name} for at, name in checks))


def test_alerting_rules_of_all_groups() -> None:
    assert [rule["alert"] for rule in alerting_rules([RULES])] == ["A", "B"]


@pytest.mark.parametrize(
    "text", ["", "a: [", "groups: 3", "groups: [{name: x}]", "groups: [{rules: [{alert: A}]}]"]
)
def test_what_is_no_rule_file_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="a rule file is not groups of rules"):
        alerting_rules([text])


def test_only_the_rules_a_test_speaks_of_are_evaluated() -> None:
    assert [
        rule["alert"] for rule in looked_at(log_test(("1m", "B")), alerting_rules([RULES]))
    ] == ["B"]


def test_a_test_of_an_alert_that_no_rule_gives_cannot_pass() -> None:
    with pytest.raises(ValueError, match="no rule of the rule files has the name C"):
        looked_at(log_test(("1m", "B"), ("1m", "C")), alerting_rules([RULES]))


@pytest.mark.parametrize(
    ("last", "interval", "count"), [("0", 30, 0), ("1m", 30, 2), ("1m1s", 30, 3), ("2h", 60, 120)]
)
def test_evaluations_reach_to_the_last_look(last: str, interval: float, count: int) -> None:
    assert steps(log_test(("0s", "A"), (last, "A")), interval) == count


@pytest.mark.parametrize(
    ("times", "interval", "numbers"),
    [
        (["0"], 30, {0}),
        (["1m", "2m"], 30, {2, 4}),
        (["1m29s", "1m"], 30, {2}),  # what promtool looks at is the evaluation before
        (["300ms"], 0.1, {3}),
    ],
)
def test_the_steps_that_a_test_looks_at(
    times: list[str], interval: float, numbers: set[int]
) -> None:
    test = log_test(*((at, "A") for at in times), ("9m", "B"))
    assert looked_at_steps(test, "A", interval) == numbers


@pytest.mark.parametrize(
    ("hold", "count"), [(None, 0), ("0s", 0), ("30s", 1), ("1m", 2), ("1m1s", 3)]
)
def test_an_alert_depends_on_as_many_steps_before_as_its_for_is_long(
    hold: str | None, count: int
) -> None:
    assert steps_of_for({"alert": "A", "for": hold}, 30) == count


def test_a_for_that_is_no_duration_is_said_with_its_alert() -> None:
    with pytest.raises(ValueError, match="`for` of A: not a duration such as 90s"):
        steps_of_for({"alert": "A", "for": "soon"}, 30)


def test_lines_of_one_time_get_times_of_their_own_that_are_not_later() -> None:
    pushed = push(
        LogStream({"a": "b"}, ((60, "one"), (60, "one"), (90, "two"))),
        "t1",
        1_000_000_000_000,
        hidden=False,
    )
    assert pushed == {
        "stream": {"a": "b", TEST_LABEL: "t1"},
        "values": [["1059999999998", "one"], ["1059999999999", "one"], ["1090000000000", "two"]],
    }


def test_in_a_loki_of_others_a_stream_has_no_label_that_they_use_and_the_rule_sees_its_own_ones() -> (
    None
):
    stream = LogStream({"container": "kube-proxy", "pod": "p"}, ((60, "one"),))
    test = LogTest("a test", (stream,), ())
    assert push(stream, "t1", 0, hidden=True)["stream"] == {
        f"{TEST_LABEL}_container": "kube-proxy",
        f"{TEST_LABEL}_pod": "p",
        TEST_LABEL: "t1",
    }
    rule = 'sum by (pod) (count_over_time({container="kube-proxy"} |= "x" [5m])) > 0'
    assert query(rule, test.streams, "t1", hidden=True) == (
        'sum by (pod) (count_over_time({kube_proxy_alerts_test_container="kube-proxy", kube_proxy_alerts_test=`t1`}'
        " | label_format container=kube_proxy_alerts_test_container, pod=kube_proxy_alerts_test_pod"
        ' |= "x" [5m])) > 0'
    )
    assert query(rule, test.streams, "t1", hidden=False) == rule.replace(
        "}", ", kube_proxy_alerts_test=`t1`}"
    )


def test_lokis_answers_become_series_and_gaps_are_marked() -> None:
    test = LogTest("a test", (), ({"eval_time": "3m", "alertname": "A", "exp_alerts": []},))
    answer = [
        Series({f"{HIDDEN}node": 'n"1', TEST_LABEL: "t1"}, {1: "2", 2: "3", 4: "1"}),
        Series({}, {}),
    ]
    rules, tests = as_promtool(test, alerting_rules([RULES])[:1], [answer], {}, 30)
    assert yaml.safe_load(rules.text) == {
        "groups": [
            {
                "name": "rules",
                "rules": [
                    {
                        "alert": "A",
                        "expr": "log_rule_0",
                        "for": "1m",
                        "labels": {"severity": "info"},
                    }
                ],
            }
        ]
    }
    assert yaml.safe_load(tests.text) == {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30000ms",
        "tests": [
            {
                "name": "a test",
                "interval": "30000ms",
                "input_series": [
                    {"series": 'log_rule_0{node="n\\"1"}', "values": "_ 2 3 stale 1 stale _"},
                    {"series": "log_rule_0{}", "values": "_ _ _ _ _ _ _"},
                ],
                "alert_rule_test": [{"eval_time": "3m", "alertname": "A", "exp_alerts": []}],
            }
        ],
    }


def test_what_an_annotation_asks_is_known_for_each_series_and_its_answer_becomes_a_series() -> None:
    rule = {
        **alerting_rules([RULES])[0],
        "annotations": {"line": "{{ query (printf `x{node=%q}` $labels.node) }}"},
    }
    answer = [Series({f"{HIDDEN}node": "n1", TEST_LABEL: "t1"}, {1: "2"}), Series({}, {2: "1"})]
    assert asked(rule, answer, {1, 2, 3}) == {'x{node="n1"}': {1}, 'x{node=""}': {2}}
    test = LogTest("a test", (), ({"eval_time": "1m", "alertname": "A"},))
    answers = {'x{node="n1"}': [Series({"text": "said"}, {1: "7"})]}
    rules, tests = as_promtool(test, [rule], [answer], answers, 30)
    (written,) = yaml.safe_load(rules.text)["groups"][0]["rules"]
    assert written["annotations"] == {
        "line": '{{ query (printf "log_answers{query=%q}" (printf `x{node=%q}` $labels.node)) }}'
    }
    assert yaml.safe_load(tests.text)["tests"][0]["input_series"][2] == {
        "series": 'log_answers{text="said", query="x{node=\\"n1\\"}"}',
        "values": "_ 7 stale",
    }


def test_no_rule_is_kept_firing_as_no_loki_does_it() -> None:
    test = LogTest("a test", (), ({"eval_time": "1m", "alertname": "A"},))
    rule = {**alerting_rules([RULES])[0], "keep_firing_for": "1h"}
    rules, _ = as_promtool(test, [rule], [[]], {}, 30)
    assert "keep_firing_for" not in rules.text


def test_a_query_that_is_not_known_is_said_with_its_place() -> None:
    rule = {
        **alerting_rules([RULES])[0],
        "annotations": {"line": "{{ query (printf `x %s` $value) }}"},
    }
    with pytest.raises(ValueError, match="annotation line of A: what `query` asks for"):
        asked(rule, [Series({}, {})], set())
