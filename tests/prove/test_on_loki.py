"""Unit tests of log rules on a real Loki: the catalog's, and ones that must fail and say why."""

import itertools
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.base.names import TEST_LABEL
from generator.catalog.model import Exclusion, LogSignal, LogTests, Variant
from generator.catalog.unit_tests import load_tests
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.pipeline import default_log_rules
from generator.prove import over_time
from generator.prove.on_loki import OnLoki
from generator.query import logql
from generator.query.signature import Signature
from generator.servers.loki import Loki
from tests import once
from tests.patterns import patterns, variants
from tests.prove.suites import assert_all_pass, said_of

INPUTS = once.inputs()
RULES = default_log_rules(INPUTS)
SUITES = [
    pytest.param(entry.log_tests, id=entry.id)
    for entry in INPUTS.catalog.entries
    if entry.log_tests
]


@pytest.fixture
def promtool(pinned_promtool: Path) -> Path:
    return pinned_promtool


@pytest.mark.parametrize("tests", SUITES)
def test_the_catalogs_log_tests_pass_on_a_real_loki(
    tests: LogTests, real_loki: Loki, promtools: list[Path]
) -> None:
    assert_all_pass(OnLoki(real_loki), promtools, tests, RULES)


def test_loki_sees_every_sample_in_every_dress_as_the_line_level_check_does(
    real_loki: Loki,
) -> None:
    problems, compared = over_time.samples_agree(
        OnLoki(real_loki), INPUTS.catalog, INPUTS.catalog.entries
    )
    assert [str(problem) for problem in problems] == []
    assert compared == len(DRESSES) * sum(
        bool(line)
        for entry in INPUTS.catalog.entries
        for sample in entry.samples
        for line in sample.lines
    )


# Lines of one to three words, and those that Loki's engine finds among them.
WORDS = ("ab", "abc", "B", "bd", "AB", "-")
LINES = [
    "".join(words) for length in (1, 2, 3) for words in itertools.product(WORDS, repeat=length)
]
Seen = Callable[[Signature], set[str]]


@pytest.fixture(scope="module")
def seen(real_loki: Loki) -> Seen:
    """Which of the lines a real Loki finds by the filters of a signature."""
    mark, start = uuid.uuid4().hex, time.time_ns() - 3600 * 1_000_000_000
    values = [[str(start + number), line] for number, line in enumerate(LINES)]
    real_loki.push([{"stream": {TEST_LABEL: mark}, "values": values}])

    def found(filters: Signature) -> set[str]:
        query = " ".join([f'{{{TEST_LABEL}="{mark}"}}', *logql.filters(filters)])
        return {line for _, line in real_loki.lines(query, start, start + len(LINES))}

    return found


@pytest.mark.parametrize(
    "pattern",
    [
        "ab.*B|ab.*bd",  # what is alike at the beginning
        "ab.*(?:B|bd)",
        "ab(?:B.*|-.*)",
        "ab(?:B|-)(?:bd|ab)",
        "(?i)ab.*",
        "[aA].*",
        "ab.*B|ab.*",
        "(ab.*B)|(ab.*bd)",
        "ab.{0,}B|ab.*?bd",
        "ab(?:.+)*B|ab(.)*bd",
        "(?:ab|abc).*|B",
        "bd|",
    ],
)
def test_loki_finds_what_a_pattern_of_plain_text_says(pattern: str, seen: Seen) -> None:
    searched, excluded = Signature((), (), pattern, ()), Signature((), (), None, (pattern,))
    assert seen(searched) == {line for line in LINES if searched.matches(line)}
    assert seen(excluded) == {line for line in LINES if excluded.matches(line)}


PATTERNS = patterns(
    [*WORDS, ".*", "(?i:ab)", "[aA]", "B?", "", r"\b", "a+", ".", ".{0,}", ".+", ".{0,2}"]
)
VARIANTS = variants(PATTERNS, LINES)


@settings(max_examples=300)
@given(st.lists(VARIANTS, min_size=1, max_size=4), st.lists(PATTERNS, max_size=1))
def test_loki_finds_what_any_signature_says(
    seen: Seen, variants: list[Variant], exclude: list[str]
) -> None:
    left_out = tuple(Exclusion(pattern, "why") for pattern in exclude)
    made = signature(LogSignal(tuple(variants), exclude=left_out))
    assert seen(made) == {line for line in LINES if made.matches(line)}


RULE = """
groups:
- name: g
  rules:
  - alert: DoorOpen
    expr: |
      sum by (house) (count_over_time({app="door"} |= `open` [2m])) > 1
    for: 1m
    annotations: {summary: "{{ $value }} times at {{ $labels.house }}"}
"""
TESTS = """
rule_files: [rules.yaml]
evaluation_interval: 30s
tests:
- name: twice
  input_streams:
  - stream: '{app="door", house="red"}'
    lines:
    - {at: 30s, line: the door is open}
    - {at: 1m, every: 30s, times: 2, line: open again}
  alert_rule_test:
  - {eval_time: 1m, alertname: DoorOpen}
  - eval_time: 2m
    alertname: DoorOpen
    exp_alerts:
    - exp_labels: {house: red}
      exp_annotations: {summary: 3 times at red}
  - {eval_time: 5m, alertname: DoorOpen}
"""


def run_one(
    tmp_path: Path, tests: str, loki: Loki, promtool: Path, rule: str = RULE, hidden: bool = False
) -> str:
    return said_of(tmp_path, OnLoki(loki, hidden), promtool, rule, tests)


@pytest.mark.parametrize("hidden", [False, True])
def test_any_rule_file_is_tested_with_its_for_its_end_and_its_templates(
    hidden: bool, tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    assert run_one(tmp_path, TESTS, real_loki, promtool, hidden=hidden) == ""


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    "expr",
    [
        'sum by (house) (count_over_time({app="door"}[2m] |= `open`)) > 1',
        'sum by (house) (count_over_time({app=~"d.*", house!=""} | line_format "{{.app}} {{.house}}" [2m])) > 1',
        'sum by (house) (count_over_time({app="door", gate=""} | house="red" | app!="x" |= `open` [2m])) > 1',
        'sum by (house) (count_over_time({app="door"} | regexp "(?P<what>op)en" | what="op" [2m])) > 1',
        "sum without (app, kube_proxy_alerts_test, service_name, detected_level)"  # two by Loki 3
        ' (count_over_time({app="door"} |= `open` [2m])) > 1',
    ],
)
def test_a_rule_sees_the_labels_of_its_streams_wherever_it_names_them(
    expr: str, hidden: bool, tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    old = 'sum by (house) (count_over_time({app="door"} |= `open` [2m])) > 1'
    assert run_one(tmp_path, TESTS, real_loki, promtool, RULE.replace(old, expr), hidden) == ""


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_absent_has_the_labels_of_its_selector(
    hidden: bool, tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    rule = RULE.replace(
        'sum by (house) (count_over_time({app="door"} |= `open` [2m])) > 1',
        'absent_over_time({app="door"}[1m])',
    )
    tests = (
        TESTS[: TESTS.index("  alert_rule_test")]
        + """
  alert_rule_test:
  - eval_time: 4m
    alertname: DoorOpen
    exp_alerts:
    - exp_labels: {app: door}
      exp_annotations: {summary: "1 times at "}
"""
    )
    assert run_one(tmp_path, tests, real_loki, promtool, rule, hidden) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("|= `open`", "|= `opened`"),
        ("[2m]", "[20m]"),
        ("> 1", "> 4"),
        ("for: 1m", "for: 0s"),
        ("for: 1m", "for: 5m"),
        ("sum by (house)", "sum by (app)"),
        ("times at", "lines at"),
        ('app="door"', 'app="gate"'),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_rule_that_is_otherwise_fails(
    old: str, new: str, hidden: bool, tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    assert "FAILED" in run_one(tmp_path, TESTS, real_loki, promtool, RULE.replace(old, new), hidden)


def test_a_line_of_the_moment_of_the_last_look_counts(
    tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    """It would not, if the moment were the end of what a Loki is asked for."""
    tests = """
rule_files: [rules.yaml]
evaluation_interval: 30s
tests:
- name: once
  input_streams:
  - stream: '{app="door", house="red"}'
    lines: [{at: 30s, line: open}]
  alert_rule_test:
  - eval_time: 30s
    alertname: DoorOpen
    exp_alerts: [{exp_labels: {house: red}, exp_annotations: {summary: 1 times at red}}]
"""
    rule = RULE.replace("for: 1m", "for: 0s").replace("> 1", "> 0")
    assert run_one(tmp_path, tests, real_loki, promtool, rule) == ""


def test_lines_after_the_last_evaluation_are_none_of_the_future(
    tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    tests = TESTS.replace(
        "line: the door is open}",
        "line: the door is open}\n    - {at: 20m, line: the door is shut}",
    )
    assert run_one(tmp_path, tests, real_loki, promtool) == ""


def test_a_failure_says_what_was_expected_what_came_the_query_and_the_lines(
    tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    said = run_one(tmp_path, TESTS.replace("3 times", "2 times"), real_loki, promtool)
    lines = [line.strip() for line in said.splitlines()]
    assert 'Annotations:{summary="2 times at red"}' in lines
    assert 'Annotations:{summary="3 times at red"}' in lines
    assert lines[-6:] == [
        "query of DoorOpen:",
        'sum by (house) (count_over_time({app="door"} |= `open` [2m])) > 1',
        "lines that matched:",
        "30s  the door is open",
        "60s  open again",
        "90s  open again",
    ]


def test_a_test_of_an_unknown_alert_fails(tmp_path: Path, real_loki: Loki, promtool: Path) -> None:
    said = run_one(tmp_path, TESTS.replace("DoorOpen", "DoorShut"), real_loki, promtool)
    assert said == "no rule of the rule files has the name DoorShut"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stream: '{app=", "stream: '{app=!", "tests.yaml:7:5: "),
        ("stream: '{app=", "stream: '{app=~", "tests.yaml:7:5: labels are given with =, as in"),
        ("interval: 30s", "interval: 0s", "tests.yaml:3:1: the interval must be longer than 0"),
        (
            "line: the door is open",
            "file: gone.log",
            "tests.yaml:9:7: there is no file gone.log beside this one",
        ),
        (
            "{at: 30s, line: the door is open}",
            "{at: 30s}",
            "tests.yaml:9:7: give either `line` or `file`",
        ),
        ("every: 30s, times", "times", "tests.yaml:10:7: `times` needs `every`"),
        ("[rules.yaml]", "[no*.yaml]", "tests.yaml: no rule file matches no*.yaml"),
        ("at: 30s", "at: soon", "tests.yaml:9:8: at: 'soon' does not have the form"),
        (
            "alertname: DoorOpen}",
            "alertnam: DoorOpen}",
            "unknown key 'alertnam'; did you mean 'alertname'?",
        ),
    ],
)
def test_a_bad_test_file_is_said_with_its_place(
    old: str, new: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULE)
    Path("tests.yaml").write_text(TESTS.replace(old, new))
    problems = [str(problem) for problem in load_tests(Path("tests.yaml")).problems]
    assert any(said in problem for problem in problems), problems


def test_of_several_tests_of_a_file_only_that_is_said_to_fail_which_fails(
    tmp_path: Path, real_loki: Loki, promtool: Path
) -> None:
    """promtool is asked about all of them at once, and then about each."""
    (tmp_path / "rules.yaml").write_text(RULE)
    first = TESTS.partition("tests:\n")[2]
    wrong = first.replace("- name: twice", "- name: wrong").replace("3 times", "2 times")
    last = first.replace("- name: twice", "- name: last")
    (tmp_path / "tests.yaml").write_text(f"{TESTS}{wrong}{last}")
    read = load_tests(tmp_path / "tests.yaml")
    assert read.log_tests
    suite = over_time.suite(read.log_tests, read.rules)
    outcomes = list(over_time.run_tests(OnLoki(real_loki), promtool, suite))
    assert [outcome.test for outcome in outcomes] == ["twice", "wrong", "last"]
    assert [bool(outcome.said) for outcome in outcomes] == [False, True, False]
    assert "3 times at red" in outcomes[1].said
