"""The values, as the real Helm renders them with a chart that writes its objects as the two charts do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from tests import once
from tests.conftest import ROOT, compiled_for, obtained
from tests.lab.programs import HELM

STACK = "helm/kube-prometheus-stack.values.yaml"
LOKI = "helm/loki.values.yaml"
SITE = """\
loki: {rulerConfig: {alertmanager_url: "http://alertmanager:9093", wal: {dir: /var/loki/ruler-wal}}}
additionalPrometheusRulesMap: {ours: {groups: []}}
"""
CHART = {
    "Chart.yaml": "{apiVersion: v2, name: small, version: 0.1.0}\n",
    "templates/rules.yaml": """\
{{- range $name, $rule := .Values.additionalPrometheusRulesMap }}
---
kind: PrometheusRule
metadata: {name: {{ $name }}}
spec:
  groups:
    {{- toYaml $rule.groups | nindent 4 }}
{{- end }}
""",
    "templates/loki.yaml": """\
{{- range $tenant, $files := (.Values.ruler | default dict).directories }}
---
kind: ConfigMap
metadata: {name: {{ $tenant }}}
data:
  {{- toYaml $files | nindent 2 }}
{{- end }}
---
kind: Config
ruler:
  {{- toYaml .Values.loki.rulerConfig | nindent 2 }}
""",
}


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(HELM, HELM.pinned[0], tmp_path_factory)


def rendered(helm: Path, folder: Path, *values: str) -> list[dict[str, Any]]:
    """The objects of the chart for these values, each of which overrides those before it."""
    chart = folder / "chart"
    (chart / "templates").mkdir(parents=True)
    for name, text in CHART.items():
        (chart / name).write_text(text, encoding="utf-8")
    given = []
    for index, text in enumerate((SITE, *values)):
        path = folder / f"values-{index}.yaml"
        path.write_text(text, encoding="utf-8")
        given += ["--values", str(path)]
    ok, said = subprocesses.run([str(helm), "template", "kps", str(chart), *given], folder)
    assert ok, said
    return [thing for thing in yaml.safe_load_all(said) if thing]


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        thing for thing in objects if thing["kind"] == kind and thing["metadata"]["name"] == name
    )
    return found


def text_of(path: str) -> str:
    return (ROOT / "output" / path).read_text(encoding="utf-8")


def test_the_stack_gets_the_rules_of_the_file_beside_those_of_the_site(
    helm: Path, tmp_path: Path
) -> None:
    objects = rendered(helm, tmp_path, text_of(STACK))
    spec = named(objects, "PrometheusRule", "kube-proxy-alerts")["spec"]
    assert spec == yaml.safe_load(text_of("prometheus/kube-proxy.rules.yaml"))
    assert "{{ $labels." in str(spec)  # the ruler's templates are left for the ruler
    assert named(objects, "PrometheusRule", "ours")["spec"] == {"groups": []}


def test_loki_gets_the_file_itself_where_its_ruler_reads(helm: Path, tmp_path: Path) -> None:
    objects = rendered(helm, tmp_path, text_of(LOKI))
    data = named(objects, "ConfigMap", "fake")["data"]
    assert data == {"kube-proxy.rules.yaml": text_of("loki/kube-proxy.rules.yaml")}
    (config,) = (thing for thing in objects if thing["kind"] == "Config")
    assert config["ruler"] == {
        "alertmanager_url": "http://alertmanager:9093",
        "wal": {"dir": "/var/loki/ruler-wal"},
        "storage": {"type": "local", "local": {"directory": "/etc/loki/rules"}},
    }


def test_texts_that_look_like_something_else_stay_texts(helm: Path, tmp_path: Path) -> None:
    """Helm reads YAML otherwise than Python does, and would write another value."""
    numbers = ["1e3", "+1E4", "1.5e3", "1_0e2", "08", "0o17", "0X1F", "7", "1.30", ".5"]
    texts = [*numbers, "yes", "y", "N", "~", "2026-01-02", "1:30"]
    labels = {f"l{index}": text for index, text in enumerate(texts)} | {"y": "as a name"}
    values = compiled_for(f"labels: {json.dumps(labels)}\n", tmp_path)
    objects = rendered(helm, tmp_path, values[STACK])
    groups = named(objects, "PrometheusRule", "kube-proxy-alerts")["spec"]["groups"]
    alert = next(rule for group in groups for rule in group["rules"] if "alert" in rule)
    assert {name: alert["labels"][name] for name in labels} == labels


def test_the_folder_is_that_of_the_sites_tenant(tmp_path: Path) -> None:
    values = yaml.safe_load(compiled_for("kubernetes: {sidecar_tenant: t1}\n", tmp_path)[LOKI])
    assert list(values["ruler"]["directories"]) == ["t1"]


def test_a_site_without_log_rules_gets_no_values_for_loki(tmp_path: Path) -> None:
    files = compiled_for(once.without_log_rules(), tmp_path)
    assert [path for path in files if path.startswith("helm/")] == [STACK]
