"""`init` before a real Loki and a real Prometheus: the profile it writes, and what it says the rules would not see."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pytest_httpserver import HTTPServer

from generator.prove import local_programs
from tests import once
from tests.conftest import Run, compiled_for, obtained
from tests.lab.programs import PROMETHEUS
from tests.lokis import StartLoki
from tests.metrics import KUBE_PROXY_1_22

Addresses = Mapping[str, str]

OLD = """\
kubernetes_build_info{gitVersion="v1.14.3"} 1
kubeproxy_sync_proxy_rules_duration_seconds_count 1
kubeproxy_network_programming_duration_seconds_count 1
"""
CONTAINERS = """\
kube_pod_container_status_restarts_total{namespace="kube-system",pod="kube-proxy-a",container="kube-proxy"} 0
container_cpu_usage_seconds_total{namespace="kube-system",pod="kube-proxy-a",container="kube-proxy"} 1
node_nf_conntrack_entries{job="node-exporter",instance="n1:9100"} 1
node_uname_info{job="node-exporter",instance="n1:9100",nodename="n1"} 1
"""
CUT = KUBE_PROXY_1_22.replace("kubeproxy_network_programming_duration_seconds_count 1\n", "")
PAGES = {"/new": KUBE_PROXY_1_22, "/old": OLD, "/cut": CUT, "/containers": CONTAINERS}


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    """The host and port of a server of these pages."""

    with HTTPServer("127.0.0.1", threaded=True) as server:
        for path, text in PAGES.items():
            page = server.expect_request(path)
            page.respond_with_data(text, content_type="text/plain; version=0.0.4")
        yield f"127.0.0.1:{server.port}"


def target(page: str, **labels: str) -> dict[str, Any]:
    return {"page": page, "labels": {"job": "kube-proxy", **labels}}


def pod(name: str, **labels: str) -> dict[str, str]:
    return {"namespace": "kube-system", "pod": name, "container": "kube-proxy", **labels}


OTHERS = target("containers", job="kube-state-metrics")
SITES = {
    "complete": [target("new", pod="kube-proxy-a"), OTHERS],
    "clusters": [target("new", k8s="west"), target("new", k8s="north"), OTHERS],
    "own job": [target("new", job="nodes/kube-proxy"), OTHERS],
    "nothing": [OTHERS],
    "down": [target("down", instance="n1"), target("down", instance="n2")],
    "old": [target("old"), OTHERS],
    "cut": [target("cut"), OTHERS],
}


@pytest.fixture(scope="module")
def prometheus(exporter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The address of a real Prometheus for each site; it scrapes pages of the exporter (down: nobody is there)."""
    binary = obtained(PROMETHEUS, PROMETHEUS.pinned[0], tmp_path_factory)
    with contextlib.ExitStack() as stack:
        urls = {}  # all at once, as each waits five seconds before it scrapes
        for (site, targets), port in zip(
            SITES.items(), local_programs.free_ports(len(SITES)), strict=True
        ):
            work = tmp_path_factory.mktemp("prometheus")
            (work / "prometheus.yaml").write_text(yaml.safe_dump(scraping(targets, exporter)))
            command = [
                *(
                    str(binary),
                    f"--config.file={work / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={work / 'tsdb'}",
                ),
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            log = stack.enter_context((work / "log").open("wb"))
            process = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=local_programs.die_with_parent
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            urls[site] = f"http://127.0.0.1:{port}"
        for site, url in urls.items():
            wait_for_scrapes(url, len(SITES[site]))
        yield urls


def scraping(targets: Sequence[Mapping[str, Any]], exporter: str) -> Mapping[str, Any]:
    jobs = [
        {
            "job_name": f"{number}",
            "metrics_path": f"/{row['page']}",
            "honor_labels": True,
            "static_configs": [
                {
                    "targets": ["127.0.0.1:1" if row["page"] == "down" else exporter],
                    "labels": row["labels"],
                }
            ],
        }
        for number, row in enumerate(targets)
    ]
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}


def wait_for_scrapes(url: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
            answer = httpx.get(f"{url}/api/v1/query", params={"query": "up"}).json()
            if len(answer["data"]["result"]) == count:
                return
        time.sleep(0.2)
    raise AssertionError(f"{url} has not scraped its targets within a minute")


@pytest.fixture
def logs(start_loki: StartLoki) -> Iterator[Callable[..., str]]:
    """Start a real Loki that holds a line of each stream given."""
    with contextlib.ExitStack() as stack:

        def start(*streams: Mapping[str, str]) -> str:
            running = stack.enter_context(start_loki())
            running.push(
                [
                    {"stream": stream, "values": [[str(time.time_ns()), "a line"]]}
                    for stream in streams
                ]
            )
            return running.url

        yield start


def written(folder: Path) -> Mapping[str, Any]:
    """What the profile says, the servers apart, which have other ports each time."""
    found: dict[str, Any] = yaml.safe_load((folder / "site.yaml").read_text(encoding="utf-8"))
    found.pop("servers", None)
    return found


RELEASE = {"kubernetes": {"labels": {"release": "kube-prometheus-stack"}}}
RELEASE_TAKEN = (
    "objects: the Helm release is taken to be kube-prometheus-stack; "
    "if `helm list -A` names another, give --release NAME"
)


def test_a_site_that_has_everything(
    run: Run, tmp_path: Path, prometheus: Addresses, logs: Callable[..., str]
) -> None:
    kernel = {"job": "systemd-journal", "transport": "kernel", "node_name": "n1"}
    streams = [
        pod("kube-proxy-a", node_name="n1", app="kube-proxy"),
        pod("coredns-b", container="coredns"),
        kernel,
    ]
    done = run(
        "init",
        "--loki",
        logs(*streams),
        "--prometheus",
        prometheus["complete"],
        "--runbooks",
        "https://r.test/kp",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        'logs: promtail; 1 streams {container="kube-proxy"}',
        'kernel logs: 1 streams {transport="kernel"}',
        'metrics: kube-prometheus-stack; 1 of 1 targets {job="kube-proxy"} answer, v1.22.17',
        RELEASE_TAKEN,
        "site.yaml: written, and beside it profile.schema.json, which editors complete from; "
        "next: kube-proxy-alerts check --profile site.yaml",
    ]
    assert written(tmp_path) == {
        "extends": ["promtail", "kube-prometheus-stack"],
        "runbooks": {"base_url": "https://r.test/kp"},
        **RELEASE,
    }
    done = run("check", "--profile", "site.yaml", "--no-validate", cwd=tmp_path)
    assert (done.returncode, "warning" in done.stderr) == (0, False)


@pytest.mark.parametrize(
    ("runs", "extends"),
    [
        ("eks", ["alloy", "kube-prometheus-stack", "eks"]),
        (
            "rke2",
            ["rke2", "alloy", "kube-prometheus-stack"],
        ),  # it names logs and metrics too, and they count more
    ],
)
def test_how_kube_proxy_runs_is_a_preset_too(
    runs: str, extends: list[str], run: Run, tmp_path: Path
) -> None:
    done = run("init", "--runs", runs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    release = {"labels": {"release": "kube-prometheus-stack"}}
    assert written(tmp_path) == {"extends": extends, "kubernetes": release}


def test_a_preset_that_does_not_say_how_it_runs_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("init", "--runs", "promtail", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "there is no preset 'promtail'; there are aks, eks, gke, journald, k3s, kops, rke2"
        in done.stderr
    )


def test_the_servers_and_the_tenant_are_kept_and_secrets_are_not(
    run: Run, tmp_path: Path, prometheus: Addresses
) -> None:
    secrets = {
        "KUBE_PROXY_ALERTS_PROMETHEUS_TOKEN": "sesame",
        "KUBE_PROXY_ALERTS_PROMETHEUS_TENANT": "ops",
    }
    url = prometheus["complete"]
    assert run("init", "--prometheus", url, cwd=tmp_path, **secrets).returncode == 0
    text = (tmp_path / "site.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["servers"] == {"prometheus": {"url": url, "tenant": "ops"}}
    assert "sesame" not in text


def test_many_clusters_and_other_labels(
    run: Run, tmp_path: Path, prometheus: Addresses, logs: Callable[..., str]
) -> None:
    streams = [
        pod("kube-proxy-a", node="n1", k8s="east"),
        pod("kube-proxy-b", node="n2", k8s="west"),
    ]
    arguments = [
        "--loki",
        logs(*streams),
        "--prometheus",
        prometheus["clusters"],
        "--cluster-label",
        "k8s",
    ]
    assert run("init", *arguments, cwd=tmp_path).returncode == 0
    assert written(tmp_path) == {
        "extends": ["vector", "kube-prometheus-stack"],
        "clusters": ["east", "north", "west"],
        "loki": {"labels": {"cluster": "k8s"}, "kernel": None},
        "prometheus": {"labels": {"cluster": "k8s"}},
        **RELEASE,
    }
    assert run("check", "--profile", "site.yaml", "--no-validate", cwd=tmp_path).returncode == 0


def test_an_option_that_makes_no_good_profile_is_said_once_and_of_no_file(
    run: Run, tmp_path: Path
) -> None:
    done = run("init", "--cluster-label", "a b", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "cluster: 'a b' does not have the form asked for: "
        "a label's name, of letters, digits and _ (^[a-zA-Z_][a-zA-Z0-9_]*$)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_kernels_log_is_found_by_the_word_and_named_with_its_node(
    run: Run, tmp_path: Path, prometheus: Addresses, logs: Callable[..., str]
) -> None:
    kernel = {"facility": "kern", "host": "n1"}
    arguments = [
        "--loki",
        logs(pod("kube-proxy-a", node_name="n1"), kernel),
        "--prometheus",
        prometheus["complete"],
    ]
    done = run("init", *arguments, cwd=tmp_path)
    assert 'kernel logs: 1 streams {facility="kern"}' in done.stderr.splitlines()
    assert written(tmp_path)["loki"] == {
        "kernel": {
            "selector": '{facility="kern"}',
            "labels": {"cluster": "cluster", "node": "host"},
        }
    }
    assert run("check", "--profile", "site.yaml", "--no-validate", cwd=tmp_path).returncode == 0


def test_streams_that_no_preset_knows_are_found_by_the_word(
    run: Run, tmp_path: Path, prometheus: Addresses, logs: Callable[..., str]
) -> None:
    stream = {
        "k8s_app": "kube-proxy",
        "namespace": "kube-system",
        "pod": "kube-proxy-a",
        "node_name": "n1",
    }
    arguments = ["--loki", logs(stream, {"app": "other"}), "--prometheus", prometheus["own job"]]
    assert run("init", *arguments, cwd=tmp_path).returncode == 0
    assert written(tmp_path) == {
        "extends": ["promtail", "kube-prometheus-stack"],
        "loki": {"selector": '{k8s_app="kube-proxy"}', "kernel": None},
        "prometheus": {"selector": '{job="nodes/kube-proxy"}'},
        **RELEASE,
    }


BIND = (
    "scrape it, and let it listen where Prometheus reaches it: metricsBindAddress: 0.0.0.0:10249 in its configuration "
    "or --metrics-bind-address=0.0.0.0:10249; its default is 127.0.0.1:10249"
)
LOG_ALERTS = ", ".join(
    alert
    for row in once.inputs().catalog.entries
    if row.logs and row.logs.stream == "kube-proxy"
    for alert in row.log_alerts()
)


def test_a_site_that_has_nothing_is_told_what_is_blind_and_what_to_change(
    run: Run, tmp_path: Path, prometheus: Addresses, logs: Callable[..., str]
) -> None:
    done = run(
        "init",
        "--loki",
        logs({"app": "x"}),
        "--prometheus",
        prometheus["nothing"],
        "--metrics",
        "mimir",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert (
        said[1]
        == "kernel logs: none; the profile says `kernel: null`, and the alerts on them are left out"
    )
    assert said[3] == (
        f'blind: {LOG_ALERTS}: Loki has no stream {{container="kube-proxy"}}; ship the log of kube-proxy to it, or say '
        "in the profile which streams those are"
    )
    assert said[4].startswith("blind: ")
    assert said[4].endswith(
        f': Prometheus has no target up{{job=~"(integrations/kubernetes/)?kube-proxy"}}; {BIND}'
    )
    assert "KubeProxySyncSlow" in said[4]
    assert "KubeProxyMetricsMissing" not in said[4]
    assert written(tmp_path) == {"extends": ["alloy", "mimir"], "loki": {"kernel": None}}


def test_targets_that_do_not_answer_and_other_programs_that_are_not_there(
    run: Run, tmp_path: Path, prometheus: Addresses
) -> None:
    done = run("init", "--prometheus", prometheus["down"], "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["targets"] == {
        '{job="kube-proxy"}': {"all": 2, "up": 0, "versions": {}},
        '{job=~"(integrations/kubernetes/)?kube-proxy"}': {"all": 2, "up": 0, "versions": {}},
    }
    assert [(row["what"], row["blind"]) for row in found["findings"]] == [
        ("2 of 2 targets of kube-proxy do not answer", True),
        ("kube_pod_container_status_restarts_total is not there", True),
        ("container_cpu_usage_seconds_total is not there", True),
        ("node_nf_conntrack_entries is not there", True),
    ]
    assert found["findings"][1]["alerts"] == ["KubeProxyNotRunning", "KubeProxyRestarting"]


def test_old_versions_that_do_not_export_enough(
    run: Run, tmp_path: Path, prometheus: Addresses
) -> None:
    done = run("init", "--prometheus", prometheus["old"], cwd=tmp_path)
    assert done.stderr.splitlines()[1] == (
        "blind: KubeProxyIptablesRestoreFailing, KubeProxyNeverSynced, KubeProxyRulesStale, KubeProxyServiceChurn: "
        "1 of the targets are kube-proxy v1.14.3, which does not export what they read; a newer release does"
    )


def test_series_that_are_dropped_on_the_way(
    run: Run, tmp_path: Path, prometheus: Addresses
) -> None:
    done = run("init", "--prometheus", prometheus["cut"], cwd=tmp_path)
    said = (
        "no target shows kubeproxy_network_programming_duration_seconds, which its kube-proxy exports; let the scrape "
        "keep it (metric_relabel_configs, keep lists of the agent)"
    )
    assert done.stderr.splitlines()[1:3] == [
        f"blind: KubeProxyNetworkProgrammingSlow: {said}",
        f"weaker: KubeProxyIPVSFrequentSync, KubeProxyServiceChurn: {said}",
    ]


def test_a_profile_that_is_there_stays(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("precious")
    done = run("init", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "kube-proxy-alerts: site.yaml exists already; choose another name with --output, or replace it with --force\n"
    )
    assert (tmp_path / "site.yaml").read_text() == "precious"
    assert run("init", "--force", cwd=tmp_path).returncode == 0
    assert written(tmp_path) == {"extends": ["alloy", "kube-prometheus-stack"], **RELEASE}


def test_the_profile_on_standard_output(run: Run, tmp_path: Path) -> None:
    done = run(
        "init",
        "--logs",
        "k3s",
        "--metrics",
        "k3s",
        "--cluster",
        "east",
        "--output",
        "-",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout) == {"extends": ["k3s"], "clusters": ["east"]}
    assert list(tmp_path.iterdir()) == []


def test_a_preset_for_both_does_not_overrule_the_one_for_logs(run: Run, tmp_path: Path) -> None:
    assert run("init", "--logs", "alloy", "--metrics", "rke2", cwd=tmp_path).returncode == 0
    assert written(tmp_path) == {"extends": ["rke2", "alloy"], **RELEASE}


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        (["--release", "kps"], {"release": "kps"}),
        (["--metrics", "rke2", "--release", "kps"], {"release": "kps"}),
        (["--metrics", "scrape-config", "--release", "monitoring"], {"release": "monitoring"}),
        (["--metrics", "rke2"], {"release": "kube-prometheus-stack"}),
        (["--metrics", "mimir"], None),
    ],
)
def test_the_release_of_kube_prometheus_stack_stands_on_its_objects(
    arguments: list[str], labels: dict[str, str] | None, run: Run, tmp_path: Path
) -> None:
    done = run("init", *arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert (RELEASE_TAKEN in done.stderr) is (labels == {"release": "kube-prometheus-stack"})
    assert written(tmp_path).get("kubernetes", {}).get("labels") == labels
    profile = (tmp_path / "site.yaml").read_text(encoding="utf-8")
    texts = compiled_for(profile, tmp_path)
    for name in ("prometheus.prometheusrule", "kube-proxy.podmonitor"):
        text = texts[f"kubernetes/{name}.yaml"]
        found = yaml.safe_load(text)["metadata"]["labels"]
        assert found == {"app.kubernetes.io/name": "kube-proxy-alerts", **(labels or {})}
        assert "SelectorNilUsesHelmValues is\n# false" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--logs", "promtial"],
            1,
            "kube-proxy-alerts: there is no preset 'promtial'; did you mean 'promtail'?\n",
        ),
        (
            ["--metrics", "promtail"],
            1,
            "there is no preset 'promtail'; there are k3s, kube-prometheus-stack, mimir, rke2,",
        ),
        (["--release", "my stack"], 1, "release: 'my stack' does not have the form"),
        (["--runbooks", "here"], 1, "base_url: 'here' does not have the form"),
        (
            ["--loki", "http://127.0.0.1:1"],
            2,
            "kube-proxy-alerts: Loki at http://127.0.0.1:1 cannot be reached: ",
        ),
        (
            ["--prometheus", "nonsense"],
            2,
            "kube-proxy-alerts: Prometheus: an address is like http://host:port",
        ),
        (["--json", "--output", "-"], 2, "--json and --output - both want standard output"),
    ],
)
def test_what_cannot_be(
    run: Run, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    done = run("init", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
