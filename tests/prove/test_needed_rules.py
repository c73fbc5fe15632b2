"""Which rules a file of unit tests is given."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from generator.base import subprocesses
from generator.base.disk import populate
from generator.base.file import File
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup
from generator.compile.rule_files import rules_file
from generator.prove.needed_rules import needed


def alert(name: str, expr: str, annotation: str = "") -> AlertRule:
    return AlertRule(name, expr, "0s", {}, {"description": annotation})


def seen(groups: Sequence[RuleGroup], text: str) -> dict[str, list[str]]:
    """The rules that a text is given, by group."""
    chosen: dict[str, list[str]] = {}
    for group in needed(groups, text):
        chosen[group.name] = [
            rule.alert if isinstance(rule, AlertRule) else rule.record for rule in group.rules
        ]
    return chosen


def test_a_file_of_tests_is_given_the_rules_it_names_and_what_these_read() -> None:
    groups = [
        RuleGroup(
            "records",
            "30s",
            (
                RecordingRule("a:b:c", "x"),
                RecordingRule("d:e:f", "a:b:c * 2"),
                RecordingRule("g:h:i", "x"),
            ),
        ),
        RuleGroup("first", "30s", (alert("One", "d:e:f > 1"), alert("OneMore", "y > 1"))),
        RuleGroup(
            "second",
            "30s",
            (alert("Two", "y > 1", '{{ query `ALERTS{alertname=~"Three|Four"}` }}'),),
        ),
        RuleGroup("third", "30s", (alert("Three", "z > 1"),)),
    ]
    series = "series: x, series: y, series: z"
    both = {"records": ["a:b:c", "d:e:f"], "first": ["One"]}
    assert seen(groups, f"{series}, alertname: One") == both
    assert seen(groups, f"{series}, alertname: Two") == {"second": ["Two"], "third": ["Three"]}
    assert seen(groups, f"{series}, expr: g:h:i") == {"records": ["g:h:i"]}
    assert seen(groups, f'{series}, expr: "1 or\\ng:h:i"') == {"records": ["g:h:i"]}
    assert seen(groups, f"{series}, alertname: Unknown") == {}


def test_of_those_it_is_given_what_reads_series_that_are_there_or_recorded() -> None:
    groups = [
        RuleGroup("alerts", "30s", (alert("One", "d:e:f > 1"), alert("Two", "sum(y) > 1"))),
        RuleGroup(
            "records", "30s", (RecordingRule("d:e:f", "a:b:c * 2"), RecordingRule("a:b:c", "x"))
        ),
    ]
    names = "alertname: One, alertname: Two"
    read = {"alerts": ["One"], "records": ["d:e:f", "a:b:c"]}
    assert seen(groups, f"series: 'x{{job=\"y_\"}}', {names}") == read
    assert seen(groups, f"series: y, {names}") == {"alerts": ["Two"]}
    assert seen(groups, f"series: 'a:b:c', {names}") == {"alerts": ["One"], "records": ["d:e:f"]}
    assert seen(groups, names) == {}
    of_alerts = [
        RuleGroup("alerts", "30s", (alert("Five", "x"), alert("Six", 'ALERTS{alertname="Five"}')))
    ]
    assert seen(of_alerts, "series: x, alertname: Six") == {"alerts": ["Five", "Six"]}
    quoted = [RuleGroup("dotted", "30s", (alert("Three", '{"a.b"} > 1'),))]
    assert seen(quoted, """series: '{"a.b"}', alertname: Three""") == {"dotted": ["Three"]}


# Whether an alert fires, and the file of tests is given its rule, where there is a series `here` and no other.
FIRES = (
    "here",
    "here or gone",
    "here unless gone",
    '{__name__=~"he.+"}',
    "record:of:here",
    'ALERTS{alertname="Fires0"}',
    "absent(gone)",
    "absent_over_time(gone[5m])",
    "gone or on () vector(1)",
    "scalar(gone) != bool 1",
    "time() >= bool 0",
    "1",
    "year(gone) or year() == 1970",
    "month() == 1 unless gone",
    "day_of_month() == 1 unless gone",
    "day_of_week() == 4 unless gone",
    "day_of_year() == 1 unless gone",
    "days_in_month() == 31 unless gone",
    "hour() == 0 unless gone",
    "minute() == 1 unless gone",
)
SILENT = (
    "gone",
    "time() - gone",
    "rate(gone[5m]) >= 0",
    "count(gone) == 0 or sum by (here) (gone)",
    "gone or gone_too",
    "max_over_time((gone * 2)[10m:1m])",
    "histogram_quantile(0.99, gone)",
    'label_replace(gone, "here", "gone", "", "")',
    "record:of:gone",
)


@pytest.mark.parametrize("given", ["all", "the needed"])
def test_promtool_sees_no_difference_between_all_rules_and_the_needed_ones(
    given: str, pinned_promtool: Path, tmp_path: Path
) -> None:
    firing = [alert(f"Fires{number}", expr) for number, expr in enumerate(FIRES)]
    silent = [alert(f"Silent{number}", expr) for number, expr in enumerate(SILENT)]
    records = (RecordingRule("record:of:here", "here"), RecordingRule("record:of:gone", "gone"))
    groups = [RuleGroup("all", "1m", (*records, *firing, *silent))]
    tests = {
        "rule_files": ["rules.yaml"],
        "tests": [
            {
                "input_series": [{"series": "here", "values": "1x5"}],
                "promql_expr_test": [_firing(rule.alert, 1) for rule in firing]
                + [_firing(rule.alert, None) for rule in silent],
            }
        ],
    }
    text = yaml.safe_dump(tests)
    if given == "the needed":
        groups = needed(groups, text)
        assert seen(groups, text) == {"all": ["record:of:here", *(rule.alert for rule in firing)]}
    populate(tmp_path, [File("tests.yaml", text), rules_file("rules.yaml", groups)])
    command = [str(pinned_promtool), "test", "rules", "tests.yaml"]
    accepted, printed = subprocesses.run(command, tmp_path)
    assert accepted, printed


def _firing(name: str, count: int | None) -> dict[str, object]:
    """How many alerts of a name fire after a minute; none is no number."""
    expr = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    samples = [] if count is None else [{"labels": "{}", "value": count}]
    return {"expr": expr, "eval_time": "1m", "exp_samples": samples}
