"""Grafana's files: the dashboard, whose queries the lab runs, and alerts in the form of its file provisioning."""

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generator.base import subprocesses
from generator.query import logql
from generator.query.recorded import written_out
from generator.servers.loki import Loki
from tests.conftest import ROOT, annotations_in, compiled_for
from tests.lab.afterwards import filled

FOLDER = ROOT / "output" / "grafana"
DASHBOARD = json.loads((FOLDER / "kube-proxy.dashboard.json").read_text(encoding="utf-8"))
ALERTING = yaml.load(
    (FOLDER / "kube-proxy.alerting.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
RULES = [rule for group in ALERTING["groups"] for rule in group["rules"]]
# The fields that Grafana's provisioning reads (pkg/services/provisioning/alerting/rules_types.go), those of ours.
QUERY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["refId", "relativeTimeRange", "datasourceUid", "model"],
    "properties": {
        "refId": {"pattern": "^[A-Z]$"},
        "relativeTimeRange": {"required": ["from", "to"]},
        "datasourceUid": {"type": "string", "minLength": 1},
        "model": {"type": "object", "required": ["refId"]},
    },
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["uid", "title", "condition", "data", "for", "labels", "annotations"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40, "pattern": "^[A-Za-z0-9_-]+$"},
        "title": {"type": "string", "maxLength": 190},
        "condition": {"const": "B"},
        "data": {"type": "array", "minItems": 2, "items": QUERY},
        "noDataState": {"enum": ["OK", "NoData", "Alerting", "KeepLast"]},
        "execErrState": {"enum": ["OK", "Error", "Alerting", "KeepLast"]},
        "for": {"pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "dashboardUid": {"type": "string", "minLength": 1},
        "panelId": {"type": "integer", "minimum": 1},
    },
}
GROUP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["orgId", "name", "folder", "interval", "rules"],
    "properties": {
        "orgId": {"const": 1},
        "name": {"type": "string", "minLength": 1},
        "folder": {"type": "string", "minLength": 1},
        "interval": {"pattern": "^([0-9]+(s|m|h))+$"},
        "rules": {"type": "array", "items": RULE},
    },
}


def test_the_dashboard_shows_what_was_asked_for() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"]] == [
        "Failures by node",
        "Alerts firing",
        "Alerts firing now",
        "Matching lines",
        "Time to write the rules",
        "Time since the last successful sync",
        "Failed calls of iptables-restore",
        "CPU against syncs",
        "Builds",
        "Builds with a known failure, and the version that has the fix",
    ]


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_is_and_asks_the_chosen_source(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == f"${{{panel['datasource']['type']}}}"
    letters = [target["refId"] for target in panel["targets"]]
    assert len(set(letters)) == len(letters)
    assert all(re.fullmatch("[A-Z]+", letter) for letter in letters)
    for target in panel["targets"]:
        assert "$" not in filled(target["expr"]).replace("$$", "").replace('"$1"', "")


def test_alerts_are_listed_whoever_evaluates_them() -> None:
    """The series ALERTS is there only where Prometheus evaluates; Grafana's own panel asks no data source."""
    (panel,) = [one for one in DASHBOARD["panels"] if one["type"] == "alertlist"]
    assert panel["title"] == "Alerts firing now"
    assert panel["targets"] == []
    options = panel["options"]
    assert all(options["alertName"] in rule["title"] for rule in RULES)
    assert (options["datasource"], options["dashboardAlerts"]) == ("", False)  # of all sources
    shown = {state for state, is_shown in options["stateFilter"].items() if is_shown}
    assert shown == {"firing", "pending", "recovering", "error"}


def test_panels_stand_side_by_side_and_on_no_other() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (column, place["y"])
        for place in places
        for column in range(place["x"], place["x"] + place["w"])
    ]
    assert len(set(taken)) == len(taken)
    assert {column for column, _ in taken} == set(range(24))


def test_each_failure_has_its_query() -> None:
    rules = yaml.safe_load((ROOT / "output" / "loki" / "kube-proxy.rules.yaml").read_text())
    failures = {rule["labels"]["failure"] for group in rules["groups"] for rule in group["rules"]}
    legends = {target["legendFormat"] for target in DASHBOARD["panels"][0]["targets"]}
    assert legends == {
        f"{{{{kube_proxy}}}} {failure}" for failure in failures - {"log-rules-watchdog"}
    }


@pytest.mark.parametrize("group", ALERTING["groups"], ids=lambda group: group["name"])
def test_the_alerts_have_the_form_that_grafana_reads(group: dict[str, Any]) -> None:
    jsonschema.validate(group, GROUP)
    assert ALERTING["apiVersion"] == 1


def test_grafana_has_every_alert_once_with_what_it_evaluates_elsewhere() -> None:
    """What the rules for Prometheus record is written out."""
    records = {
        rule["record"]: rule["expr"]
        for group in yaml.safe_load(
            (ROOT / "output" / "prometheus" / "kube-proxy.rules.yaml").read_text()
        )["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    expected = {
        rule["alert"]: (written_out(rule["expr"], records), rule["labels"], engine)
        for engine in ("loki", "prometheus")
        for group in yaml.safe_load(
            (ROOT / "output" / engine / "kube-proxy.rules.yaml").read_text()
        )["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    found = {
        rule["title"]: (
            rule["data"][0]["model"]["expr"],
            {key: text.replace("$$", "$") for key, text in rule["labels"].items()},
            rule["data"][0]["datasourceUid"],
        )
        for rule in RULES
    }
    assert found == expected
    assert len({rule["uid"] for rule in RULES}) == len(RULES) == len(expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_annotations_use_what_grafanas_templates_have(rule: dict[str, Any]) -> None:
    text = " ".join(rule["annotations"].values())
    assert not re.search(r"\$value\b|\bquery\b|\$\{", text)
    assert text.count("{{") == text.count("}}")


def test_an_alert_leads_to_the_panel_that_shows_its_reason() -> None:
    titles = {panel["id"]: panel["title"] for panel in DASHBOARD["panels"]}
    shown = {rule["title"]: titles[rule["panelId"]] for rule in RULES}
    assert shown["KubeProxyIptablesBackendMismatch"] == "Matching lines"
    assert shown["KubeProxyRulesStale"] == "Time since the last successful sync"
    assert shown["KubeProxyMetricsMissing"] == "Alerts firing now"
    assert shown["KubeProxyIPVSStartupPanicKnownBuild"].startswith("Builds with a known failure")
    for rule in RULES:
        assert rule["dashboardUid"] == rule["annotations"]["__dashboardUid__"] == DASHBOARD["uid"]
        assert rule["annotations"]["__panelId__"] == str(rule["panelId"])


def test_the_dashboard_leads_to_the_alerts_and_the_runbooks() -> None:
    assert [(link["title"], link["url"]) for link in DASHBOARD["links"]] == [
        ("Runbooks", "https://runbooks.example.com/kube-proxy/README.md"),
        ("Alert rules", "/alerting/list?search=KubeProxy"),
    ]


def test_the_lines_are_those_that_the_alerts_count() -> None:
    (panel,) = [one for one in DASHBOARD["panels"] if one["type"] == "logs"]
    of_all = re.compile(r'(\| \w+=~"\.\*" )+')  # where nothing is chosen above the dashboard
    asked = {
        of_all.sub("", " ".join(filled(target["expr"]).partition("}")[2].split()), count=1)
        for target in panel["targets"]
    }
    alerts = [rule["data"][0] for rule in RULES if rule["data"][0]["datasourceUid"] == "loki"]
    pipelines = {
        " ".join(query.partition("}")[2].split())
        for data in alerts
        if "watchdog" not in data["model"]["expr"]
        for query in logql.log_queries(data["model"]["expr"])
    }
    assert asked == pipelines


def test_a_dollar_of_a_label_is_none_of_grafanas_environment(tmp_path: Path) -> None:
    """Provisioning expands $NAME in labels and names, not in queries and annotations; $$ stands for a dollar."""
    profile = "grafana: {folder: a$b, loki: l$1}\n"
    (rule, *_), folder = next(
        (group["rules"], group["folder"])
        for group in yaml.safe_load(
            compiled_for(profile, tmp_path)["grafana/kube-proxy.alerting.yaml"]
        )["groups"]
        if group["name"] == "kube-proxy.conntrack-table-full.loki"
    )
    assert rule["labels"]["node"] == "{{ $$labels.instance }}"
    assert "$labels.instance" in rule["annotations"]["summary"]
    assert (folder, rule["data"][0]["datasourceUid"]) == ("a$$b", "l$$1")


@pytest.mark.parametrize(
    ("labels", "stream", "shown"),
    [
        ("{}", {"pod": "kube-proxy-a", "node_name": "n1"}, {"kube_proxy": "n1"}),
        ("{}", {"pod": "kube-proxy-a"}, {"kube_proxy": "kube-proxy-a"}),
        (
            "{node: null}",
            {"pod": "kube-proxy-a", "node_name": "n1"},
            {"kube_proxy": "kube-proxy-a"},
        ),
        ("{node: null, pod: null}", {"pod": "kube-proxy-a"}, {}),
    ],
)
def test_a_legend_names_the_place_by_the_labels_there_are(
    labels: str, stream: dict[str, str], shown: dict[str, str], tmp_path: Path, real_loki: Loki
) -> None:
    """A real Loki answers the panel's query; what is not named in the legend is summed up."""
    site = f'loki: {{selector: \'{{container="kube-proxy", case="{tmp_path.name}"}}\', labels: {labels}}}\n'
    board = json.loads(compiled_for(site, tmp_path)["grafana/kube-proxy.dashboard.json"])
    panel = next(one for one in board["panels"] if one["title"] == "Failures by node")
    (target,) = [
        one
        for one in panel["targets"]
        if one["legendFormat"].endswith("iptables-lock-held-too-long")
    ]
    now = int(time.time()) - 60
    values = [[str(now * 10**9 + number), line] for number, line in enumerate(lock_held())]
    told = {"container": "kube-proxy", "case": tmp_path.name, **stream}
    real_loki.push([{"stream": told, "values": values}])
    (found,) = real_loki.evaluate(filled(target["expr"]), now + 30, 30, 1)
    assert found.labels == shown
    assert target["legendFormat"].startswith("{{kube_proxy}} ") is bool(shown)


def lock_held() -> list[str]:
    folder = ROOT / "catalog/iptables-lock-held-too-long/samples/fires"
    first = sorted(folder.glob("*.log"))[0]
    return first.read_text(encoding="utf-8").splitlines()


def test_alerts_and_pages_lead_to_the_dashboard_where_the_profile_says_where_grafana_is(
    tmp_path: Path,
) -> None:
    texts = compiled_for("grafana: {url: https://grafana.test}\n", tmp_path)
    rules = annotations_in(texts)
    start = "https://grafana.test/d/kube-proxy-alerts?from=now-3h&to=now"
    assert all(notes["dashboard_url"].startswith(start) for notes in rules.values())
    assert rules["KubeProxyIptablesBackendMismatch"]["dashboard_url"].removeprefix(start) == (
        "{{ with $labels.cluster }}&var-cluster={{ . | urlquery }}{{ end }}"
        "{{ with $labels.node_name }}&var-node={{ . | urlquery }}{{ end }}"
        "{{ with $labels.pod }}&var-pod={{ . | urlquery }}{{ end }}"
    )
    logs = yaml.safe_load(texts["loki/kube-proxy.rules.yaml"])["groups"]
    linked = {name for name, notes in rules.items() if "logs_url" in notes}
    on_logs = {rule["alert"] for group in logs for rule in group["rules"]}
    assert linked == on_logs - {"KubeProxyLogRulesWatchdog"}
    page = texts["runbooks/KubeProxyIptablesBackendMismatch.md"]
    assert "[kube-proxy](https://grafana.test/d/kube-proxy-alerts) in Grafana" in page
    assert "`logs_url` opens these lines in Grafana." in page


def test_without_an_address_of_grafana_no_alert_has_a_link_into_it() -> None:
    assert not any({"logs_url", "dashboard_url"} & set(rule["annotations"]) for rule in RULES)


def test_the_sources_are_called_as_the_site_calls_them(tmp_path: Path) -> None:
    texts = compiled_for(
        "grafana: {loki: logs-eu, prometheus: mimir-eu, folder: Network}\n", tmp_path
    )
    groups = yaml.safe_load(texts["grafana/kube-proxy.alerting.yaml"])["groups"]
    assert {group["folder"] for group in groups} == {"Network"}
    assert {rule["data"][0]["datasourceUid"] for group in groups for rule in group["rules"]} == {
        "logs-eu",
        "mimir-eu",
    }
    variables = json.loads(texts["grafana/kube-proxy.dashboard.json"])["templating"]["list"]
    assert [row["current"]["value"] for row in variables[:2]] == ["logs-eu", "mimir-eu"]


def test_a_site_without_these_labels_has_no_choice_of_them(tmp_path: Path) -> None:
    none = "{labels: {cluster: null, node: null}}"
    texts = compiled_for(f"loki: {none}\nprometheus: {none}\n", tmp_path)
    board = json.loads(texts["grafana/kube-proxy.dashboard.json"])
    assert [row["name"] for row in board["templating"]["list"]] == [
        "loki",
        "prometheus",
        "pod",
        "instance",
    ]
    assert not re.search(r"\$(cluster|node)\b", texts["grafana/kube-proxy.dashboard.json"])


@pytest.mark.parametrize(
    "labels", ["prometheus: {labels: {node: null}}\n", "loki: {labels: {node: null}}\n"]
)
def test_no_query_holds_a_variable_that_the_dashboard_has_not(labels: str, tmp_path: Path) -> None:
    """Loki has the node and Prometheus has not, or the other way round."""
    board = json.loads(compiled_for(labels, tmp_path)["grafana/kube-proxy.dashboard.json"])
    known = {row["name"] for row in board["templating"]["list"]} | {"__interval", "__rate_interval"}
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert {name for expr in queries for name in re.findall(r"\$([A-Za-z_]\w*)", expr)} <= known


# What Prometheus has of three kube-proxies after two hours, each with another of the labels that can name it.
SERIES = {
    # IPv6 has been dead for 100 minutes. Its syncs took 8 s, those of IPv4 half a second.
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds{WHERE, ip_family="IPv4"}': "0+30x240",
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds{WHERE, ip_family="IPv6"}': "0+30x40 1200x199",
    'kubeproxy_sync_proxy_rules_duration_seconds_count{WHERE, ip_family="IPv4"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_count{WHERE, ip_family="IPv6"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv4", le="0.512"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv4", le="8.192"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv4", le="+Inf"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv6", le="0.512"}': "0x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv6", le="8.192"}': "0+1x240",
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{WHERE, ip_family="IPv6", le="+Inf"}': "0+1x240",
    "process_start_time_seconds{WHERE}": "0x240",
}
PLACES = {
    "n1": 'job="kube-proxy", node="n1", pod="kube-proxy-a", instance="10.0.0.1:10249"',
    "kube-proxy-b": 'job="kube-proxy", namespace="kube-system", pod="kube-proxy-b", instance="10.0.0.2:10249"',
    "10.0.0.3:10249": 'job="kube-proxy", instance="10.0.0.3:10249"',
}


def shown(panel: str, query: int = 0) -> str:
    """A query of a panel, as the value for each name in the legend."""
    target = next(row for row in DASHBOARD["panels"] if row["title"] == panel)["targets"][query]
    (label,) = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    return f"sum by ({label}) ({filled(target['expr'])})"


def told(
    promtool: Path, folder: Path, series: dict[str, str], expr: str, samples: dict[str, float]
) -> None:
    """promtool finds that the expression gives these values two hours later."""
    expected = [
        {"labels": f'{{kube_proxy="{name}"}}', "value": value} for name, value in samples.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    checks = [{"expr": expr, "eval_time": "2h", "exp_samples": expected}]
    tests = {
        "rule_files": [],
        "tests": [{"interval": "30s", "input_series": inputs, "promql_expr_test": checks}],
    }
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    passed, said = subprocesses.run([str(promtool), "test", "rules", "tests.yaml"], folder)
    assert passed, said


def series_of(places: Iterable[str]) -> dict[str, str]:
    return {
        name.replace("WHERE", place): values for name, values in SERIES.items() for place in places
    }


def test_a_dead_ip_family_shows_under_the_name_that_the_site_has_for_a_kube_proxy(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    expr = shown("Time since the last successful sync")
    told(pinned_promtool, tmp_path, series_of(PLACES.values()), expr, dict.fromkeys(PLACES, 6000))


def test_an_ip_family_without_any_success_shows_since_the_start(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    place = PLACES["n1"]
    absent = {
        name: values
        for name, values in series_of([place]).items()
        if not ("last_timestamp" in name and "IPv6" in name)
    }
    started = absent | {f"process_start_time_seconds{{{place}}}": "600x240"}
    expr = shown("Time since the last successful sync")
    told(pinned_promtool, tmp_path, started, expr, {"n1": 6600})


def test_before_1_33_one_time_without_success_is_0_and_before_1_14_4_there_is_none(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    old, older = PLACES["n1"], PLACES["kube-proxy-b"]
    series = {
        f"process_start_time_seconds{{{old}}}": "600x240",
        f"kubeproxy_sync_proxy_rules_last_timestamp_seconds{{{old}}}": "0x240",
        f"kubeproxy_sync_proxy_rules_duration_seconds_count{{{old}}}": "5x240",
        f"process_start_time_seconds{{{older}}}": "600x240",
        f"kubeproxy_sync_proxy_rules_duration_seconds_count{{{older}}}": "5x240",
    }
    told(
        pinned_promtool,
        tmp_path,
        series,
        shown("Time since the last successful sync"),
        {"n1": 6600},
    )


def test_the_slower_ip_family_is_not_hidden_by_the_faster(
    pinned_promtool: Path, tmp_path: Path
) -> None:
    expr = f"round({shown('Time to write the rules')}, 0.01)"
    # The median of IPv6 alone, whose syncs all fall between 0.512 s and 8.192 s.
    told(pinned_promtool, tmp_path, series_of([PLACES["n1"]]), expr, {"n1": 4.35})
