"""A diagnosis as data for programs, as Markdown for a ticket, as text for the person who was woken. No IO."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from generator.base import markdown
from generator.base.names import TOOL
from generator.catalog.model import Catalog, Entry
from generator.catalog.profile import Profile
from generator.catalog.settings import log_settings
from generator.diagnose.findings import Diagnosis, Found, goes_on
from generator.diagnose.hints import Hints
from generator.fixes.advice import Facts, advise
from generator.fixes.versions import parse_version

Data = Mapping[str, Any]

_SHOWN = 5  # nodes, and groups of unexplained errors, in what a person reads
_ELSEWHERE = {  # what shows an entry that cannot be seen in what was read
    "metrics": "only metrics show (--prometheus URL)",
    "builds": "only the version tells (advise)",
}
_TABLE = "read the table in the runbook"
_VERSION = (
    "`kubectl -n kube-system get daemonset kube-proxy -o wide` shows it, as the tag of the image"
)
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
        "verdict": _verdict(diagnosis, read),
        "found": [_found(one, diagnosis, catalog, profile, given) for one in diagnosis.found],
        "not_found": [{"id": entry.id, "title": entry.title} for entry in diagnosis.not_found],
        "not_sought": [
            {
                "id": entry.id,
                "title": entry.title,
                "shown_by": "builds" if entry.by_builds_alone else "metrics",
            }
            for entry in diagnosis.not_sought
        ],
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
        "harmless": [
            {"id": one.harmless.id, "reason": one.harmless.reason, "count": one.count}
            for one in diagnosis.harmless
        ],
        "elsewhere": [
            {
                "program": one.program,
                "id": one.entry.id,
                "alert": one.entry.alert,
                "count": one.count,
                "example": one.example,
            }
            for one in diagnosis.elsewhere
        ],
        "kube_proxies": [
            {
                "place": place,
                "version": told.version,
                "mode": told.mode,
                "os": told.os,
                "kernel": told.kernel,
            }
            for place, told in diagnosis.known.items()
        ],
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


def _found(
    found: Found, diagnosis: Diagnosis, catalog: Catalog, profile: Profile, given: Facts
) -> dict[str, Any]:
    entry = found.entry
    follow = [
        other.alert for other in diagnosis.found if entry in catalog.causes.get(other.entry.id, ())
    ]
    return {
        "id": entry.id,
        "alert": found.alert,
        "kind": entry.kind,
        "severity": found.severity,
        "title": entry.title,
        "count": found.count,
        "first": _iso(found.first),
        "last": _iso(found.last),
        "going_on": goes_on(found, diagnosis.last),
        "nodes": [{"name": place, "count": count} for place, count in _by_count(found.places)],
        "proof": [
            {
                "line": proof.text,
                "before": proof.before,
                "after": list(proof.after),
                "source": proof.source,
                "number": proof.number,
                "time": _iso(proof.time),
                "node": proof.place,
            }
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
        "runbook_url": profile.runbook_url(found.alert),
        "runbook": _where_to_read(found.alert, profile),
    }


def _where_to_read(alert: str, profile: Profile) -> str:
    """Where the runbook is read: at the site's address if it has one, else with this tool."""
    own = "runbooks" in (profile.document.data or {})
    return profile.runbook_url(alert) if own else f"{TOOL} explain {alert}"


def _few(found: Found, profile: Profile) -> str | None:
    """Why lines may be too few for an alert."""
    signal = found.entry.logs
    if signal is None or not found.count:
        return None
    settings = log_settings(found.alert, signal, profile)
    if found.count > settings.threshold:
        return None
    reason = " ".join((signal.persistence or "").split())
    return f"The alert waits for more than {settings.threshold:g} lines within {settings.window}. {reason}".strip()


def _fix(found: Found, given: Facts) -> dict[str, Any]:
    """What the tables say of the versions at hand; the whole tables where no version is known."""
    kinds = {
        _facts_key(facts): facts
        for facts in (_known_facts(told, given) for told in found.known or (Hints(),))
    }
    advice = [(facts, advise(found.entry, facts)) for facts in kinds.values() if facts.known]
    return {
        "for_versions": [
            {
                "kube_proxy": str(facts.kube_proxy) if facts.kube_proxy else None,
                "cluster": str(facts.cluster) if facts.cluster else None,
                "os": facts.os,
                "mode": facts.mode,
                "verdict": one.verdict,
                "why": one.why,
                "reasons": list(one.reasons),
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


def fix_of_unknown(entry: Entry) -> str | None:
    """What is said of the fix where nothing is known of the version, in one sentence; None if there is nothing."""
    rows = _fix_rows(_fix(Found(entry), Facts()), _TABLE)
    return "; ".join(text for _, text in rows) or None


def _facts_key(facts: Facts) -> tuple[str, str, str | None, str | None]:
    """What tells facts from logs apart; of thousands of nodes each is looked up once."""
    return str(facts.cluster), str(facts.kube_proxy), facts.os, facts.mode


def _known_facts(told: Hints, given: Facts) -> Facts:
    version = parse_version(told.version) if told.version else None
    return Facts(
        cluster=given.cluster,
        kube_proxy=given.kube_proxy or version,
        os=given.os or told.os,
        mode=given.mode or told.mode,
    )


def _tables(entry: Entry) -> Iterator[str]:
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


def as_text(data: Data, width: int, details: bool = False) -> Iterator[tuple[str, str]]:
    """Lines with the style of each, as rich names it. What is there and what to do come first."""
    yield from (("bold", line) for line in _folded_text(_headline(data), width))
    if len(data["found"]) > 1:
        yield "", ""
        yield from _overview(data)
    for number, found in enumerate(data["found"], 1):
        yield "", ""
        title = f"{number}. {found['alert']} ({found['severity']}): {found['title']}"
        yield from (
            (_COLOURS[found["severity"]], line) for line in _folded_text(title, width, "   ")
        )
        for name, text in [*_where_and_when(found), *(_details(found) if details else ())]:
            shown = _without_markup(text) if name in _PROSE else text
            yield from (("", line) for line in _wrapped(name, shown, width))
    if data["unexplained"]:
        yield "", ""
        yield "bold", _unexplained_headline(data)
        for one in data["unexplained"][:_SHOWN]:
            yield from (
                ("", line)
                for line in _folded_text(
                    _cut_to_width(f"   {one['count']} × {one['template']}"), width, "       "
                )
            )
        if len(data["unexplained"]) > _SHOWN:
            yield "", f"   and {len(data['unexplained']) - _SHOWN} more kinds; --json lists all"
    yield "", ""
    for style, name, text in _other_sections(data, details):
        yield from ((style, line) for line in _wrapped(name, text, width))
    if len(data["found"]) > 1:
        yield from (
            ("bold", line)
            for line in _folded_text(f"Begin with 1: {data['found'][0]['first_step']}", width)
        )


def _overview(data: Data) -> Iterator[tuple[str, str]]:
    """A row for each failure: what fits a screen at three in the morning."""
    seen = len(data["kube_proxies"])
    rows = []
    for number, found in enumerate(data["found"], 1):
        nodes = len(found["nodes"])
        where = f"{nodes} of {seen}" if seen >= nodes and seen > 1 else str(nodes)
        rows.append(
            (
                str(number),
                found["alert"],
                found["severity"],
                where,
                f"{found['count']:,}",
                _still_going_on(found),
            )
        )
    heading = ("", "alert", "severity", "nodes", "lines", "state")
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
    for style, row in (("dim", heading), *(("", row) for row in rows)):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield style, "  ".join(cells).rstrip()


def _still_going_on(found: Data) -> str:
    if found["going_on"] is None:
        return "no time is known"
    return "still going on" if found["going_on"] else f"over since {found['last']}"


def _other_sections(data: Data, details: bool) -> Iterator[tuple[str, str, str]]:
    """What is no failure: style, name and text."""
    for one in data["elsewhere"]:
        program, alert = one["program"], one["alert"]
        looks = (
            f"1 line of {program} looks"
            if one["count"] == 1
            else f"{one['count']:,} lines of {program} look"
        )
        yield "", "not ours", f"{looks} like {alert}; not counted, another program"
    for one in data["harmless"]:
        yield "dim", "harmless", f"{one['count']:,} × {one['id']}: {one['reason']}"
    if data["verdict"] == "cannot tell":
        return
    if details:
        yield "dim", "not there", ", ".join(_ids(data["not_found"])) or "-"
        for row in _unsought(data):
            yield "dim", "not sought", f"{', '.join(row.ids)}: {row.told_by}"
    else:
        yield "dim", "others", _counted_not_found(data)
    if data["found"] and not details:
        yield (
            "dim",
            "more",
            "-v shows the lines that prove it, causes, and what looks the same and is not",
        )


class _Unsought(NamedTuple):
    ids: Sequence[str]
    told_by: str


def _unsought(data: Data) -> list[_Unsought]:
    """The entries that nothing read could show, by what would."""
    rows = []
    for shown_by, told_by in _ELSEWHERE.items():
        ids = [one["id"] for one in data["not_sought"] if one["shown_by"] == shown_by]
        if ids:
            rows.append(_Unsought(ids, told_by))
    return rows


def _counted_not_found(data: Data) -> str:
    """How much was looked for in vain, and how much was not: the names are many, and seldom asked for."""
    looked = f"{len(data['not_found'])} looked for and not there"
    elsewhere = [f"{len(row.ids)} {row.told_by}" for row in _unsought(data)]
    return f"{', '.join([looked, *elsewhere])}; -v names them"


def _folded_text(text: str, width: int, indent: str = "") -> list[str]:
    return _lines(text, width, "", indent) or [""]


_COLOURS = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}


def _report_rows(found: Data) -> Iterator[tuple[str, str]]:
    yield from _where_and_when(found)
    yield from _details(found)


def _where_and_when(found: Data) -> Iterator[tuple[str, str]]:
    yield "where", _nodes_seen(found)
    yield "when", _when(found)
    yield "do first", found["first_step"]
    yield from _fix_rows(found["fix"])
    if _needs_version(found["fix"]):
        yield "version", _VERSION
    for text in found["measured"]:
        yield "measured", text
    if found["explains"]:
        yield "explains", ", ".join(found["explains"])
    if found["few"]:
        yield "but", found["few"]
    runbook = found["runbook"]
    yield "runbook", markdown.code(runbook) if runbook.startswith(TOOL) else runbook


def _details(found: Data) -> Iterator[tuple[str, str]]:
    for proof in found["proof"][:2]:
        yield (
            "proof",
            f"{proof['source']}:{proof['number']}" if proof["number"] else proof["source"],
        )
        for line in _message(proof):
            yield "", _cut_to_width(line.strip())
    for cause in found["causes"]:
        yield "cause", cause
    for text in found["rule_out"]:
        yield "rule out", text


def _message(proof: Data) -> list[str]:
    """The lines of a message, in their order."""
    return [*([proof["before"]] if proof["before"] else []), proof["line"], *proof["after"]]


def _without_markup(text: str) -> str:
    """Markdown of the catalog as a person reads it in a terminal; its code is never broken."""
    unbroken = markdown.unbroken(" ".join(text.split())).replace("`", "")
    return re.sub(r"\[([^\]]+)\]\(https?://[^)]+\)", r"\1", unbroken)


def _fix_rows(
    fix: Data, ask: str = f"add --kube-proxy-version, or {_TABLE}"
) -> Iterator[tuple[str, str]]:
    """`ask` says what to do where the version decides and is not known."""
    alike: dict[tuple[str, str | None], list[Data]] = {}
    for row in fix["for_versions"]:
        alike.setdefault((row["verdict"], row["upgrade"]), []).append(row)
    for (verdict, upgrade), rows in alike.items():
        yield from _fix_of_versions(verdict, upgrade, rows)
    if _needs_version(fix):
        yield "fix", f"depends on the version: {ask}"
    for setting in fix["settings"]:
        yield "fix", f"{setting['name']}: {setting['change_to']}"


def _needs_version(fix: Data) -> bool:
    return bool(fix["tables"]) and not fix["for_versions"]


def _fix_of_versions(
    verdict: str, upgrade: str | None, rows: Sequence[Data]
) -> Iterator[tuple[str, str]]:
    """What ends it, and below it each reason by itself: a condition more, or what another edition says."""
    who = _first_words([_facts_told(row) for row in rows])
    first, *others = rows[0]["reasons"] or ["nothing is known of it"]
    if verdict == "not affected":
        yield "fix", f"{who}: by its version it should not happen, so look at what to rule out"
        yield "why", first
    elif upgrade:
        yield "fix", f"{upgrade}, for {who}"
        yield "why", first
    else:
        yield "fix", f"{who}: {first}"
    for reason in others:
        yield "why", reason


def _facts_told(row: Data) -> str:
    return " ".join(
        text for text in (row["kube_proxy"] or row["cluster"], row["mode"], row["os"]) if text
    )


def _first_words(words: Sequence[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _nodes_seen(found: Data) -> str:
    names = [
        f"{row['name']} ({row['count']:,} {'line' if row['count'] == 1 else 'lines'})"
        if row["count"]
        else row["name"]
        for row in found["nodes"]
    ]
    return _first_words(names) or "not told"


def _when(found: Data) -> str:
    lines = f"{found['count']:,} {'line' if found['count'] == 1 else 'lines'}"
    if not found["count"]:
        return "now, by the metrics"
    if not found["first"]:
        return f"the lines bear no time ({lines})"
    if found["first"] == found["last"]:
        return f"at {found['first']} ({lines}), {_still_going_on(found)}"
    return f"{found['first']} to {found['last']} ({lines}), {_still_going_on(found)}"


def _headline(data: Data) -> str:
    number = len(data["found"])
    logs = len(data["read"]["sources"])
    seen = f"{readable_size(data['read']['bytes'])} in {logs} {'log' if logs == 1 else 'logs'}"
    seen = ", ".join([*([seen] if data["read"]["sources"] else []), *data["read"]["servers"]])
    if data["verdict"] == "cannot tell":
        return f"Cannot tell: no line of kube-proxy's is in what was read ({seen})."
    if data["verdict"] == "unexplained":
        return f"No documented failure is recognised, but errors are there that no entry explains ({seen})."
    if not number:
        return f"None of the documented failures is there ({seen})."
    return f"{number} documented {'failure is' if number == 1 else 'failures are'} there, causes first ({seen})."


def _unexplained_headline(data: Data) -> str:
    count = sum(one["count"] for one in data["unexplained"]) + data["unexplained_others"]
    kinds = len(data["unexplained"])
    errors = "error" if count == 1 else "errors"
    return (
        f"{count:,} {errors} of {kinds} {'kind' if kinds == 1 else 'kinds'} that no entry explains:"
    )


def as_markdown(data: Data) -> str:
    """For an incident ticket."""
    parts = [f"## kube-proxy: {markdown.text(_headline(data))}"]
    for found in data["found"]:
        rows = [
            f"- **{name}**: {markdown.cell(text) if name in _PROSE else markdown.text(text)}"
            for name, text in _report_rows(found)
            if name  # the lines of a proof come below
        ]
        proofs = "\n".join(line for proof in found["proof"] for line in _message(proof))
        heading = f"### {found['alert']} ({found['severity']}): {markdown.text(found['title'])}"
        parts += [heading, "\n".join(rows), *([markdown.block(proofs, "text")] if proofs else [])]
    if data["unexplained"]:
        parts.append(f"### {_unexplained_headline(data)}")
        parts.append(
            "\n".join(
                f"- {one['count']} × {markdown.code(one['example'])}" for one in data["unexplained"]
            )
        )
    others = [
        f"- {name}: {markdown.text(text)}" for _, name, text in _other_sections(data, details=True)
    ]
    if others:
        parts.append("\n".join(others))
    if data["notes"]:
        parts.append("\n".join(f"- {markdown.text(note)}" for note in data["notes"]))
    return "\n\n".join(parts) + "\n"


_PROSE = ("cause", "rule out", "do first", "version", "runbook")  # which are Markdown


def _ids(rows: Iterable[Data]) -> list[str]:
    return [row["id"] for row in rows]


def _wrapped(name: str, text: str, width: int) -> list[str]:
    first = f"   {name:<10} "
    return _lines(" ".join(text.split()), width, first, " " * len(first))


def _lines(text: str, width: int, first: str, others: str) -> list[str]:
    """Folded between words; a word, an address or a command that is longer stays whole."""
    lines = textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(markdown.STUCK, " ") for line in lines]


def _cut_to_width(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _by_count(places: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(places.items(), key=lambda row: (-row[1], row[0]))


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time else None


def readable_size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
