"""A generated file, and how rule groups are written as YAML."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from generator.names import GENERATED
from generator.rules import AlertRule, RecordingRule, RuleGroup


@dataclass(frozen=True, order=True)
class File:
    """Path relative to the output folder, and the whole text."""

    path: str
    text: str


_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the C emitter is much faster where it is built


class _Dumper(_Base):  # type: ignore[misc]
    """Multi-line texts as literal blocks; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def yaml_file(path: str, data: Mapping[str, Any], note: str = "") -> File:
    """Data as YAML, below a comment that says where it comes from and, in `note`, how it is used."""
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    head = "".join(f"# {line}\n" for line in (GENERATED, *note.splitlines()))
    return File(path, head + body)


def rules_file(path: str, groups: Iterable[RuleGroup]) -> File:
    """A rule file as Prometheus and the Loki ruler read it."""
    return yaml_file(path, {"groups": groups_data(groups)})


def groups_data(groups: Iterable[RuleGroup]) -> list[dict[str, Any]]:
    """Rule groups as every ruler and operator reads them."""
    return [_group(group) for group in groups]


def _group(group: RuleGroup) -> dict[str, Any]:
    return {"name": group.name, "interval": group.interval, "rules": [rule_data(rule) for rule in group.rules]}


def rule_data(rule: RecordingRule | AlertRule) -> dict[str, Any]:
    """A rule as a rule file says it."""
    if isinstance(rule, RecordingRule):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.record, "expr": rule.expr, **labels}
    hold = {} if rule.hold == "0s" else {"for": rule.hold}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **hold,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }
