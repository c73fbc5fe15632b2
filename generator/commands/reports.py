"""Problems as text, and as GitHub and GitLab read them; files in the formats SARIF and JUnit for what CI collects."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from generator import __version__
from generator.base.names import TOOL
from generator.base.problems import Problem
from generator.commands.printing import masked, printable

if TYPE_CHECKING:
    from generator.prove.over_time import Outcome


def rendered_problems(problems: Sequence[Problem], style: str) -> str:
    """Problems as `text`, one `json` document, `github` workflow annotations, or a `gitlab` Code Quality report.

    Ends in a newline unless empty.
    """
    ordered = sorted(set(problems))
    if style == "json":
        return _as_json({"problems": [_row(problem) for problem in ordered]})
    if style == "gitlab":
        return _as_json([_gitlab(problem) for problem in ordered])
    line = _github if style == "github" else str
    return "".join(f"{line(problem)}\n" for problem in ordered)


def _as_json(data: Any) -> str:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return f"{text}\n"


def _row(problem: Problem) -> dict[str, Any]:
    return {
        **asdict(problem.where),
        "severity": problem.severity,
        "message": problem.message,
    }


# Of GitHub's workflow commands.
_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = {**_IN_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def _github(problem: Problem) -> str:
    where = problem.where
    path = where.path.translate(_IN_PROPERTIES)
    place = f" file={path}" if path else ""
    if where.line:
        place += f",line={where.line},col={where.column}"
    message = problem.message.translate(_IN_DATA)
    return f"::{problem.severity}{place}::{message}"


def literal(text: str, style: str) -> str:
    """A text of many lines as it is: GitHub takes a line that begins with `::` for a command, until told to stop."""
    if style != "github":
        return text
    token = secrets.token_hex(16)  # which the text cannot know
    return f"::stop-commands::{token}\n{text}::{token}::\n"


def _gitlab(problem: Problem) -> dict[str, Any]:
    """One issue, in the part of Code Climate's format that GitLab reads; it tells issues apart by the fingerprint."""
    said = str(problem).encode(errors="backslashreplace")
    return {
        "description": problem.message,
        "check_name": TOOL,
        "fingerprint": hashlib.sha256(said).hexdigest(),
        "severity": "major" if problem.severity == "error" else "minor",
        # GitLab wants a path in any case; of what stands in no file it is the repository's.
        "location": {
            "path": problem.where.path or ".",
            "lines": {"begin": max(problem.where.line, 1)},
        },
    }


_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_SARIF_RULE = {
    "id": "check",
    "shortDescription": {"text": "What is wrong with the catalog, the profile or what they give"},
}


def sarif(problems: Sequence[Problem]) -> str:
    """Problems as a log of SARIF 2.1.0; one without a problem closes what an earlier one has opened."""
    driver = {"name": TOOL, "version": __version__, "rules": [_SARIF_RULE]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in sorted(set(problems))],
    }
    return _as_json({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(problem: Problem) -> dict[str, Any]:
    where = problem.where
    # GitHub shows no result without a file and a line.
    region = {"startLine": max(where.line, 1)}
    if where.line:
        region["startColumn"] = max(where.column, 1)
    place = {"artifactLocation": {"uri": _uri(where.path or ".")}, "region": region}
    return {
        "ruleId": _SARIF_RULE["id"],
        "level": problem.severity,
        "message": {"text": printable(masked(problem.message))},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """A path as a reference; quoted, as one that begins with `a:` would name a scheme."""
    quoted = quote(path, errors="surrogateescape")
    return f"file://{quoted}" if path.startswith("/") else quoted


def junit(outcomes: Sequence["Outcome"]) -> str:
    """How tests ended, as JUnit's XML: a suite for each file, a case for each test."""
    root = ElementTree.Element("testsuites", name=TOOL)
    by_file = sorted(outcomes, key=_file_of_outcome)
    for file, rows in groupby(by_file, key=_file_of_outcome):
        cases = list(rows)
        failures = sum(bool(case.said) for case in cases)
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(file))
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(failures))
        suite.extend(map(_case, cases))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    return f"{text}\n"


def _file_of_outcome(outcome: "Outcome") -> str:
    return outcome.file


def _case(outcome: "Outcome") -> ElementTree.Element:
    file = _xml(outcome.file)
    case = ElementTree.Element("testcase", classname=file, name=_xml(outcome.test), file=file)
    if outcome.said:
        said = _xml(outcome.said)
        first_line, *_ = said.strip().split("\n")
        failure = ElementTree.SubElement(case, "failure", message=first_line)
        failure.text = said
    return case


def _xml(text: str) -> str:
    """Text that a document of XML can hold: no control characters, no halves of surrogate pairs."""
    return printable(masked(text))
