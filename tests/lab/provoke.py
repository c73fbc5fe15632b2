"""How the failures of today's clusters are provoked: the API server, the node's kernel and programs, nftables mode."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from tests.lab.apiserver import Object
from tests.lab.node import Node

Provoke = Callable[[Node], Coroutine[Any, Any, None]]

NFTABLES = "--proxy-mode=nftables"
_SETTLE_SECONDS = 8
_MOMENT_SECONDS = 1
_OTHER_PORT = 6444
_CONNECTIONS = 200_000  # fewer than the kernel keeps in a network namespace
_LIMIT = Path("/proc/sys/net/netfilter/nf_conntrack_max")  # of each network namespace
_SCRAPED_SECONDS = 40  # until node_exporter was asked twice, over a connection that stays
# A program on the node that begins a connection each second, each from a port of its own.
_CLIENT = """
import socket, sys, time
while True:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        try:
            client.sendto(b"x", (sys.argv[1], 9))
        except PermissionError:
            pass  # what the kernel answers when it has no room
    time.sleep(1)
"""
_CLEANUP_SECONDS = 40
_HEALTH_PORT = 32111
_SETS = "add table ip other; add set ip other s { type ifname; elements = { test }; }"


async def change_services(node: Node, period: float) -> None:
    for number in range(1_000_000):
        await node.restless.wait()
        node.api.service(f"web-{number % 8}", f"10.96.1.{number % 250 + 1}")
        await asyncio.sleep(period)


def started(*flags: str, inside: str = "", **environment: str) -> Provoke:
    """kube-proxy with these flags and this environment, after these commands in mounts of its own."""

    async def provoke(node: Node) -> None:
        node.inside = inside
        node.environment = {name: value.format(node=node) for name, value in environment.items()}
        node.cause()
        await node.start_kube_proxy(*flags)
        await change_services(node, 20)

    return provoke


def done_on_the_node(command: str, *flags: str, later: bool = False) -> Provoke:
    """Something is run on the node, before kube-proxy starts or after a good start; `{nft}` in it is the newer nft."""

    async def provoke(node: Node) -> None:
        if later:
            node.api.service("web", "10.96.1.1")
            await node.start_kube_proxy(*flags)
            await asyncio.sleep(_SETTLE_SECONDS)
        await node.run("sh", "-c", node.shell_text(command))
        await asyncio.sleep(_MOMENT_SECONDS)
        node.cause()
        if not later:
            await node.start_kube_proxy(*flags)
        await change_services(node, 5)

    return provoke


def newer_nft_made_a_set(later: bool) -> Provoke:
    """A program with a newer nft made a set whose description an older nft cannot read, and crashes."""
    return done_on_the_node(f"{{nft}} '{_SETS}'", NFTABLES, later=later)


def old_nft(*flags: str) -> Provoke:
    async def provoke(node: Node) -> None:
        node.set_nft("0.9.8")
        node.cause()
        await node.start_kube_proxy(*flags)
        await asyncio.Event().wait()

    return provoke


async def no_nft(node: Node) -> None:
    (node.commands / "nft").unlink()
    node.inside = f"export PATH={node.commands}"  # only what the lab has put there
    node.cause()
    await node.start_kube_proxy(NFTABLES)
    await asyncio.Event().wait()


def apiserver_refuses(
    status: int, *kinds: str, later: bool = False, flags: tuple[str, ...] = ()
) -> Provoke:
    """Requests for these kinds, else for all, end with a status; from the start or after a good one."""

    async def provoke(node: Node) -> None:
        if later:
            node.api.service("web", "10.96.1.1")
            await node.start_kube_proxy(*flags)
            await asyncio.sleep(_SETTLE_SECONDS)
        node.api.refuse(status, *kinds)
        node.cause()
        if not later:
            await node.start_kube_proxy(*flags)
        await asyncio.Event().wait()

    return provoke


def apiserver_at(server: str, inside: str = "") -> Provoke:
    """The kubeconfig names another server; `{gateway}` in it is the API server's address."""

    async def provoke(node: Node) -> None:
        node.inside = inside
        node.server = server.format(gateway=node.gateway)
        node.cause()
        await node.start_kube_proxy()
        await asyncio.Event().wait()

    return provoke


async def apiserver_ends(node: Node) -> None:
    node.api.service("web", "10.96.1.1")
    await node.start_kube_proxy()
    await asyncio.sleep(_SETTLE_SECONDS)
    node.api.stop()
    node.cause()
    await asyncio.Event().wait()


def certificate(fault: str) -> Provoke:
    """The API server's certificate has expired, is for another name, or comes from an authority nobody knows."""

    async def provoke(node: Node) -> None:
        known, other = trustme.CA(), trustme.CA()
        yesterday = datetime.now(UTC) - timedelta(days=1)
        served = {
            "expired": lambda: known.issue_cert(
                node.gateway, not_before=yesterday - timedelta(days=365), not_after=yesterday
            ),
            "other-address": lambda: known.issue_cert("10.96.0.1", "kubernetes.default"),
            "no-address": lambda: known.issue_cert("kubernetes.default"),
            "unknown-authority": lambda: other.issue_cert(node.gateway),
        }[fault]()
        node.authority = known.cert_pem.bytes()
        node.server = f"https://{node.gateway}:{_OTHER_PORT}"
        server = await node.api.serve(node.gateway, _OTHER_PORT, served)
        node.cause()
        await node.start_kube_proxy()
        async with server:
            await asyncio.Event().wait()

    return provoke


def node_object(status: Object | None, *flags: str) -> Provoke:
    """The Node has this status and no podCIDR, or there is none."""

    async def provoke(node: Node) -> None:
        node.api.remove("Node", node.name)
        if status is not None:
            node.api.put("Node", {"metadata": {"name": node.name}, "status": status})
        node.cause()
        await node.start_kube_proxy(*flags)
        await asyncio.Event().wait()

    return provoke


async def node_without_pod_cidr(node: Node) -> None:
    node.cause()
    await node.start_kube_proxy("--detect-local-mode=NodeCIDR")
    await asyncio.Event().wait()


async def long_service_name(node: Node) -> None:
    """A Service with the longest name that is allowed, and no endpoint."""
    name, port = "n" * 63, "p" * 15
    await node.start_kube_proxy(NFTABLES)
    await asyncio.sleep(_SETTLE_SECONDS)
    node.cause()
    ports = [{"name": port, "port": 80, "protocol": "TCP", "targetPort": 8080}]
    node.api.service(name, "10.96.3.1", {"ports": ports}, namespace="s" * 63, pods=[])
    await change_services(node, 5)


async def slow_conntrack_cleanups(node: Node) -> None:
    """Clients of a DNS Service keep more connections to a Pod that is gone than are deleted in five seconds."""
    address, gone = "10.96.4.1", "10.244.9.9"
    ports = [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}]
    node.api.service("dns", address, {"ports": ports}, pods=[])
    node.api.slice("dns", 1, ["10.244.4.1"], port=ports[0])
    await node.start_kube_proxy("-v=4")
    await asyncio.sleep(_SETTLE_SECONDS)
    connections = _connections(node, _CONNECTIONS, address, gone, "SEEN_REPLY")
    node.cause()
    for pod in range(2, 200):
        await _track(node, connections)
        node.api.slice("dns", 1, [f"10.244.4.{pod}"], port=ports[0])
        await asyncio.sleep(_CLEANUP_SECONDS)


def _connections(node: Node, count: int, service: str, pod: str, status: str) -> Path:
    """A file with connections of a UDP Service to a Pod, each from a client of its own."""
    path = node.folder / "connections"
    path.write_text(
        "".join(
            f"-A -s 10.1.{number // 250 % 250}.{number % 250 + 1} -d {service} -r {pod} "
            f"-q 10.1.{number // 250 % 250}.{number % 250 + 1} -p udp --sport {1024 + number // 62_500} "
            f"--dport 53 --reply-port-src 53 --reply-port-dst {1024 + number // 62_500} "
            f"-t 3600 -u {status}\n"
            for number in range(count)
        ),
        encoding="utf-8",
    )
    return path


async def _track(node: Node, connections: Path) -> None:
    """Put the connections of a file into the node's table."""
    done = node.folder / "tracked"
    done.unlink(missing_ok=True)
    await node.run("sh", "-c", f"{node.tool('conntrack')} -R {connections}; touch {done}")
    while not done.exists():
        await asyncio.sleep(_MOMENT_SECONDS)


async def _fill_table(node: Node, percent: int) -> None:
    """Fill the node's table of connections with those that the kernel does not give up for new ones.

    The limit stays as it is: it is the machine's, but each network namespace may have so many of its own.
    """
    count = int(_LIMIT.read_text()) * percent // 100
    status = "SEEN_REPLY,ASSURED"
    await _track(node, _connections(node, count, "10.96.4.1", "10.244.9.9", status))


def table_full(*flags: str) -> Provoke:
    """The table is full, and a program begins connections; the kernel's log is collected."""

    async def provoke(node: Node) -> None:
        await node.start_kube_proxy(*flags)
        await asyncio.sleep(_SETTLE_SECONDS)
        await _fill_table(node, 100)
        node.collect_kernel_log()
        node.cause()
        await node.run("python3", "-c", _CLIENT, node.gateway)
        await asyncio.Event().wait()

    return provoke


def table_filled(percent: int) -> Provoke:
    """So much of the table is in use, and a program begins connections; nobody collects the kernel's log."""

    async def provoke(node: Node) -> None:
        await node.start_kube_proxy()
        await node.run("python3", "-c", _CLIENT, node.gateway)
        await asyncio.sleep(_SCRAPED_SECONDS)
        await _fill_table(node, percent)
        node.cause()
        await asyncio.Event().wait()

    return provoke


def port_taken(port: int) -> Provoke:
    """Another program listens where kube-proxy wants to."""
    return done_on_the_node(f"exec python3 -m http.server {port} --bind 0.0.0.0")


async def healthcheck_port_taken(node: Node) -> None:
    await node.run(
        "iptables", "-t", "nat", "-N", "KUBE-MARK-DROP"
    )  # as kubelet does; older releases want it
    await node.run("python3", "-m", "http.server", str(_HEALTH_PORT), "--bind", "0.0.0.0")  # noqa: S104
    await node.start_kube_proxy()
    await asyncio.sleep(_SETTLE_SECONDS)
    node.cause()
    local = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": _HEALTH_PORT,
    }
    node.api.service("guarded", "10.96.0.20", local)
    await change_services(node, 20)


async def config_file(node: Node) -> None:
    """kube-proxy watches the file of --config; in its user namespace nobody may watch anything."""
    path = node.folder / "config.yaml"
    path.write_text(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\n"
        f"hostnameOverride: {node.name}\nclientConnection: {{kubeconfig: {node.folder / 'kubeconfig'}}}\n"
        "conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}\n"
        "metricsBindAddress: 0.0.0.0:10249\n",
        encoding="utf-8",
    )
    node.cause()
    await node.start_kube_proxy(f"--config={path}")
    await asyncio.Event().wait()


def user_limit(name: str) -> Provoke:
    async def provoke(node: Node) -> None:
        limit = f"echo 0 > /proc/sys/user/{name}"
        node.inside = f'exec unshare --user --map-root-user sh -c \'{limit} && exec "$@"\' sh "$@"'
        await config_file(node)

    return provoke


def healthy(*flags: str, dual: bool = False) -> Provoke:
    """A good start, Services that come, change and go, and a restart."""

    async def provoke(node: Node) -> None:
        node.supervised = True
        if dual:
            node.api.dual_stack(node.address6)
        node.api.service("web", "10.96.1.1")
        await node.start_kube_proxy(*flags)
        await asyncio.sleep(_SETTLE_SECONDS)
        sticky = {
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
        }
        node.api.service("web", "10.96.1.1", sticky, pods=["10.244.0.7", "10.244.0.8"])
        node.api.service("late", "10.96.1.2")
        await asyncio.sleep(_SETTLE_SECONDS)
        node.end_kube_proxy()
        await asyncio.sleep(_SETTLE_SECONDS)
        node.api.delete("Service", "late")
        node.api.delete("EndpointSlice", "late-1")
        node.api.delete("Endpoints", "late")
        await change_services(node, 20)

    return provoke
