"""The failures, and how each is provoked. A scenario goes on provoking until it is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.node import OTHER_CHAIN, Node
from tests.lab.programs import Build

Provoke = Callable[[Node], Coroutine[Any, Any, None]]

_WAITING = "1.8.9"  # the iptables that waits for the lock
_IMPATIENT = "1.8.7"  # the one that fails at once if it was started without -w
_RESTORE = "KubeProxyIptablesRestoreFailing"
_SETTLE_SECONDS = 8
_CATALOG = Path(__file__).parents[2] / "catalog"


@dataclass(frozen=True)
class Scenario:
    """`failure` is the entry whose alert must come, none for a healthy run; `symptom` the alert that it holds back.

    `how` completes "kube-proxy 1.18.4, iptables 1.8.9 (legacy): …" in the catalog.
    """

    name: str
    build: Build
    provoke: Provoke
    how: str
    failure: str | None = None
    symptom: str | None = None


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


async def change_services(node: Node, period: float) -> None:
    for number in range(1_000_000):
        await node.restless.wait()
        node.api.service(f"web-{number % 8}", f"10.96.1.{number % 250 + 1}")
        await asyncio.sleep(period)


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
) -> Iterator[Scenario]:
    """A scenario for each of these versions of kube-proxy over each backend."""
    for version in versions.split():
        for backend in backends.split():
            build = Build(version, iptables, backend)
            yield Scenario(f"{name}-{version}-{backend}", build, provoke, how, failure, symptom)


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
)
SHORT = (
    "backend-mismatch-1.18.4-legacy",
    "restore-without-wait-1.22.17-legacy",
    "lock-held-1.36.3-legacy",
    "healthy-1.36.3-legacy",
)
