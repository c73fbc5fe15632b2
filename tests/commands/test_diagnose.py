"""`diagnose` as its users meet it: on files, pipes, a cluster behind a real kubectl, a real Loki and Prometheus."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from generator.catalog.load import load
from generator.cli import main
from generator.diagnose.diagnosis import Found
from generator.diagnose.findings import Findings
from generator.diagnose.hints import Hints
from generator.diagnose.report.data import fix_of
from generator.diagnose.windows import Window
from generator.fixes.advice import Facts
from generator.prove.local_programs import free_ports
from generator.servers.http import Client, Endpoint
from generator.servers.loki import Loki
from generator.servers.victorialogs import VictoriaLogs
from tests import once
from tests.catalog.test_lines import CAPTURES, FIRES, SILENT, name, wanted
from tests.cluster.test_objects import kube_proxy, pod
from tests.conftest import ROOT, Run, obtained
from tests.kubernetes_api import serve
from tests.lab import programs, servers
from tests.waiting import until_scraped

CATALOG = once.inputs().catalog
SCHEMA = json.loads((ROOT / "catalog" / "diagnosis.schema.json").read_text(encoding="utf-8"))
MISMATCH = (
    CAPTURES / "iptables-backend-mismatch" / "fires" / "v1.18.4-legacy187-lb-source-ranges.log"
)
LINE = "E1124 04:55:01.693781   11948 proxier.go:1285] Chain 'KUBE-MARK-DROP' does not exist"


def diagnosed(run: Run, *arguments: str, status: int = 1, **environment: str) -> Any:
    done = run("diagnose", *arguments, "--json", **environment)
    assert done.returncode == status, done.stderr
    data = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(data)
    return data


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def found_in(path: Path) -> set[str]:
    findings = Findings(CATALOG, datetime(2026, 11, 25, tzinfo=UTC))
    data = path.read_bytes()
    findings.read(Window(data, 0, len(data)), path.name)
    return {one.entry.id for one in findings.diagnosis().found}


def test_a_captured_log_is_diagnosed_as_what_it_is() -> None:
    assert FIRES
    logs = [*FIRES, *SILENT]
    found = {name(path): found_in(path) for path in logs}
    assert found == {name(path): wanted(path) for path in logs}


def test_the_first_lines_say_what_where_since_when_and_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kube-proxy.log").write_text(
        "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4-tke.20\n"
        f"{LINE}\n{LINE.replace('04:55', '05:10')}\nE1124 05:11:01.000000   11948 other.go:1] no idea 7\n"
    )
    done = run("diagnose", "kube-proxy.log", cwd=tmp_path)
    assert done.returncode == 1
    # klog gives no year: the latest one in which that day is not in the future.
    now = datetime.now(UTC)
    year = now.year if now >= datetime(now.year, 11, 23, 5, tzinfo=UTC) else now.year - 1
    first, last = f"{year}-11-24T04:55:01Z", f"{year}-11-24T05:10:01Z"
    assert done.stdout.splitlines()[:8] == [
        "1 documented failure is there, causes first (291 bytes in 1 log).",
        "",
        "1. KubeProxyIptablesBackendMismatch (critical): kube-proxy does not find kubelet's chain KUBE-MARK-DROP in its",
        "   iptables backend",
        "   where      kube-proxy.log (2 lines)",
        f"   when       {first} to {last} (2 lines), still going on",
        '   do first   Make the chain KUBE-MARK-DROP where kube-proxy looks for it (two commands, "Stop the damage" in',
        "              the runbook); the next sync then succeeds. Then upgrade kube-proxy.",
    ]
    assert (
        "   fix        kube-proxy v1.18.4-tke.35 or later, for v1.18.4-tke.20\n"
        "   why        TKE 1.18: fixed in v1.18.4-tke.35 (newer Chinese edition)\n"
        "   why        TKE 1.18: fixed in v1.18.4-tke.26 (English edition)\n"
        "   why        only on TLinux 2.6 (TK4), TLinux 3.1, TLinux 3.2, CentOS 8, Ubuntu 20 and later systems\n"
        in done.stdout
    )
    assert (
        "   runbook    kube-proxy-alerts explain KubeProxyIptablesBackendMismatch\n" in done.stdout
    )
    assert "   1 × E other.go] no idea <*>" in done.stdout


def test_without_a_version_it_is_said_how_to_get_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kube-proxy.log").write_text(f"{LINE}\n")
    done = run("diagnose", "kube-proxy.log", cwd=tmp_path)
    assert (
        "   fix        depends on the version: add --kube-proxy-version, or read the table in the runbook\n"
        "   version    kubectl -n kube-system get daemonset kube-proxy -o wide shows it, as the tag of the image\n"
        in done.stdout
    )


def test_what_is_not_there_is_a_number_and_v_names_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kube-proxy.log").write_text(f"{LINE}\n")
    data = diagnosed(run, str(tmp_path / "kube-proxy.log"))
    absent = data["not_found"]
    metrics, builds = (
        [row["id"] for row in data["not_sought"] if row["shown_by"] == shown_by]
        for shown_by in ("metrics", "builds")
    )
    short = " ".join(run("diagnose", str(tmp_path / "kube-proxy.log")).stdout.split())
    assert (
        f"others {len(absent)} looked for and not there, {len(metrics)} only metrics show"
        f" (--prometheus URL), {len(builds)} only the version tells (advise); -v names them"
    ) in short
    assert "iptables-lock-held-too-long" not in short
    names = run("diagnose", "-v", str(tmp_path / "kube-proxy.log")).stdout
    told = " ".join(names[names.index("not there") :].split())
    assert told.startswith("not there " + ", ".join(row["id"] for row in absent))
    assert ", ".join(metrics) + ": only metrics show (--prometheus URL)" in told
    assert "iptables-backend-switch: only the version tells (advise)" in told


HEAD, REASON = (
    "E1124 04:55:01.693781   11948 proxier.go:1285] Failed to execute iptables-restore: exit status 4 (",
    "Another app is currently holding the xtables lock. Stopped waiting after 5s.",
)


def test_a_proof_is_the_whole_message_with_its_file_and_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kube-proxy.log"
    path.write_text(
        f"I1124 04:52:19.864465   30155 a.go:1] fine\n{HEAD}\n{REASON}\n)\n"
        + 3 * f"{HEAD}\n{REASON}\n)\n"
    )
    with tarfile.open(tmp_path / "bundle.tar.gz", "w:gz") as archive:
        archive.add(path, "node-1/kube-proxy.log")
    for log, source in (
        (path, str(path)),
        (tmp_path / "bundle.tar.gz", f"{tmp_path}/bundle.tar.gz:node-1/kube-proxy.log"),
    ):
        (proof,) = diagnosed(run, str(log))["found"][0]["proof"]
        assert (proof["source"], proof["number"]) == (source, 3)
        assert (proof["before"], proof["line"], proof["after"]) == (HEAD, REASON, [")"])
    shown = run("diagnose", "-v", str(path)).stdout
    assert f"   proof      {path}:3\n" in shown
    assert f"              {REASON}\n" in shown


def test_a_line_far_into_a_log_has_its_number(run: Run, tmp_path: Path) -> None:
    filler = "I1124 04:52:19.864465   30155 a.go:1] all is well\n" * 200_000
    (tmp_path / "log").write_text(f"{filler}{LINE}\n")
    (proof,) = diagnosed(run, str(tmp_path / "log"))["found"][0]["proof"]
    assert (proof["number"], proof["before"], proof["after"]) == (200_001, None, [])


def test_a_record_of_a_table_has_no_line_number(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f'time,message\n2026-11-24T04:55:01Z,"{LINE}"\n')
    (proof,) = diagnosed(run, str(tmp_path / "log.csv"))["found"][0]["proof"]
    assert proof["number"] is None


def test_a_healthy_log_is_exit_0_and_its_errors_are_known_to_be_harmless(run: Run) -> None:
    data = diagnosed(run, str(CAPTURES / "healthy"), status=0)
    assert (data["verdict"], data["found"], data["unexplained"]) == ("none", [], [])
    assert {row["id"]: row["count"] for row in data["harmless"]} == {
        "node-port-addresses-unset": 34,
        "nftables-first-list": 18,
        "modules-builtin": 1,
    }
    assert {row["version"] for row in data["kube_proxies"]} == {
        "v1.10.5",
        "v1.12.10",
        "v1.14.3",
        "v1.18.4",
        "v1.22.17",
        "v1.36.3",
        "v1.37.2",
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.log"], "gone.log: cannot be read: No such file or directory"),
        (["--kube-proxy-version", "latest", "-"], "'latest' is no version that is known here"),
        (
            ["--loki", "http://127.0.0.1:1", "--since", "soon"],
            "--since soon: not a duration such as 90s, 10m or 1h30m, nor a time such as 2026-01-02T03:04:05Z",
        ),
        (["--loki", "http://127.0.0.1:1"], "Loki at http://127.0.0.1:1 cannot be reached"),
        (
            ["--victorialogs", "http://127.0.0.1:1"],
            "VictoriaLogs at http://127.0.0.1:1 cannot be reached",
        ),
        (["--kubectl"], "kubectl is not on PATH"),
    ],
)
def test_what_cannot_run_is_exit_2(
    run: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = run("diagnose", *arguments, cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_version_that_is_given_counts_more_than_that_of_the_log(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        f'I1124 04:52:20.599803   30385 server.go:539] "Version info" version="v1.18.4"\n{LINE}\n'
    )
    told = diagnosed(run, str(path))["found"][0]["fix"]["for_versions"]
    assert [row["kube_proxy"] for row in told] == ["v1.18.4"]
    given = diagnosed(run, str(path), "--kube-proxy-version", "v1.16.3-tke.27")["found"][0]["fix"][
        "for_versions"
    ]
    assert [(row["kube_proxy"], row["verdict"], row["upgrade"]) for row in given] == [
        ("v1.16.3-tke.27", "affected", "kube-proxy v1.16.3-tke.34 or later")
    ]


def test_junk_and_broken_text_end_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(
        b"a line\n" * 1000
        + b"\0\xff\xfe\x80" * 100
        + b"\n\xff"
        + LINE.encode()
        + b'\xff\n{"log": "\xff'
        + b"[" * 5000
    )
    data = diagnosed(run, str(tmp_path / "log"))
    assert [(row["id"], row["count"]) for row in data["found"]] == [
        ("iptables-backend-mismatch", 1)
    ]
    assert data["notes"] == []


def test_few_lines_of_a_soft_error_are_put_in_proportion(run: Run) -> None:
    path = CAPTURES / "iptables-restore-without-wait" / "fires" / "v1.14.3-legacy187-own-lock.log"
    few = {row["id"]: row["few"] for row in diagnosed(run, str(path))["found"]}
    assert few["iptables-restore-without-wait"].startswith(
        "The alert waits for more than 3 lines within 10m. "
    )
    assert few["iptables-lock-held-too-long"] is None


def test_a_ticket(run: Run) -> None:
    done = run("diagnose", str(MISMATCH), "--markdown")
    assert done.returncode == 1
    assert done.stdout.startswith("## kube-proxy: 1 documented failure is there")
    assert "### KubeProxyIptablesBackendMismatch (critical): " in done.stdout
    assert "```text\nE1124 " in done.stdout


def piped(*arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "generator", "diagnose", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def test_standard_input(tmp_path: Path) -> None:
    process = piped("-", "--json", stdin=subprocess.PIPE)
    out, _ = process.communicate(f"[pod/kube-proxy-x7k2p/kube-proxy] {LINE}\n".encode(), timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["found"][0]["nodes"] == [{"name": "kube-proxy-x7k2p", "count": 1}]


def told(process: "subprocess.Popen[bytes]", alert: str) -> str:
    """The line of an alert that comes next."""
    assert process.stderr is not None
    while line := process.stderr.readline().decode():
        if f" {alert} " in line:
            return line
    raise AssertionError(f"nothing was told of {alert}")


def test_a_file_is_followed_also_where_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "kube-proxy.log"
    path.write_text("I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4\n")
    process = piped("--follow", "--json", str(path))
    with path.open("a") as file:
        file.write(f"{LINE}\n")
    assert told(process, "KubeProxyIptablesBackendMismatch").startswith("2026-11-24T04:5")
    path.rename(tmp_path / "kube-proxy.log.1")
    path.write_text(
        "E1124 04:55:02.0   11948 x.go:1] [signal SIGSEGV: segmentation violation code=0x1 addr=0x50 pc=0x1]\n"
    )
    assert " warning KubeProxyIPVSStartupPanic on" in told(process, "KubeProxyIPVSStartupPanic")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert {row["id"]: row["count"] for row in json.loads(out)["found"]} == {
        "iptables-backend-mismatch": 1,
        "ipvs-startup-panic": 1,
    }


def test_a_pipe_is_followed(tmp_path: Path) -> None:
    process = piped("--follow", "--json", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    assert (
        process.stderr.readline()
        == b"following standard input; Ctrl-C ends it and prints the report\n"
    )
    process.stdin.write(f"[pod/kube-proxy-a/kube-proxy] {LINE}\n".encode())
    process.stdin.flush()
    assert process.stderr.readline().startswith(b"read ")
    assert (
        " critical KubeProxyIptablesBackendMismatch on kube-proxy-a: "
        in process.stderr.readline().decode()
    )
    process.stdin.write(f"[pod/kube-proxy-b/kube-proxy] {LINE}\n".encode())
    process.stdin.flush()
    assert told(process, "KubeProxyIptablesBackendMismatch").endswith(" also on kube-proxy-b\n")
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)["found"][0]["count"] == 2


def test_what_cannot_be_followed_is_refused(run: Run, tmp_path: Path) -> None:
    for arguments in (
        [str(tmp_path)],
        [str(MISMATCH), str(MISMATCH)],
        ["--kubectl"],
        ["--loki", "http://h"],
        ["--victorialogs", "http://h"],
    ):
        done = run("diagnose", "--follow", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        said = " ".join(done.stderr.split())
        assert (
            "--follow reads one file, or -, as it grows; for several files: `tail -qF FILE… |"
            in said
        )
        assert "for a cluster: `kubectl -n kube-system logs -f --prefix" in said
    done = run("diagnose", str(MISMATCH), "--since", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--since nonsense" in done.stderr


def test_the_pods_of_a_cluster_are_read_with_kubectl(run: Run, tmp_path: Path) -> None:
    before = {"containerStatuses": [{"name": "kube-proxy", "restartCount": 1}]}
    pods = [
        {**pod("kube-proxy-a", "n1", kube_proxy("v1.18.4-tke.20")), "status": before},
        pod("kube-proxy-b", "n2", kube_proxy("v1.18.4-tke.26")),
        pod("kube-proxy-c", "n3", kube_proxy("v1.18.4-tke.26")),
    ]
    panic = "[signal SIGSEGV: segmentation violation code=0x1 addr=0x50 pc=0x1514fb8]"
    logs = {
        ("kube-proxy-a", False): f"2026-11-24T04:55:01.7Z {LINE}\n",
        ("kube-proxy-a", True): f"2026-11-24T04:50:01.7Z {panic}\n",
        ("kube-proxy-b", False): "2026-11-24T04:55:01.7Z fine\n",
    }
    labels = {"labels": {"k8s-app": "kube-proxy"}}
    labelled = [{**one, "metadata": {**one["metadata"], **labels}} for one in pods]
    with serve(labelled, "v1.18.4", tmp_path, logs) as kubeconfig:
        data = diagnosed(run, "--kubectl", KUBECONFIG=str(kubeconfig), HOME=str(tmp_path))
    assert [(row["id"], row["nodes"], row["first"]) for row in data["found"]] == [
        ("iptables-backend-mismatch", [{"name": "n1", "count": 1}], "2026-11-24T04:55:01Z"),
        ("ipvs-startup-panic", [{"name": "n1", "count": 1}], "2026-11-24T04:50:01Z"),
    ]
    assert [row["kube_proxy"] for row in data["found"][0]["fix"]["for_versions"]] == [
        "v1.18.4-tke.20"
    ]
    (note,) = [note for note in data["notes"] if "empty" not in note]
    assert note.startswith("`kubectl --namespace kube-system logs kube-proxy-c ")


def test_loki_is_asked_and_counts_by_itself(run: Run, real_loki: Loki) -> None:
    now = time.time_ns()
    place = {
        "container": "kube-proxy",
        "namespace": "kube-system",
        "node_name": "diagnosed",
        "pod": "p",
    }
    lines = [[str(now - n * 10**9), f"{LINE} {n}"] for n in range(60, 0, -1)]
    real_loki.push([{"stream": place, "values": lines}])
    data = diagnosed(run, "--loki", real_loki.url, "--since", "5m")
    found = next(row for row in data["found"] if row["id"] == "iptables-backend-mismatch")
    assert {"name": "diagnosed", "count": 60} in found["nodes"]
    assert [row["line"] for row in found["proof"] if row["node"] == "diagnosed"] == [
        f"{LINE} 60",
        f"{LINE} 59",
        f"{LINE} 1",
    ]
    assert data["read"]["servers"] == [f"Loki at {real_loki.url}"]


SITES = {"labels": "{}", "no labels": "{cluster: null, namespace: null, pod: null, node: null}"}


@pytest.mark.parametrize("labels", SITES.values(), ids=SITES)
def test_victorialogs_answers_as_loki_does(
    labels: str, run: Run, real_loki: Loki, real_victoria_logs: VictoriaLogs, tmp_path: Path
) -> None:
    site = uuid.uuid4().hex
    (tmp_path / "site.yaml").write_text(
        f"loki: {{selector: '{{site=\"{site}\"}}', labels: {labels}, kernel: null}}\n"
    )
    until = time.time_ns() // 10**9 * 10**9 - 600 * 10**9
    samples = [sample for entry in CATALOG.entries for sample in entry.samples if sample.fires]
    lines = [line for sample in samples for line in sample.lines if line]
    places: tuple[dict[str, str], ...] = (
        {"node_name": "n1", "pod": "a"},
        {"node_name": 'n"2`', "pod": "b"},
        {"pod": "no-node"},
        {},
    )
    streams: list[dict[str, Any]] = []
    for number, place in enumerate(places):
        before, after = until - 121 * 10**9, until + 10**9
        within = [until - (n + 1) * 10**6 for n in reversed(range(len(lines)))]
        times = [(before, LINE), *zip(within, lines, strict=True), (after, LINE)]
        values = [[str(at + number), text] for at, text in times]
        streams.append({"stream": {"site": site, **place}, "values": values})
    real_loki.push(streams)
    real_victoria_logs.push(streams)
    real_victoria_logs.wait(sum(len(one["values"]) for one in streams), {"site": site})

    def told(server: str, url: str) -> Any:
        end = datetime.fromtimestamp(until / 10**9, UTC)
        span = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (end - timedelta(minutes=2), end)]
        where = ["--profile", str(tmp_path / "site.yaml"), f"--{server}", url]
        return diagnosed(run, *where, "--since", span[0], "--until", span[1])

    loki = told("loki", real_loki.url)
    found = told("victorialogs", real_victoria_logs.url)
    assert found["read"].pop("servers") == [f"VictoriaLogs at {real_victoria_logs.url}"]
    assert loki["read"].pop("servers") == [f"Loki at {real_loki.url}"]
    of_loki = json.dumps(loki).replace(f"Loki at {real_loki.url}", "the server")
    of_it = json.dumps(found).replace(f"VictoriaLogs at {real_victoria_logs.url}", "the server")
    assert json.loads(of_it) == json.loads(of_loki)
    in_logs = {
        entry.id for entry in CATALOG.entries if entry.logs and entry.logs.stream != "kernel"
    }
    assert {row["id"] for row in found["found"]} == in_logs
    counted = {row["name"] for one in found["found"] for row in one["nodes"]}
    assert counted == ({"n1", 'n"2`', "no-node", "not told"} if labels == "{}" else {"not told"})


@pytest.mark.parametrize("labels", SITES.values(), ids=SITES)
def test_victorialogs_without_such_lines_has_no_failure(
    labels: str, run: Run, real_victoria_logs: VictoriaLogs, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(
        f"loki: {{selector: '{{site=\"nowhere\"}}', labels: {labels}}}\n"
    )
    where = ["--profile", str(tmp_path / "site.yaml"), "--victorialogs", real_victoria_logs.url]
    assert diagnosed(run, *where, status=0)["found"] == []


def test_victorialogs_is_asked_for_the_tenant_of_the_profile(
    run: Run, real_victoria_logs: VictoriaLogs, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text("servers: {victorialogs: {tenant: '7:2'}}\n")
    stream = {"container": "kube-proxy", "namespace": "kube-system", "node_name": "of-7-2"}
    with Client(Endpoint("VictoriaLogs", real_victoria_logs.url, tenant="7:2")) as client:
        store = VictoriaLogs(client)
        store.push([{"stream": stream, "values": [[str(time.time_ns()), LINE]]}])
        store.wait(1, stream)
    asked = ["--victorialogs", real_victoria_logs.url, "--since", "5m"]
    data = diagnosed(run, "--profile", str(tmp_path / "site.yaml"), *asked)
    assert [row["nodes"] for row in data["found"]] == [[{"name": "of-7-2", "count": 1}]]
    of_all = diagnosed(run, *asked, status=0)
    assert of_all["found"] == []


def test_prometheus_adds_the_symptoms(
    run: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    binary = obtained(programs.PROMETHEUS, programs.PROMETHEUS.pinned[0], tmp_path_factory)
    (port,) = free_ports(1)
    target = {"targets": [f"127.0.0.1:{port}"], "labels": {"node": "n1"}}
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "kube-proxy", "static_configs": [target]}],
    }
    with servers.prometheus(binary, config, tmp_path) as url:
        until_scraped(url, 1, 60)
        deadline = time.monotonic() + 60
        while "where      n1" not in run("diagnose", "--prometheus", url).stdout:
            assert time.monotonic() < deadline
        data = diagnosed(run, "--prometheus", url)
    assert [(row["id"], row["nodes"]) for row in data["found"]] == [
        ("metrics-missing", [{"name": "n1", "count": 0}])
    ]
    assert {row["id"] for row in data["not_found"]} >= {
        "sync-slow",
        "cpu-high",
        "service-churn",
        "rules-stale",
    }


def test_the_page_shows_what_is_printed(run: Run) -> None:
    page = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    asked, _, shown = (
        page.partition("$ kube-proxy-alerts ")[2].partition("\n…\n")[0].partition("\n")
    )
    assert run(*asked.split()).stdout.startswith(f"{shown}\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'10.0.0.1 - - [24/Nov/2026:04:55:01 +0000] "GET / HTTP/1.1" 200 612\n' * 500,
        b"Nov 02 23:38:04 node-1 kubelet[631]: E1102 23:38:04.1 1 kubelet.go:1] failed\n",
        b"Nov 02 23:38:04 node-1 antrea-agent[631]: Another app is currently holding the xtables lock. Stopped waiting after 5s.\n",
        b"\x7fELF\0\0\xff\xfe" * 1000,
    ],
    ids=["empty", "nginx", "kubelet", "antrea", "binary"],
)
def test_without_a_line_of_kube_proxy_nothing_can_be_told(
    run: Run, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "log").write_bytes(text)
    data = diagnosed(run, str(tmp_path / "log"), status=2)
    assert (data["verdict"], data["found"]) == ("cannot tell", [])
    done = run("diagnose", str(tmp_path / "log"))
    assert done.stdout.startswith("Cannot tell: no line of kube-proxy's is in what was read (")


def test_a_line_of_another_program_is_said_and_not_counted(run: Run, tmp_path: Path) -> None:
    text = "Another app is currently holding the xtables lock. Stopped waiting after 5s."
    (tmp_path / "log").write_text(
        f"Nov 02 23:38:04 node-1 antrea-agent[631]: {text}\n"
        "Nov 02 23:38:05 node-1 kube-proxy[1]: I1102 23:38:05.1 1 server.go:1] fine\n"
        f"Nov 02 23:38:06 node-1 k3s[7]: {text}\n"
    )
    data = diagnosed(run, str(tmp_path / "log"))
    assert [(row["id"], row["count"]) for row in data["found"]] == [
        ("iptables-lock-held-too-long", 1)
    ]
    assert [(row["program"], row["id"], row["count"]) for row in data["elsewhere"]] == [
        ("antrea-agent", "iptables-lock-held-too-long", 1)
    ]
    said = "not ours 1 line of antrea-agent looks like KubeProxyIptablesLockHeldTooLong; not counted, another program"
    assert said in " ".join(run("diagnose", str(tmp_path / "log")).stdout.split())


def test_a_line_of_a_neighbour_explains_no_error(run: Run, tmp_path: Path) -> None:
    lock = "Another app is currently holding the xtables lock. Stopped waiting after 10s."
    for first, second in (
        ("Nov 02 23:38:04 n1 kube-proxy[1]: ", "Nov 02 23:38:04 n1 antrea-agent[2]: "),
        ("[pod/kube-proxy-a/kube-proxy] ", "[pod/kube-proxy-b/kube-proxy] "),
    ):
        error = 'E1102 23:38:04.1       1 proxier.go:1788] "Gate does not open" err="exit status 1"'
        (tmp_path / "log").write_text(f"{first}{error}\n{second}{lock}\n")
        done = run("diagnose", str(tmp_path / "log"), "--json")
        assert [row["count"] for row in json.loads(done.stdout)["unexplained"]] == [1]


def test_only_the_time_that_is_asked_for_counts(run: Run, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    lines = [
        f"{(now - timedelta(minutes=age)).isoformat(timespec='seconds')} stderr F {LINE}"
        for age in (90, 45, 5)
    ]
    # Of the first line no message before it tells the time.
    (tmp_path / "log").write_text("\n".join([LINE.partition("] ")[2], *lines, ""]))
    for options, count in (
        ([], 4),
        (["--since", "1h"], 3),
        (["--since", "1h", "--until", "30m"], 2),
        (["--since", (now - timedelta(minutes=10)).isoformat()], 2),
    ):
        data = diagnosed(run, str(tmp_path / "log"), *options)
        assert [row["count"] for row in data["found"]] == [count]
        noted = "1 lines bear no time; they are counted whatever time is asked for"
        assert data["notes"] == ([noted] if options else [])


def test_more_failures_have_a_table_first_and_the_worst_again_last(
    run: Run, tmp_path: Path
) -> None:
    lock = "Another app is currently holding the xtables lock. Stopped waiting after 5s."
    (tmp_path / "log").write_text(
        "".join(
            f"Nov 24 04:{minute}:00 node-{minute % 2} kube-proxy[1]: {lock}\n"
            for minute in range(10, 40)
        )
        + f"Nov 24 04:00:00 node-0 kube-proxy[1]: {LINE}\n"
        + "Nov 24 04:50:00 node-0 kube-proxy[1]: I1124 04:50:00.0 1 server.go:1] fine\n"
    )
    lines = run("diagnose", str(tmp_path / "log")).stdout.splitlines()
    assert [line.split()[:5] for line in lines[2:5]] == [
        ["alert", "severity", "nodes", "lines", "state"],
        ["1", "KubeProxyIptablesBackendMismatch", "critical", "1", "1"],
        ["2", "KubeProxyIptablesLockHeldTooLong", "warning", "2", "30"],
    ]
    assert [" over since " in line for line in lines[3:5]] == [True, True]
    assert any(
        line.startswith("Begin with 1: Make the chain KUBE-MARK-DROP") for line in lines[-3:]
    )


WAYS_TO_STEER = ["\x1b]0;owned\x07", "\x1b[2J", "\x1bc", "\x9b2J", "\r", "\x08", "\x00", "\u202e"]


@pytest.mark.parametrize("out", [[], ["-v"], ["--markdown"], ["--json"]], ids=str)
@pytest.mark.parametrize("place", ["matched", "unexplained", "file name", "program", "node"])
def test_a_log_steers_the_terminal_by_no_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, out: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("generator.catalog.load.load", cache(load))  # most of a run is to read it
    for steer in WAYS_TO_STEER:
        name = (
            f"kube-proxy{steer}.log"
            if place == "file name" and "\0" not in steer
            else "kube-proxy.log"
        )
        text = {
            "matched": f"{LINE} {steer}",
            "unexplained": f"E1124 04:55:01.0       1 a.go:1] no idea {steer} at all",
            "program": json.dumps({"container_name": f"weave{steer}", "log": LINE}),
            "node": json.dumps({"node_name": f"n{steer}", "log": LINE}),
        }.get(place, LINE)
        (tmp_path / name).write_text(f"{LINE}\n{text}\n")
        done = CliRunner().invoke(main, ["diagnose", name, *out])
        assert done.exit_code == 1, done.output
        assert [char for char in done.output if not char.isprintable() and char not in "\n\t"] == []
        (tmp_path / name).unlink()


def test_notes_on_very_many_files_are_bounded(run: Run, tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number}.log").touch()
    data = json.loads(run("diagnose", str(tmp_path), "--json").stdout)
    assert len(data["notes"]) == 101
    assert data["notes"][-1] == "and 50 more notes"


def test_a_version_for_each_node_costs_no_square() -> None:
    """Processor time of 16,000 nodes of 16,000 versions; with each compared to all others it was more than a minute."""
    known = tuple(Hints(version=f"v1.18.4-tke.{number}") for number in range(16_000))
    found = Found(
        next(one for one in CATALOG.entries if one.id == "iptables-backend-mismatch"),
        1,
        known=known,
    )
    begin = time.process_time()
    fix = fix_of(found, Facts())
    assert len(fix["for_versions"]) == 16_000
    assert time.process_time() - begin < 20


def folded(text: str, columns: int) -> str:
    """What is copied from a terminal of so many columns."""
    return "\n".join(text[at : at + columns] for at in range(0, len(text), columns))


@pytest.mark.parametrize(
    "text",
    [
        'E1102 23:38:04.123456       1 proxier.go:1788] "Unable to open port" err="no such device"',
        "panic: runtime error: invalid memory address or nil pointer dereference",
        folded(
            "E1124 05:02:22.1       1 proxier.go:1] Failed to execute iptables-restore: exit status 2 (cannot",
            80,
        ),
    ],
)
def test_errors_that_no_entry_explains_are_no_all_clear(
    run: Run, tmp_path: Path, text: str
) -> None:
    log = tmp_path / "kube-proxy.log"
    log.write_text(f"I1102 23:38:04.123456       1 server.go:846] Version: v1.36.3\n{text}\n")
    assert diagnosed(run, str(log), status=0)["verdict"] == "unexplained"
    for form in ([], ["--markdown"]):
        shown = run("diagnose", str(log), *form).stdout
        assert (
            "No documented failure is recognised, but errors are there that no entry explains"
            in shown
        )
        assert "None of the documented failures" not in shown


def test_errors_that_no_entry_explains_are_a_finding_where_that_is_asked_for(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "errors.log").write_text("E1124 04:55:01.693781   11948 a.go:1] no idea\n")
    (tmp_path / "healthy.log").write_text("I1124 04:55:01.693781   11948 a.go:1] fine\n")
    (tmp_path / "nginx.log").write_text("GET / 200\n")
    for log, usual, strict in (("errors", 0, 1), ("healthy", 0, 0), ("nginx", 2, 2)):
        path = str(tmp_path / f"{log}.log")
        assert run("diagnose", path).returncode == usual
        assert run("diagnose", "--strict", path).returncode == strict


def test_a_log_that_a_terminal_folded_is_read_as_it_was(run: Run, tmp_path: Path) -> None:
    log = f"{LINE}, so nothing is synced any more on this node\n"
    (tmp_path / "log").write_text(f"{log[:80]}\n{log[80:]}")
    data = diagnosed(run, str(tmp_path / "log"))
    assert [row["id"] for row in data["found"]] == ["iptables-backend-mismatch"]
    assert data["notes"] == [
        f"{tmp_path}/log: its lines were folded at 80 columns; they are put together again"
    ]


def test_a_server_that_is_down_loses_nothing_that_others_told(run: Run) -> None:
    down = ("--loki", "http://127.0.0.1:1")
    done = run("diagnose", str(MISMATCH), *down)
    assert done.returncode == 1
    assert "1. KubeProxyIptablesBackendMismatch" in done.stdout
    assert "Loki at http://127.0.0.1:1 cannot be reached" in done.stderr
    data = json.loads(run("diagnose", str(MISMATCH), *down, "--json").stdout)
    assert data["read"]["servers"] == []
    assert any("cannot be reached" in note for note in data["notes"])


def test_without_a_finding_a_server_that_is_down_is_no_all_clear(run: Run) -> None:
    healthy = str(next(CAPTURES.glob("healthy/*.log")))
    down = ("--loki", "http://127.0.0.1:1", "--prometheus", "http://127.0.0.1:1")
    assert run("diagnose", healthy).returncode == 0
    assert run("diagnose", healthy, *down).returncode == 2
    alone = run("diagnose", *down)
    assert (alone.returncode, alone.stdout) == (2, "")
