"""How problems are printed."""

import json

from generator.problems import Location, Problem, errors, render

ERROR = Problem(Location("a,b.yaml", 3, 5), "50% is\nwrong")
WARNING = Problem(Location("c.yaml"), "hm", "warning")


def test_text_is_one_line_each_sorted_by_place() -> None:
    assert render([WARNING, ERROR], "text") == "a,b.yaml:3:5: 50% is\nwrong\nc.yaml: warning: hm\n"


def test_json_is_one_document() -> None:
    assert json.loads(render([ERROR], "json")) == {
        "problems": [{"path": "a,b.yaml", "line": 3, "column": 5, "severity": "error", "message": "50% is\nwrong"}]
    }


def test_github_annotations_escape_what_github_reads() -> None:
    assert render([ERROR, WARNING], "github") == (
        "::error file=a%2Cb.yaml,line=3,col=5::50%25 is%0Awrong\n::warning file=c.yaml::hm\n"
    )


def test_nothing_to_say() -> None:
    assert render([], "text") == ""
    assert json.loads(render([], "json")) == {"problems": []}


def test_warnings_are_no_errors() -> None:
    assert errors([WARNING, ERROR]) == [ERROR]
