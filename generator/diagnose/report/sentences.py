"""What the data of a diagnosis say, in words: the same in a text and in a ticket. No IO."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from generator.base import markdown
from generator.base.names import TOOL
from generator.catalog.model import Entry
from generator.diagnose.diagnosis import Found
from generator.diagnose.phrases import first_few, plural, readable_size, shortened
from generator.diagnose.report.data import fix_of
from generator.fixes.advice import Facts

Data = Mapping[str, Any]
Named = tuple[str, str]  # what is said, under the name of what it is about

PROSE = ("cause", "rule out", "do first", "version", "runbook")  # names of what is Markdown
_PROOFS_SHOWN = 2
_TOLD_BY = {  # what shows an entry that cannot be seen in what was read
    "metrics": "only metrics show (--prometheus URL)",
    "builds": "only the version tells (advise)",
}
_TABLE = "read the table in the runbook"
_VERSION = (
    "`kubectl -n kube-system get daemonset kube-proxy -o wide` shows it, as the tag of the image"
)


def headline(data: Data) -> str:
    read = _what_was_read(data["read"])
    if data["verdict"] == "cannot tell":
        return f"Cannot tell: no line of kube-proxy's is in what was read ({read})."
    if data["verdict"] == "unexplained":
        return f"No documented failure is recognised, but errors are there that no entry explains ({read})."
    number = len(data["found"])
    if not number:
        return f"None of the documented failures is there ({read})."
    failures = "failure is" if number == 1 else "failures are"
    return f"{number} documented {failures} there, causes first ({read})."


def _what_was_read(read: Data) -> str:
    parts: list[str] = []
    logs = len(read["sources"])
    if logs:
        parts.append(f"{readable_size(read['bytes'])} in {logs} {plural(logs, 'log')}")
    return ", ".join([*parts, *read["servers"]])


def unexplained_headline(data: Data) -> str:
    kinds = len(data["unexplained"])
    count = data["unexplained_others"]
    count += sum(template["count"] for template in data["unexplained"])
    errors = f"{count:,} {plural(count, 'error')} of {kinds} {plural(kinds, 'kind')}"
    return f"{errors} that no entry explains:"


def where_and_when(found: Data) -> Iterator[Named]:
    """What one has to know of a failure first, and do."""
    yield "where", _nodes_seen(found)
    yield "when", _when(found)
    yield "do first", found["first_step"]
    yield from _fix_sentences(found["fix"])
    if _needs_version(found["fix"]):
        yield "version", _VERSION
    for sentence in found["measured"]:
        yield "measured", sentence
    if found["explains"]:
        yield "explains", ", ".join(found["explains"])
    if found["few"]:
        yield "but", found["few"]
    runbook = found["runbook"]
    yield "runbook", markdown.code(runbook) if runbook.startswith(TOOL) else runbook


def proofs_and_causes(found: Data) -> Iterator[Named]:
    """The rest of what is said of a failure; the lines of a proof have no name."""
    for proof in found["proof"][:_PROOFS_SHOWN]:
        source, number = proof["source"], proof["number"]
        yield "proof", f"{source}:{number}" if number else source
        for line in message_of(proof):
            yield "", shortened(line.strip())
    for cause in found["causes"]:
        yield "cause", cause
    for confusable in found["rule_out"]:
        yield "rule out", confusable


def message_of(proof: Data) -> list[str]:
    """The lines of a message, in their order."""
    lines = [proof["line"], *proof["after"]]
    return [proof["before"], *lines] if proof["before"] else lines


def _nodes_seen(found: Data) -> str:
    return first_few([_node_seen(node) for node in found["nodes"]]) or "not told"


def _node_seen(node: Data) -> str:
    name, count = node["name"], node["count"]
    return f"{name} ({_counted_lines(count)})" if count else name


def _counted_lines(count: int) -> str:
    return f"{count:,} {plural(count, 'line')}"


def _when(found: Data) -> str:
    if not found["count"]:
        return "now, by the metrics"
    lines = _counted_lines(found["count"])
    first, last = found["first"], found["last"]
    if not first:
        return f"the lines bear no time ({lines})"
    times = f"at {first}" if first == last else f"{first} to {last}"
    return f"{times} ({lines}), {still_going_on(found)}"


def still_going_on(found: Data) -> str:
    if found["going_on"] is None:
        return "no time is known"
    return "still going on" if found["going_on"] else f"over since {found['last']}"


def fix_of_unknown(entry: Entry) -> str | None:
    """What is said of the fix where nothing is known of the version, in one sentence; None if there is nothing."""
    fix = fix_of(Found(entry), Facts())
    sentences = [sentence for _, sentence in _fix_sentences(fix, _TABLE)]
    return "; ".join(sentences) or None


def _fix_sentences(
    fix: Data, ask: str = f"add --kube-proxy-version, or {_TABLE}"
) -> Iterator[Named]:
    """`ask` says what to do where the version decides and is not known."""
    alike: dict[tuple[str, str | None], list[Data]] = {}
    for row in fix["for_versions"]:
        kind = row["verdict"], row["upgrade"]
        alike.setdefault(kind, []).append(row)
    for (verdict, upgrade), rows in alike.items():
        yield from _fix_of_versions(verdict, upgrade, rows)
    if _needs_version(fix):
        yield "fix", f"depends on the version: {ask}"
    for setting in fix["settings"]:
        yield "fix", f"{setting['name']}: {setting['change_to']}"


def _needs_version(fix: Data) -> bool:
    return bool(fix["tables"]) and not fix["for_versions"]


def _fix_of_versions(verdict: str, upgrade: str | None, rows: Sequence[Data]) -> Iterator[Named]:
    """What ends it, and below it each reason by itself: a condition more, or what another edition says."""
    who = first_few([_facts_told(row) for row in rows])
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
    version = row["kube_proxy"] or row["cluster"]
    return " ".join(filter(None, (version, row["mode"], row["os"])))


def no_failures(data: Data, details: bool) -> Iterator[Named]:
    """What is no failure: lines of others, harmless ones, and what is not there."""
    for lines in data["elsewhere"]:
        yield "not ours", _looks_like_ours(lines)
    for harmless in data["harmless"]:
        yield "harmless", f"{harmless['count']:,} × {harmless['id']}: {harmless['reason']}"
    if data["verdict"] == "cannot tell":
        return
    if not details:
        yield "others", _counted_not_found(data)
        return
    yield "not there", ", ".join(_ids(data["not_found"])) or "-"
    for unsought in _unsought(data):
        yield "not sought", f"{', '.join(unsought.ids)}: {unsought.told_by}"


def _looks_like_ours(lines: Data) -> str:
    looks = "looks" if lines["count"] == 1 else "look"
    counted = f"{_counted_lines(lines['count'])} of {lines['program']}"
    return f"{counted} {looks} like {lines['alert']}; not counted, another program"


class _Unsought(NamedTuple):
    ids: Sequence[str]
    told_by: str


def _unsought(data: Data) -> Iterator[_Unsought]:
    """The entries that nothing read could show, by what would."""
    for shown_by, told_by in _TOLD_BY.items():
        rows = (row for row in data["not_sought"] if row["shown_by"] == shown_by)
        ids = _ids(rows)
        if ids:
            yield _Unsought(ids, told_by)


def _counted_not_found(data: Data) -> str:
    """How much was looked for in vain, and how much was not: the names are many, and seldom asked for."""
    counted = [f"{len(data['not_found'])} looked for and not there"]
    for unsought in _unsought(data):
        counted.append(f"{len(unsought.ids)} {unsought.told_by}")
    return f"{', '.join(counted)}; -v names them"


def _ids(rows: Iterable[Data]) -> list[str]:
    return [row["id"] for row in rows]
