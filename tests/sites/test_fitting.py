"""Which preset fits what a site holds. What its agents ship stands in tests/presets."""

import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from generator.catalog import profiles
from generator.catalog.load import load
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import Engine, RunsAs
from generator.sites import fitting
from generator.sites.fitting import Choice, Job, SiteFacts
from tests import once
from tests.test_presets import SHIPPED

RESTARTS, CPU = "kube_pod_container_status_restarts_total", "container_cpu_usage_seconds_total"
PRESETS = profiles.read_presets(shipped_catalog())
BY_NAME = {preset.name: preset.profile for preset in PRESETS}


def chosen(engine: Engine, **found: list[dict[str, str]]) -> Choice:
    choice = fitting.choose(PRESETS, engine, found)
    assert choice
    return choice


@pytest.mark.parametrize("name", [name for name, row in SHIPPED.items() if "logs" in row])
def test_what_an_agent_ships_leads_to_the_selector_and_labels_of_its_preset(name: str) -> None:
    own = BY_NAME[name].loki
    choice = chosen("loki", **{own.selector: [SHIPPED[name]["logs"]["stream"]]})
    assert choice.selector is None
    assert (choice.preset.profile.loki.selector, choice.preset.profile.loki.labels) == (
        own.selector,
        own.labels,
    )


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("kube-prometheus-stack", "kube-prometheus-stack"),
        ("rke2", "kube-prometheus-stack"),
        ("k3s", "kube-prometheus-stack"),
        ("scrape-config", "scrape-config"),
        ("mimir", "mimir"),
    ],
)
def test_targets_as_a_site_has_them_lead_to_a_preset(name: str, best: str) -> None:
    target = SHIPPED[name]["metrics"]["target"]
    selectors = {
        "kube-proxy": ['{job="kube-proxy"}', '{job=~"(integrations/kubernetes/)?kube-proxy"}'],
        "integrations/kubernetes/kube-proxy": ['{job=~"(integrations/kubernetes/)?kube-proxy"}'],
        "kubernetes-pods": ['{job="kubernetes-pods", k8s_app="kube-proxy"}'],
    }
    choice = chosen("prometheus", **{selector: [target] for selector in selectors[target["job"]]})
    assert (choice.preset.name, choice.selector) == (best, None)


@pytest.mark.parametrize(
    ("labels", "best"),
    [(["pod", "node_name"], "promtail"), (["pod", "node"], "vector"), (["pod"], "alloy")],
)
def test_presets_with_one_selector_are_told_apart_by_the_labels(
    labels: list[str], best: str
) -> None:
    stream = {"container": "kube-proxy", "namespace": "kube-system", **dict.fromkeys(labels, "a")}
    assert chosen("loki", **{'{container="kube-proxy"}': [stream]}).preset.name == best


def test_a_selector_of_no_preset_is_kept_with_the_labels_that_fit_best() -> None:
    stream = {"k8s_app": "kube-proxy", "kubernetes_pod_name": "a", "kubernetes_host": "n1"}
    choice = chosen("loki", **{'{container="kube-proxy"}': [], '{k8s_app="kube-proxy"}': [stream]})
    assert (choice.preset.name, choice.selector) == ("fluent-bit", '{k8s_app="kube-proxy"}')


def test_where_nothing_is_found_nothing_is_chosen() -> None:
    assert fitting.choose(PRESETS, "loki", {'{container="kube-proxy"}': []}) is None


@pytest.mark.parametrize(
    ("profile", "streams", "lacking"),
    [
        ("", [{"pod": "p", "node_name": "n"}], []),
        ("", [{"pod": "p"}], ["1 of 1 node_name node"]),
        ("", [{"node_name": "n"}], ["1 of 1 pod pod"]),
        ("", [{"pod": "p", "node_name": "n"}, {"pod": "p"}], ["1 of 2 node_name node"]),
        (
            "",
            [{"pod": "p", "node_name": "n", "cluster": "a"}, {"pod": "q", "node_name": "n"}],
            ["1 of 2 cluster cluster"],
        ),
        ("clusters: [a]\n", [{"pod": "p", "node_name": "n"}], ["1 of 1 cluster cluster"]),
        (
            "loki: {labels: {cluster: k8s}}\n",
            [{"pod": "p", "node_name": "n"}],
            ["1 of 1 k8s cluster"],
        ),
        ("loki: {labels: {pod: null}}\n", [{"node_name": "n"}], []),
    ],
)
def test_each_label_that_streams_lack_is_said(
    profile: str, streams: list[dict[str, str]], lacking: list[str], tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(profile or "{}\n")
    read = load(profile=tmp_path / "site.yaml")
    facts = SiteFacts({read.profile.loki.selector: tuple(streams)})
    found = [
        re.fullmatch("(.*) streams {.*} have no label (.*) for the (.*)", gap.what)
        for gap in fitting.findings(read.catalog, read.profile, facts)
    ]
    assert [f"{row[1]} {row[2]} {row[3]}" for row in found if row] == lacking
    assert len(found) == len(lacking)


def test_clusters_are_those_of_streams_and_targets() -> None:
    facts = SiteFacts(
        {"{a}": ({"cluster": "east"}, {"other": "x"})},
        {"{b}": Job(({"k8s": "west"}, {"cluster": "no"}))},
    )
    assert fitting.clusters(facts, "cluster", "k8s") == ("east", "west")
    assert fitting.clusters(SiteFacts(), "cluster", None) == ()


SINCE_1_14_4 = ["KubeProxyNeverSynced", "KubeProxyRulesStale", "KubeProxyServiceChurn"]


@pytest.mark.parametrize(
    ("version", "blind"),
    [
        ("v1.14.3", SINCE_1_14_4),
        ("v1.14.3-tke.28", SINCE_1_14_4),
        ("v1.14.4", []),
        ("v1.14.10", []),
        ("v1.15.0", []),
    ],
)
def test_metrics_that_came_with_a_patch_release_are_missed_before_it_only(
    version: str, blind: list[str]
) -> None:
    inputs = once.inputs()
    job = Job(targets=({"instance": "a"},), up=1, versions={version: 1})
    facts = SiteFacts(jobs={inputs.profile.prometheus.selector: job})
    findings = fitting.findings(inputs.catalog, inputs.profile, facts)
    (late,) = (row.alerts for row in findings if "does not export" in row.what)
    assert list(late) == ["KubeProxyIptablesRestoreFailing", *blind]  # the former came with 1.16
    dropped = [row.what for row in findings if "no target shows" in row.what]
    assert any("last_timestamp_seconds" in what for what in dropped) is not bool(blind)


@pytest.mark.parametrize(
    ("metric", "missed"),
    [
        ("kubeproxy_sync_proxy_rules_last_timestamp_seconds", True),
        ("rest_client_requests_total", True),
        # No failure yet, and no change of a UDP Service, as in a healthy 1.36.3 of the lab.
        ("kubeproxy_sync_proxy_rules_iptables_restore_failures_total", False),
        ("kubeproxy_sync_proxy_rules_nftables_sync_failures_total", False),
        ("kubeproxy_conntrack_reconciler_sync_duration_seconds", False),
    ],
)
def test_a_metric_that_comes_with_the_first_event_is_not_missed_before_it(
    metric: str, missed: bool
) -> None:
    inputs = once.inputs()
    job = Job(targets=({"instance": "a"},), up=1, versions={"v1.36.3": 1})
    facts = SiteFacts(jobs={inputs.profile.prometheus.selector: job})
    said = [row.what for row in fitting.findings(inputs.catalog, inputs.profile, facts)]
    assert (f"no target shows {metric}, which its kube-proxy exports" in said) is missed


def test_what_is_seen_in_kube_state_metrics_alone_is_blind_without_it_where_kube_proxy_is_a_pod() -> (
    None
):
    inputs = once.inputs()
    selector = inputs.profile.prometheus.selector
    job = Job(targets=({"instance": "a"},), up=1)
    facts = SiteFacts(jobs={selector: job}, others={RESTARTS: "nowhere", CPU: "here"})
    asked = [
        (row.alerts, row.blind)
        for row in fitting.findings(inputs.catalog, inputs.profile, facts)
        if row.change == "scrape kube-state-metrics"
    ]
    assert asked == [(("KubeProxyNotRunning",), True), (("KubeProxyRestarting",), False)]
    on_nodes = replace(
        inputs.profile, kube_proxy=replace(inputs.profile.kube_proxy, runs_as="systemd")
    )
    found = fitting.findings(inputs.catalog, on_nodes, facts)
    assert not any("KubeProxyNotRunning" in row.alerts for row in found)


def test_no_alert_that_needs_other_programs_only_is_blind_for_want_of_a_target() -> None:
    inputs = once.inputs()
    facts = SiteFacts(jobs={}, others={RESTARTS: "here", CPU: "here"})
    (finding,) = fitting.findings(inputs.catalog, inputs.profile, facts)
    assert "no target" in finding.what
    assert {"KubeProxyNotRunning", "KubeProxyMetricsMissing", "KubeProxyRestarting"}.isdisjoint(
        finding.alerts
    )


KERNEL = '{transport="kernel"}'


def kernel_gaps(
    profile: str, streams: list[dict[str, str]], folder: Path, asked: bool = True
) -> list[fitting.Gap]:
    """What is said of the kernel's log where Loki has these streams of it."""
    (folder / "site.yaml").write_text(profile or "{}\n")
    read = load(profile=folder / "site.yaml")
    facts = SiteFacts(kernel={KERNEL: tuple(streams)} if asked else None)
    return fitting.findings(read.catalog, read.profile, facts)


def test_a_site_without_the_kernels_log_is_told_and_may_say_that_it_has_none(
    tmp_path: Path,
) -> None:
    (gap,) = kernel_gaps("", [], tmp_path)
    assert (gap.what, gap.blind, gap.needed) == (f"Loki has no stream {KERNEL}", True, False)
    assert gap.alerts == ("KubeProxyConntrackTableFull",)
    assert kernel_gaps("loki: {kernel: null}\n", [], tmp_path) == []
    assert kernel_gaps("disabled: [conntrack-table-full]\n", [], tmp_path) == []
    assert kernel_gaps("", [], tmp_path, asked=False) == []


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ([{"instance": "n"}], []),
        (
            [{"host": "n"}],
            [f"no stream {KERNEL} has a label for the node, so an alert does not say where it is"],
        ),
        (
            [{"instance": "n"}, {"host": "n"}],
            [f"1 of 2 streams {KERNEL} have no label instance for the node"],
        ),
    ],
)
def test_the_kernels_streams_say_which_node_they_are_of(
    streams: list[dict[str, str]], said: list[str], tmp_path: Path
) -> None:
    assert [gap.what for gap in kernel_gaps("", streams, tmp_path)] == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (SiteFacts(), {}),  # nobody asked
        (SiteFacts(kernel={KERNEL: ({"node_name": "n"},)}), {}),
        (SiteFacts(kernel={KERNEL: ()}), None),
        (
            SiteFacts(
                kernel={KERNEL: (), '{facility="kern"}': ({"facility": "kern", "host": "n"},)}
            ),
            {"selector": '{facility="kern"}', "labels": {"cluster": "cluster", "node": "host"}},
        ),
    ],
)
def test_a_new_profile_names_the_kernels_log_as_it_was_found(
    facts: SiteFacts, said: object
) -> None:
    (promtail,) = (preset for preset in PRESETS if preset.name == "promtail")
    assert fitting.kernel_log(promtail, facts) == said


NODE_METRICS = ("node_nf_conntrack_entries", "node_uname_info")
OF_NODES = ("KubeProxyConntrackTableFullDrops", "KubeProxyConntrackTableFullSoon")


@pytest.mark.parametrize(
    ("states", "what", "change"),
    [
        (("here", "here"), None, None),
        (("nowhere", "nowhere"), "node_nf_conntrack_entries is not there", "scrape node_exporter"),
        (("here", "nowhere"), "node_uname_info is not there", "scrape node_exporter"),
        (
            ("elsewhere", "elsewhere"),
            'no node_nf_conntrack_entries is {job="node-exporter"}',
            "set `prometheus: {node_selector: …}`",
        ),
    ],
)
@pytest.mark.parametrize("runs_as", get_args(RunsAs))
def test_node_exporter_is_missed_wherever_kube_proxy_runs_and_never_needed(
    runs_as: RunsAs, states: tuple[fitting.MetricState, ...], what: str | None, change: str | None
) -> None:
    inputs = once.inputs()
    job = Job(targets=({"instance": "a"},), up=1)
    others: dict[str, fitting.MetricState] = {
        RESTARTS: "here",
        CPU: "here",
        **dict(zip(NODE_METRICS, states, strict=True)),
    }
    facts = SiteFacts(jobs={inputs.profile.prometheus.selector: job}, others=others)
    profile = replace(
        inputs.profile, kube_proxy=replace(inputs.profile.kube_proxy, runs_as=runs_as)
    )
    found = [
        row
        for row in fitting.findings(inputs.catalog, profile, facts)
        if set(row.alerts) & set(OF_NODES)
    ]
    expected = [(what, change, OF_NODES, True, False)] if what else []
    assert [(row.what, row.change, row.alerts, row.blind, row.needed) for row in found] == expected
