"""The rules as values of the two Helm charts that bring the rulers."""

from generator.base import names
from generator.base.file import File, yaml_file
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.compile.rule_files import groups_data, rules_file

_HELM_FOLDER = "helm"
# The charts write these values with toYaml, so the rulers' own templates stay as they are. What a chart gives to `tpl`,
# such as extraObjects, would have them filled in, or refused, by Helm.
_PROMETHEUS_NOTE = """\
Values of the Helm chart kube-prometheus-stack, to be given after your own:
  helm upgrade RELEASE prometheus-community/kube-prometheus-stack -f YOURS.yaml -f kube-prometheus-stack.values.yaml
The chart makes a PrometheusRule of them, with the label `release` that its Prometheus selects by. Once this map is set,
it passes over the older list `additionalPrometheusRules`: move the rules of such a list into the map first."""
_MOUNTED = "/etc/loki/rules"  # where the chart mounts `ruler.directories`
_LOKI_NOTE = f"""\
Values of Loki's Helm chart in its mode Distributed, with `ruler.replicas` of 1 or more; to be given after your own:
  helm upgrade RELEASE CHART -f YOURS.yaml -f loki.values.yaml
The ruler then reads its rules from {_MOUNTED} alone, and tells the Alertmanager that your
`loki.rulerConfig.alertmanager_url` names. In the other modes, where the chart may not mount that folder, and where the
ruler has rules in a bucket or from the sidecar, leave this file out: `push --loki` writes to the bucket by the ruler's
API, kubernetes/loki.configmap.yaml is for the sidecar."""


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    written = []
    if rules.groups["prometheus"]:
        groups = {"groups": groups_data(rules.groups["prometheus"])}
        values = {"additionalPrometheusRulesMap": {names.TOOL: groups}}
        path = f"{_HELM_FOLDER}/kube-prometheus-stack.values.yaml"
        written.append(yaml_file(path, values, _PROMETHEUS_NOTE))
    if rules.groups["loki"]:
        written.append(
            yaml_file(f"{_HELM_FOLDER}/loki.values.yaml", _loki_values(rules, profile), _LOKI_NOTE)
        )
    return written


def _loki_values(rules: Rules, profile: Profile) -> dict[str, object]:
    """The file of rules in the folder of its tenant, and a ruler that reads there."""
    file = rules_file("kube-proxy.rules.yaml", rules.groups["loki"])
    storage = {"type": "local", "local": {"directory": _MOUNTED}}
    return {
        "loki": {"rulerConfig": {"storage": storage}},
        "ruler": {"directories": {profile.kubernetes.sidecar_tenant: {file.path: file.text}}},
    }
