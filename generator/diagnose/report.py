"""A diagnosis as data for programs, as Markdown for a ticket, as text for the person who was woken. No IO."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from generator import markdown
from generator.advice import Facts, advise
from generator.diagnose.findings import Diagnosis, Found
from generator.diagnose.hints import Hints
from generator.model import Catalog, Failure, Profile
from generator.names import runbook_url
from generator.settings import log_settings
from generator.versions import parse

Data = Mapping[str, Any]

_SHOWN = 5  # nodes, and groups of unexplained errors, in what a person reads
_WIDTH = 400  # characters of a log line in it


def as_data(
    diagnosis: Diagnosis,
    catalog: Catalog,
    profile: Profile,
    given: Facts,
    read: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """All that is said, as catalog/diagnosis.schema.json describes it. `given` counts more than what the logs told."""
    return {
        "found": [_found(one, diagnosis, catalog, profile, given) for one in diagnosis.found],
        "not_found": [{"id": entry.id, "title": entry.title} for entry in diagnosis.not_found],
        "not_sought": [{"id": entry.id, "title": entry.title} for entry in diagnosis.not_sought],
        "unexplained": [
            {
                "template": one.text,
                "example": one.example,
                "count": one.count,
                "first": _iso(one.first),
                "last": _iso(one.last),
            }
            for one in diagnosis.unexplained
        ],
        "unexplained_others": diagnosis.others,
        "kube_proxies": [
            {"place": place, "version": told.version, "mode": told.mode, "os": told.os, "kernel": told.kernel}
            for place, told in diagnosis.known.items()
        ],
        "read": dict(read),
        "notes": list(notes),
    }


def _found(found: Found, diagnosis: Diagnosis, catalog: Catalog, profile: Profile, given: Facts) -> dict[str, Any]:
    entry = found.entry
    follow = [other.entry.alert for other in diagnosis.found if entry in catalog.causes.get(other.entry.id, ())]
    return {
        "id": entry.id,
        "alert": entry.alert,
        "kind": entry.kind,
        "severity": entry.severity,
        "title": entry.title,
        "count": found.count,
        "first": _iso(found.first),
        "last": _iso(found.last),
        "nodes": [{"name": place, "count": count} for place, count in _by_count(found.places)],
        "proof": [
            {"line": proof.text, "source": proof.source, "time": _iso(proof.time), "node": proof.place}
            for proof in found.proofs
        ],
        "measured": list(found.measured),
        "few": _few(found, profile),
        "meaning": entry.meaning.text.strip(),
        "causes": [cause.text.strip() for cause in entry.causes],
        "explains": follow,
        "first_step": entry.first_step,
        "fix": _fix(found, given),
        "rule_out": [one.text.strip() for one in entry.false_positives],
        "runbook_url": runbook_url(profile.base_url, entry.alert),
    }


def _few(found: Found, profile: Profile) -> str | None:
    """Why lines may be too few for an alert."""
    entry, signal = found.entry, found.entry.logs
    if signal is None or not found.count:
        return None
    settings = log_settings(entry, signal, profile)
    if found.count > settings.threshold:
        return None
    reason = " ".join((signal.persistence or "").split())
    return f"The alert waits for more than {settings.threshold:g} lines within {settings.window}. {reason}".strip()


def _fix(found: Found, given: Facts) -> dict[str, Any]:
    """What the tables say of the versions at hand; the whole tables where no version is known."""
    kinds: list[Facts] = []
    for told in found.known or (Hints(),):
        facts = _facts(told, given)
        kinds += [facts] if facts not in kinds else []
    advice = [(facts, advise(found.entry, facts)) for facts in kinds if facts.known]
    return {
        "for_versions": [
            {
                "kube_proxy": str(facts.kube_proxy) if facts.kube_proxy else None,
                "cluster": str(facts.cluster) if facts.cluster else None,
                "os": facts.os,
                "mode": facts.mode,
                "verdict": one.verdict,
                "why": one.why,
                "upgrade": one.upgrade,
            }
            for facts, one in advice
        ],
        "tables": list(_tables(found.entry)),
        "settings": [
            {"name": setting.name, "change_to": setting.change_to, "why": setting.why.strip()}
            for setting in found.entry.fixes.settings
        ],
    }


def _facts(told: Hints, given: Facts) -> Facts:
    version = parse(told.version) if told.version else None
    return Facts(
        cluster=given.cluster,
        kube_proxy=given.kube_proxy or version,
        os=given.os or told.os,
        mode=given.mode or told.mode,
    )


def _tables(entry: Failure) -> Iterator[str]:
    fixes = entry.fixes
    editions = {source.key: f" ({source.edition})" for source in entry.sources if source.edition}
    for row in fixes.tke.rows if fixes.tke else ():
        edition = editions.get(row.edition, "")
        if row.action == "upgrade-kube-proxy":
            yield f"TKE {row.cluster}: kube-proxy {row.minimum} or later{edition}"
        elif row.action == "upgrade-cluster":
            yield f"TKE {row.cluster}: upgrade the cluster{edition}"
        else:
            yield f"TKE {row.cluster}: nothing to do{edition}"
    for change in fixes.upstream:
        if change.fixed_in:
            yield f"upstream {', '.join(change.fixed_in)}: {change.change.strip().rstrip('.')}"
    for system in fixes.os.rows if fixes.os else ():
        yield f"{system.name} {system.minimum} or later"
    for component in fixes.components:
        yield f"{component.name} {component.minimum} or later"


def as_text(data: Data, width: int) -> Iterator[tuple[str, str]]:
    """Lines with the style of each, as rich names it. What to do comes first."""
    yield "bold", _headline(data)
    for number, found in enumerate(data["found"], 1):
        yield "", ""
        yield _COLOURS[found["severity"]], f"{number}. {found['alert']} ({found['severity']}): {found['title']}"
        for name, text in _rows(found):
            yield from (("", line) for line in _wrapped(name, text, width))
    if data["unexplained"]:
        yield "", ""
        yield "bold", _unexplained_headline(data)
        for one in data["unexplained"][:_SHOWN]:
            yield "", _short(f"   {one['count']} × {one['template']}")
        if len(data["unexplained"]) > _SHOWN:
            yield "", f"   and {len(data['unexplained']) - _SHOWN} more; --json lists all"
    yield "", ""
    yield from (("dim", line) for line in _wrapped("not there", ", ".join(_ids(data["not_found"])) or "-", width))
    if data["not_sought"]:
        text = f"{', '.join(_ids(data['not_sought']))} (metrics tell; --prometheus URL)"
        yield from (("dim", line) for line in _wrapped("not seen", text, width))


_COLOURS = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}


def _rows(found: Data) -> Iterator[tuple[str, str]]:
    yield "where", _where(found)
    yield "since", _since(found)
    yield "do first", found["first_step"]
    for text in _fix_lines(found["fix"]):
        yield "fix", text
    yield "runbook", found["runbook_url"]
    for text in found["measured"]:
        yield "measured", text
    for proof in found["proof"][:2]:
        yield "proof", _short(proof["line"].strip())
    if found["causes"]:
        more = len(found["causes"]) - 1
        yield "cause", " ".join(found["causes"][0].split()) + (f" ({more} more in the runbook)" if more else "")
    if found["explains"]:
        yield "explains", ", ".join(found["explains"])
    if found["few"]:
        yield "but", found["few"]
    for text in found["rule_out"]:
        yield "rule out", text


def _fix_lines(fix: Data) -> Iterator[str]:
    for row in fix["for_versions"]:
        who = " ".join(text for text in (row["kube_proxy"] or row["cluster"], row["mode"], row["os"]) if text)
        if row["verdict"] == "not affected":
            yield f"{who}: {row['why']}; by its version it should not happen, so look at what to rule out"
        elif row["upgrade"]:
            yield f"{row['upgrade']} ({who}: {row['why']})"
        else:
            yield f"{who}: {row['why']}"
    if not fix["for_versions"] and fix["tables"]:
        yield "; ".join(fix["tables"]) + " (with --kube-proxy-version only what applies)"
    for setting in fix["settings"]:
        yield f"set {setting['name']} to {setting['change_to']}"


def _where(found: Data) -> str:
    names = [f"{row['name']} ({row['count']})" if row["count"] else row["name"] for row in found["nodes"][:_SHOWN]]
    more = len(found["nodes"]) - _SHOWN
    return ", ".join(names) + (f" and {more} more" if more > 0 else "") if names else "not told"


def _since(found: Data) -> str:
    lines = f"{found['count']:,} {'line' if found['count'] == 1 else 'lines'}"
    if not found["count"]:
        return "now, by the metrics"
    if not found["first"]:
        return f"the lines bear no time ({lines})"
    return f"{found['first']} until {found['last']} ({lines})"


def _headline(data: Data) -> str:
    number = len(data["found"])
    logs = len(data["read"]["sources"])
    seen = f"{_size(data['read']['bytes'])} of {logs} {'log' if logs == 1 else 'logs'}"
    seen = ", ".join([*([seen] if data["read"]["sources"] else []), *data["read"]["servers"]])
    if not number:
        return f"None of the documented failures is there ({seen})."
    return f"{number} documented {'failure is' if number == 1 else 'failures are'} there, causes first ({seen})."


def _unexplained_headline(data: Data) -> str:
    count = sum(one["count"] for one in data["unexplained"]) + data["unexplained_others"]
    return f"{count:,} error lines of {len(data['unexplained'])} kinds that no entry explains:"


def as_markdown(data: Data) -> str:
    """For an incident ticket."""
    parts = [f"## kube-proxy: {markdown.text(_headline(data))}"]
    for found in data["found"]:
        rows = [
            f"- **{name}**: {markdown.cell(text) if name in _PROSE else markdown.text(text)}"
            for name, text in _rows(found)
            if name != "proof"
        ]
        proofs = "\n".join(proof["line"] for proof in found["proof"])
        heading = f"### {found['alert']} ({found['severity']}): {markdown.text(found['title'])}"
        parts += [heading, "\n".join(rows), *([markdown.block(proofs, "text")] if proofs else [])]
    if data["unexplained"]:
        parts.append(f"### {_unexplained_headline(data)}")
        parts.append("\n".join(f"- {one['count']} × {markdown.code(one['example'])}" for one in data["unexplained"]))
    parts.append(f"Not there: {markdown.text(', '.join(_ids(data['not_found'])) or '-')}")
    if data["not_sought"]:
        parts.append(f"Not looked for: {markdown.text(', '.join(_ids(data['not_sought'])))}")
    if data["notes"]:
        parts.append("\n".join(f"- {markdown.text(note)}" for note in data["notes"]))
    return "\n\n".join(parts) + "\n"


_PROSE = ("cause", "rule out", "do first")  # which the catalog holds as Markdown


def _ids(rows: Iterable[Data]) -> list[str]:
    return [row["id"] for row in rows]


def _wrapped(name: str, text: str, width: int) -> list[str]:
    first = f"   {name:<10} "
    # What a log holds must not steer the terminal.
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return textwrap.wrap(
        shown,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _by_count(places: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(places.items(), key=lambda row: (-row[1], row[0]))


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time else None


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
