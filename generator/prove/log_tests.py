"""Unit tests of log rules: what is pushed, what is asked, and the same test in promtool's words. No IO.

Loki has no unit tests, nor has VictoriaLogs. Here the store itself evaluates each rule's expression at every step, and
promtool, which holds the rule engine that Loki's ruler uses too, takes the answers as series: it knows `for`,
resolution, templates, and how to say what it expected and what it got. What a template asks (`query`) is asked of the
store too, at every step. That vmalert's engine judges alike is shown by the tests.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from generator.base import document
from generator.base.durations import seconds
from generator.base.file import File
from generator.base.names import TEST_LABEL
from generator.catalog.model import LogStream, LogTest
from generator.prove import templates
from generator.query import logql
from generator.servers.loki import Series

HIDDEN = f"{TEST_LABEL}_"  # before the names of labels in a Loki that others use
_NANO = 1_000_000_000

Rule = Mapping[str, Any]


def alerting_rules(rule_files: Iterable[str]) -> list[Rule]:
    """The alerting rules of rule files, in order. Raises ValueError if one is no rule file."""
    rules: list[Rule] = []
    for text in rule_files:
        try:
            groups = document.plain_values(text)["groups"]
            found = [rule for group in groups for rule in group["rules"] if "alert" in rule]
            rules += [{**rule, "expr": str(rule["expr"])} for rule in found]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError("a rule file is not groups of rules in YAML") from error
    return rules


def looked_at(test: LogTest, rules: Iterable[Rule]) -> list[Rule]:
    """The rules that the test looks at. Raises ValueError for an alert that no rule gives, as its test cannot fail."""
    wanted = {str(check["alertname"]) for check in test.checks}
    found = [rule for rule in rules if rule["alert"] in wanted]
    missing = wanted - {rule["alert"] for rule in found}
    if missing:
        raise ValueError(f"no rule of the rule files has the name {', '.join(sorted(missing))}")
    return found


def steps(test: LogTest, interval: float) -> int:
    """How many evaluations after the first one the test needs."""
    return math.ceil(max(seconds(check["eval_time"]) for check in test.checks) / interval)


def length(test: LogTest, interval: float) -> float:
    """Seconds from the start of the test to the last evaluation or line, whichever comes later."""
    lines = [offset for stream in test.streams for offset, _ in stream.lines]
    return max([steps(test, interval) * interval, *lines])


def query(expr: str, streams: Sequence[LogStream], name: str, hidden: bool) -> str:
    """The LogQL of a rule over the streams that `push` gives for the test of this name, and over no others."""
    if hidden:
        expr = logql.renamed(
            expr, HIDDEN, sorted({label for stream in streams for label in stream.labels})
        )
    return logql.within(expr, TEST_LABEL, name)


def push(stream: LogStream, name: str, base: int, hidden: bool) -> dict[str, Any]:
    """A stream as the push API of Loki takes it, and VictoriaLogs. `base` is the start of the test in nanoseconds.

    Hidden, its labels have names that nobody else uses. Loki finds no stream by labels that it does not have, so only
    the rules under test see it, and nothing takes it for a log of the site.

    Loki drops a line that it has at that very time already, so lines of one time get times of their own, a
    nanosecond apart; the last of them has the time that was asked for.
    """
    values = []
    for number, (offset, line) in enumerate(stream.lines):
        values.append([str(base + round(offset * _NANO) - (len(stream.lines) - 1 - number)), line])
    labels = (
        {HIDDEN + label: value for label, value in stream.labels.items()}
        if hidden
        else stream.labels
    )
    return {"stream": {**labels, TEST_LABEL: name}, "values": values}


def times_of_stream(stream: LogStream, base: int) -> tuple[int, int]:
    """When the first line of a stream whose lines have one time is, as `push` gives it, and when they have ended."""
    return base - len(stream.lines) + 1, base + 1


def asked(rule: Rule, answer: Iterable[Series]) -> list[str]:
    """What the rule's annotations ask for, for each series that its expression gives. Raises ValueError if a test
    cannot know that."""
    found: dict[str, None] = {}
    for name, template in (rule.get("annotations") or {}).items():
        try:
            queries = templates.queries(str(template))
            texts = [query.text(_without_hidden(one.labels)) for query in queries for one in answer]
        except ValueError as error:
            raise ValueError(f"annotation {name} of {rule['alert']}: {error}") from error
        found |= dict.fromkeys(texts)
    return list(found)


def as_promtool(
    test: LogTest,
    rules: Sequence[Rule],
    answers: Sequence[Sequence[Series]],
    asked: Mapping[str, Sequence[Series]],
    interval: float,
) -> list[File]:
    """The test for promtool: each rule reads a series, and the series holds what the store answered for its expression.

    `asked` holds its answers to what the annotations ask for.
    """
    count = steps(test, interval)
    written = [_for_promtool(number, rule) for number, rule in enumerate(rules)]
    named = [
        (_series_name(number), _without_hidden(one.labels), one)
        for number, rows in enumerate(answers)
        for one in rows
    ]
    named += [
        (templates.ANSWERS, templates.answer_labels(query, _without_hidden(one.labels)), one)
        for query, rows in asked.items()
        for one in rows
    ]
    series = [
        {"series": name + _braces(labels), "values": _values(one.values, count)}
        for name, labels, one in named
    ]
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": _duration(interval),
        "tests": [
            {
                "name": test.name,
                "interval": _duration(interval),
                "input_series": series,
                "alert_rule_test": list(test.checks),
            }
        ],
    }
    groups = {"groups": [{"name": "rules", "rules": written}]}
    return [File("rules.yaml", yaml.safe_dump(groups)), File("tests.yaml", yaml.safe_dump(tests))]


def _for_promtool(number: int, rule: Rule) -> Rule:
    annotations = {
        name: templates.asking_promtool(str(text))
        for name, text in (rule.get("annotations") or {}).items()
    }
    # No Loki keeps an alert firing: it reads the key, if it knows it, and drops it.
    evaluated = {key: value for key, value in rule.items() if key != "keep_firing_for"}
    return {
        **evaluated,
        "expr": _series_name(number),
        **({"annotations": annotations} if annotations else {}),
    }


def _series_name(number: int) -> str:
    return f"log_rule_{number}"


def _without_hidden(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels as the rule gives them outside of a test; absent_over_time() makes some of those of the selector."""
    return {key.removeprefix(HIDDEN): value for key, value in labels.items() if key != TEST_LABEL}


def _braces(labels: Mapping[str, str]) -> str:
    return (
        "{"
        + ", ".join(
            f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items()
        )
        + "}"
    )


def _values(values: Mapping[int, str], count: int) -> str:
    """promtool's notation, where a series that ends is marked, or it would be seen for five minutes more."""
    words = []
    for step in range(count + 1):
        ended = step - 1 in values and step not in values
        words.append(values.get(step, "stale" if ended else "_"))
    return " ".join(words)


def _duration(length: float) -> str:
    return f"{round(length * 1000)}ms"
