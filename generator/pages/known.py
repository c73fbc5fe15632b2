"""What the browser needs to say of a log what `diagnose` says: signatures, wrappings, hints. No IO."""

from dataclasses import asdict
from typing import Any

from generator.base import names
from generator.catalog.model import Catalog, Entry, LogSignal
from generator.catalog.wordings import signature
from generator.compile.rule import Rules
from generator.diagnose import hints, scan, unwrap


def to_the_browser(rules: Rules, catalog: Catalog) -> dict[str, Any]:
    """All that diagnosis.js reads: the same data that generator/diagnose works with."""
    entries = [
        _entry(entry, entry.logs, rules, catalog)
        for entry in catalog.entries
        if entry.logs and entry.kind != "watchdog"
    ]
    return {
        "entries": entries,
        "harmless": [
            {"id": row.id, "reason": row.reason, "pattern": row.pattern} for row in catalog.harmless
        ],
        "wrappings": unwrap.rules(),
        "hints": hints.rules(),
        "speaking": scan.SPEAKING.pattern.decode(),
    }


def _entry(entry: Entry, logs: LogSignal, rules: Rules, catalog: Catalog) -> dict[str, Any]:
    compiled = signature(logs)
    return {
        "id": entry.id,
        "alert": entry.alert,
        "kind": entry.kind,
        "title": entry.title,
        "severity": entry.severity,
        "first_step": entry.first_step,
        "page": _page_of(entry, entry.alert, rules),
        "milder": _milder(entry, rules),
        "causes": [cause.id for cause in catalog.causes.get(entry.id, ())],
        "kernel": logs.stream == "kernel",
        "keys": scan.keys_of(compiled),
        "signature": asdict(compiled),
    }


def _milder(entry: Entry, rules: Rules) -> dict[str, Any] | None:
    """The alert on those of its lines that are less grave."""
    milder = entry.milder
    if milder is None:
        return None
    return {
        "alert": milder.alert,
        "severity": milder.severity,
        "holds": milder.holds,
        "page": _page_of(entry, milder.alert, rules),
    }


def _page_of(entry: Entry, wanted: str, rules: Rules) -> str | None:
    """The page of the alert that is wanted, else of another of the entry; none where the profile has disabled it."""
    own = [
        alert.rule.alert
        for alert in rules.alerts
        if alert.entry.id == entry.id and not alert.known_build
    ]
    own.sort(key=lambda alert: alert != wanted)
    return names.alert_page(own[0]) if own else None
