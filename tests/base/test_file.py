"""Rule files read back as what was put in, whatever the texts are."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generator.base.file import yaml_file
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup
from generator.compile.rule_files import rules_file

# Everything UTF-8 can carry, and often what YAML and its readers stumble over.
ANY = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    alphabet="`'\"\\{}|\n\r\t:#-&*!%@ \x85\u2028ä😀\x00\x7f"
)


@given(ANY, ANY, ANY)
def test_any_text_comes_back_from_yaml(expr: str, label: str, annotation: str) -> None:
    alert = AlertRule("A", expr, "0s", {"team": label}, {"summary": annotation})
    text = rules_file("x", [RuleGroup("g", "1m", (alert, RecordingRule("r", expr)))]).text
    assert yaml.safe_load(text)["groups"][0]["rules"] == [
        {
            "alert": "A",
            "expr": expr,
            "labels": {"team": label},
            "annotations": {"summary": annotation},
        },
        {"record": "r", "expr": expr},
    ]


def test_a_text_of_several_lines_is_a_block_that_people_can_read() -> None:
    text = rules_file("x", [RuleGroup("g", "1m", (RecordingRule("r", "a\n  or b\n"),))]).text
    assert "    expr: |\n      a\n        or b\n" in text


def test_the_same_text_twice_is_written_twice() -> None:
    text = rules_file(
        "x", [RuleGroup("g", "1m", (RecordingRule("r", "same"), RecordingRule("r", "same")))]
    ).text
    assert "&" not in text


@pytest.mark.parametrize("text", ["1e3", "-1E+4", "1_0e2", "08", "1.30", ".5", "0o17", "0X1F", "y"])
def test_what_readers_written_in_go_would_take_for_no_text_is_quoted(text: str) -> None:
    assert yaml_file("x", {text: text}).text.splitlines()[1:] == [f"'{text}': '{text}'"]


@pytest.mark.parametrize("text", ["5m", "1e", "1.2.3", "e3", "v1.30", "yn", "0x", "a08"])
def test_what_all_take_for_a_text_is_plain(text: str) -> None:
    assert yaml_file("x", {"key": text}).text.splitlines()[1:] == [f"key: {text}"]
