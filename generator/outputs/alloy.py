"""The log rules as the object that Grafana Alloy takes to the Loki ruler."""

from generator.base import names
from generator.base.file import File, yaml_file
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.compile.rule_files import groups_data
from generator.outputs.objects import manifest

LABEL = {"loki": names.TOOL}
_ALLOY_NOTE = f"""\
For Grafana Alloy, whose component loki.rules.kubernetes takes PrometheusRules to the Loki ruler, by this label:
  rule_selector {{ match_labels = {{ loki = "{names.TOOL}" }} }}
The expressions are LogQL, which Prometheus refuses. So the object has none of the labels by which the Prometheus
operator chooses (`kubernetes: {{labels: …}}` of the profile). A Prometheus that takes every PrometheusRule needs
  ruleSelector: {{matchExpressions: [{{key: loki, operator: DoesNotExist}}]}}
and where the operator's admission webhook runs, it has to pass the object over (matchConditions of the
ValidatingWebhookConfiguration; admissionWebhooks.matchConditions of kube-prometheus-stack):
  !has(object.metadata.labels) || !("loki" in object.metadata.labels)"""
_WHY = "LogQL for the Loki ruler, by loki.rules.kubernetes of Grafana Alloy; not for Prometheus, which refuses it"


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    if not rules.groups["loki"]:
        return []
    rule = manifest(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        profile,
        {"spec": {"groups": groups_data(rules.groups["loki"])}},
        name=f"{names.TOOL}-loki",
        labels=LABEL,
        annotations={"description": _WHY},
    )
    return [yaml_file("alloy/loki.prometheusrule.yaml", rule, _ALLOY_NOTE)]
