"""What has to change on a ruler so that it holds the rule groups that it should. No IO."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import yaml

from generator.base import names
from generator.catalog.profile import Engine
from generator.compile.as_shown import Group, meaning, rule_name, same


@dataclass(frozen=True)
class GroupChange:
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
        before, after = (_group_yaml(group).splitlines() for group in (self.loaded, self.wanted))
        return list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


def changes(engine: Engine, wanted: Iterable[Group], loaded: Iterable[Group]) -> list[GroupChange]:
    """The groups that differ, in the order of their names. Groups that mean the same do not."""
    new, old = ({str(group["name"]): group for group in groups} for groups in (wanted, loaded))
    old = {
        name: _reworded(engine, group, new[name]) if name in new else group
        for name, group in old.items()
    }
    return [
        GroupChange(name, new.get(name), old.get(name))
        for name in sorted(new.keys() | old.keys())
        if name not in new or name not in old or meaning(new[name]) != meaning(old[name])
    ]


def _reworded(engine: Engine, loaded: Group, wanted: Group) -> Group:
    """What is loaded, each expression in the words of the one wanted that means the same: only the rest is a change."""
    exprs: dict[str, list[str]] = {}
    for rule in wanted["rules"]:
        exprs.setdefault(rule_name(rule), []).append(str(rule["expr"]))

    def reworded(rule: Group) -> Group:
        expr = str(rule.get("expr", ""))
        alike = (other for other in exprs.get(rule_name(rule), ()) if same(engine, other, expr))
        return {**rule, "expr": next(alike, expr)}

    return {**loaded, "rules": [reworded(rule) for rule in loaded.get("rules", ())]}


def foreign(loaded: Iterable[Group]) -> list[str]:
    """Names of the groups that are not ours."""
    prefix = names.rule_group("")
    return sorted(
        str(group["name"]) for group in loaded if not str(group["name"]).startswith(prefix)
    )


def _group_yaml(group: Group | None) -> str:
    return (
        yaml.safe_dump(meaning(group), sort_keys=False, allow_unicode=True, width=1_000_000)
        if group
        else ""
    )
