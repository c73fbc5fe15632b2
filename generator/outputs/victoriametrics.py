"""The log rules for vmalert on VictoriaLogs, and the objects of the VictoriaMetrics operator for logs and metrics.

The metric rules for vmalert are those of Prometheus: it reads the file as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from generator.base.file import File, yaml_file
from generator.base.names import TOOL, rules_path
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile import victorialogs
from generator.compile.rule import Rules
from generator.compile.rule_files import groups_data
from generator.outputs.objects import manifest

_COMPONENT = "app.kubernetes.io/component"
_LINES_NOTE = """\
VictoriaLogs must keep the lines as they are: where they come by Loki's protocol, run it with
`-loki.disableMessageParsing`, or lines in JSON are taken apart and no rule finds them. The labels by which the selector
finds kube-proxy's lines must be stream fields."""
_FILE_NOTE = f"""\
For vmalert with `-datasource.url` of VictoriaLogs; for the metric rules run another, with the file of Prometheus.
{_LINES_NOTE}"""
_OBJECT_NOTE = f"""\
For the VictoriaMetrics operator. A VMAlert asks one data source: let one take the log rules and another the metric
rules, by the label `{_COMPONENT}` in its `ruleSelector`."""
_LOGS_NOTE = f"{_OBJECT_NOTE}\n{_LINES_NOTE}"
_METRICS_NOTE = f"""\
{_OBJECT_NOTE}
The operator makes a VMRule of each PrometheusRule unless it is told otherwise: load that one or this, not both."""


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    logs = [
        {"name": group["name"], "type": "vlogs", **group}
        for group in groups_data(victorialogs.groups(rules, profile))
    ]
    metrics = groups_data(rules.groups["prometheus"])
    written = [yaml_file(rules_path("victorialogs"), {"groups": logs}, _FILE_NOTE)]
    if logs:
        written.append(_vm_rule("victorialogs", logs, profile, _LOGS_NOTE))
    if metrics:
        written.append(_vm_rule("victoriametrics", metrics, profile, _METRICS_NOTE))
    return written


def _vm_rule(name: str, groups: Sequence[Mapping[str, Any]], profile: Profile, note: str) -> File:
    rule = manifest(
        "operator.victoriametrics.com/v1beta1",
        "VMRule",
        profile,
        {"spec": {"groups": list(groups)}},
        name=f"{TOOL}-{name}",
        labels={_COMPONENT: name, **profile.kubernetes.labels},
    )
    return yaml_file(f"kubernetes/{name}.vmrule.yaml", rule, note)
