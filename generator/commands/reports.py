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
        rows = [{**asdict(p.where), "severity": p.severity, "message": p.message} for p in ordered]
        return json.dumps({"problems": rows}, indent=2, ensure_ascii=False) + "\n"
    if style == "gitlab":
        return json.dumps([_gitlab(p) for p in ordered], indent=2, ensure_ascii=False) + "\n"
    line = _github if style == "github" else str
    return "".join(f"{line(p)}\n" for p in ordered)


def _github(problem: Problem) -> str:
    # Escapes of GitHub's workflow commands: data escapes %, CR and LF; properties also ':' and ','.
    data = problem.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = problem.where.path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = path.replace(":", "%3A").replace(",", "%2C")
    place = f" file={path}" if path else ""
    if problem.where.line:
        place += f",line={problem.where.line},col={problem.where.column}"
    return f"::{problem.severity}{place}::{data}"


def literal(text: str, style: str) -> str:
    """A text of many lines as it is: GitHub takes a line that begins with `::` for a command, until told to stop."""
    if style != "github":
        return text
    token = secrets.token_hex(16)  # which the text cannot know
    return f"::stop-commands::{token}\n{text}::{token}::\n"


def _gitlab(problem: Problem) -> dict[str, Any]:
    """One issue, in the part of Code Climate's format that GitLab reads; it tells issues apart by the fingerprint."""
    return {
        "description": problem.message,
        "check_name": TOOL,
        "fingerprint": hashlib.sha256(str(problem).encode(errors="backslashreplace")).hexdigest(),
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
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


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
    return f"{'file://' if path.startswith('/') else ''}{quote(path, errors='surrogateescape')}"


def junit(outcomes: Sequence["Outcome"]) -> str:
    """How tests ended, as JUnit's XML: a suite for each file, a case for each test."""
    root = ElementTree.Element("testsuites", name=TOOL)
    for file, rows in groupby(sorted(outcomes, key=_file_of_outcome), key=_file_of_outcome):
        cases = list(rows)
        failures = sum(bool(case.said) for case in cases)
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(file))
        suite.attrib |= {"tests": str(len(cases)), "failures": str(failures)}
        for case in cases:
            suite.append(_case(case))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _file_of_outcome(outcome: "Outcome") -> str:
    return outcome.file


def _case(outcome: "Outcome") -> ElementTree.Element:
    file = _xml(outcome.file)
    case = ElementTree.Element("testcase", classname=file, name=_xml(outcome.test), file=file)
    if outcome.said:
        said = _xml(outcome.said)
        failure = ElementTree.SubElement(case, "failure", message=said.strip().split("\n")[0])
        failure.text = said
    return case


def _xml(text: str) -> str:
    """Text that a document of XML can hold: no control characters, no halves of surrogate pairs."""
    return printable(masked(text))
