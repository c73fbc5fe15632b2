"""The states of a node in which the steps of runbooks are proven, and which pages belong to which."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.lab import provoke as p
from tests.lab import scenarios
from tests.lab.captures import ANONYMOUS, FLUSH_ALL, NO_COMMENT, OWNED, PRELOAD, SYSCTL
from tests.lab.node import NEWER_NFT, OLDER_NFT, Node
from tests.lab.programs import Build
from tests.lab.provoke import NFTABLES, Provoke, change_services

# The pages that are followed on a broken node, by the beginning of its state's name.
_PAGES: Mapping[str, tuple[str, ...]] = {
    "backend-mismatch": (
        "iptables-backend-mismatch",
        "iptables-restore-failing",
        "metric-rules-watchdog",
    ),
    "lock-not-mounted": ("iptables-lock-not-mounted",),
    "restore-without-wait": ("iptables-restore-without-wait",),
    "lock-held": ("iptables-lock-held-too-long", "rules-stale", "sync-slow"),
    "apiserver-broken": ("apiserver-connection-broken", "network-programming-slow"),
    "first-sync-refused": ("never-synced",),
    "frequent-sync": ("ipvs-frequent-sync", "cpu-high"),
    "both-backends": ("iptables-save-parse-panic",),
    "crashing": ("restarting", "not-running"),
    "metrics-missing": ("metrics-missing",),
    "apiserver-elsewhere": ("apiserver-unreachable",),
    "apiserver-ends": ("apiserver-unreachable",),
    "apiserver-401": ("apiserver-unauthorized",),
    "apiserver-403": ("apiserver-forbidden",),
    "certificate": ("apiserver-certificate-invalid",),
    "conntrack-denied": ("conntrack-sysctl-denied",),
    "no-mark-for-ipv6": ("iptables-mark-kernel-bug",),
    "no-extension": ("iptables-module-missing",),
    "flushed": ("rules-flushed",),
    "anonymous-set": ("iptables-rules-incompatible",),
    "newer-nft": ("nftables-nft-crash", "nftables-sync-failing"),
    "long-name": ("nftables-comment-too-long", "nftables-sync-failing"),
    "old-nft": ("nftables-unavailable",),
    "no-ipvs": ("ipvs-unavailable",),
    "no-node": ("node-unknown",),
    "healthz-taken": ("ports-in-use",),
    "healthcheck-taken": ("healthcheck-port-in-use",),
    "no-inotify-instance": ("too-many-open-files",),
    "backend-switched": ("iptables-backend-switch",),
}
_SETTLE_SECONDS = 8
_HOLD_SECONDS = 1
_POLL_SECONDS = 0.2
_FAMILIES = 2
_TRY_AGAIN_SECONDS = 40  # kube-proxy says that it tries again after 30
_OTHER = {"legacy": "nft", "nft": "legacy"}


@dataclass(frozen=True)
class State:
    """A node with a kube-proxy. `telling`: what kube-proxy has printed once it is broken; none: it has synced.

    `foreign`: the node's own iptables has the other backend than kube-proxy's, and kubelet made its chains there.
    `nft`: the version of the node's own nft; kube-proxy has the older one.
    `stays`: for so many seconds no sync succeeds, though nothing is wrong any more.
    `mended` and `undone`: flags of kube-proxy and a command on the node that put right what is wrong.
    """

    name: str
    build: Build
    provoke: Provoke
    telling: str | None = None
    foreign: bool = False
    stays: float = 0
    nft: str = OLDER_NFT
    mended: tuple[str, ...] = ()
    undone: str = ""

    @property
    def backend(self) -> str:
        """That of the node's own iptables."""
        return _OTHER[self.build.backend] if self.foreign else self.build.backend

    @property
    def pages(self) -> tuple[str, ...] | None:
        """The entries whose failure this is; None if nothing is broken."""
        return next((pages for start, pages in _PAGES.items() if self.name.startswith(start)), None)

    def broken(self, node: Node) -> bool:
        return any(re.search(str(self.telling), line) for _, line in node.lines)


async def lock_held_without_end(node: Node) -> None:
    """A program that hangs while it holds the lock, and one that waits for it for ever."""
    await node.start_kube_proxy()
    await asyncio.sleep(_SETTLE_SECONDS)
    await node.run("flock", "/run/xtables.lock", "sleep", "3600")
    await asyncio.sleep(_HOLD_SECONDS)  # not to be beaten to it
    await node.run("iptables", "-w", "-t", "nat", "-N", "WAITING")
    await change_services(node, 2)


async def first_sync_refused(node: Node) -> None:
    """The first sync of both families is refused; afterwards nothing is wrong, and nothing changes."""
    refused = node.folder / "run" / "refused"
    refused.touch()
    for name in ("iptables-restore", "ip6tables-restore"):
        refuse = "[ -e /run/refused ] && echo refused >&2 && exit 4"
        node.command(name, f'[ "$1" = --version ] && exec $REAL "$@"\n{refuse}\nexec $REAL "$@"')
    node.api.service("web", "10.96.1.1")
    await node.start_kube_proxy()
    while sum("refused" in line for _, line in node.lines) < _FAMILIES:
        await asyncio.sleep(_POLL_SECONDS)
    refused.unlink()
    await asyncio.Event().wait()


async def both_backends(node: Node) -> None:
    """Somebody has made a legacy table on a node of the other backend."""
    legacy = node.iptables / "usr" / "sbin" / "xtables-legacy-multi"
    await node.run(str(legacy), "iptables", "-t", "nat", "-N", "FOREIGN")
    await node.start_kube_proxy()
    await asyncio.Event().wait()


async def backend_switched(node: Node) -> None:
    """The chains of a kube-proxy that had the other backend are still there."""
    legacy = node.iptables / "usr" / "sbin" / "xtables-legacy-multi"
    for chain in ("KUBE-SERVICES", "KUBE-SVC-ABCDEFGHIJKLMNOP"):
        await node.run(str(legacy), "iptables", "-w", "-t", "nat", "-N", chain)
    await node.start_kube_proxy()
    await asyncio.Event().wait()


async def crashing(node: Node) -> None:
    await node.start_kube_proxy("--cluster-cidr=nonsense")
    await asyncio.Event().wait()


async def metrics_missing(node: Node) -> None:
    """kube-proxy by its default, as Prometheus cannot reach it."""
    await node.start_kube_proxy("--metrics-bind-address=127.0.0.1")
    await asyncio.Event().wait()


async def healthy_nftables(node: Node) -> None:
    await node.start_kube_proxy("--proxy-mode=nftables")
    await change_services(node, 20)


async def healthy_large(node: Node) -> None:
    """More than 1,000 endpoints, from which on kube-proxy writes no comments."""
    node.api.service("large", "10.96.2.1")
    for number in range(2, 14):
        node.api.slice("large", number, [f"10.244.{number}.{pod}" for pod in range(1, 101)])
    await node.start_kube_proxy()
    await change_services(node, 20)


def _states(
    name: str,
    on: str,
    provoke: Provoke,
    telling: str | None = None,
    iptables: str = "1.8.9",
    nft: str = OLDER_NFT,
    mended: tuple[str, ...] = (),
    undone: str = "",
) -> list[State]:
    """A state on each of these versions of kube-proxy with their backend, or in nftables mode."""
    found = []
    for word in on.split():
        version, _, backend = word.partition("-")
        build = Build(version, iptables, backend)
        if backend == "nftables":
            build = Build(version, iptables, "nft", nftables_mode=True)
        found.append(
            State(
                f"{name}-{word}",
                build,
                provoke,
                telling,
                foreign=provoke is scenarios.backend_mismatch,
                stays=_TRY_AGAIN_SECONDS if provoke is first_sync_refused else 0,
                nft=nft,
                mended=mended,
                undone=undone,
            )
        )
    return found


_MISMATCHED = "1.16.15-legacy 1.16.15-nft 1.18.4-legacy 1.18.4-nft"
_LOCKING = "1.18.4-legacy 1.22.17-legacy 1.36.3-legacy"
_RENDERINGS = "1.18.4-legacy 1.22.17-legacy 1.36.3-legacy"  # of lines of the log
_NEW = "1.36.3-nftables 1.37.2-nftables"
_NO_MARK = p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="MARK", NO_FAMILY="6")
_ALL = "1.16.15-legacy 1.18.4-legacy 1.18.4-nft 1.22.17-legacy 1.22.17-nft 1.36.3-legacy 1.36.3-nft"
STATES = (
    *_states("backend-mismatch", _MISMATCHED, scenarios.backend_mismatch, "KUBE-MARK-DROP"),
    *_states(
        "lock-not-mounted",
        _LOCKING,
        scenarios.lock_not_mounted,
        "line [0-9]+ failed|Resource temporarily",
    ),
    *_states(
        "restore-without-wait",
        _LOCKING,
        scenarios.restore_without_wait,
        "use the -w option",
        "1.8.7",
    ),
    *_states("lock-held", _LOCKING, lock_held_without_end, "holding the xtables lock"),
    *_states("apiserver-broken", _LOCKING, scenarios.apiserver_connection_broken, "stream error"),
    *_states("first-sync-refused", "1.36.3-legacy 1.36.3-nft", first_sync_refused, "refused"),
    *_states("frequent-sync", "1.16.15-legacy", scenarios.frequent_sync),
    *_states("both-backends", "1.18.4-nft 1.36.3-nft", both_backends),
    *_states("crashing", "1.18.4-legacy 1.36.3-legacy", crashing, "nonsense"),
    *_states("metrics-missing", "1.18.4-legacy 1.36.3-nft", metrics_missing, "Caches are synced"),
    *_states(
        "apiserver-elsewhere",
        _RENDERINGS,
        p.apiserver_at("https://{gateway}:6666"),
        "(?i)(failed to (list|watch)|backing off).*connection refused",  # not the look-up of the Node
    ),
    *_states("apiserver-ends", "1.18.4-legacy", p.apiserver_ends, "connection refused"),
    *_states(
        "apiserver-401",
        _RENDERINGS,
        p.apiserver_refuses(401, later=True),
        "Unauthorized|the client to provide credentials",
    ),
    *_states("apiserver-403", _RENDERINGS, p.apiserver_refuses(403, later=True), "is forbidden"),
    *_states(
        "apiserver-403-servicecidrs",
        "1.37.2-nftables",
        p.apiserver_refuses(403, "ServiceCIDR", flags=(NFTABLES,)),
        "is forbidden",
    ),
    *_states("certificate-expired", _RENDERINGS, p.certificate("expired"), "x509: "),
    *_states(
        "certificate-unknown-authority",
        "1.18.4-legacy 1.36.3-legacy",
        p.certificate("unknown-authority"),
        "x509: ",
    ),
    *_states(
        "conntrack-denied",
        _RENDERINGS,
        p.started(*SYSCTL),
        "nf_conntrack_max: permission denied",
        mended=("--conntrack-max-per-core=0",),
    ),
    *_states(
        "no-mark-for-ipv6", "1.22.17-legacy 1.36.3-legacy", _NO_MARK, "unknown option"
    ),  # 1.18 writes one family
    *_states("no-extension", _RENDERINGS, p.started(**NO_COMMENT), "load match"),
    *_states(
        "flushed",
        "1.18.4-legacy 1.36.3-legacy 1.36.3-nft",
        p.done_on_the_node(FLUSH_ALL, later=True),
        "after iptables flush",
    ),
    *_states(
        "flushed",
        _NEW,
        p.done_on_the_node("{nft} flush ruleset", NFTABLES, later=True),
        "/dev/stdin:[0-9:-]+ Error: No such file",
        nft=NEWER_NFT,
    ),
    *_states(
        "anonymous-set",
        "1.36.3-nft 1.37.2-nft",
        p.done_on_the_node(f"{OWNED}; {ANONYMOUS}"),
        "is incompatible, use",
        undone="{nft} flush chain ip nat POSTROUTING",
    ),
    *_states(
        "newer-nft",
        _NEW,
        p.newer_nft_made_a_set(later=True),
        "signal: segmentation fault",
        nft=NEWER_NFT,
        undone="{nft} delete table ip other",
    ),
    *_states("long-name", "1.36.3-nftables", p.long_service_name, "comment too long"),
    *_states("old-nft", _NEW, p.old_nft(NFTABLES), "nft version must be"),
    *_states(
        "no-ipvs",
        "1.36.3-legacy",
        p.started("--proxy-mode=ipvs"),
        "use the IPVS proxier",
        mended=("--proxy-mode=iptables",),
    ),
    *_states(
        "no-node",
        _RENDERINGS,
        p.node_object(None),
        "assuming loopback|assuming 127|Timed out waiting for node",
    ),
    *_states("healthz-taken", _RENDERINGS, p.port_taken(10256), "10256: bind: address already"),
    *_states("healthcheck-taken", _RENDERINGS, p.healthcheck_port_taken, "bind: address already"),
    *_states(
        "no-inotify-instance",
        _RENDERINGS,
        p.user_limit("max_inotify_instances"),
        "failed complete: too many open files",
    ),
    *_states("backend-switched", "1.36.3-nft", backend_switched),
    *_states("healthy", _ALL, scenarios.healthy),
    *_states("healthy-large", "1.22.17-legacy 1.36.3-nft", healthy_large),
    *_states("healthy", "1.36.3-nftables", healthy_nftables),
)
SHORT = ("backend-mismatch-1.18.4-legacy", "healthy-1.18.4-legacy")
