"""What has to change on a ruler so that it holds the rule groups that it should. No IO."""

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from generator import durations, names

Group = Mapping[str, Any]

_DURATIONS = ("interval", "for", "keep_firing_for", "query_offset")


@dataclass(frozen=True)
class Change:
    """A group to create, update or delete: as it is to be (None: gone), as it was (None: not there)."""

    name: str
    wanted: Group | None
    loaded: Group | None

    @property
    def kind(self) -> Literal["create", "update", "delete"]:
        if self.loaded is None:
            return "create"
        return "update" if self.wanted is not None else "delete"

    def lines(self) -> list[str]:
        """The change as a unified diff, without its head."""
        before, after = (_text(group).splitlines() for group in (self.loaded, self.wanted))
        return list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


def changes(wanted: Iterable[Group], loaded: Iterable[Group]) -> list[Change]:
    """The groups that differ, in the order of their names. Groups that mean the same do not."""
    new, old = ({str(group["name"]): group for group in groups} for groups in (wanted, loaded))
    return [
        Change(name, new.get(name), old.get(name))
        for name in sorted(new.keys() | old.keys())
        if name not in new or name not in old or meaning(new[name]) != meaning(old[name])
    ]


def foreign(loaded: Iterable[Group]) -> list[str]:
    """Names of the groups that are not ours."""
    prefix = names.rule_group("")
    return sorted(str(group["name"]) for group in loaded if not str(group["name"]).startswith(prefix))


def meaning(value: Any, key: str = "") -> Any:
    """A group or a part of it in one form: rulers write durations anew, and leave out or add what is empty."""
    if key in ("labels", "annotations") and isinstance(value, Mapping):
        return dict(sorted(value.items()))
    if isinstance(value, Mapping):
        parts = {name: meaning(part, name) for name, part in sorted(value.items())}
        return {name: part for name, part in parts.items() if part not in (None, "", "0s", {}, [])}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [meaning(part) for part in value]
    if key in _DURATIONS and value is not None:
        with suppress(ValueError):  # what is none is compared as it stands
            return durations.text(durations.seconds(f"{value}s" if isinstance(value, int) else str(value)))
    return value.strip() if key == "expr" else value


def _text(group: Group | None) -> str:
    return yaml.safe_dump(meaning(group), sort_keys=False, allow_unicode=True, width=1_000_000) if group else ""


_PART = re.compile(
    r"""#[^\n]*|`[^`]*`|"(?:\\.|[^"\\])*"|[0-9][0-9a-zA-Z.]*|[a-zA-Z_:][a-zA-Z0-9_:]*|[|!=<>~+*/%^@-]+""", re.DOTALL
)


def parts(expr: str) -> Counter[str]:
    """The words, numbers, operators and texts of an expression, however it is laid out, quoted and bracketed."""
    found = (match[0] for match in _PART.finditer(expr) if not match[0].startswith("#"))
    return Counter(_value(part) for part in found)


def _value(part: str) -> str:
    if part[0] == "`":
        return f"text {part[1:-1]}"
    if part[0] == '"':
        return f"text {ast.literal_eval(part)}"
    try:
        return f"{float(part):g}"
    except ValueError:
        return part
