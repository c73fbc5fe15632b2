"""How problems are printed."""

import json

from generator.base.problems import Location, Problem, errors
from generator.commands.reports import rendered_problems

ERROR = Problem(Location("a,b.yaml", 3, 5), "50% is\nwrong")
WARNING = Problem(Location("c.yaml"), "hm", "warning")


def test_text_is_one_line_each_sorted_by_place() -> None:
    assert (
        rendered_problems([WARNING, ERROR], "text")
        == "a,b.yaml:3:5: 50% is\nwrong\nc.yaml: warning: hm\n"
    )


def test_json_is_one_document() -> None:
    assert json.loads(rendered_problems([ERROR], "json")) == {
        "problems": [
            {
                "path": "a,b.yaml",
                "line": 3,
                "column": 5,
                "severity": "error",
                "message": "50% is\nwrong",
            }
        ]
    }


def test_github_annotations_escape_what_github_reads() -> None:
    assert rendered_problems([ERROR, WARNING], "github") == (
        "::error file=a%2Cb.yaml,line=3,col=5::50%25 is%0Awrong\n::warning file=c.yaml::hm\n"
    )


def test_gitlab_reads_a_code_quality_report() -> None:
    issues = json.loads(rendered_problems([WARNING, ERROR], "gitlab"))
    fingerprints = {issue.pop("fingerprint") for issue in issues}
    assert issues == [
        {
            "description": "50% is\nwrong",
            "check_name": "kube-proxy-alerts",
            "severity": "major",
            "location": {"path": "a,b.yaml", "lines": {"begin": 3}},
        },
        {
            "description": "hm",
            "check_name": "kube-proxy-alerts",
            "severity": "minor",
            "location": {"path": "c.yaml", "lines": {"begin": 1}},
        },
    ]
    assert [len(fingerprint) for fingerprint in fingerprints] == [64, 64]


def test_nothing_to_say() -> None:
    assert json.loads(rendered_problems([], "gitlab")) == []
    assert rendered_problems([], "text") == ""
    assert json.loads(rendered_problems([], "json")) == {"problems": []}


def test_warnings_are_no_errors() -> None:
    assert errors([WARNING, ERROR]) == [ERROR]


def test_what_stands_in_no_file_names_none() -> None:
    default = Problem(Location(""), "nobody said so", "warning")
    assert rendered_problems([default], "text") == "warning: nobody said so\n"
    assert rendered_problems([default], "github") == "::warning::nobody said so\n"
    assert json.loads(rendered_problems([default], "gitlab"))[0]["location"] == {
        "path": ".",
        "lines": {"begin": 1},
    }


def test_a_place_is_one_line_whatever_the_folder_is_called() -> None:
    """What follows a line break would be a message of its own, and a command to the CI that reads the log."""
    where = Location("ours\n##[error]x\r\u2028::error::y/failure.yaml", 2, 1)
    assert rendered_problems([Problem(where, "wrong")], "text").count("\n") == 1
    assert len(rendered_problems([Problem(where, "wrong")], "text").splitlines()) == 1
