"""The failures, and how each is provoked. A scenario goes on provoking until it is cancelled."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import provoke as p
from tests.lab.captures import (
    ANONYMOUS,
    FLUSH_ALL,
    NO_COMMENT,
    NO_NAME_SERVER,
    OLD_KERNEL,
    OWNED,
    PRELOAD,
    READ_ONLY,
    SYSCTL,
)
from tests.lab.node import OTHER_CHAIN, Node
from tests.lab.programs import Build
from tests.lab.provoke import NFTABLES, Provoke, change_services

_WAITING = "1.8.9"  # the iptables that waits for the lock
_IMPATIENT = "1.8.7"  # the one that fails at once if it was started without -w
_RESTORE = "KubeProxyIptablesRestoreFailing"
_NFT_SYNC = "KubeProxyNftablesSyncFailing"
_NEVER = "KubeProxyNeverSynced"
_NO_ANSWER = "KubeProxyApiserverUnreachableRequests"
_SERVICE_CIDR = "KubeProxyApiserverForbiddenServiceCIDR"
_NEW = "1.36.3 1.37.2"
_OLD = "1.18.4 1.22.17"  # which open their ports before they have found their Node
_ALL = f"{_OLD} {_NEW}"
_TABLE_FULL = (
    "the table of the network namespace filled with conntrack -R after a good start, "
    "then a connection each second"
)
_RESTARTED = "a good start, Services that come, change and go, a restart"
_BOTH_FAMILIES = "a good start, Services of both families that come, change and go, a restart"
_DUAL = "--cluster-cidr=10.244.0.0/16,fd00:244::/56"
_SETTLE_SECONDS = 8
_CATALOG = Path(__file__).parents[2] / "catalog"


@dataclass(frozen=True)
class Scenario:
    """`failure` is the entry whose alert must come, none for a healthy run; `symptom` the alert that it holds back.

    `alert`: which of the entry's alerts it is, where that is not the one of its own name. `how` completes
    "kube-proxy 1.18.4, iptables 1.8.9 (legacy): …" in the catalog. `node_exporter`: whether it runs on the node too.
    """

    name: str
    build: Build
    provoke: Provoke
    how: str
    failure: str | None = None
    symptom: str | None = None
    alert: str | None = None
    node_exporter: bool = False


async def backend_mismatch(node: Node) -> None:
    node.api.service(
        "guarded",
        "10.96.0.20",
        {
            "type": "LoadBalancer",
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "allocateLoadBalancerNodePorts": False,
        },
        {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}},
    )
    node.cause()
    await node.start_kube_proxy()
    await change_services(node, 5)


async def lock_not_mounted(node: Node) -> None:
    await node.start_kube_proxy("--iptables-sync-period=2s", "--iptables-min-sync-period=100ms")
    await asyncio.sleep(_SETTLE_SECONDS)
    node.cause()
    twice = f"iptables -t $t -N {OTHER_CHAIN}; iptables -t $t -X {OTHER_CHAIN}"
    writer = f"while :; do for t in nat filter; do {twice}; done; done"
    await node.run_without_the_lock("sh", "-c", writer)
    await change_services(node, 0.5)


async def restore_without_wait(node: Node) -> None:
    for name in ("iptables", "ip6tables"):
        node.command(
            name, '[ "$1" = --version ] && echo "iptables v1.4.22" && exit; exec $REAL "$@"'
        )
        node.command(f"{name}-restore", '[ "$1" = --version ] && exit 2; exec $REAL "$@"')
    node.cause()
    await node.start_kube_proxy()
    await change_services(node, 5)


async def lock_held_too_long(node: Node) -> None:
    await node.start_kube_proxy()
    await asyncio.sleep(_SETTLE_SECONDS)
    node.cause()
    await node.run("sh", "-c", "while :; do flock /run/xtables.lock sleep 20; sleep 3; done")
    await change_services(node, 2)


async def apiserver_connection_broken(node: Node) -> None:
    node.api.broken = True
    node.cause()
    await node.start_kube_proxy()
    await asyncio.Event().wait()


async def frequent_sync(node: Node) -> None:
    node.cause()
    await node.start_kube_proxy("--iptables-sync-period=5s")
    await asyncio.Event().wait()


async def healthy(node: Node) -> None:
    await node.start_kube_proxy()
    await change_services(node, 20)


def replay(sample: str) -> Provoke:
    """Print a sample of the catalog in the place of kube-proxy."""

    async def provoke(node: Node) -> None:
        node.cause()
        for line in (_CATALOG / sample).read_text(encoding="utf-8").splitlines():
            node.log(line)
        await asyncio.Event().wait()

    return provoke


def _on(
    versions: str,
    backends: str,
    name: str,
    provoke: Provoke,
    how: str,
    failure: str | None = None,
    symptom: str | None = None,
    iptables: str = _WAITING,
    alert: str | None = None,
) -> Iterator[Scenario]:
    """A scenario for each of these versions of kube-proxy over each backend."""
    for version in versions.split():
        for backend in backends.split():
            build = Build(version, iptables, backend)
            yield Scenario(
                f"{name}-{version}-{backend}", build, provoke, how, failure, symptom, alert
            )


def _on_nftables(
    name: str,
    provoke: Provoke,
    how: str,
    failure: str | None = None,
    symptom: str | None = None,
    versions: str = _NEW,
    alert: str | None = None,
) -> Iterator[Scenario]:
    """A scenario for each release that has nftables mode."""
    for version in versions.split():
        build = Build(version, _WAITING, "nft", nftables_mode=True)
        said = f"--proxy-mode=nftables; {how}"
        yield Scenario(f"{name}-{version}", build, provoke, said, failure, symptom, alert)


SCENARIOS = (
    *_on(
        "1.16.15 1.18.4",  # from 1.20 on kube-proxy makes the chain itself
        "legacy nft",
        "backend-mismatch",
        backend_mismatch,
        "one LoadBalancer Service with loadBalancerSourceRanges, and no kubelet to make the chain KUBE-MARK-DROP",
        "iptables-backend-mismatch",
        _RESTORE,
    ),
    *_on(
        "1.18.4 1.22.17 1.36.3",
        "legacy",  # with nft no lock is taken
        "lock-not-mounted",
        lock_not_mounted,
        "a second program in the same network namespace with its own /run adds and removes chains in a loop, "
        "Services change twice a second; --iptables-sync-period=2s --iptables-min-sync-period=100ms",
        "iptables-lock-not-mounted",
        _RESTORE,
    ),
    *_on(
        "1.18.4 1.22.17 1.36.3",
        "legacy",
        "restore-without-wait",
        restore_without_wait,
        "behind wrappers: iptables reports v1.4.22 and iptables-restore no version, so kube-proxy takes the lock "
        "itself and runs iptables-restore without -w, which then meets kube-proxy's own lock",
        "iptables-restore-without-wait",
        _RESTORE,
        _IMPATIENT,
    ),
    *_on(
        "1.18.4 1.22.17 1.36.3",
        "legacy",
        "lock-held",
        lock_held_too_long,
        "flock holds /run/xtables.lock for 20 of 23 seconds after a good start, Services change every 2 s",
        "iptables-lock-held-too-long",
    ),
    *_on(
        "1.18.4 1.22.17 1.36.3",
        "legacy nft",
        "apiserver-broken",
        apiserver_connection_broken,
        "a small API server (TLS, HTTP/2) breaks the answer to a list half way with RST_STREAM INTERNAL_ERROR",
        "apiserver-connection-broken",
    ),
    Scenario(
        "ipvs-panic-replayed",
        Build("1.18.4", _WAITING, "legacy"),
        replay("ipvs-startup-panic/samples/fires/v1.18.log"),
        "not provoked: no IPVS in this kernel; lines of the catalog, from source",
        "ipvs-startup-panic",
    ),
    Scenario(
        "save-panic-replayed",
        Build("1.18.4", _WAITING, "legacy"),
        replay("iptables-save-parse-panic/samples/fires/v1.14.3-nft-uncaught-panic.log"),
        "not provoked here: lines of the catalog, from a run of kube-proxy 1.14.3",
        "iptables-save-parse-panic",
    ),
    *_on(
        "1.16.15",
        "legacy",
        "frequent-sync",
        frequent_sync,
        "--iptables-sync-period=5s, nothing changes",
        "ipvs-frequent-sync",
    ),
    *_on("1.16.15", "legacy", "healthy", healthy, "a Service changes every 20 s"),
    *_on("1.18.4 1.22.17 1.36.3", "legacy nft", "healthy", healthy, "a Service changes every 20 s"),
    *_on(
        _OLD,
        "legacy",
        "apiserver-refused",
        p.apiserver_at("https://{gateway}:6666"),
        "nothing listens where the API server should",
        "apiserver-unreachable",
        _NEVER,
        alert=_NO_ANSWER,
    ),
    *_on(
        _NEW,
        "legacy",
        "apiserver-refused",
        p.apiserver_at("https://{gateway}:6666"),
        "nothing listens where the API server should",
        "apiserver-unreachable",
    ),
    *_on(
        "1.18.4",
        "legacy",
        "apiserver-no-route",
        p.apiserver_at("https://192.0.2.1:6443", "ip route add unreachable 192.0.2.1"),
        "an API server at 192.0.2.1, to which there is no route",
        "apiserver-unreachable",
        _NEVER,
        alert=_NO_ANSWER,
    ),
    *_on(
        "1.37.2",
        "legacy",
        "apiserver-no-route",
        p.apiserver_at("https://192.0.2.1:6443", "ip route add unreachable 192.0.2.1"),
        "an API server at 192.0.2.1, to which there is no route",
        "apiserver-unreachable",
    ),
    *_on(
        "1.37.2",
        "legacy",
        "apiserver-no-name-server",
        p.apiserver_at("https://apiserver.invalid:6443", NO_NAME_SERVER),
        "an API server by a name, and nobody listens where the name server should",
        "apiserver-unreachable",
    ),
    *_on(
        _ALL,
        "legacy",
        "apiserver-ends",
        p.apiserver_ends,
        "the API server ends after a good start",
        "apiserver-unreachable",
        alert=_NO_ANSWER,
    ),
    *_on(
        _OLD,
        "legacy",
        "apiserver-401",
        p.apiserver_refuses(401),
        "the API server answers 401 to everything",
        "apiserver-unauthorized",
        _NEVER,
    ),
    *_on(
        _NEW,
        "legacy",
        "apiserver-401",
        p.apiserver_refuses(401),
        "the API server answers 401 to everything",
        "apiserver-unauthorized",
    ),
    *_on(
        "1.37.2",
        "legacy",
        "apiserver-401-later",
        p.apiserver_refuses(401, later=True),
        "the API server answers 401 to everything after a good start",
        "apiserver-unauthorized",
    ),
    *_on(
        _OLD,
        "legacy",
        "apiserver-403",
        p.apiserver_refuses(403),
        "the API server answers 403 to everything",
        "apiserver-forbidden",
        _NEVER,
    ),
    *_on(
        _NEW,
        "legacy",
        "apiserver-403",
        p.apiserver_refuses(403),
        "the API server answers 403 to everything",
        "apiserver-forbidden",
    ),
    *_on(
        "1.22.17 1.36.3 1.37.2",  # 1.18 reads Endpoints
        "legacy",
        "apiserver-403-endpointslices",
        p.apiserver_refuses(403, "EndpointSlice"),
        "the API server answers 403 to requests for endpointslices",
        "apiserver-forbidden",
        _NEVER,
    ),
    *_on(
        "1.37.2",
        "legacy",
        "apiserver-403-servicecidrs",
        p.apiserver_refuses(403, "ServiceCIDR"),
        "the API server answers 403 to requests for servicecidrs",
        "apiserver-forbidden",
        alert=_SERVICE_CIDR,
    ),
    *_on_nftables(
        "apiserver-403-servicecidrs-nftables",
        p.apiserver_refuses(403, "ServiceCIDR", flags=(NFTABLES,)),
        "the API server answers 403 to requests for servicecidrs",
        "apiserver-forbidden",
        alert=_SERVICE_CIDR,
    ),
    *_on(
        "1.18.4",
        "legacy",
        "certificate-expired",
        p.certificate("expired"),
        "an API server whose certificate has expired",
        "apiserver-certificate-invalid",
        _NEVER,
    ),
    *_on(
        "1.37.2",
        "legacy",
        "certificate-expired",
        p.certificate("expired"),
        "an API server whose certificate has expired",
        "apiserver-certificate-invalid",
    ),
    *_on(
        _NEW,
        "legacy",
        "certificate-unknown-authority",
        p.certificate("unknown-authority"),
        "an API server whose certificate comes from an authority that the kubeconfig does not name",
        "apiserver-certificate-invalid",
    ),
    *_on(
        "1.18.4 1.22.17 1.36.3",
        "legacy",
        "conntrack-denied",
        p.started(*SYSCTL),
        "--conntrack-max-per-core and --conntrack-min by default, in a network namespace: the kernel refuses",
        "conntrack-sysctl-denied",
    ),
    *_on(
        "1.37.2",
        "legacy",
        "conntrack-read-only",
        p.started(
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=23h0m0s",
            inside=READ_ONLY,
        ),
        "--conntrack-tcp-timeout-established=23h with /proc/sys/net/netfilter mounted read-only",
        "conntrack-sysctl-denied",
    ),
    *_on(
        _ALL,
        "legacy",
        "no-extension",
        p.started(**NO_COMMENT),
        "XTABLES_LIBDIR names an empty folder, so that no extension can be loaded",
        "iptables-module-missing",
    ),
    *_on(
        "1.18.4 1.37.2",
        "legacy",
        "no-conntrack-match",
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="conntrack"),
        "a preloaded library answers for the kernel: it has no match conntrack",
        "iptables-module-missing",
    ),
    *_on(
        "1.22.17",
        "legacy",
        "no-mark-for-ipv6",
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="MARK", NO_FAMILY="6"),
        "a preloaded library answers for the kernel: it has no target MARK for IPv6",
        "iptables-mark-kernel-bug",
        _RESTORE,
    ),
    *_on(  # one family is refused once, before anybody has asked for metrics: no symptom
        _NEW,
        "legacy",
        "no-mark-for-ipv6",
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="MARK", NO_FAMILY="6"),
        "a preloaded library answers for the kernel: it has no target MARK for IPv6",
        "iptables-mark-kernel-bug",
    ),
    *_on(
        _ALL,
        "legacy",
        "flushed",
        p.done_on_the_node(FLUSH_ALL, later=True),
        "iptables -F and -X in mangle, nat and filter after a good start",
        "rules-flushed",
    ),
    *_on(
        _NEW,
        "nft",
        "anonymous-set",
        p.done_on_the_node(f"{OWNED}; {ANONYMOUS}"),
        "nft 1.1.3 put a rule with an anonymous set into ip nat POSTROUTING before the start",
        "iptables-rules-incompatible",
    ),
    *_on_nftables(
        "newer-nft",
        p.newer_nft_made_a_set(later=True),
        "nft 1.1.3 made a set of type ifname in a table of its own after a good start",
        "nftables-nft-crash",
        _NFT_SYNC,
    ),
    *_on_nftables(
        "flush-ruleset",
        p.done_on_the_node("{nft} flush ruleset", NFTABLES, later=True),
        "nft flush ruleset after a good start, then Services change",
        "rules-flushed",
    ),
    *_on_nftables(
        "long-name",
        p.long_service_name,
        "a Service without endpoints, with 63, 63 and 15 characters in namespace, name and port",
        "nftables-comment-too-long",
        _NFT_SYNC,
        versions="1.36.3",
    ),
    *_on_nftables("no-nft", p.no_nft, "no nft in PATH", "nftables-unavailable"),
    *_on_nftables("old-nft", p.old_nft(NFTABLES), "nft 0.9.8 in PATH", "nftables-unavailable"),
    *_on_nftables(
        "old-kernel",
        p.started(NFTABLES, inside=OLD_KERNEL),
        "a file with 5.10.0 over /proc/sys/kernel/osrelease",
        "nftables-unavailable",
    ),
    *_on(
        _NEW,
        "legacy",
        "no-ipvs",
        p.started("--proxy-mode=ipvs"),
        "--proxy-mode=ipvs on a kernel without IPVS",
        "ipvs-unavailable",
    ),
    *_on(
        _ALL,
        "legacy",
        "no-node",
        p.node_object(None),
        "the API server has no Node of this name",
        "node-unknown",
    ),
    *_on(
        _ALL,
        "legacy",
        "healthz-taken",
        p.port_taken(10256),
        "another program listens on port 10256",
        "ports-in-use",
    ),
    *_on(
        _ALL,
        "legacy",
        "metrics-taken",
        p.port_taken(10249),
        "another program listens on port 10249",
        "ports-in-use",
    ),
    *_on(
        _ALL,
        "legacy",
        "healthcheck-taken",
        p.healthcheck_port_taken,
        "another program listens on the healthCheckNodePort of a Service",
        "healthcheck-port-in-use",
    ),
    *_on(
        _ALL,
        "legacy",
        "no-inotify-instance",
        p.user_limit("max_inotify_instances"),
        "--config, in a user namespace with no inotify instance",
        "too-many-open-files",
    ),
    *_on(
        "1.37.2",
        "legacy",
        "no-inotify-watch",
        p.user_limit("max_inotify_watches"),
        "--config, in a user namespace with no inotify watch",
        "too-many-open-files",
    ),
    *_on(
        _NEW,
        "legacy",
        "slow-cleanups",
        p.slow_conntrack_cleanups,
        "-v=4; 200,000 connections of a UDP Service to a Pod that is gone, from a file (conntrack -R), again and again",
        "conntrack-cleanup-slow",
    ),
    *_on(
        "1.18.4 1.37.2",
        "legacy",
        "table-full",
        p.table_full(),
        _TABLE_FULL,
        "conntrack-table-full",
    ),
    *_on_nftables(
        "table-full-nftables",
        p.table_full(NFTABLES),
        _TABLE_FULL,
        "conntrack-table-full",
        versions="1.37.2",
    ),
    Scenario(
        "table-full-node-exporter",
        Build("1.37.2", _WAITING, "legacy"),
        p.table_filled(100),
        "node_exporter beside it, and nobody collects the kernel's log; a connection each second, and the table filled",
        "conntrack-table-full",
        alert="KubeProxyConntrackTableFullDrops",
        node_exporter=True,
    ),
    Scenario(
        "table-nearly-full-node-exporter",
        Build("1.37.2", _WAITING, "legacy"),
        p.table_filled(94),
        "node_exporter beside it; 94 % of the table filled, so that no connection is refused",
        "conntrack-table-full",
        alert="KubeProxyConntrackTableFullSoon",
        node_exporter=True,
    ),
    *_on("1.37.2", "legacy nft", "healthy", healthy, "a Service changes every 20 s"),
    *_on("1.16.15", "legacy", "healthy-restart", p.healthy(), _RESTARTED),
    *_on(_ALL, "legacy nft", "healthy-restart", p.healthy(), _RESTARTED),
    *_on(_NEW, "legacy nft", "healthy-dual-stack", p.healthy(_DUAL, dual=True), _BOTH_FAMILIES),
    *_on_nftables("healthy-nftables", p.healthy(NFTABLES), _RESTARTED),
    *_on_nftables(
        "healthy-dual-stack-nftables", p.healthy(NFTABLES, _DUAL, dual=True), _BOTH_FAMILIES
    ),
)
SHORT = (
    "backend-mismatch-1.18.4-legacy",
    "restore-without-wait-1.22.17-legacy",
    "lock-held-1.36.3-legacy",
    "healthy-1.36.3-legacy",
)
