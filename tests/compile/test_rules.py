"""What a profile changes in the compiled rules."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from msgspec import structs

from generator.base import disk, subprocesses
from generator.catalog.load import load
from generator.catalog.model import MetricSignals, Signals
from generator.compile.rule import AlertRule, RuleGroup, Rules
from generator.compile.rule_files import rules_file
from generator.compile.rules import compile_rules
from tests import once
from tests.conftest import TINY, annotations_in, compiled_for


def rules(tmp_path: Path, profile: str = "", catalog: Path = TINY) -> Rules:
    site = tmp_path / "site.yaml"
    site.write_text(profile or "{}", encoding="utf-8")
    inputs = load(profile=site, base=catalog)
    assert inputs.problems == ()
    return compile_rules(inputs.catalog, inputs.profile)


def alert(compiled: Rules, name: str) -> AlertRule:
    return next(row.rule for row in compiled.alerts if row.rule.alert == name)


def test_every_alert_has_its_labels_and_annotations(tmp_path: Path) -> None:
    for row in rules(tmp_path).alerts:
        severity = "info" if row.known_build else row.entry.severity.level
        assert row.rule.labels == {"failure": row.entry.id, "severity": severity}
        line = ["line"] if row.source else []
        assert list(row.rule.annotations) == ["summary", "description", "runbook_url", *line]
        assert row.rule.annotations["runbook_url"].endswith(f"/{row.rule.alert}.md")


TEXTS = [
    "plain",
    "`back` \"double\" 'single' \\ backslash",
    "{{ $value }} and {{ nothing",
    "{{{ three }}} and { one }",
    "ends with {",
    "ends with {{",
    'quoted {{ "{{" }} already',
    "{{/* comment */}}",
    "a | b # c: d",
    "two\nlines",
    "ä 😀 \u2028",
    "$labels.node {value} %s <b>",
]


def test_any_text_is_what_the_notification_shows(tmp_path: Path, pinned_promtool: Path) -> None:
    """Rendered by promtool, with the node's name put behind it as the compiled rules do."""
    inputs = load(base=TINY)
    gate = next(entry for entry in inputs.catalog.entries if entry.id == "gate-slow")
    (metric,) = gate.metric_alerts
    alerts = [
        structs.replace(metric, name=f"A{number}", observation=text.replace("{value}", ""))
        for number, text in enumerate(TEXTS)
    ]
    entries = [
        structs.replace(
            gate,
            summary=text,
            first_step=text,
            signals=Signals(metrics=MetricSignals((), (alert,))),
        )
        for text, alert in zip(TEXTS, alerts, strict=True)
    ]
    catalog = replace(inputs.catalog, entries=tuple(entries))
    made = [row.rule for row in compile_rules(catalog, inputs.profile).alerts]
    rules = [
        replace(rule, expr='label_replace(vector(1), "node", "n", "", "")', hold="0s")
        for rule in made
    ]
    disk.populate(tmp_path, [rules_file("rules.yaml", [RuleGroup("g", "1m", tuple(rules))])])
    expected = [
        {
            "eval_time": "1m",
            "alertname": f"A{number}",
            "exp_alerts": [
                {
                    "exp_labels": {
                        "node": "n",
                        "failure": "gate-slow",
                        "severity": gate.severity.level,
                    },
                    "exp_annotations": {
                        "summary": f"{text} on node n",
                        "description": f"{text.replace('{value}', '')}. First step: {text}",
                        "runbook_url": f"https://runbooks.example.com/kube-proxy/A{number}.md",
                    },
                }
            ],
        }
        for number, text in enumerate(TEXTS)
    ]
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"alert_rule_test": expected}],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    passed, said = subprocesses.run([str(pinned_promtool), "test", "rules", "tests.yaml"], tmp_path)
    assert passed, said


def test_selectors_and_labels_are_the_sites(tmp_path: Path) -> None:
    compiled = rules(
        tmp_path,
        "loki: {selector: '{app=\"kp\"}', labels: {cluster: null, node: host}}\n"
        "prometheus: {selector: '{job=\"kp\"}', labels: {cluster: null, pod: null, node: null}}\n",
    )
    log = alert(compiled, "KubeProxyBrokenGate")
    assert log.expr.startswith(
        'sum by (namespace, pod, host) (\n  count_over_time(\n    {app="kp"}\n'
    )
    assert log.annotations["summary"] == (
        'the gate {{ "{{" }} is }} broken'
        "{{ with $labels.host }} on node {{ . }}{{ else }}{{ with $labels.pod }} on pod {{ . }}{{ end }}{{ end }}"
    )
    record = compiled.groups["prometheus"][0].rules[0]
    assert (
        'by (namespace, instance, le) (rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{job="kp"}[5m]))'
        in (record.expr)
    )
    assert alert(compiled, "KubeProxyGateSlow").annotations["summary"] == (
        "the gate is slow{{ with $labels.instance }} on instance {{ . }}{{ end }}"
    )


def test_numbers_of_single_alerts_are_the_sites(tmp_path: Path) -> None:
    compiled = rules(
        tmp_path,
        "alerts:\n"
        "  KubeProxyBrokenGate: {threshold: 7, range: 20m, for: 5m, severity: info}\n"
        "  KubeProxyGateSlow: {threshold: 8.192, for: 1h}\n",
    )
    log, metric = alert(compiled, "KubeProxyBrokenGate"), alert(compiled, "KubeProxyGateSlow")
    assert log.expr.endswith("[20m]\n  )\n) > 7\n")
    assert (log.hold, log.labels["severity"]) == ("5m", "info")
    assert metric.expr == "instance:gate:p99 > 8.192\n"
    assert metric.hold == "1h"


def test_the_range_of_the_site_is_for_entries_that_set_none(tmp_path: Path) -> None:
    site = "loki: {range: 30m}\n"
    assert "[15m]" in alert(rules(tmp_path, site), "KubeProxyBrokenGate").expr
    without = shutil.copytree(TINY, tmp_path / "catalog")
    entry = without / "broken-gate" / "failure.yaml"
    entry.write_text(
        entry.read_text(encoding="utf-8").replace("    range: 15m\n", ""), encoding="utf-8"
    )
    assert "[30m]" in alert(rules(tmp_path, site, without), "KubeProxyBrokenGate").expr


def test_intervals_extra_labels_and_base_url(tmp_path: Path) -> None:
    compiled = rules(
        tmp_path,
        "loki: {interval: 1m}\nprometheus: {interval: 15s}\nlabels: {team: net}\n"
        "runbooks: {base_url: https://kb.test/kp/}\n",
    )
    assert {group.interval for group in compiled.groups["loki"]} == {"1m"}
    assert {group.interval for group in compiled.groups["prometheus"]} == {"15s"}
    rule = alert(compiled, "KubeProxyGateSlow")
    assert rule.labels == {"team": "net", "failure": "gate-slow", "severity": "warning"}
    assert rule.annotations["runbook_url"] == "https://kb.test/kp/KubeProxyGateSlow.md"


def test_lines_that_are_less_grave_have_an_alert_of_their_own() -> None:
    """A line counts for one of the two alerts; the milder one holds back nothing of other entries."""
    inputs = once.inputs()
    compiled = compile_rules(inputs.catalog, inputs.profile)
    own = {one.rule.alert: one for one in compiled.alerts if one.entry.id == "apiserver-forbidden"}
    assert {name: one.rule.labels["severity"] for name, one in own.items()} == {
        "KubeProxyApiserverForbidden": "critical",
        "KubeProxyApiserverForbiddenServiceCIDR": "warning",
        "KubeProxyApiserverForbiddenRequests": "warning",
    }
    line = "Failed to watch *v1.X: {} is forbidden: User u cannot list"
    counted = {
        resource: [
            name
            for name, one in own.items()
            if one.filters and one.filters.matches(line.format(resource))
        ]
        for resource in ("nodes", "servicecidrs.networking.k8s.io")
    }
    assert counted == {
        "nodes": ["KubeProxyApiserverForbidden"],
        "servicecidrs.networking.k8s.io": ["KubeProxyApiserverForbiddenServiceCIDR"],
    }
    held = {one.cause: set(one.symptoms) for one in compiled.inhibitions if one.cause in own}
    assert held["KubeProxyApiserverForbiddenServiceCIDR"] == {"KubeProxyApiserverForbiddenRequests"}
    assert held["KubeProxyApiserverForbidden"] > {
        "KubeProxyApiserverForbiddenRequests",
        "KubeProxyNeverSynced",
    }
    assert "KubeProxyNeverSynced" not in held["KubeProxyApiserverForbiddenRequests"]


def test_the_numbers_of_the_milder_alert_are_its_own(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "alerts: {KubeProxyApiserverForbiddenServiceCIDR: {threshold: 50, keep_firing_for: 1h}}",
        encoding="utf-8",
    )
    inputs = once.for_site(site)
    compiled = compile_rules(inputs.catalog, inputs.profile)
    assert " > 50" in alert(compiled, "KubeProxyApiserverForbiddenServiceCIDR").expr
    assert " > 50" not in alert(compiled, "KubeProxyApiserverForbidden").expr
    told = {row.rule.alert: [one.name for one in row.settings] for row in compiled.alerts}
    assert told["KubeProxyApiserverForbiddenServiceCIDR"][-1] == "keep_firing_for"
    assert "keep_firing_for" not in told["KubeProxyApiserverForbidden"]


def test_a_disabled_entry_gives_no_alert(tmp_path: Path) -> None:
    compiled = rules(tmp_path, "disabled: [gate-slow]\n")
    assert [row.rule.alert for row in compiled.alerts] == [
        "KubeProxyBrokenGate",
        "KubeProxyBrokenGateKnownBuild",
        "KubeProxyGateWatchdog",
    ]
    assert "kube-proxy.gate-slow" not in {group.name for group in compiled.groups["prometheus"]}


def test_a_record_that_others_use_stays_when_its_entry_is_disabled() -> None:
    inputs = once.inputs()
    owner = "ipvs-frequent-sync"
    (entry,) = (e for e in inputs.catalog.entries if e.id == owner)
    profile = structs.replace(inputs.default_profile, disabled=frozenset({owner}))
    compiled = compile_rules(inputs.catalog, profile)
    kept = {
        rule.record
        for rule in compiled.groups["prometheus"][0].rules
        if not isinstance(rule, AlertRule)
    }
    assert {record.name for record in entry.records} <= kept
    assert entry.alert not in {row.rule.alert for row in compiled.alerts}


@pytest.mark.parametrize("engine", ["loki", "prometheus"])
def test_one_group_for_each_entry(engine: str, tmp_path: Path) -> None:
    names = [
        group.name
        for groups in rules(tmp_path).groups.items()
        if groups[0] == engine
        for group in groups[1]
    ]
    assert (
        names
        == {
            "loki": ["kube-proxy.broken-gate", "kube-proxy.gate-watchdog"],
            "prometheus": ["kube-proxy.records", "kube-proxy.broken-gate", "kube-proxy.gate-slow"],
        }[engine]
    )


BESIDE = [
    # KubeProxyIptablesBackendMismatch and KubeProxyIptablesSaveParsePanic hold it back.
    (
        "{}",
        "KubeProxyRulesStale",
        "KubeProxyIptablesLockHeldTooLong, KubeProxyIptablesLockNotMounted, "
        "KubeProxyIptablesMarkKernelBug, KubeProxyIptablesModuleMissing or KubeProxyIptablesRestoreWithoutWait",
    ),
    (
        "disabled: [iptables-lock-not-mounted]",
        "KubeProxyRulesStale",
        "KubeProxyIptablesLockHeldTooLong, KubeProxyIptablesMarkKernelBug, KubeProxyIptablesModuleMissing "
        "or KubeProxyIptablesRestoreWithoutWait",
    ),
    ("{}", "KubeProxySyncSlow", ""),
    # Made graver than its causes.
    (
        "alerts: {KubeProxySyncSlow: {severity: critical}}",
        "KubeProxySyncSlow",
        "KubeProxyIptablesLockHeldTooLong or KubeProxyIptablesRestoreWithoutWait",
    ),
    # Nothing tells which logs and which metrics are of one kube-proxy.
    (
        "loki: {labels: {pod: null, node: null}}",
        "KubeProxyNetworkProgrammingSlow",
        "KubeProxyApiserverCertificateInvalid, KubeProxyApiserverConnectionBroken, KubeProxyApiserverForbidden, "
        "KubeProxyApiserverUnauthorized, KubeProxyApiserverUnreachable, KubeProxyIptablesLockHeldTooLong or "
        "KubeProxyIptablesRestoreWithoutWait",
    ),
    # Its first step names KubeProxyServiceChurn.
    ("{}", "KubeProxyCPUHigh", ""),
    ("{}", "KubeProxyNetworkProgrammingSlow", ""),
]


@pytest.mark.parametrize(("profile", "symptom", "named"), BESIDE)
def test_a_symptom_names_the_causes_that_come_beside_it(
    profile: str, symptom: str, named: str, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(profile, encoding="utf-8")
    inputs = once.for_site(tmp_path / "site.yaml")
    described = alert(compile_rules(inputs.catalog, inputs.profile), symptom).annotations[
        "description"
    ]
    found = re.search(r" If (KubeProxy[^.]+) fires there too, it names the cause\.", described)
    assert (found[1] if found else "") == named


def test_annotations_of_the_site_stand_on_every_alert_and_those_of_an_alert_win(
    tmp_path: Path,
) -> None:
    texts = compiled_for(
        "annotations: {team: net, place: '{{ $labels.node }}'}\n"
        "alerts: {KubeProxySyncSlow: {annotations: {team: platform}}}\n",
        tmp_path,
    )
    rules = annotations_in(texts)
    assert {notes["place"] for notes in rules.values()} == {"{{ $labels.node }}"}
    assert {name for name, notes in rules.items() if notes["team"] != "net"} == {
        "KubeProxySyncSlow"
    }
    assert rules["KubeProxySyncSlow"]["team"] == "platform"
