"""What the browser needs to say of a log what `diagnose` says: signatures, wrappings, hints. No IO."""

from dataclasses import asdict
from typing import Any

from generator.base import names
from generator.catalog.model import Catalog, Entry, LogSignal
from generator.catalog.wordings import by_alert
from generator.compile.rule import Rules
from generator.diagnose import exports, hints, scan, sections
from generator.diagnose.lines.wrapping_patterns import wrapping_patterns
from generator.diagnose.report.sentences import fix_of_unknown
from generator.query.signature import Signature


def to_the_browser(rules: Rules, catalog: Catalog) -> dict[str, Any]:
    """All that diagnosis.js reads: the same data that generator/diagnose works with."""
    entries = []
    for entry in catalog.entries:
        if entry.logs and entry.kind != "watchdog":
            entries.append(_known_entry(entry, entry.logs, rules, catalog))
    harmless = []
    for known in catalog.harmless:
        harmless.append({"id": known.id, "reason": known.reason, "pattern": known.pattern})
    return {
        "entries": entries,
        "harmless": harmless,
        "wrappings": wrapping_patterns(),
        "sections": sections.section_patterns(),
        "hints": hints.hint_patterns(),
        "search": scan.head_patterns(),
        "documents": exports.export_patterns(),
    }


def _known_entry(entry: Entry, logs: LogSignal, rules: Rules, catalog: Catalog) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "title": entry.title,
        "first_step": entry.first_step,
        "fix": fix_of_unknown(entry),
        "causes": [cause.id for cause in catalog.causes.get(entry.id, ())],
        "kernel": logs.stream == "kernel",
        "alerts": [
            _known_alert(entry, alert, compiled, rules)
            for alert, compiled in by_alert(entry).items()
        ],
    }


def _known_alert(entry: Entry, alert: str, compiled: Signature, rules: Rules) -> dict[str, Any]:
    """An alert on lines of the entry; `mild` lines are less grave than the others."""
    return {
        "alert": alert,
        "severity": entry.severity_of(alert).level,
        "mild": entry.is_milder(alert),
        "page": _page_of(entry, alert, rules),
        "keys": scan.keys_of(compiled),
        "signature": asdict(compiled),
    }


def _page_of(entry: Entry, wanted: str, rules: Rules) -> str | None:
    """The page of the alert that is wanted, else of another of the entry; none where the profile has disabled it."""
    own = []
    for alert in rules.alerts:
        if alert.entry.id == entry.id and not alert.known_build:
            own.append(alert.rule.alert)
    if not own:
        return None
    shown = wanted if wanted in own else own[0]
    return names.alert_page(shown)
