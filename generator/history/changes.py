"""What changed between two locks, and which changes a changelog does not name. Pure."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.base.problems import Location, Problem
from generator.history.rule_lock import Locked

ChangeKind = Literal["new", "changed", "deprecated", "removed", "text"]

KINDS: tuple[ChangeKind, ...] = ("new", "changed", "deprecated", "removed", "text")
_SAID = {("status", "deprecated"), ("text", "text")}
_TITLE_OF_KIND: dict[ChangeKind, str] = {
    "new": "New rules",
    "changed": "Changed rules",
    "deprecated": "Deprecated rules",
    "removed": "Removed rules",
    "text": "Changed in text only",
}


@dataclass(frozen=True)
class Part:
    """What differs in a rule. `before` and `after` are empty where there was nothing, or only a hash is known."""

    name: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if not self.before and not self.after:
            return self.name
        before, after = self.before or "none", self.after or "none"
        return f"{self.name} {before} → {after}"


@dataclass(frozen=True)
class RuleChange:
    """`deprecated`: from now on. `text`: nothing but annotations. A new or removed rule has no parts."""

    kind: ChangeKind
    name: str
    failure: str
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        """As a line of a changelog begins."""
        if self.kind in ("new", "removed"):
            return f"{self.name}: {self.kind}"
        what = self.what()
        if self.kind == "deprecated":
            what.insert(0, "deprecated")
        return f"{self.name}: {', '.join(what)}"

    def what(self) -> list[str]:
        """The parts, without what the kind says already."""
        return [str(part) for part in self.parts if (part.name, self.kind) not in _SAID]


def compare(old: Iterable[Locked], new: Iterable[Locked]) -> list[RuleChange]:
    """The changes, by kind and name. A rule that changes its name is removed and new."""
    before = {(rule.name, rule.engine): rule for rule in old}
    after = {(rule.name, rule.engine): rule for rule in new}
    changes = []
    for key, rule in after.items():
        if key not in before:
            changes.append(RuleChange("new", rule.name, rule.failure))
            continue
        change = _change(before[key], rule)
        if change:
            changes.append(change)
    for key, rule in before.items():
        if key not in after:
            changes.append(RuleChange("removed", rule.name, rule.failure))
    return sorted(changes, key=lambda change: (KINDS.index(change.kind), change.name))


def _change(old: Locked, new: Locked) -> RuleChange | None:
    parts = tuple(_parts(old, new))
    if not parts:
        return None
    if new.status == "deprecated" != old.status:
        return RuleChange("deprecated", new.name, new.failure, parts)
    kind: ChangeKind = "text" if parts == (Part("text"),) else "changed"
    return RuleChange(kind, new.name, new.failure, parts)


def _parts(old: Locked, new: Locked) -> Iterator[Part]:
    facts = [
        ("failure", old.failure, new.failure),
        ("status", old.status, new.status),
        ("interval", old.interval, new.interval),
        ("for", old.hold, new.hold),
    ]
    for label in sorted({*old.labels, *new.labels}):
        before, after = old.labels.get(label, ""), new.labels.get(label, "")
        facts.append((label, before, after))
    for name, before, after in facts:
        if before != after:
            yield Part(name, before, after)
    if old.expr != new.expr:
        yield Part("expr")
    if old.text != new.text:
        yield Part("text")


def unnamed(
    changes: Iterable[RuleChange], lines: Sequence[str], where: Location, since: str
) -> list[Problem]:
    """A problem for each change of behaviour whose rule no line names, with a line to paste.

    A rule is named by its name, or by `KubeProxy*` in backticks, which names all rules that begin so.
    """
    text = "\n".join(lines)
    beginnings = tuple(re.findall(r"`([\w:]+)\*`", text))
    problems = []
    for change in changes:
        is_named = change.name.startswith(beginnings) or _holds_name(text, change.name)
        if change.kind == "text" or is_named:
            continue
        message = (
            f"no line added since {since} names {change.name}; "
            f"say why, for example:\n- {change}, because …"
        )
        problems.append(Problem(where, message))
    return problems


def _holds_name(text: str, name: str) -> bool:
    """Whether the text holds the name as a word; names of recording rules hold colons."""
    return re.search(rf"(?<![\w:]){re.escape(name)}(?!:?\w)", text) is not None


def added(old: str, new: str) -> list[str]:
    """The lines of a text that an older one does not have."""
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    lines = []
    for tag, _, _, begin, end in matcher.get_opcodes():
        if tag != "equal":
            lines += after[begin:end]
    return lines


def newest_section(text: str) -> tuple[int, list[str]]:
    """Line number of a changelog's first `## ` heading, and the lines below it; 1 and all lines if there is none."""
    lines = text.splitlines()
    headings = [number for number, line in enumerate(lines) if line.startswith("## ")]
    if not headings:
        return 1, lines
    begin, *others = headings
    end = others[0] if others else len(lines)
    return begin + 1, lines[begin + 1 : end]


def markdown(changes: Sequence[RuleChange]) -> str:
    """Changes as a section of release notes."""
    sections = []
    for kind in KINDS:
        of_kind = [change for change in changes if change.kind == kind]
        if of_kind:
            lines = "".join(map(_as_item, of_kind))
            sections.append(f"### {_TITLE_OF_KIND[kind]}\n\n{lines}")
    return "\n".join(sections)


def _as_item(change: RuleChange) -> str:
    what = change.what()
    if not what:
        return f"- `{change.name}`\n"
    return f"- `{change.name}`: {', '.join(what)}\n"
