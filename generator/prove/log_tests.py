"""Unit tests of log rules: what is pushed, what is asked, and the same test in promtool's words. No IO.

Loki has no unit tests, nor has VictoriaLogs. Here the store itself evaluates each rule's expression at every step on
which an expected alert depends, and promtool, which holds the rule engine that Loki's ruler uses too, takes the answers
as series: it knows `for`, resolution, templates, and how to say what it expected and what it got. What a template asks
(`query`) is asked of the store too, at the steps whose alerts are compared. That vmalert's engine judges alike is shown
by the tests.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import yaml

from generator.base import document
from generator.base.durations import seconds
from generator.base.file import File
from generator.base.lines import NANOSECONDS_A_SECOND, Labels
from generator.base.names import TEST_LABEL
from generator.catalog.model import LogStream, LogTest
from generator.prove import annotation_queries
from generator.query import logql
from generator.servers.loki import PushedStream, Series

HIDDEN = f"{TEST_LABEL}_"  # before the names of labels in a Loki that others use

Rule = Mapping[str, Any]


def alerting_rules(rule_files: Iterable[str]) -> list[Rule]:
    """The alerting rules of rule files, in order. Raises ValueError if one is no rule file."""
    rules: list[Rule] = []
    for text in rule_files:
        try:
            rules += _alerting_rules_of_file(text)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("a rule file is not groups of rules in YAML") from error
    return rules


def _alerting_rules_of_file(text: str) -> list[Rule]:
    rules: list[Rule] = []
    for group in document.plain_values(text)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rules.append({**rule, "expr": str(rule["expr"])})
    return rules


def looked_at(test: LogTest, rules: Iterable[Rule]) -> list[Rule]:
    """The rules that the test looks at. Raises ValueError for an alert that no rule gives, as its test cannot fail."""
    wanted = {str(check["alertname"]) for check in test.checks}
    chosen = [rule for rule in rules if rule["alert"] in wanted]
    missing = wanted - {rule["alert"] for rule in chosen}
    if missing:
        listed = ", ".join(sorted(missing))
        raise ValueError(f"no rule of the rule files has the name {listed}")
    return chosen


def steps(test: LogTest, interval: float) -> int:
    """How many evaluations after the first one the test needs."""
    times = [seconds(check["eval_time"]) for check in test.checks]
    return math.ceil(max(times) / interval)


def looked_at_steps(test: LogTest, alert: str, interval: float) -> set[int]:
    """The evaluations whose alerts the test compares, those of this name."""
    return {
        _milliseconds(seconds(check["eval_time"])) // _milliseconds(interval)
        for check in test.checks
        if check["alertname"] == alert
    }


def steps_of_for(rule: Rule, interval: float) -> int:
    """How many evaluations before one decide whether an alert fires at it.

    Raises ValueError if `for` is no duration.
    """
    try:
        hold = seconds(str(rule.get("for") or "0"))
    except ValueError as error:
        raise ValueError(f"`for` of {rule['alert']}: {error}") from error
    return math.ceil(_milliseconds(hold) / _milliseconds(interval))


def length(test: LogTest, interval: float) -> float:
    """Seconds from the start of the test to the last evaluation or line, whichever comes later."""
    last = steps(test, interval) * interval
    for stream in test.streams:
        for offset, _ in stream.lines:
            last = max(last, offset)
    return last


def query(expr: str, streams: Sequence[LogStream], name: str, hidden: bool) -> str:
    """The LogQL of a rule over the streams that `push` gives for the test of this name, and over no others."""
    if hidden:
        labels = set().union(*(stream.labels for stream in streams))
        expr = logql.renamed(expr, HIDDEN, sorted(labels))
    return logql.within(expr, TEST_LABEL, name)


def push(stream: LogStream, name: str, base: int, hidden: bool) -> PushedStream:
    """A stream as the push API of Loki takes it, and VictoriaLogs. `base` is the start of the test in nanoseconds.

    Hidden, its labels have names that nobody else uses. Loki finds no stream by labels that it does not have, so only
    the rules under test see it, and nothing takes it for a log of the site.

    Loki drops a line that it has at that very time already, so lines of one time get times of their own, a
    nanosecond apart; the last of them has the time that was asked for.
    """
    values = []
    following = len(stream.lines)
    for offset, line in stream.lines:
        following -= 1
        time = base + round(offset * NANOSECONDS_A_SECOND) - following
        values.append([str(time), line])
    prefix = HIDDEN if hidden else ""
    labels = {}
    for label, value in stream.labels.items():
        labels[prefix + label] = value
    labels[TEST_LABEL] = name
    return {"stream": labels, "values": values}


def times_of_stream(stream: LogStream, base: int) -> tuple[int, int]:
    """When the first line of a stream whose lines have one time is, as `push` gives it, and when they have ended."""
    before_last = len(stream.lines) - 1
    return base - before_last, base + 1


def asked(rule: Rule, answer: Iterable[Series], looked_at: Set[int]) -> dict[str, set[int]]:
    """What the rule's annotations ask for at the evaluations whose alerts are compared, for each series that its
    expression gives then. Raises ValueError if a test cannot know that."""
    texts: dict[str, set[int]] = {}
    for series in answer:
        given = looked_at & series.values.keys()
        for text in _queries_of_alert(rule, _without_hidden(series.labels)):
            texts.setdefault(text, set()).update(given)
    return {text: given for text, given in texts.items() if given}


def _queries_of_alert(rule: Rule, labels: Labels) -> Iterator[str]:
    """What the rule's annotations ask for in an alert with these labels."""
    for name, template in _annotations(rule).items():
        try:
            for query in annotation_queries.queries(template):
                yield query.text(labels)
        except ValueError as error:
            raise ValueError(f"annotation {name} of {rule['alert']}: {error}") from error


def as_promtool(
    test: LogTest,
    rules: Sequence[Rule],
    answers: Sequence[Sequence[Series]],
    query_answers: Mapping[str, Sequence[Series]],
    interval: float,
) -> list[File]:
    """The test for promtool: each rule reads a series, and the series holds what the store answered for its expression.

    `query_answers` holds its answers to what the annotations ask for.
    """
    written = []
    for number, rule in enumerate(rules):
        written.append(_for_promtool(number, rule))
    groups = {"groups": [{"name": "rules", "rules": written}]}
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": _duration(interval),
        "tests": [
            {
                "name": test.name,
                "interval": _duration(interval),
                "input_series": list(_input_series(answers, query_answers, steps(test, interval))),
                "alert_rule_test": list(test.checks),
            }
        ],
    }
    return [
        File("rules.yaml", yaml.safe_dump(groups)),
        File("tests.yaml", yaml.safe_dump(tests)),
    ]


def _input_series(
    answers: Sequence[Sequence[Series]], query_answers: Mapping[str, Sequence[Series]], count: int
) -> Iterator[dict[str, str]]:
    """The answers as promtool takes series: first those to the expressions, then those to what annotations ask."""
    for number, answer in enumerate(answers):
        for series in answer:
            labels = _without_hidden(series.labels)
            yield _as_input(_series_name(number), labels, series, count)
    for query, answer in query_answers.items():
        for series in answer:
            labels = annotation_queries.answer_labels(query, _without_hidden(series.labels))
            yield _as_input(annotation_queries.ANSWERS, labels, series, count)


def _as_input(name: str, labels: Labels, series: Series, count: int) -> dict[str, str]:
    return {
        "series": f"{name}{_braces(labels)}",
        "values": _values(series.values, count),
    }


def _for_promtool(number: int, rule: Rule) -> Rule:
    evaluated = {**rule, "expr": _series_name(number)}
    # No Loki keeps an alert firing: it reads the key, if it knows it, and drops it.
    evaluated.pop("keep_firing_for", None)
    annotations = {}
    for name, template in _annotations(rule).items():
        annotations[name] = annotation_queries.asking_promtool(template)
    if annotations:
        evaluated["annotations"] = annotations
    return evaluated


def _annotations(rule: Rule) -> dict[str, str]:
    annotations = rule.get("annotations") or {}
    return {name: str(template) for name, template in annotations.items()}


def _series_name(number: int) -> str:
    return f"log_rule_{number}"


def _without_hidden(labels: Labels) -> dict[str, str]:
    """Labels as the rule gives them outside of a test; absent_over_time() makes some of those of the selector."""
    shown = {}
    for name, value in labels.items():
        if name != TEST_LABEL:
            shown[name.removeprefix(HIDDEN)] = value
    return shown


def _braces(labels: Labels) -> str:
    matchers = []
    for name, value in labels.items():
        quoted = json.dumps(value, ensure_ascii=False)
        matchers.append(f"{name}={quoted}")
    return f"{{{', '.join(matchers)}}}"


def _values(values: Mapping[int, str], count: int) -> str:
    """promtool's notation, where a series that ends is marked, or it would be seen for five minutes more."""
    words = []
    for step in range(count + 1):
        has_ended = step - 1 in values
        absent = "stale" if has_ended else "_"
        words.append(values.get(step, absent))
    return " ".join(words)


def _duration(length: float) -> str:
    return f"{_milliseconds(length)}ms"


def _milliseconds(length: float) -> int:
    return round(length * 1000)
