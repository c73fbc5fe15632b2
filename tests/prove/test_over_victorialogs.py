"""Unit tests of log rules on a real VictoriaLogs: the catalog's, and ones that must fail and say why."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from generator.base.durations import seconds
from generator.base.lines import NANOSECONDS_A_SECOND
from generator.base.problems import ToolError
from generator.catalog.model import LogTest, LogTests
from generator.catalog.wrappings import DRESSES
from generator.pipeline import default_log_rules
from generator.prove import log_tests, over_time
from generator.prove.on_victorialogs import OnVictoriaLogs
from generator.servers.http import Client, Endpoint
from generator.servers.loki import Series, first_step
from generator.servers.victorialogs import LabelledValue, VictoriaLogs
from tests import once
from tests.conftest import completed, obtained
from tests.lab import programs
from tests.prove.suites import assert_all_pass, said_of
from tests.prove.test_on_loki import TESTS

INPUTS = once.inputs()
RULES = default_log_rules(INPUTS, "victorialogs")
SUITES = [
    pytest.param(entry.log_tests, id=entry.id)
    for entry in INPUTS.catalog.entries
    if entry.log_tests
]
RULE = """
groups:
- name: g
  type: vlogs
  rules:
  - alert: DoorOpen
    expr: |
      {app="door"} _time:2m ~`open` | stats by (house) count() as times | filter times:>1
    for: 1m
    annotations: {summary: "{{ $value }} times at {{ $labels.house }}"}
"""


@pytest.fixture(scope="module")
def store(real_victoria_logs: VictoriaLogs) -> OnVictoriaLogs:
    return OnVictoriaLogs(real_victoria_logs)


@pytest.mark.parametrize("tests", SUITES)
def test_the_catalogs_log_tests_pass_on_a_real_victorialogs(
    tests: LogTests, store: OnVictoriaLogs, promtools: list[Path]
) -> None:
    assert_all_pass(store, promtools, tests, RULES)


@pytest.fixture(scope="module")
def vmalert_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(programs.VMALERT_STEPS, programs.VMALERT_STEPS.pinned[0], tmp_path_factory)


Firing = list[tuple[int, dict[str, str], dict[str, str]]]


def fired(
    program: Path, store: VictoriaLogs, folder: Path, start: int, step: float, count: int
) -> Firing:
    """What vmalert's own code lets fire at each step: without the labels that it adds itself."""
    account, project = store.tenant.split(":")
    words = [
        str(program),
        f"-rules={folder / 'rules.yaml'}",
        f"-datasource.url={store.url}",
        f"-datasource.headers=AccountID:{account}^^ProjectID:{project}",
        "-notifier.blackhole",
        f"-start={start}",
        f"-step={step:g}s",
        f"-count={count}",
    ]
    done = completed(words, folder)
    assert done.returncode == 0, done.stderr
    added = {"alertgroup", "stats_result"}
    return [
        (
            row["step"],
            {name: text for name, text in row["labels"].items() if text and name not in added},
            row["annotations"],
        )
        for row in json.loads(done.stdout)
    ]


def expected(test: LogTest, alert: str) -> Iterator[tuple[float, Firing]]:
    """When the test looks at an alert, and what fires then, with the alert's name among the labels."""
    for check in test.checks:
        if check["alertname"] == alert:
            found = [
                (0, {"alertname": alert, **row["exp_labels"]}, row["exp_annotations"])
                for row in check.get("exp_alerts", [])
            ]
            yield seconds(check["eval_time"]), found


def _order(row: tuple[int, dict[str, str], dict[str, str]]) -> str:
    return json.dumps(row, sort_keys=True)


@pytest.mark.parametrize("tests", SUITES)
def test_vmalerts_own_engine_gives_the_alerts_of_the_tests(
    tests: LogTests, store: OnVictoriaLogs, vmalert_steps: Path, tmp_path: Path
) -> None:
    """Whose `for`, ends, templates and `query` they are in the end; promtool stands for it in `test`."""
    rules = log_tests.alerting_rules(RULES)
    for test in tests.tests:
        count = log_tests.steps(test, tests.interval)
        length = log_tests.length(test, tests.interval)
        start = first_step(time.time() - length - 60, tests.interval)
        own = store.hold(test.streams, start).store
        for rule in log_tests.looked_at(test, rules):
            group = {"name": "one", "type": "vlogs", "rules": [rule]}
            (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [group]}))
            rows = fired(vmalert_steps, own, tmp_path, start, tests.interval, count)
            for at, wanted in expected(test, rule["alert"]):
                step = math.floor(at / tests.interval)
                here = [(0, labels, said) for number, labels, said in rows if number == step]
                assert sorted(here, key=_order) == sorted(wanted, key=_order), (test.name, at)


def test_victorialogs_sees_every_sample_in_every_dress_as_the_line_level_check_does(
    store: OnVictoriaLogs,
) -> None:
    problems, compared = over_time.samples_agree(store, INPUTS.catalog, INPUTS.catalog.entries)
    assert [str(problem) for problem in problems] == []
    lines = [
        line for entry in INPUTS.catalog.entries for one in entry.samples for line in one.lines
    ]
    assert compared == len(DRESSES) * sum(map(bool, lines))


def run_one(
    folder: Path, store: OnVictoriaLogs, promtool: Path, rule: str = RULE, tests: str = TESTS
) -> str:
    return said_of(folder, store, promtool, rule, tests)


def test_any_rule_file_is_tested_with_its_for_its_end_and_its_templates(
    tmp_path: Path, store: OnVictoriaLogs, pinned_promtool: Path
) -> None:
    assert run_one(tmp_path, store, pinned_promtool) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("~`open`", "~`opened`"),
        ("_time:2m", "_time:20m"),
        ("times:>1", "times:>4"),
        ("for: 1m", "for: 0s"),
        ("for: 1m", "for: 5m"),
        ("by (house)", "by (app)"),
        ("times at", "lines at"),
        ('app="door"', 'app="gate"'),
    ],
)
def test_a_rule_that_is_otherwise_fails(
    old: str, new: str, tmp_path: Path, store: OnVictoriaLogs, pinned_promtool: Path
) -> None:
    assert "FAILED" in run_one(tmp_path, store, pinned_promtool, RULE.replace(old, new))


def test_a_failure_says_what_was_expected_what_came_the_query_and_the_lines(
    tmp_path: Path, store: OnVictoriaLogs, pinned_promtool: Path
) -> None:
    tests = TESTS.replace("3 times", "2 times")
    said = run_one(tmp_path, store, pinned_promtool, tests=tests)
    lines = [line.strip() for line in said.splitlines()]
    assert 'Annotations:{summary="2 times at red"}' in lines
    assert 'Annotations:{summary="3 times at red"}' in lines
    assert lines[-6:] == [
        "query of DoorOpen:",
        '{app="door"} _time:2m ~`open` | stats by (house) count() as times | filter times:>1',
        "lines that matched:",
        "30s  the door is open",
        "60s  open again",
        "90s  open again",
    ]


@pytest.mark.parametrize(("at", "fires"), [("30s", True), ("2m", True), ("2m30s", False)])
def test_a_line_counts_from_its_moment_until_the_window_has_passed(
    at: str, fires: bool, tmp_path: Path, store: OnVictoriaLogs, pinned_promtool: Path
) -> None:
    """To the nanosecond as in Loki, whose window holds its end and not its beginning."""
    rule = RULE.replace("for: 1m", "for: 0s").replace("times:>1", "times:>0")
    alert = "{exp_labels: {house: red}, exp_annotations: {summary: 1 times at red}}"
    tests = f"""
rule_files: [rules.yaml]
evaluation_interval: 30s
tests:
- name: once
  input_streams:
  - stream: '{{app="door", house="red"}}'
    lines: [{{at: 30s, line: open}}]
  alert_rule_test:
  - {{eval_time: {at}, alertname: DoorOpen, exp_alerts: [{alert if fires else ""}]}}
"""
    assert run_one(tmp_path, store, pinned_promtool, rule, tests) == ""


def test_it_is_asked_back_to_the_step_at_which_there_is_nothing(
    real_victoria_logs: VictoriaLogs,
) -> None:
    """A window of 30 s holds its beginning: a line of the second 60 is in that of step 3 alone."""
    asked: list[int] = []
    start = int(time.time()) - 600

    class Noting(VictoriaLogs):
        def _at(self, expr: str, moment: int) -> list[LabelledValue]:
            asked.append((moment // NANOSECONDS_A_SECOND - start) // 30)
            return super()._at(expr, moment)

    with Client(Endpoint("VictoriaLogs", real_victoria_logs.url, tenant="9:3")) as client:
        store = Noting(client)
        at = str((start + 60) * NANOSECONDS_A_SECOND)
        store.push([{"stream": {"app": "door"}, "values": [[at, "open"]]}])
        store.wait(1, {"app": "door"})
        expr = '{app="door"} _time:30s | stats by (app) count() as n'
        assert store.evaluate(expr, start, 30, [6], before=4) == []
        assert store.evaluate(expr, start, 30, [3], before=3) == [Series({"app": "door"}, {3: "1"})]
    assert asked == [6, 3, 2]


def test_several_results_for_one_place_are_refused(
    tmp_path: Path, store: OnVictoriaLogs, pinned_promtool: Path
) -> None:
    rule = RULE.replace("count() as times |", "count() as times, count_uniq(_msg) as texts |")
    said = run_one(tmp_path, store, pinned_promtool, rule)
    assert said.startswith("VictoriaLogs gives several results for the same labels")


def test_the_lines_are_seen_by_no_other_tenant(
    tmp_path: Path, real_victoria_logs: VictoriaLogs, pinned_promtool: Path
) -> None:
    own = {"app": "door", "house": "red"}
    with Client(Endpoint("VictoriaLogs", real_victoria_logs.url, tenant="8:3")) as client:
        site = VictoriaLogs(client)
        store = OnVictoriaLogs(site)
        assert run_one(tmp_path, store, pinned_promtool) == ""
        assert site.counts("* | stats count() as n", own) == [({}, "0")]


def test_where_tenants_are_not_kept_apart_nothing_is_tested(
    real_victoria_logs: VictoriaLogs,
) -> None:
    """As behind a proxy that says itself for which tenant it asks."""

    class OneTenant(VictoriaLogs):
        def of_project(self, _: int) -> "OneTenant":
            return self

    with (
        Client(Endpoint("VictoriaLogs", real_victoria_logs.url)) as client,
        pytest.raises(ToolError, match="does not keep tenants apart"),
    ):
        OnVictoriaLogs(OneTenant(client))
