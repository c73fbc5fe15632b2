"""One bad profile for each kind of error, and exactly what is said about it."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.catalog.load import load
from generator.catalog.package import shipped_catalog
from generator.pipeline import compile_catalog
from tests.conftest import TINY

HOME = "runbooks: {base_url: https://runbooks.test/kp}\n"

CASES = {
    "loky: {}\n": "site.yaml:1:1: unknown key 'loky'; did you mean 'loki'?",
    "loki: {interval: often}\n": "site.yaml:1:8: interval: 'often' does not have the form asked for: such as 90s, 10m or 1h30m",
    "runbooks: {base_url: 'https://[::1'}\n": "site.yaml:1:12: https://[::1 is no address: Invalid IPv6 URL",
    "loki: {selector: '{container=~\"(?x)k\"}'}\n": 'site.yaml:1:8: \'{container=~"(?x)k"}\' is not a selector such as {container="kube-proxy"}: invalid perl operator: (?x',
    "loki: {selector: '{container=~\"ka{1001}\"}'}\n": 'site.yaml:1:8: \'{container=~"ka{1001}"}\' is not a selector such as {container="kube-proxy"}: invalid repetition size: {1001}',
    "loki: {selector: \"{container='kube-proxy'}\"}\n": "site.yaml:1:8: {container='kube-proxy'} is not a selector that Loki reads: each text in double quotes, no comma at the end",
    "loki: {selector: '{container=\"kube-proxy\",}'}\n": 'site.yaml:1:8: {container="kube-proxy",} is not a selector that Loki reads: each text in double quotes, no comma at the end',
    "loki: {selector: '{container=\"kube-proxy\"} offset 5m'}\n": 'site.yaml:1:8: \'{container="kube-proxy"} offset 5m\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    'loki: {selector: \'{"container"="kube-proxy"}\'}\n': 'site.yaml:1:8: \'{"container"="kube-proxy"}\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    "prometheus: {selector: '{job=\"kube-proxy\"} @ 5'}\n": 'site.yaml:1:14: \'{job="kube-proxy"} @ 5\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    "loki: {labels: {node: unwrap}}\n": "site.yaml:1:17: 'unwrap' is a word of LogQL and names no label; let the collector rename it",
    "loki: {range: 999999w}\n": "site.yaml:1:8: range: '999999w' is longer than a ruler can count; 100 years are the most",
    "alerts: {KubeProxyBrokenGate: {for: 999999y}}\n": "site.yaml:1:32: for: '999999y' is not a duration such as 90s, 10m or 1h30m",
    "alerts: {KubeProxyBrokenGate: {range: 0s}}\n": "site.yaml:1:32: range must be longer than 0",
    f"alerts: {{KubeProxyBrokenGate: {{threshold: {'9' * 400}}}}}\n": "site.yaml:1:32: threshold must be a number, 0 or more, and not larger than 10^15",
    f"alerts: {{KubeProxyBrokenGate: {{threshold: {'9' * 400}.5}}}}\n": "site.yaml:1:32: threshold must be a number, 0 or more",
    "alerts: {KubeProxyBrokenGate: {threshold: 1.0e+400}}\n": "site.yaml:1:32: threshold must be a number, 0 or more",
    "servers: {'http://u:PASSWORD@h': {}}\n": "site.yaml:1:11: unknown key 'http://…@h'; known keys: alertmanager, cortex, loki, mimir, prometheus, victorialogs, vmalert",
    "runbooks:\n  base_url: |\n    https://runbooks.test/kp\n": "site.yaml:2:3: base_url: 'https://runbooks.test/kp\\n' does not have the form asked for: Address of the published runbooks folder, without user and password, as it stands in every alert; the page's file name is added to it (^https?://[^\\s<>\"{}|^`\\\\?#@/]+(/[^\\s<>\"{}|^`\\\\?#]*)?$); it ends with a line break",
    "servers: {loki: {url: 'http://u:PASS/W@RD@h'}}\n": "site.yaml:1:18: url: 'http://…@h' does not have the form asked for: Its address, without user and password (^https?://[^\\s@?#]+$)",
    "servers: {loki: {url: 'http://h/?token=SECRET'}}\n": "site.yaml:1:18: url: 'http://h/?…' does not have the form asked for: Its address, without user and password (^https?://[^\\s@?#]+$)",
    "servers: {loki: {url: 'u:PASSWORD@h'}}\n": "site.yaml:1:18: url: '…@h' does not have the form asked for: Its address, without user and password (^https?://[^\\s@?#]+$)",
    "loki: {interval: 0s}\n": "site.yaml:1:8: the interval must be longer than 0",
    "loki: {labels: {node: a-b}}\n": "site.yaml:1:17: node: 'a-b' does not have the form asked for: a label's name, of letters, digits and _ (^[a-zA-Z_][a-zA-Z0-9_]*$)",
    "loki: {selector: container}\n": 'site.yaml:1:8: \'container\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    "loki: {selector: '{a='}\n": "site.yaml:1:8: '{a=' is not a selector such as {container=\"kube-proxy\"}: unexpected end of input inside braces",
    "loki: {kernel: {selector: '{job=~\".+\"}'}}\n": "site.yaml:1:17: {job=~\".+\"} selects Loki's own log, which quotes these rules and would fire them; name the kernel's streams",
    "loki: {kernel: {selector: kernel}}\n": 'site.yaml:1:17: \'kernel\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    "loki: {kernel: {labels: {node: by}}}\n": "site.yaml:1:26: 'by' is a word of LogQL and names no label; let the collector rename it",
    "loki: {kernel: {labels: {pod: pod}}}\n": "site.yaml:1:26: unknown key 'pod'; known keys: cluster, node",
    "clusters: [a]\nloki: {kernel: {labels: {cluster: null}}}\n": "site.yaml:2:26: `clusters` names clusters, and no label of loki.kernel tells them apart; name it here and let the collector set it",
    "prometheus: {node_selector: node}\n": 'site.yaml:1:14: \'node\' is not a selector such as {container="kube-proxy"}: not a selector like {job="kube-proxy"}',
    "loki: {selector: '{job=~\".+\"}'}\n": "site.yaml:1:8: {job=~\".+\"} selects Loki's own log, which quotes these rules and would fire them; name kube-proxy's streams",
    "alerts: {KubeProxyBrokenGat: {threshold: 1}}\n": "site.yaml:1:10: there is no alert 'KubeProxyBrokenGat'; did you mean 'KubeProxyBrokenGate'?",
    "alerts: {KubeProxyBrokenGate: {threshhold: 1}}\n": "site.yaml:1:32: KubeProxyBrokenGate has no setting 'threshhold'; it has for, keep_firing_for, range, severity, threshold",
    "alerts: {KubeProxyBrokenGate: {threshold: 1m}}\n": "site.yaml:1:32: threshold must be a number, 0 or more",
    "alerts: {KubeProxyBrokenGate: {threshold: -1}}\n": "site.yaml:1:32: threshold must be a number, 0 or more",
    "alerts: {KubeProxyBrokenGate: {range: 10}}\n": "site.yaml:1:32: range must be text such as 10m",
    'alerts: {KubeProxyBrokenGate: {range: "10"}}\n': "site.yaml:1:32: range: '10' is not a duration such as 90s, 10m or 1h30m",
    "alerts: {KubeProxyBrokenGate: {range: 90s}}\n": "site.yaml:1:32: KubeProxyBrokenGate: the range (90s) must be at least two evaluation intervals and the ingest delay, 120 s",
    "alerts: {KubeProxyBrokenGate: {for: 20m}}\n": "site.yaml:1:32: KubeProxyBrokenGate: for (20m) must be shorter than the range (15m), or a line that comes once never fires",
    "alerts: {KubeProxyBrokenGate: {severity: high}}\n": "site.yaml:1:32: severity: 'high' is not one of critical, warning, info",
    "alerts: {KubeProxyGateSlow: {severity: critical}, KubeProxyBrokenGate: {severity: warning}}\n": "site.yaml:1:30: warning: KubeProxyGateSlow is critical here; KubeProxyBrokenGate, warning, does not hold it back, and both come",
    "alerts: {KubeProxyBrokenGate: {severity: info}}\n": "site.yaml:1:32: warning: KubeProxyGateSlow is warning here; KubeProxyBrokenGate, info, does not hold it back, and both come",
    "alerts: {KubeProxyGateSlow: {threshold: 16.384}}\n": "site.yaml:1:30: KubeProxyGateSlow: threshold 16.384 can never fire; the histogram ends at 16.384 s and no quantile exceeds it",
    "disabled: [gate-slo]\n": "site.yaml:1:12: there is no entry 'gate-slo'; did you mean 'gate-slow'?",
    "disabled: [gate-slow, broken-gate, gate-watchdog]\n": "site.yaml:1:1: no alert is left; everything is disabled",
    "disabled: [{id: gate-slow}]\n": "site.yaml:1:12: key 'reason' is missing: Why it is left out; said when the time is over.",
    "disabled: [{id: gate-slo, reason: noisy}]\n": "site.yaml:1:12: there is no entry 'gate-slo'; did you mean 'gate-slow'?",
    "disabled: [{id: gate-slow, reason: noisy, until: 2027-02-30}]\n": "site.yaml:1:12: until: there is no day 2027-02-30",
    "disabled:\n- {id: gate-slow, reason: noisy, until: 2020-01-31}\n": "site.yaml:2:3: warning: gate-slow was disabled until 2020-01-31 (noisy) and is back; take the row out, or name a later day",
    "disabled_checks: {threshold_can_fire: {reason: x}}\n": "site.yaml:1:19: there is no check 'threshold_can_fire' that may be disabled; did you mean 'thresholds_can_fire'?",
    "disabled_checks: {patterns_are_sound: {reason: x}}\n": "site.yaml:1:19: there is no check 'patterns_are_sound' that may be disabled; options_are_known_to_the_rulers, runbooks_have_a_home, sources_are_cited, changes_are_named_and_undone, damage_is_stopped_first, symptoms_are_not_graver, logs_and_metrics_meet, windows_can_fire, thresholds_can_fire",
    "disabled_checks: {thresholds_can_fire: {of: [gate-slow]}}\n": "site.yaml:1:19: key 'reason' is missing: Why it does not hold; said when the time is over.",
    "disabled_checks: {thresholds_can_fire: {of: [gate-slo], reason: x}}\n": "site.yaml:1:19: of: there is no entry 'gate-slo'; did you mean 'gate-slow'?",
    "disabled_checks: {thresholds_can_fire: {reason: x, until: 2027-02-30}}\n": "site.yaml:1:19: until: there is no day 2027-02-30",
    "disabled_checks: {thresholds_can_fire: {reason: noisy, until: 2020-01-31}}\n": "site.yaml:1:19: warning: thresholds_can_fire was disabled until 2020-01-31 (noisy) and is back; take it out, or name a later day",
    "annotations: {line: x}\n": "site.yaml:1:15: alerts have an annotation 'line' already; choose another name",
    "annotations: {team: '{{ $labels.node'}\n": "site.yaml:1:15: team: a template that begins with {{ ends with }}",
    "annotations: {a-b: x}\n": "site.yaml:1:1: annotations: 'a-b' does not have the form asked for (^[a-zA-Z_][a-zA-Z0-9_]*$)",
    "alerts: {KubeProxyBrokenGate: {annotations: {summary: x}}}\n": "site.yaml:1:46: alerts have an annotation 'summary' already; choose another name",
    "alerts: {KubeProxyBrokenGat: {annotations: {team: x}}}\n": "site.yaml:1:10: there is no alert 'KubeProxyBrokenGat'; did you mean 'KubeProxyBrokenGate'?",
    "outputs: [lokki]\n": "site.yaml:1:11: outputs: 'lokki' is not one of all, alertmanager, alertmanagerconfig, alloy, grafana, helm, kubernetes, lock, loki, mixin, prometheus, runbooks, victoriametrics",
    "outputs: []\n": "site.yaml:1:1: outputs is empty; give at least 1",
    "labels: {severity: high}\n": "site.yaml:1:10: every alert has a label 'severity' already; choose another name",
    "extends: promtial\n": "site.yaml:1:1: there is no preset 'promtial'; did you mean 'promtail'?",
    "extends:\n- vector\n- promtial\n": "site.yaml:3:3: there is no preset 'promtial'; did you mean 'promtail'?",
    "extends: [gone/site.yaml]\n": "site.yaml:1:11: there is no file gone/site.yaml; a path is relative to the file it stands in",
    "extends: ./site.yaml\n": "site.yaml:1:1: ./site.yaml extends this file in turn; remove one of the two",
    "extends: {}\n": "site.yaml:1:1: extends: {} is neither text; put it in quotes nor a list",
    "clusters: [a]\nprometheus: {labels: {cluster: null}}\n": "site.yaml:2:23: `clusters` names clusters, and no label of prometheus tells them apart; name it here and let the collector set it",
    "clusters: [a]\nlabels: {cluster: b}\n": "site.yaml:2:10: every alert has a label 'cluster' already; choose another name",
    "prometheus: {labels: {instance: null}}\n": "site.yaml:1:23: instance must be text; put it in quotes",
    "loki: {labels: {pod: null, node: null}}\n": "site.yaml:1:8: warning: logs and metrics have no label of the Pod or of the node in common, so alerts on logs, such as KubeProxyBrokenGate, hold back no symptom, and each comes by itself; where both know the node's name, name their labels of it under `loki: {labels: {node: …}}` and `prometheus: {labels: {node: …}}`",
    "loki: {labels: {pod: null, node: host}}\nprometheus: {labels: {node: null}}\n": "site.yaml:1:8: warning: logs and metrics have no label of the Pod or of the node in common, so alerts on logs, such as KubeProxyBrokenGate, hold back no symptom, and each comes by itself; where both know the node's name, name their labels of it under `loki: {labels: {node: …}}` and `prometheus: {labels: {node: …}}`",
    "loki: {labels: {pod: null, node: host}}\n": "site.yaml:1:28: warning: only the node tells which logs and metrics are of one kube-proxy, and 'node' is only the default of its label on metrics; if targets have none, alerts on logs, such as KubeProxyBrokenGate, hold back no symptom; name the label under `prometheus: {labels: {node: …}}`, or say null",
    "grafana: {url: 'grafana.test'}\n": "site.yaml:1:11: url: 'grafana.test' does not have the form asked for: its address, without user and password (^https?://[^\\s<>\"{}|^`\\\\@?#]+$)",
    "grafana: {url: 'https://u:PASS@grafana.test'}\n": "site.yaml:1:11: url: 'https://…@grafana.test' does not have the form asked for: its address, without user and password (^https?://[^\\s<>\"{}|^`\\\\@?#]+$)",
    "runbooks: {base_url: 'https://u:PASSWORD@h.test/x'}\n": "site.yaml:1:12: base_url: 'https://…@h.test/x' does not have the form asked for: Address of the published runbooks folder, without user and password, as it stands in every alert; the page's file name is added to it (^https?://[^\\s<>\"{}|^`\\\\?#@/]+(/[^\\s<>\"{}|^`\\\\?#]*)?$)",
    "runbooks: {base_url: kp}\n": "site.yaml:1:12: base_url: 'kp' does not have the form asked for: Address of the published runbooks folder, without user and password, as it stands in every alert; the page's file name is added to it (^https?://[^\\s<>\"{}|^`\\\\?#@/]+(/[^\\s<>\"{}|^`\\\\?#]*)?$)",
    "runbooks: {base_url: https://wiki.acme.example}\n": "site.yaml:1:12: warning: runbook links lead to https://wiki.acme.example, and names in example.com and .example are for examples only; set `runbooks: {base_url: …}` in a profile to where output/runbooks is published",
    "# no runbooks\n": "site.yaml: the file is empty; `kube-proxy-alerts init` writes a complete one",
    "runbooks: {}\n": "site.yaml:1:1: warning: runbook links lead to https://runbooks.example.com/kube-proxy, and names in example.com and .example are for examples only; set `runbooks: {base_url: …}` in a profile to where output/runbooks is published",
}


@pytest.mark.parametrize(("text", "said"), CASES.items(), ids=lambda text: text.strip()[:40])
def test_bad_profiles_are_said_exactly(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    site = Path("site.yaml")
    site.write_text(text if "runbooks" in text else text + HOME, encoding="utf-8")
    compiled = compile_catalog(load(profile=site, base=TINY), "output")
    assert [str(problem) for problem in compiled.problems] == [said]


@pytest.mark.parametrize(
    "text",
    [
        "alerts: {KubeProxyGateSlow: {severity: critical}}\n",
        "alerts: {KubeProxyBrokenGate: {severity: warning}, KubeProxyGateSlow: {severity: info}}\n",
        "alerts: {KubeProxyGateSlow: {severity: critical}, KubeProxyBrokenGate: {severity: info}}\ndisabled: [broken-gate]\n",
        "loki: {labels: {pod: null, node: host}}\nprometheus: {labels: {node: node}}\n",
        "loki: {labels: {pod: null, node: null}}\ndisabled: [gate-slow]\n",
    ],
)
def test_what_is_well_is_not_warned_of(text: str, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(text + HOME, encoding="utf-8")
    assert compile_catalog(load(profile=tmp_path / "site.yaml", base=TINY), "output").problems == ()


def test_a_default_that_does_not_fit_is_wrong_where_the_profile_sets_it(tmp_path: Path) -> None:
    """Or else at the signal that makes use of it."""
    catalog = shutil.copytree(TINY, tmp_path / "catalog")
    entry = catalog / "broken-gate" / "failure.yaml"
    entry.write_text(
        entry.read_text(encoding="utf-8").replace("    range: 15m\n", ""), encoding="utf-8"
    )
    site = tmp_path / "site.yaml"
    site.write_text(f"loki: {{range: 90s}}\n{HOME}", encoding="utf-8")
    (problem,) = compile_catalog(load(profile=site, base=catalog), "output").problems
    assert (problem.where.path, problem.where.line, problem.where.column) == (str(site), 1, 8)
    assert problem.message.startswith(
        "KubeProxyBrokenGate: the range (90s) must be at least two evaluation intervals"
    )


SCHEMA = json.loads((shipped_catalog() / "profile.schema.json").read_text(encoding="utf-8"))
PLACES = [
    (section, key)
    for section, part in SCHEMA["properties"].items()
    for key in (*part.get("properties", {}), "KubeProxyBrokenGate", "KubeProxyGateSlow", "loki")
]
ODD: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**400,
        1.5,
        "",
        "x",
        "0s",
        "10m",
        "999999y",
        "a\n",
        "{a='b'}",
        '{a=~"("}',
        "http://[",
        "by",
        "\x1b[2J",
        [],
        ["x"],
        {"threshold": 10**400},
        {"range": "0s"},
        {"for": "999999w"},
        {"node": "by"},
        {"url": "http://u:p@h"},
        {"x": {}},
    ]
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), ODD, min_size=1, max_size=3))
def test_no_profile_ends_in_a_traceback(values: dict[tuple[str, str], object]) -> None:
    data: dict[str, dict[str, object]] = {}
    for (section, key), value in values.items():
        data.setdefault(section, {})[key] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        compiled = compile_catalog(load(profile=path, base=TINY), "output")
    assert compiled.files or compiled.problems
