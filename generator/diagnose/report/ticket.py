"""The data of a diagnosis as Markdown, for an incident ticket. No IO."""

from collections.abc import Iterable, Iterator

from generator.base import markdown
from generator.diagnose.report.sentences import (
    PROSE,
    Data,
    headline,
    message_of,
    no_failures,
    proofs_and_causes,
    unexplained_headline,
    where_and_when,
)


def as_ticket(data: Data) -> str:
    """A heading, a section for each failure, the errors of no entry, what is no failure, and what was noticed."""
    return "\n\n".join(_ticket_parts(data)) + "\n"


def _ticket_parts(data: Data) -> Iterator[str]:
    yield f"## kube-proxy: {markdown.text(headline(data))}"
    for found in data["found"]:
        yield from _failure_parts(found)
    if data["unexplained"]:
        yield f"### {unexplained_headline(data)}"
    yield from _bullets(
        f"{template['count']} × {markdown.code(template['example'])}"
        for template in data["unexplained"]
    )
    yield from _bullets(
        f"{name}: {markdown.text(text)}" for name, text in no_failures(data, details=True)
    )
    yield from _bullets(map(markdown.text, data["notes"]))


def _failure_parts(found: Data) -> Iterator[str]:
    yield f"### {found['alert']} ({found['severity']}): {markdown.text(found['title'])}"
    yield from _bullets(_named_items(found))
    lines = [line for proof in found["proof"] for line in message_of(proof)]
    proofs = "\n".join(lines)
    if proofs:
        yield markdown.block(proofs, "text")


def _named_items(found: Data) -> Iterator[str]:
    for name, text in (*where_and_when(found), *proofs_and_causes(found)):
        shown = markdown.cell(text) if name in PROSE else markdown.text(text)
        if name:  # the lines of a proof come below
            yield f"**{name}**: {shown}"


def _bullets(items: Iterable[str]) -> Iterator[str]:
    """A list of these items as one part; no part if there is none."""
    lines = [f"- {item}" for item in items]
    if lines:
        yield "\n".join(lines)
