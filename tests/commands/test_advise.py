"""`advise` as its users meet it, also on a cluster behind a real kubectl."""

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.cluster.test_objects import (
    CONFIG,
    LOCK,
    container,
    daemon_set,
    kube_proxy,
    listed,
    node,
    pod,
    pod_spec,
)
from tests.conftest import ROOT, TINY, Run
from tests.kubernetes_api import serve

AFFECTED = """\
kube-proxy v1.14.3-tke.26, cluster 1.14, CentOS 8, ipvs
  can happen:
    iptables-backend-mismatch: kube-proxy does not find kubelet's chain KUBE-MARK-DROP in its iptables backend
      why        TKE 1.14: fixed in v1.14.3-tke.28 (newer Chinese edition)
                 TKE 1.14: fixed in v1.14.3-tke.27 (English edition)
      ends with  kube-proxy v1.14.3-tke.28 or later
      source     TKE: kube-proxy not correctly adapted to the iptables backend of the node (newer edition, in Chinese)
                 TKE: kube-proxy not correctly adapted to the iptables backend of the node
    iptables-save-parse-panic: kube-proxy panics again and again when it reads the output of iptables-save
      why        TKE 1.14: fixed in v1.14.3-tke.27
      ends with  kube-proxy v1.14.3-tke.27 or later
      source     TKE: kube-proxy kept panicking
    apiserver-connection-broken: kube-proxy keeps using a broken connection to kube-apiserver
      why        TKE < 1.18: the cluster has to be upgraded
      ends with  cluster 1.18 with kube-proxy v1.18.4-tke.26 or later
      source     TKE: kube-proxy to kube-apiserver connection exception
  not known:
    iptables-rules-incompatible: A rule written with nft stands in a table of iptables, which iptables can no longer read
      why        no version of kube-proxy ends it
    iptables-lock-held-too-long: Another add-on holds the iptables lock for too long
      why        no version of kube-proxy ends it
                 it depends on NetworkPolicy (kube-router) add-on of TKE v1.3.2 or later, Linux kernel 4.15 or later
    iptables-lock-not-mounted: Another program writes iptables rules at the same time, because the iptables lock is not mounted
      why        no version of kube-proxy ends it
                 it depends on Volume /run/xtables.lock of every Pod that calls iptables
  cannot happen:
    ipvs-unavailable: no release before 1.26 can have it
    nftables-comment-too-long: only in nftables mode
    nftables-nft-crash: only in nftables mode
    nftables-unavailable: only in nftables mode
    iptables-restore-without-wait: TKE > 1.12: the problem does not exist
    ipvs-frequent-sync: --ipvs-sync-period is 30s
    ipvs-startup-panic: TKE < 1.18: the problem does not exist
    rules-flushed: only in iptables and nftables mode
  all that a version can end, ends with: cluster 1.18 with kube-proxy v1.18.4-tke.35 or later

"""  # noqa: E501


def failure_in(line: str) -> str | None:
    """The failure about which a line of the report begins to speak."""
    found = re.match(r" {4}([a-z0-9-]+): ", line)
    return found[1] if found else None


def about(report: str, failures: set[str | None]) -> str:
    """A report without what it says of other failures, which may come into the catalog."""
    kept, ours = [], True
    for line in report.splitlines(keepends=True):
        if failure_in(line):
            ours = failure_in(line) in failures
        elif not line.startswith(" " * 6):
            ours = True
        kept += [line] if ours else []
    return "".join(kept)


def test_what_can_happen_comes_first_with_its_reason_and_its_end(run: Run) -> None:
    versions = ("--cluster-version", "1.14", "--kube-proxy-version", "v1.14.3-tke.26")
    done = run(
        "advise",
        *versions,
        "--os",
        "CentOS 8",
        "--mode",
        "ipvs",
        "--flags",
        "--ipvs-sync-period=30s",
    )
    shown = about(done.stdout, set(map(failure_in, AFFECTED.splitlines())))
    assert (done.returncode, shown, done.stderr) == (1, AFFECTED, "")


def test_a_version_that_has_all_fixes_is_exit_0(run: Run) -> None:
    done = run("advise", "--kube-proxy-version", "v1.18.4-tke.49-rc1")
    assert (done.returncode, "can happen:" in done.stdout) == (0, False)
    assert "    apiserver-connection-broken: TKE 1.18: fixed in v1.18.4-tke.26\n" in done.stdout


def test_for_programs(run: Run) -> None:
    done = run("advise", "--kube-proxy-version", "v1.18.17", "--mode", "iptables", "--json")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["kube_proxies"]
    assert (found["kube_proxy"], found["mode"], found["nodes"]) == ("v1.18.17", "iptables", [])
    assert found["upgrade_for_all"] == "cluster 1.20 with kube-proxy v1.20.0 or later"
    (row,) = [row for row in found["failures"] if row["id"] == "apiserver-connection-broken"]
    assert (row["verdict"], row["upgrade"]) == ("affected", "kube-proxy v1.18.18 or later")
    assert row["sources"][0] == {
        "title": "kubernetes#95981: Enables HTTP/2 health check",
        "url": "https://github.com/kubernetes/kubernetes/pull/95981",
    }
    assert row["why"] == "; ".join(row["reasons"])
    assert row["editions"] == []


def test_programs_learn_which_edition_says_what(run: Run) -> None:
    done = run("advise", "--kube-proxy-version", "v1.20.6-tke.30", "--json")
    (found,) = json.loads(done.stdout)["kube_proxies"]
    (row,) = [row for row in found["failures"] if row["id"] == "iptables-backend-mismatch"]
    assert row["editions"] == [
        {
            "edition": "newer Chinese edition",
            "says": "fixed in v1.20.6-tke.31",
            "fixed_in": "v1.20.6-tke.31",
        },
        {"edition": "English edition", "says": "the problem does not exist", "fixed_in": None},
    ]


def test_a_release_newer_than_all_that_were_read_is_said_to_be_so(run: Run) -> None:
    done = run("advise", "--kube-proxy-version", "v1.99.0")
    assert (done.returncode, done.stderr) == (
        0,
        "kube-proxy-alerts: v1.99.0: nothing is known of releases after 1.37; what 1.37 has fixed is taken for fixed\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --cluster-version or --kube-proxy-version, --from-cluster, or --matrix"),
        (
            ["--kube-proxy-version", "latest"],
            "'latest' is no version that is known here; versions are like 1.14, ",
        ),
        (["--cluster-version", "2.0.0"], "'2.0.0' is no version that is known here"),
        (
            ["--cluster-file", "text"],
            "text is not JSON (Expecting value: line 1 column 1 (char 0)); save it with ",
        ),
        (["--cluster-file", "other"], "this is not what `kubectl get … -o json` prints"),
        (
            ["--cluster-file", "empty"],
            "there is neither a node nor a kube-proxy in it; read nodes, daemonsets, pods",
        ),
        (["--cluster-file", "binary"], "binary is not JSON ("),
        (["--cluster-file", "deep"], "deep is not JSON ("),
        (["--cluster-file", "items"], "this is not what `kubectl get … -o json` prints"),
        (
            ["--cluster-file", "/proc/self/mem"],
            "/proc/self/mem: cannot be read: Input/output error",
        ),
        (
            ["--from-cluster"],
            "kubectl is not on PATH; install it, or give files with what it prints",
        ),
        (
            ["--kube-proxy-version", "v1.18.4", "--flags", "--a='b"],
            '--flags "--a=\'b" cannot be split into words: ',
        ),
    ],
)
def test_what_cannot_be_answered_is_exit_2(
    run: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "text").write_text("no", encoding="utf-8")
    (tmp_path / "other").write_text('{"kind": "List", "items": [1]}', encoding="utf-8")
    (tmp_path / "empty").write_text('{"kind": "List", "items": []}', encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\x00\x8b\x1f")
    (tmp_path / "deep").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "items").write_text(
        '{"kind": "List", "items": [{"kind": "Node"}]}', encoding="utf-8"
    )
    done = run("advise", *arguments, cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("match: hinge", 'match: "hinge("', "not an RE2 pattern: missing ): hinge("),
        (
            "action: none}",
            "action: none, edition: x}",
            "the edition 'x' is none of the sources of the table; list it there",
        ),
    ],
)
def test_a_fix_table_that_cannot_be_used_is_a_problem_of_the_catalog(
    run: Run, tmp_path: Path, old: str, new: str, said: str
) -> None:
    shutil.copytree(TINY / "broken-gate", tmp_path / "my-gate")
    path = tmp_path / "my-gate" / "failure.yaml"
    text = (
        path.read_text(encoding="utf-8").replace("id: broken-gate", "id: my-gate").replace(old, new)
    )
    path.write_text(
        text.replace("alert: KubeProxyBrokenGate", "alert: KubeProxyMyGate"), encoding="utf-8"
    )
    (tmp_path / "cluster.json").write_text(
        json.dumps(listed(node("n1"), daemon_set("hinge", pod_spec())))
    )
    catalog = ("--catalog", str(tmp_path), "--cluster-file", str(tmp_path / "cluster.json"))
    done = run("advise", *catalog)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("kubectl", "said"),
    [
        ("#!/bin/sh\necho no\n", "printed no JSON: 'no'; is this kubectl?"),
        ("#!/bin/sh\nprintf '\\377\\376'\n", "printed no JSON: "),
        ("#!/bin/sh\necho '[1]'\n", "this is not what `kubectl get … -o json` prints: "),
        ("#!/bin/sh\necho 3\n", "this is not what `kubectl get … -o json` prints: "),
        (
            "#!/bin/sh\necho gone >&2\nexit 7\n",
            "get nodes,daemonsets.apps,pods --all-namespaces --output json` failed: gone",
        ),
        (
            "\x7fELF no program",
            "the kubectl on PATH cannot be run: Exec format error; is it a program for this machine?",
        ),
        (
            "#!/no/such/shell\n",
            "the kubectl on PATH cannot be run: No such file or directory; is it a program ",
        ),
    ],
)
def test_a_kubectl_that_does_not_do_its_work_is_exit_2(
    run: Run, tmp_path: Path, kubectl: str, said: str
) -> None:
    (tmp_path / "kubectl").write_text(kubectl, encoding="latin-1")
    (tmp_path / "kubectl").chmod(0o755)
    done = run("advise", "--from-cluster", cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# By hand from the page's tables, and from the releases of Kubernetes that the entries cite.
IMAGE = "only where kube-proxy does not run in its own image, or serves IPv4 and IPv6"
MATRIX = {
    "TKE 1.10": ("yes", "below v1.10.5-tke.20", "yes", "no", "no"),
    "TKE 1.12": (
        "yes",
        "below v1.12.4-tke.32{}v1.12.4-tke.31)",
        "below v1.12.4-tke.31",
        "below v1.12.4-tke.31",
        "no",
    ),
    "TKE 1.13": ("yes", "not listed (upstream yes)", "no", "not listed (upstream yes)", "no"),
    "TKE 1.14": (
        "yes",
        "below v1.14.3-tke.28{}v1.14.3-tke.27)",
        "no",
        "below v1.14.3-tke.27",
        "no",
    ),
    "TKE 1.15": ("yes", "not listed (upstream yes)", "no", "no", "no"),
    "TKE 1.16": ("yes", "below v1.16.3-tke.34{}v1.16.3-tke.28)", "no", "no", "no"),
    "TKE 1.17": ("yes", f"not listed (upstream iptables: {IMAGE}; ipvs: no)", "no", "no", "no"),
    "TKE 1.18": (
        "below v1.18.4-tke.26",
        "below v1.18.4-tke.35{}v1.18.4-tke.26)",
        "no",
        "no",
        "below v1.18.4-tke.26",
    ),
    "TKE 1.19": ("no", "no", "no", "no", "no"),
    "TKE 1.24": (
        "no",
        "below v1.24.4-tke.5 (newer Chinese edition; English edition: the problem does not exist)",
        "no",
        "no",
        "no",
    ),
    "TKE 1.25 and later": ("no", "no", "no", "no", "no"),
    "upstream 1.16": (
        "yes",
        f"iptables: below v1.16.10, later {IMAGE}; ipvs: no",
        None,
        "no",
        "no",
    ),
    "upstream 1.17": ("yes", f"iptables: {IMAGE}; ipvs: no", None, "no", "yes"),
    "upstream 1.18": ("below v1.18.18", f"iptables: {IMAGE}; ipvs: no", None, "no", "yes"),
    "upstream 1.19": ("below v1.19.5", f"iptables: {IMAGE}; ipvs: no", None, "no", "no"),
    "upstream 1.20 to 1.28": ("no", "no", None, "no", "no"),
    "upstream 1.29 to 1.34": ("no", "no", None, "no", "no"),
    "upstream 1.35": ("no", "no", None, "no", "no"),
    "upstream 1.36": ("no", "no", None, "no", "no"),
    "upstream 1.37": ("no", "no", "no", "no", "no"),
}
COLUMNS = (
    "apiserver-connection-broken",
    "iptables-backend-mismatch",
    "iptables-restore-without-wait",
    "iptables-save-parse-panic",
    "ipvs-startup-panic",
)


def test_the_matrix_is_the_pages_tables(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("advise", "--matrix", "csv").stdout)))
    found = {row["kube-proxy"]: tuple(row[column] for column in COLUMNS) for row in rows}
    old = "yes, only where iptables (iptables-restore with -w) is older than 1.6.2"
    english = " (newer Chinese edition; English edition: fixed in "
    expected = {
        title: tuple((cell or old).format(english) for cell in cells)
        for title, cells in MATRIX.items()
    }
    assert {title: found[title] for title in expected} == expected
    assert {row["iptables-lock-not-mounted"] for row in rows} == {"any version"}


def test_the_matrix_says_the_same_in_all_its_forms(run: Run) -> None:
    rows = list(csv.reader(io.StringIO(run("advise", "--matrix", "csv").stdout)))
    lines = run("advise", "--matrix").stdout.splitlines()
    cells = [
        [cell.strip(" `").replace("\\", "") for cell in line.strip("|").split(" | ")]
        for line in lines
    ]
    assert [cells[0], *cells[2:]] == rows
    data = json.loads(run("advise", "--matrix", "json").stdout)
    assert [[one["says"] for one in row["failures"].values()] for row in data] == [
        row[1:] for row in rows[1:]
    ]
    (tke,) = [row for row in data if row["builder"] == "TKE" and "1.14" in row["releases"]]
    assert tke["failures"]["iptables-save-parse-panic"] == {
        "says": "below v1.14.3-tke.27",
        "builds": "below",
        "fixed_in": "v1.14.3-tke.27",
        "why": "TKE 1.14: fixed in v1.14.3-tke.27",
        "editions": [],
    }
    assert tke["failures"]["iptables-backend-mismatch"]["editions"] == [
        {
            "edition": "newer Chinese edition",
            "says": "fixed in v1.14.3-tke.28",
            "fixed_in": "v1.14.3-tke.28",
        },
        {
            "edition": "English edition",
            "says": "fixed in v1.14.3-tke.27",
            "fixed_in": "v1.14.3-tke.27",
        },
    ]


def test_the_page_shows_the_matrix(run: Run) -> None:
    """UPDATE=1 renews the page."""
    path, matrix = ROOT / "docs" / "advise.md", run("advise", "--matrix").stdout
    before, begin, rest = path.read_text(encoding="utf-8").partition("advise --matrix. -->\n\n")
    shown, end, after = rest.partition("\n<!-- End of the matrix. -->")
    assert begin
    assert end
    if os.environ.get("UPDATE"):
        path.write_text(before + begin + matrix + end + after, encoding="utf-8")
        return
    assert shown == matrix


OBJECTS: list[dict[str, Any]] = [
    node("n1"),
    node("n2", "Ubuntu 18.04.6 LTS", "4.14.1"),
    daemon_set(
        "kube-proxy",
        {
            **kube_proxy("v1.18.4-tke.26", "--config=/c/config.conf"),
            "volumes": [LOCK, {"name": "c", "configMap": {"name": "kube-proxy"}}],
        },
    ),
    pod("a", "n1", kube_proxy("v1.18.4-tke.9", "--proxy-mode=ipvs", "--ipvs-sync-period=30s")),
    pod(
        "b",
        "n2",
        {
            **kube_proxy("v1.18.4-tke.26", "--config=/c/config.conf"),
            "volumes": [LOCK, {"name": "c", "configMap": {"name": "kube-proxy"}}],
        },
    ),
    daemon_set("kube-router", pod_spec(container("kube-router", "kube-router:v1.3.1"))),
    daemon_set("csi", pod_spec(container("csi", "csi:1"))),
    {
        "kind": "ConfigMap",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
        "data": {"config.conf": CONFIG},
    },
]

Ask = Callable[..., CompletedProcess[str]]


@pytest.fixture(params=["--from-cluster", "--cluster-file"])
def ask(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Ask]:
    """`advise` on the same cluster, through kubectl and from what it saved."""
    if request.param == "--cluster-file":
        (tmp_path / "cluster.json").write_text(json.dumps(listed(*OBJECTS)), encoding="utf-8")
        (tmp_path / "version.json").write_text(
            '{"serverVersion": {"gitVersion": "v1.18.4-tke.26"}}', encoding="utf-8"
        )
        files = (
            "--cluster-file",
            str(tmp_path / "cluster.json"),
            "--cluster-file",
            str(tmp_path / "version.json"),
        )
        yield lambda *more: run("advise", *files, *more)
        return
    with serve(OBJECTS, "v1.18.4-tke.26", tmp_path) as kubeconfig:
        environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
        yield lambda *more: run("advise", "--from-cluster", *more, **environment)


def test_a_cluster_of_two_builds_is_answered_for_each(ask: Ask) -> None:
    done = ask()
    assert done.returncode == 1, done.stderr
    first, second, doubts, *_ = done.stdout.split("\n\n")
    lock = (
        "      why        DaemonSet kube-system/kube-router, container kube-router, does not mount /run/xtables.lock\n"
        "                 All iptables commands of the node then wait for the same lock and never write at the same "
        "time."
    )
    assert first.startswith(
        "kube-proxy v1.18.4-tke.9, cluster v1.18.4-tke.26, CentOS Linux 8 (Core), ipvs: 1 node (n1)\n  can happen:\n"
    )
    assert "  all that a version can end, ends with: kube-proxy v1.18.4-tke.35 or later" in first
    assert "    ipvs-frequent-sync: --ipvs-sync-period is 30s\n" in first
    assert second.startswith(
        "kube-proxy v1.18.4-tke.26, cluster v1.18.4-tke.26, Ubuntu 18.04.6 LTS, ipvs: 1 node (n2)"
    )
    assert (
        "      why        --ipvs-sync-period is 5s\n                 Refreshing the rules of the node every "
        in second
    )
    assert "      why        kube-router is v1.3.1, older than v1.3.2\n" in second
    assert lock in first
    assert lock in second
    assert doubts == (
        "These may change iptables and do not share the lock; see whether they call iptables:\n"
        "  DaemonSet kube-system/csi, container csi, does not mount /run/xtables.lock\n"
    )


def test_a_cluster_for_programs(ask: Ask) -> None:
    found = json.loads(ask("--json").stdout)
    assert [(one["kube_proxy"], one["nodes"]) for one in found["kube_proxies"]] == [
        ("v1.18.4-tke.9", ["n1"]),
        ("v1.18.4-tke.26", ["n2"]),
    ]
    assert found["may_write_without_lock"] == [
        "DaemonSet kube-system/csi, container csi, does not mount /run/xtables.lock"
    ]
    can = [
        [row["id"] for row in one["failures"] if row["verdict"] == "affected"]
        for one in found["kube_proxies"]
    ]
    assert can == [
        [
            "iptables-backend-mismatch",
            "apiserver-connection-broken",
            "iptables-lock-held-too-long",
            "iptables-lock-not-mounted",
            "ipvs-startup-panic",
        ],
        ["iptables-lock-held-too-long", "iptables-lock-not-mounted", "ipvs-frequent-sync"],
    ]


def test_a_cluster_that_does_not_answer_is_exit_2(run: Run, tmp_path: Path) -> None:
    with serve([], "v1.18.4", tmp_path) as kubeconfig:
        pass
    done = run(
        "advise",
        "--from-cluster",
        "--context",
        "test",
        KUBECONFIG=str(kubeconfig),
        HOME=str(tmp_path),
    )
    assert done.returncode == 2
    assert "kubectl reaches no cluster: The connection to the server 127.0.0.1:" in done.stderr


def test_what_was_saved_is_read_from_standard_input_too(tmp_path: Path) -> None:
    import subprocess
    import sys

    text = json.dumps(listed(daemon_set("kube-proxy", kube_proxy("v1.36.3"))))
    command = [sys.executable, "-m", "generator", "advise", "--cluster-file", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "kube-proxy v1.36.3, iptables")
