"""Known bugs without a line or a metric: which releases and modes have them, and what ends them."""

import json

import pytest

from generator.fixes.advice import BugAdvice, Facts, bugs
from generator.fixes.versions import parse_version
from tests import once
from tests.conftest import Run

KNOWN = once.inputs().catalog.known_bugs


def found(version: str, mode: str | None) -> list[BugAdvice]:
    return bugs(KNOWN, Facts(kube_proxy=parse_version(version), mode=mode))


LOCAL, PERIODIC, UDP, DEPRECATED, FULL = (
    "nftables-local-traffic",
    "ipvs-no-periodic-sync",
    "udp-flows-after-scale-to-zero",
    "ipvs-deprecated",
    "iptables-full-sync-in-large-clusters",
)


@pytest.mark.parametrize(
    ("version", "mode", "expected"),
    [
        ("v1.31.14", "nftables", {}),
        ("v1.32.0", "nftables", {UDP: "v1.37.0 or later"}),
        ("v1.33.5", "nftables", {LOCAL: "v1.33.6 or later", UDP: "v1.37.0 or later"}),
        ("v1.33.6", "nftables", {UDP: "v1.37.0 or later"}),
        ("v1.34.1", "nftables", {LOCAL: "v1.34.2 or later", UDP: "v1.37.0 or later"}),
        ("v1.34.2", "nftables", {UDP: "v1.37.0 or later"}),
        ("v1.34.3", "ipvs", {PERIODIC: "v1.34.4 or later", UDP: "v1.37.0 or later"}),
        ("v1.34.4", "ipvs", {UDP: "v1.37.0 or later"}),
        (
            "v1.35.0",
            "ipvs",
            {PERIODIC: "v1.35.1 or later", UDP: "v1.37.0 or later", DEPRECATED: None},
        ),
        ("v1.33.13", "ipvs", {UDP: "v1.37.0 or later"}),
        ("v1.37.2", "ipvs", {DEPRECATED: None}),
        ("v1.33.13", "iptables", {FULL: "v1.34.8 or later", UDP: "v1.37.0 or later"}),
        ("v1.36.0", "iptables", {FULL: "v1.36.1 or later", UDP: "v1.37.0 or later"}),
        ("v1.36.1", "iptables", {UDP: "v1.37.0 or later"}),
        ("v1.37.0", "iptables", {}),
        ("v1.18.4-tke.26", "ipvs", {}),
    ],
)
def test_a_release_has_its_bugs_and_the_smallest_upgrade(
    version: str, mode: str, expected: dict[str, str | None]
) -> None:
    assert {one.bug.id: one.upgrade for one in found(version, mode)} == expected
    assert {one.verdict for one in found(version, mode)} <= {"affected"}


@pytest.mark.parametrize(
    ("version", "mode", "reason"),
    [
        ("v1.33.5", None, "only in nftables mode, which is not known here"),
        ("v1.33.5-eks-1", "nftables", "whether v1.33.5-eks-1 has it is not known"),
        ("v1.33", "nftables", "whether v1.33 has it is not known"),
    ],
)
def test_where_mode_or_build_do_not_tell_it_is_said(
    version: str, mode: str | None, reason: str
) -> None:
    (one,) = (one for one in found(version, mode) if one.bug.id == LOCAL)
    assert (one.verdict, one.reasons[-1]) == ("unknown", reason)


def test_the_command_says_them_beside_the_failures(run: Run) -> None:
    arguments = ["advise", "--kube-proxy-version", "v1.35.0", "--mode", "ipvs"]
    said = run(*arguments).stdout
    assert (
        "  bugs that no line and no metric shows:\n    ipvs-no-periodic-sync: IPVS rules are not checked"
        in said
    )
    assert "ends with  v1.35.1 or later" in said
    assert "ends with  Plan the change to nftables mode" in said
    (one,) = json.loads(run(*arguments, "--json").stdout)["kube_proxies"]
    assert [(row["id"], row["verdict"], row["upgrade"]) for row in one["known_bugs"]] == [
        (PERIODIC, "affected", "v1.35.1 or later"),
        (UDP, "affected", "v1.37.0 or later"),
        (DEPRECATED, "affected", None),
    ]
    assert (
        one["known_bugs"][0]["sources"][0]["url"]
        == "https://github.com/kubernetes/kubernetes/pull/135631"
    )


def test_a_node_of_a_cluster_file_has_the_bugs_of_its_mode(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cluster")
    pod = {
        "kind": "Pod",
        "metadata": {
            "name": "kube-proxy-a",
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-proxy"},
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {
                    "name": "kube-proxy",
                    "image": "registry.k8s.io/kube-proxy:v1.34.3",
                    "command": ["kube-proxy", "--proxy-mode=ipvs"],
                }
            ],
        },
    }
    (folder / "cluster.json").write_text(json.dumps({"kind": "List", "items": [pod]}))
    (one,) = json.loads(
        run("advise", "--cluster-file", str(folder / "cluster.json"), "--json").stdout
    )["kube_proxies"]
    assert [row["id"] for row in one["known_bugs"]] == [PERIODIC, UDP]
