"""The shipped catalog: nothing the vendor page says is lost. Expected values are copied by hand from the page."""

import json
import re

import pytest
import yaml

from generator.base.durations import seconds
from generator.base.problems import errors
from generator.catalog.model import Entry, MetricAlert, TkeFix
from generator.catalog.settings import log_settings, metric_hold, metric_parameters
from tests import once

INPUTS = once.inputs()
ENTRIES = {entry.id: entry for entry in INPUTS.catalog.entries}

# The names other systems depend on.
FAILURES = {
    "iptables-backend-mismatch": "KubeProxyIptablesBackendMismatch",
    "iptables-lock-not-mounted": "KubeProxyIptablesLockNotMounted",
    "iptables-restore-without-wait": "KubeProxyIptablesRestoreWithoutWait",
    "iptables-lock-held-too-long": "KubeProxyIptablesLockHeldTooLong",
    "apiserver-connection-broken": "KubeProxyApiserverConnectionBroken",
    "ipvs-startup-panic": "KubeProxyIPVSStartupPanic",
    "iptables-save-parse-panic": "KubeProxyIptablesSaveParsePanic",
    "ipvs-frequent-sync": "KubeProxyIPVSFrequentSync",
}
SYMPTOMS = {
    "KubeProxySyncSlow",
    "KubeProxyRulesStale",
    "KubeProxyNeverSynced",
    "KubeProxyIptablesRestoreFailing",
    "KubeProxyNetworkProgrammingSlow",
    "KubeProxyCPUHigh",
    "KubeProxyServiceChurn",
    "KubeProxyRestarting",
    "KubeProxyMetricsMissing",
    "KubeProxyNotRunning",
}
WATCHDOGS = {"KubeProxyLogRulesWatchdog": "logs", "KubeProxyMetricRulesWatchdog": "metrics"}


def test_the_catalog_has_no_problem() -> None:
    assert errors(once.compiled().problems) == []


def test_the_eight_failures_have_their_names() -> None:
    assert {
        key: ENTRIES[key].alert for key in FAILURES if ENTRIES[key].kind == "failure"
    } == FAILURES


def test_the_symptoms_and_watchdogs_have_their_names() -> None:
    assert {e.alert for e in ENTRIES.values() if e.kind == "symptom"} >= SYMPTOMS
    assert {e.alert: e.heartbeat for e in ENTRIES.values() if e.kind == "watchdog"} == WATCHDOGS


NONE, CLUSTER = "none", "upgrade-cluster"


def build(minimum: str) -> tuple[str, str]:
    return "upgrade-kube-proxy", minimum


# Section of the page -> rows of its table: TKE cluster version, action, smallest build.
TKE_TABLES = {
    "iptables-backend-mismatch": {
        "> 1.18": (NONE, None),
        "1.18": build("v1.18.4-tke.26"),
        "1.16": build("v1.16.3-tke.28"),
        "1.14": build("v1.14.3-tke.27"),
        "1.12": build("v1.12.4-tke.31"),
        "1.10": build("v1.10.5-tke.20"),
    },
    "iptables-restore-without-wait": {
        "> 1.12": (NONE, None),
        "1.12": build("v1.12.4-tke.31"),
        "< 1.12": (CLUSTER, None),
    },
    "apiserver-connection-broken": {
        "> 1.18": (NONE, None),
        "1.18": build("v1.18.4-tke.26"),
        "< 1.18": (CLUSTER, None),
    },
    "ipvs-startup-panic": {
        "> 1.18": (NONE, None),
        "1.18": build("v1.18.4-tke.26"),
        "< 1.18": (NONE, None),
    },
    "iptables-save-parse-panic": {
        "> 1.14": (NONE, None),
        "1.14": build("v1.14.3-tke.27"),
        "1.12": build("v1.12.4-tke.31"),
        "< 1.12": (NONE, None),
    },
}


@pytest.mark.parametrize("entry_id", FAILURES)
def test_every_row_of_every_fix_table(entry_id: str) -> None:
    table = ENTRIES[entry_id].fixes.tke
    rows = [row for row in table.rows if table.edition_of(row) == "page"] if table else []
    assert {row.cluster: (row.action, row.minimum) for row in rows} == TKE_TABLES.get(entry_id, {})


def test_every_row_of_the_newer_edition() -> None:
    """Only its first table could be read: https://cloud.tencent.com/document/product/457/79797."""
    table = ENTRIES["iptables-backend-mismatch"].fixes.tke
    assert table
    assert {
        row.cluster: (row.action, row.minimum) for row in table.rows if row.edition == "page-zh"
    } == {
        "1.24": build("v1.24.4-tke.5"),
        "1.22": build("v1.22.5-tke.11"),
        "1.20": build("v1.20.6-tke.31"),
        "1.18": build("v1.18.4-tke.35"),
        "1.16": build("v1.16.3-tke.34"),
        "1.14": build("v1.14.3-tke.28"),
        "1.12": build("v1.12.4-tke.32"),
        "1.10": build("v1.10.5-tke.20"),
    }
    tables = [entry.fixes.tke for entry in ENTRIES.values() if entry.fixes.tke]
    assert {edition for table in tables for edition in table.editions} == {"page", "page-zh"}


def test_the_node_os_table_of_the_wait_section() -> None:
    table = ENTRIES["iptables-restore-without-wait"].fixes.os
    assert table is not None
    assert {row.name: row.minimum for row in table.rows} == {
        "CentOS": "7.2",
        "Ubuntu": "20.04",
        "Tencent Linux": "2.4",
    }


def test_every_os_of_the_backend_section() -> None:
    assert set(ENTRIES["iptables-backend-mismatch"].affected.os) == {
        "TLinux 2.6 (TK4)",
        "TLinux 3.1",
        "TLinux 3.2",
        "CentOS 8",
        "Ubuntu 20",
    }


def test_the_add_on_that_holds_the_lock() -> None:
    (add_on,) = ENTRIES["iptables-lock-held-too-long"].fixes.components[:1]
    assert "NetworkPolicy" in add_on.name
    assert "kube-router" in add_on.name
    assert add_on.minimum == "v1.3.2"


def test_the_ipvs_flags() -> None:
    rows = {
        row.name: (row.found, row.change_to) for row in ENTRIES["ipvs-frequent-sync"].fixes.settings
    }
    assert rows["--ipvs-min-sync-period"] == (
        "1s (minimum refresh interval of one second)",
        "0s (real-time refresh upon event occurrence)",
    )
    assert rows["--ipvs-sync-period"] == (
        "5s (periodic refresh every five seconds)",
        "30s (periodic refresh every 30 seconds)",
    )


LINKS = {
    "iptables-backend-mismatch": [
        "https://intl.cloud.tencent.com/document/product/457/9315",
        "https://intl.cloud.tencent.com/document/product/457/46720",
    ],
    "iptables-restore-without-wait": ["https://intl.cloud.tencent.com/document/product/457/9315"],
    "apiserver-connection-broken": [
        "https://github.com/kubernetes/kubernetes/issues/87615",
        "https://github.com/kubernetes/kubernetes/pull/95981",
        "https://intl.cloud.tencent.com/document/product/457/9315",
    ],
    "ipvs-startup-panic": [
        "https://github.com/kubernetes/kubernetes/issues/89729",
        "https://github.com/kubernetes/kubernetes/pull/89823",
        "https://github.com/kubernetes/kubernetes/pull/89785",
        "https://intl.cloud.tencent.com/document/product/457/9315",
    ],
    "iptables-save-parse-panic": [
        "https://github.com/kubernetes/kubernetes/issues/78443",
        "https://github.com/kubernetes/kubernetes/pull/78428",
        "https://intl.cloud.tencent.com/document/product/457/9315",
    ],
}


@pytest.mark.parametrize("entry_id", LINKS)
def test_every_link_of_the_page(entry_id: str) -> None:
    assert set(LINKS[entry_id]) <= {source.url for source in ENTRIES[entry_id].sources.values()}


def test_the_lock_mount_is_correct_yaml() -> None:
    """The page writes hOStPath and indents it so that it does not parse."""
    manifests = [
        step.yaml
        for step in ENTRIES["iptables-lock-not-mounted"].mitigation
        if step.yaml and "xtables" in step.yaml
    ]
    assert manifests
    text = json.dumps(yaml.safe_load(manifests[0]))
    assert '{"path": "/run/xtables.lock", "type": "FileOrCreate"}' in text
    assert '"hostPath"' in text
    assert re.search(r'"mountPath": "/run/xtables.lock"', text)


def covered(entry: Entry) -> dict[str, set[bool]]:
    """For each alert of an entry's unit tests, whether it is expected to fire, to be silent, or (as it should) both."""
    seen: dict[str, set[bool]] = {}
    metric_tests = [
        test for text in entry.unit_tests.values() for test in yaml.safe_load(text)["tests"]
    ]
    log_tests = entry.log_tests.tests if entry.log_tests else ()
    for checks in [
        *(test.get("alert_rule_test", ()) for test in metric_tests),
        *(test.checks for test in log_tests),
    ]:
        for expected in checks:
            seen.setdefault(expected["alertname"], set()).add(bool(expected.get("exp_alerts")))
    return seen


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES.values() if not e.heartbeat], ids=lambda entry: entry.id
)
def test_every_alert_is_seen_firing_and_silent(entry: Entry) -> None:
    seen = covered(entry)
    assert {name: seen.get(name) for name in entry.alerts()} == {
        name: {True, False} for name in entry.alerts()
    }


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES.values() if e.heartbeat], ids=lambda entry: entry.id
)
def test_every_watchdog_is_seen_firing(entry: Entry) -> None:
    assert covered(entry) == {entry.alert: {True}}


NEVER_SYNCED = ENTRIES["never-synced"]
# What a kube-proxy without an API server sends within the range of five minutes, at least.
REQUESTS_IN_RANGE = 8


def first_by_logs(entry: Entry) -> float:
    """Seconds from the first line to the alert: none for a single line, else until lines have come all the time."""
    assert entry.logs
    settings = log_settings(entry.alert, entry.logs, INPUTS.profile)
    one_line = settings.threshold == 0
    until_enough = 0.0 if one_line else seconds(entry.logs.recent or settings.window)
    return seconds(settings.hold) + until_enough


def first_by_requests(alert: MetricAlert) -> float:
    """Seconds from the first request that fails to the alert, at the pace of the slowest kube-proxy."""
    threshold = metric_parameters(alert, INPUTS.profile)["threshold"]
    assert isinstance(threshold, (int, float))
    until_enough = seconds("5m") * (threshold + 1) / REQUESTS_IN_RANGE
    return seconds(metric_hold(alert, INPUTS.profile)) + until_enough


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES.values() if NEVER_SYNCED.id in entry.inhibits],
    ids=lambda entry: entry.id,
)
def test_what_holds_back_never_synced_is_told_before_it(entry: Entry) -> None:
    """Or the symptom is sent before its cause. It fires once the process is older than `age`, and then after `for`."""
    (symptom,) = NEVER_SYNCED.metric_alerts
    age = metric_parameters(symptom, INPUTS.profile)["age"]
    assert isinstance(age, (int, float))
    by_logs = [first_by_logs(entry)] if entry.logs else []
    by_metrics = [
        first_by_requests(alert) for alert in entry.metric_alerts if alert.about == "kube-proxy"
    ]
    assert min(by_logs + by_metrics) <= age + seconds(metric_hold(symptom, INPUTS.profile))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.id)
def test_no_step_rests_on_healthz(entry: Entry) -> None:
    """It answers 200 for a kube-proxy that never synced."""
    commands = [step.run for step in (*entry.diagnosis, *entry.mitigation) if step.run]
    assert [command for command in commands if "healthz" in command] == []


def test_severities_follow_the_page() -> None:
    assert ENTRIES["iptables-backend-mismatch"].severity.level == "critical"
    assert ENTRIES["iptables-save-parse-panic"].severity.level == "critical"
    soft = ENTRIES["iptables-restore-without-wait"].logs
    assert soft is not None
    assert soft.threshold > 0
    hard = [ENTRIES["iptables-backend-mismatch"].logs, ENTRIES["iptables-save-parse-panic"].logs]
    assert all(signal is not None and signal.threshold == 0 for signal in hard)


def test_a_row_is_data() -> None:
    table = ENTRIES["iptables-backend-mismatch"].fixes.tke
    assert table is not None
    assert table.rows[3] == TkeFix(cluster="> 1.18", action="none", edition="page")
    assert [(row.sign, row.minor) for row in table.rows[3:5]] == [(">", 18), ("=", 18)]


def test_the_releases_that_made_slow_syncs_faster() -> None:
    fixes = [(fix.fixed_in, fix.since) for fix in ENTRIES["sync-slow"].fixes.upstream]
    # Addresses read once for each interface; the square of stale conntrack entries; the leak of their clean-up.
    assert fixes == [(("1.37.0",), "1.27"), (("1.36.0",), "1.32"), (("1.33.0", "1.32.3"), "1.32")]
