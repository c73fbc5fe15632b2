"""What changed between two locks, and which changes a changelog does not name. Pure."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.base.problems import Location, Problem
from generator.history.rule_lock import Locked

Kind = Literal["new", "changed", "deprecated", "removed", "text"]

KINDS: tuple[Kind, ...] = ("new", "changed", "deprecated", "removed", "text")
_SAID = {("status", "deprecated"), ("text", "text")}
_TITLES: dict[Kind, str] = {
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
        known = self.before or self.after
        return (
            f"{self.name} {self.before or 'none'} → {self.after or 'none'}" if known else self.name
        )


@dataclass(frozen=True)
class RuleChange:
    """`deprecated`: from now on. `text`: nothing but annotations. A new or removed rule has no parts."""

    kind: Kind
    name: str
    failure: str
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        """As a line of a changelog begins."""
        if self.kind in ("new", "removed"):
            return f"{self.name}: {self.kind}"
        deprecated = ["deprecated"] if self.kind == "deprecated" else []
        return f"{self.name}: {', '.join([*deprecated, *self.what()])}"

    def what(self) -> list[str]:
        """The parts, without what the kind says already."""
        return [str(part) for part in self.parts if (part.name, self.kind) not in _SAID]


def compare(old: Iterable[Locked], new: Iterable[Locked]) -> list[RuleChange]:
    """The changes, by kind and name. A rule that changes its name is removed and new."""
    before, after = ({(row.name, row.engine): row for row in rows} for rows in (old, new))
    found = [
        RuleChange("new", row.name, row.failure) for key, row in after.items() if key not in before
    ]
    found += [
        RuleChange("removed", row.name, row.failure)
        for key, row in before.items()
        if key not in after
    ]
    found += [
        change
        for key in before.keys() & after.keys()
        if (change := _change(before[key], after[key]))
    ]
    return sorted(found, key=lambda change: (KINDS.index(change.kind), change.name))


def _change(old: Locked, new: Locked) -> RuleChange | None:
    parts = tuple(_parts(old, new))
    if not parts:
        return None
    if new.status == "deprecated" != old.status:
        return RuleChange("deprecated", new.name, new.failure, parts)
    kind: Kind = "text" if parts == (Part("text"),) else "changed"
    return RuleChange(kind, new.name, new.failure, parts)


def _parts(old: Locked, new: Locked) -> Iterator[Part]:
    pairs = [
        ("failure", old.failure, new.failure),
        ("status", old.status, new.status),
        ("interval", old.interval, new.interval),
        ("for", old.hold, new.hold),
        *(
            (key, old.labels.get(key, ""), new.labels.get(key, ""))
            for key in sorted({*old.labels, *new.labels})
        ),
    ]
    yield from (Part(name, before, after) for name, before, after in pairs if before != after)
    yield from (Part(name) for name in ("expr", "text") if getattr(old, name) != getattr(new, name))


def unnamed(
    changes: Iterable[RuleChange], lines: Sequence[str], where: Location, since: str
) -> list[Problem]:
    """A problem for each change of behaviour whose rule no line names, with a line to paste.

    A rule is named by its name, or by `KubeProxy*` in backticks, which names all rules that begin so.
    """
    text = "\n".join(lines)
    beginnings = tuple(re.findall(r"`([\w:]+)\*`", text))
    return [
        Problem(
            where,
            f"no line added since {since} names {change.name}; say why, for example:\n- {change}, because …",
        )
        for change in changes
        if change.kind != "text"
        and not change.name.startswith(beginnings)
        and not _holds_name(text, change.name)
    ]


def _holds_name(text: str, name: str) -> bool:
    """Whether the text holds the name as a word; names of recording rules hold colons."""
    return re.search(rf"(?<![\w:]){re.escape(name)}(?!:?\w)", text) is not None


def added(old: str, new: str) -> list[str]:
    """The lines of a text that an older one does not have."""
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [
        line
        for tag, _, _, begin, end in matcher.get_opcodes()
        if tag != "equal"
        for line in after[begin:end]
    ]


def newest_section(text: str) -> tuple[int, list[str]]:
    """Line number of a changelog's first `## ` heading, and the lines below it; 1 and all lines if there is none."""
    lines = text.splitlines()
    headings = [number for number, line in enumerate(lines) if line.startswith("## ")]
    if not headings:
        return 1, lines
    end = headings[1] if len(headings) > 1 else len(lines)
    return headings[0] + 1, lines[headings[0] + 1 : end]


def markdown(changes: Sequence[RuleChange]) -> str:
    """Changes as a section of release notes."""
    sections = []
    for kind in KINDS:
        rows = [change for change in changes if change.kind == kind]
        if rows:
            lines = (
                f"- `{row.name}`{': ' if row.what() else ''}{', '.join(row.what())}" for row in rows
            )
            sections.append(f"### {_TITLES[kind]}\n\n" + "".join(f"{line}\n" for line in lines))
    return "\n".join(sections)
