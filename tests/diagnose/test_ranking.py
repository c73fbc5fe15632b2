"""What is told first: the cause, then what is graver, goes on, and is on more nodes."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from generator.catalog.model import Severity
from generator.diagnose.diagnosis import Found
from generator.diagnose.findings import Findings
from generator.diagnose.ranking import ranked
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_a_cause_comes_before_what_it_explains_and_the_grave_before_the_rest() -> None:
    findings = Findings(CATALOG, NOW)
    findings.measured("restarting", "3 restarts", ["n1"])
    findings.measured("rules-stale", "90 s", ["n1"])
    for entry_id in (
        "iptables-lock-held-too-long",
        "iptables-backend-mismatch",
        "iptables-save-parse-panic",
    ):
        findings.count(entry_id, "n1")
    assert [one.entry.id for one in findings.diagnosis().found] == [
        "iptables-backend-mismatch",
        "iptables-save-parse-panic",
        "iptables-lock-held-too-long",
        "rules-stale",
        "restarting",
    ]


def test_of_what_is_as_grave_that_comes_first_which_is_not_over_then_that_on_more_nodes() -> None:
    def found(entry_id: str, last: datetime, places: dict[str, int]) -> Found:
        entry = next(one for one in CATALOG.entries if one.id == entry_id)
        grave = replace(entry, severity=Severity("critical", "it hurts"))
        return Found(grave, sum(places.values()), last, last, places)

    over = found(
        "iptables-lock-not-mounted", NOW - timedelta(hours=1), {"a": 900, "b": 900, "c": 900}
    )
    one = found("iptables-backend-mismatch", NOW, {"a": 500})
    two = found("iptables-save-parse-panic", NOW, {"a": 1, "b": 1})
    assert [row.entry.id for row in ranked(CATALOG, [over, one, two], NOW)] == [
        two.entry.id,
        one.entry.id,
        over.entry.id,
    ]
