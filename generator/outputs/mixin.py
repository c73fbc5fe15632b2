"""Alerts, recording rules and dashboard as a jsonnet mixin, for those who keep their monitoring so."""

import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from typing import Any

from generator.base.file import File
from generator.base.names import GENERATED
from generator.catalog import placeholders
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup, Rules
from generator.compile.rule_files import groups_data
from generator.outputs import grafana

_MIXIN_FOLDER = "mixin"
_MIXIN = "mixin.libsonnet"


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    groups = rules.groups["prometheus"]
    # Rules of both kinds may come into one file, where no name of a group may stand twice.
    records = [replace(group, name=f"{group.name}.records") for group in groups]
    compiled = {
        "selector": placeholders.of_site(profile)["kube_proxy"],
        "runbooks": profile.runbooks.base_url.rstrip("/"),
        "prometheusAlerts": {"groups": groups_data(_only(AlertRule, groups))},
        "prometheusRules": {"groups": groups_data(_only(RecordingRule, records))},
        "grafanaDashboards": {"kube-proxy.json": grafana.dashboard(rules, profile)},
    }
    text = resources.files(__package__).joinpath(_MIXIN).read_text(encoding="utf-8")
    return [
        File(f"{_MIXIN_FOLDER}/{_MIXIN}", f"# {GENERATED}\n{text}"),
        File(f"{_MIXIN_FOLDER}/compiled.libsonnet", f"# {GENERATED}\n{_jsonnet_value(compiled)}\n"),
    ]


def _only(
    kind: type[AlertRule] | type[RecordingRule], groups: Iterable[RuleGroup]
) -> list[RuleGroup]:
    """The rules of one kind, without the groups that have none."""
    chosen = []
    for group in groups:
        rules = tuple(rule for rule in group.rules if isinstance(rule, kind))
        if rules:
            chosen.append(replace(group, rules=rules))
    return chosen


def _jsonnet_value(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
