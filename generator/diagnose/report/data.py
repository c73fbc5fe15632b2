"""A diagnosis as data, which catalog/diagnosis.schema.json describes. No IO."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.base.names import TOOL
from generator.catalog.model import Catalog, Entry, TkeFix
from generator.catalog.profile import Profile
from generator.catalog.settings import log_settings
from generator.diagnose.diagnosis import (
    CountedHarmless,
    Diagnosis,
    Elsewhere,
    Found,
    Proof,
    goes_on,
)
from generator.diagnose.hints import Hints
from generator.diagnose.phrases import written_time
from generator.diagnose.templates import Template
from generator.fixes.advice import Advice, Facts, advise
from generator.fixes.versions import parse_version

ReportRow = dict[str, Any]
_Kind = tuple[str, str, str | None, str | None]  # what tells facts from logs apart


def as_data(
    diagnosis: Diagnosis,
    catalog: Catalog,
    profile: Profile,
    given: Facts,
    read: Mapping[str, Any],
    notes: Sequence[str],
) -> ReportRow:
    """All that is said, as catalog/diagnosis.schema.json describes it. `given` counts more than what the logs told."""
    return {
        "verdict": _verdict(diagnosis, read),
        "found": [
            _failure_row(found, diagnosis, catalog, profile, given) for found in diagnosis.found
        ],
        "not_found": [{"id": entry.id, "title": entry.title} for entry in diagnosis.not_found],
        "not_sought": [_unsought_row(entry) for entry in diagnosis.not_sought],
        "unexplained": [_template_row(template) for template in diagnosis.unexplained],
        "unexplained_others": diagnosis.others,
        "harmless": [_harmless_row(counted) for counted in diagnosis.harmless],
        "elsewhere": [_elsewhere_row(lines) for lines in diagnosis.elsewhere],
        "kube_proxies": [_kube_proxy_row(place, told) for place, told in diagnosis.known.items()],
        "read": dict(read),
        "notes": list(notes),
    }


def _verdict(diagnosis: Diagnosis, read: Mapping[str, Any]) -> str:
    """Whether failures were found, or errors of no entry, or none, or no line is kube-proxy's, so it cannot be told."""
    if diagnosis.found:
        return "found"
    if diagnosis.unexplained or diagnosis.others:
        return "unexplained"
    return "none" if diagnosis.speaks or read["servers"] else "cannot tell"


def _failure_row(
    found: Found, diagnosis: Diagnosis, catalog: Catalog, profile: Profile, given: Facts
) -> ReportRow:
    entry = found.entry
    return {
        "id": entry.id,
        "alert": found.alert,
        "kind": entry.kind,
        "severity": found.severity,
        "title": entry.title,
        "count": found.count,
        "first": written_time(found.first),
        "last": written_time(found.last),
        "going_on": goes_on(found, diagnosis.last),
        "nodes": [{"name": place, "count": count} for place, count in _by_count(found.places)],
        "proof": [_proof_row(proof) for proof in found.proofs],
        "measured": list(found.measured),
        "few": _why_too_few(found, profile),
        "meaning": entry.meaning.text.strip(),
        "causes": [cause.text.strip() for cause in entry.causes],
        "explains": list(_explained_by(entry, diagnosis, catalog)),
        "first_step": entry.first_step,
        "fix": fix_of(found, given),
        "rule_out": [confusable.text.strip() for confusable in entry.false_positives],
        "runbook_url": profile.runbook_url(found.alert),
        "runbook": _where_to_read(found.alert, profile),
    }


def _by_count(places: Mapping[str, int]) -> list[tuple[str, int]]:
    by_name = sorted(places.items())
    return sorted(by_name, key=lambda place: -place[1])


def _proof_row(proof: Proof) -> ReportRow:
    return {
        "line": proof.text,
        "before": proof.before,
        "after": list(proof.after),
        "source": proof.source,
        "number": proof.number,
        "time": written_time(proof.time),
        "node": proof.place,
    }


def _explained_by(entry: Entry, diagnosis: Diagnosis, catalog: Catalog) -> Iterator[str]:
    """The alerts of what else was found, and has this entry among its causes."""
    for other in diagnosis.found:
        causes = catalog.causes.get(other.entry.id, ())
        if entry in causes:
            yield other.alert


def _where_to_read(alert: str, profile: Profile) -> str:
    """Where the runbook is read: at the site's address if it has one, else with this tool."""
    has_own = "runbooks" in (profile.document.data or {})
    return profile.runbook_url(alert) if has_own else f"{TOOL} explain {alert}"


def _why_too_few(found: Found, profile: Profile) -> str | None:
    """Why lines may be too few for an alert."""
    signal = found.entry.logs
    if signal is None or not found.count:
        return None
    settings = log_settings(found.alert, signal, profile)
    if found.count > settings.threshold:
        return None
    lines = f"more than {settings.threshold:g} lines within {settings.window}"
    reason = " ".join((signal.persistence or "").split())
    return f"The alert waits for {lines}. {reason}".strip()


def _unsought_row(entry: Entry) -> ReportRow:
    shown_by = "builds" if entry.by_builds_alone else "metrics"
    return {"id": entry.id, "title": entry.title, "shown_by": shown_by}


def _template_row(template: Template) -> ReportRow:
    return {
        "template": template.text,
        "example": template.example,
        "count": template.count,
        "first": written_time(template.first),
        "last": written_time(template.last),
    }


def _harmless_row(counted: CountedHarmless) -> ReportRow:
    harmless = counted.harmless
    return {"id": harmless.id, "reason": harmless.reason, "count": counted.count}


def _elsewhere_row(lines: Elsewhere) -> ReportRow:
    return {
        "program": lines.program,
        "id": lines.entry.id,
        "alert": lines.entry.alert,
        "count": lines.count,
        "example": lines.example,
    }


def _kube_proxy_row(place: str, told: Hints) -> ReportRow:
    return {
        "place": place,
        "version": told.version,
        "mode": told.mode,
        "os": told.os,
        "kernel": told.kernel,
    }


def fix_of(found: Found, given: Facts) -> ReportRow:
    """What the tables say of the versions at hand; the whole tables where no version is known."""
    entry = found.entry
    return {
        "for_versions": [
            _fix_row(facts, advise(entry, facts)) for facts in _distinct_facts(found, given)
        ],
        "tables": list(_tables(entry)),
        "settings": [
            {"name": setting.name, "change_to": setting.change_to, "why": setting.why.strip()}
            for setting in entry.fixes.settings
        ],
    }


def _distinct_facts(found: Found, given: Facts) -> list[Facts]:
    """What is known of the kube-proxies, each kind once: of thousands of nodes each is looked up once."""
    kinds: dict[_Kind, Facts] = {}
    for told in found.known or (Hints(),):
        facts = _known_facts(told, given)
        versions = str(facts.cluster), str(facts.kube_proxy)
        kinds[*versions, facts.os, facts.mode] = facts
    return [facts for facts in kinds.values() if facts.known]


def _known_facts(told: Hints, given: Facts) -> Facts:
    version = parse_version(told.version) if told.version else None
    return Facts(
        cluster=given.cluster,
        kube_proxy=given.kube_proxy or version,
        os=given.os or told.os,
        mode=given.mode or told.mode,
    )


def _fix_row(facts: Facts, advice: Advice) -> ReportRow:
    return {
        "kube_proxy": str(facts.kube_proxy) if facts.kube_proxy else None,
        "cluster": str(facts.cluster) if facts.cluster else None,
        "os": facts.os,
        "mode": facts.mode,
        "verdict": advice.verdict,
        "why": advice.why,
        "reasons": list(advice.reasons),
        "upgrade": advice.upgrade,
    }


def _tables(entry: Entry) -> Iterator[str]:
    """What the fix tables of an entry say, a sentence for each row."""
    fixes = entry.fixes
    yield from _rows_of_tke(entry)
    for change in fixes.upstream:
        if change.fixed_in:
            versions = ", ".join(change.fixed_in)
            what = change.change.strip().rstrip(".")
            yield f"upstream {versions}: {what}"
    for system in fixes.os.rows if fixes.os else ():
        yield f"{system.name} {system.minimum} or later"
    for component in fixes.components:
        yield f"{component.name} {component.minimum} or later"


def _rows_of_tke(entry: Entry) -> Iterator[str]:
    for row in entry.fixes.tke_rows:
        edition = _edition(entry, row)
        if row.action == "upgrade-kube-proxy":
            yield f"TKE {row.cluster}: kube-proxy {row.minimum} or later{edition}"
        elif row.action == "upgrade-cluster":
            yield f"TKE {row.cluster}: upgrade the cluster{edition}"
        else:
            yield f"TKE {row.cluster}: nothing to do{edition}"


def _edition(entry: Entry, row: TkeFix) -> str:
    """In which edition of the vendor's page a row stands, where it has several."""
    table = entry.fixes.tke
    source = entry.sources.get(table.edition_of(row)) if table else None
    return f" ({source.edition})" if source and source.edition else ""
