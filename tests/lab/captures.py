"""The captures that the lab can make again: which failure, which builds, and for how long."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab import provoke as p
from tests.lab.programs import Build
from tests.lab.provoke import NFTABLES, Provoke

_SECONDS = 30
_JSON = "--logging-format=json"
_NEW = "1.37.2 1.36.3"
_STRUCTURED = "1.37.2 1.36.3 1.22.17"
_ALL = "1.37.2 1.36.3 1.22.17 1.18.4"


@dataclass(frozen=True)
class Capture:
    """A file under tests/captures, and the run that it comes from."""

    path: str
    build: Build
    provoke: Provoke
    how: str
    programs: str
    flags: tuple[str, ...] = ()
    seconds: float = _SECONDS


def _of(
    folder: str,
    name: str,
    versions: str,
    provoke: Provoke,
    how: str,
    seconds: float = _SECONDS,
    backends: str = "legacy",
    formats: str = "text json",
    mode: str = "",
) -> Iterator[Capture]:
    """A capture for each of these releases; in JSON too where it can print that."""
    for version in versions.split():
        for backend in backends.split():
            for form in formats.split():
                if form == "json" and version not in _NEW:
                    continue
                flags = (_JSON,) if form == "json" else ()
                middle = mode or ("" if backends == "legacy" else f"{backend}-")
                end = "-json" if flags else ""
                runs = "nft 1.0.6" if mode == "nftables-" else f"iptables 1.8.9 ({backend})"
                programs = f"kube-proxy v{version}{' ' + _JSON if flags else ''}, {runs}"
                path = f"{folder}/v{version}-{middle}{name}{end}.log"
                yield Capture(
                    path, Build(version, "1.8.9", backend), provoke, how, programs, flags, seconds
                )


def _nftables(
    folder: str, name: str, provoke: Provoke, how: str, seconds: float = _SECONDS
) -> Iterator[Capture]:
    return _of(
        folder, name, _NEW, provoke, f"--proxy-mode=nftables; {how}", seconds, mode="nftables-"
    )


_FLUSH = "iptables -t {t} -F; iptables -t {t} -X"
FLUSH_ALL = "; ".join(_FLUSH.format(t=table) for table in ("mangle", "nat", "filter"))
ANONYMOUS = "{nft} add rule ip nat POSTROUTING ip daddr { 192.0.2.1, 192.0.2.2 } masquerade"
OWNED = "iptables -t nat -A POSTROUTING -d 192.0.2.9 -j ACCEPT"
NO_COMMENT = {"XTABLES_LIBDIR": "/nowhere"}
PRELOAD = "{node.programs.no_target}"
SYSCTL = ("--conntrack-max-per-core=32768", "--conntrack-min=131072")
NO_NAME_SERVER = (
    "echo nameserver 127.0.0.1 > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf"
)
OLD_KERNEL = "echo 5.10.0 > /run/release && mount --bind /run/release /proc/sys/kernel/osrelease"
READ_ONLY = "cd /proc/sys/net/netfilter && mount --bind . . && mount -o remount,bind,ro /proc/sys/net/netfilter; cd /"

CAPTURED = (
    *_of(
        "apiserver-unreachable/fires",
        "no-route",
        _ALL,
        p.apiserver_at("https://192.0.2.1:6443", "ip route add unreachable 192.0.2.1"),
        "an API server at 192.0.2.1, to which there is no route",
        40,
    ),
    *_of(
        "apiserver-unreachable/fires",
        "no-name-server",
        _ALL,
        p.apiserver_at("https://apiserver.invalid:6443", NO_NAME_SERVER),
        "an API server by a name, and nobody listens where the name server should",
    ),
    *_of(
        "apiserver-unreachable/fires",
        "refused-from-the-start",
        _ALL,
        p.apiserver_at("https://{gateway}:6666"),
        "nothing listens where the API server should",
    ),
    *_of(
        "apiserver-unreachable/fires",
        "refused-later",
        "1.18.4",
        p.apiserver_ends,
        "the API server ends after a good start",
        60,
    ),
    *_of(  # no line at -v=2 from client-go 0.22 on: only the metric tells
        "apiserver-unreachable/silent",
        "refused-later",
        _STRUCTURED,
        p.apiserver_ends,
        "the API server ends after a good start",
        60,
    ),
    *_of(
        "apiserver-unauthorized/fires",
        "http-401-from-the-start",
        _ALL,
        p.apiserver_refuses(401),
        "the API server answers 401 to everything",
    ),
    *_of(
        "apiserver-unauthorized/fires",
        "http-401-later",
        _ALL,
        p.apiserver_refuses(401, later=True),
        "the API server answers 401 to everything after a good start",
        40,
    ),
    *_of(
        "apiserver-forbidden/fires",
        "http-403-from-the-start",
        _ALL,
        p.apiserver_refuses(403),
        "the API server answers 403 to everything",
    ),
    *_of(
        "apiserver-forbidden/fires",
        "http-403-later",
        _ALL,
        p.apiserver_refuses(403, later=True),
        "the API server answers 403 to everything after a good start",
        40,
    ),
    *_of(
        "apiserver-forbidden/fires",
        "nodes",
        _NEW,
        p.apiserver_refuses(403, "Node"),
        "the API server answers 403 to requests for nodes",
    ),
    *_of(
        "apiserver-forbidden/fires",
        "endpointslices",
        _ALL.replace(" 1.18.4", ""),
        p.apiserver_refuses(403, "EndpointSlice"),
        "the API server answers 403 to requests for endpointslices",
    ),
    *_of(
        "apiserver-forbidden/fires",
        "servicecidrs",
        _NEW,
        p.apiserver_refuses(403, "ServiceCIDR", flags=(NFTABLES,)),
        "--proxy-mode=nftables; the API server answers 403 to requests for servicecidrs",
        mode="nftables-",
    ),
    *(
        one
        for fault in ("expired", "other-address", "no-address", "unknown-authority")
        for one in _of(
            "apiserver-certificate-invalid/fires",
            fault,
            _ALL,
            p.certificate(fault),
            f"an API server whose certificate is wrong: {fault}",
        )
    ),
    *_nftables(
        "nftables-nft-crash/fires",
        "from-the-start",
        p.newer_nft_made_a_set(later=False),
        "nft 1.1.3 made a set of type ifname in a table of its own before the start",
    ),
    *_nftables(
        "nftables-nft-crash/fires",
        "later",
        p.newer_nft_made_a_set(later=True),
        "nft 1.1.3 made a set of type ifname in a table of its own after a good start",
        60,
    ),
    *_of(
        "nftables-comment-too-long/fires",
        "no-endpoints",
        "1.36.3",
        p.long_service_name,
        "--proxy-mode=nftables; a Service without endpoints, with 63, 63 and 15 characters in namespace, name and port",
        60,
        mode="nftables-",
    ),
    *_nftables(
        "rules-flushed/fires",
        "flush-ruleset",
        p.done_on_the_node("{nft} flush ruleset", NFTABLES, later=True),
        "nft flush ruleset after a good start, then Services change",
        60,
    ),
    *_of(
        "rules-flushed/fires",
        "flushed",
        _ALL,
        p.done_on_the_node(FLUSH_ALL, later=True),
        "iptables -F and -X in mangle, nat and filter after a good start",
        75,
        "legacy nft",
    ),
    *_of(
        "iptables-rules-incompatible/fires",
        "anonymous-set",
        _NEW,
        p.done_on_the_node(f"{OWNED}; {ANONYMOUS}"),
        "nft 1.1.3 put a rule with an anonymous set into ip nat POSTROUTING before the start",
        20,
        "nft",
        mode="nft-",
    ),
    *_of(
        "conntrack-sysctl-denied/fires",
        "permission-denied",
        "1.36.3 1.22.17 1.18.4",
        p.started(*SYSCTL),
        "--conntrack-max-per-core and --conntrack-min by default, in a network namespace: the kernel refuses",
        15,
    ),
    *_of(
        "conntrack-sysctl-denied/fires",
        "no-such-file",
        _ALL,
        p.started(*SYSCTL, inside="mount --bind /proc/sys/abi /proc/sys/net/netfilter"),
        "the same with an empty folder over /proc/sys/net/netfilter",
        15,
    ),
    *_of(
        "conntrack-sysctl-denied/fires",
        "read-only",
        _ALL,
        p.started(
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=23h0m0s",
            inside=READ_ONLY,
        ),
        "--conntrack-tcp-timeout-established=23h with /proc/sys/net/netfilter mounted read-only",
        15,
    ),
    *_of(
        "iptables-module-missing/fires",
        "no-extension",
        _ALL,
        p.started(**NO_COMMENT),
        "XTABLES_LIBDIR names an empty folder, so that no extension can be loaded",
        45,
        "legacy nft",
    ),
    *_of(
        "iptables-module-missing/fires",
        "conntrack-kernel",
        _ALL,
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="conntrack"),
        "a preloaded library answers for the kernel: it has no match conntrack",
        45,
    ),
    *_of(
        "iptables-module-missing/fires",
        "mark-kernel",
        _ALL,
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="MARK", NO_FAMILY="4"),
        "a preloaded library answers for the kernel: it has no target MARK for IPv4",
        45,
    ),
    *_of(
        "iptables-mark-kernel-bug/fires",
        "dual-stack",
        _STRUCTURED,
        p.started(LD_PRELOAD=PRELOAD, NO_EXTENSION="MARK", NO_FAMILY="6"),
        "a preloaded library answers for the kernel: it has no target MARK for IPv6",
        45,
    ),
    *_of(
        "node-unknown/fires",
        "no-node",
        _ALL,
        p.node_object(None),
        "the API server has no Node of this name",
        45,
    ),
    *_of(
        "node-unknown/fires",
        "no-addresses",
        _ALL,
        p.node_object({"addresses": []}),
        "the Node has no addresses",
        45,
    ),
    *_of(
        "node-unknown/fires",
        "no-pod-cidr",
        _NEW,
        p.node_without_pod_cidr,
        "--detect-local-mode=NodeCIDR and a Node without podCIDR",
        320,
    ),
    *_nftables("nftables-unavailable/fires", "no-nft", p.no_nft, "no nft in PATH", 10),
    *_nftables(
        "nftables-unavailable/fires", "nft-0.9.8", p.old_nft(NFTABLES), "nft 0.9.8 in PATH", 10
    ),
    *_nftables(
        "nftables-unavailable/fires",
        "old-kernel",
        p.started(NFTABLES, inside=OLD_KERNEL),
        "a file with 5.10.0 over /proc/sys/kernel/osrelease",
        10,
    ),
    *_of(
        "ipvs-unavailable/fires",
        "no-ipvs",
        _NEW,
        p.started("--proxy-mode=ipvs"),
        "--proxy-mode=ipvs on a kernel without IPVS",
        10,
    ),
    *_of(
        "ports-in-use/fires",
        "healthz",
        _ALL,
        p.port_taken(10256),
        "another program listens on port 10256",
        40,
    ),
    *_of(
        "ports-in-use/fires",
        "metrics",
        _ALL,
        p.port_taken(10249),
        "another program listens on port 10249",
        40,
    ),
    *_of(
        "healthcheck-port-in-use/fires",
        "taken",
        _ALL,
        p.healthcheck_port_taken,
        "another program listens on the healthCheckNodePort of a Service",
    ),
    *_of(
        "too-many-open-files/fires",
        "instances",
        _ALL,
        p.user_limit("max_inotify_instances"),
        "--config, in a user namespace with no inotify instance",
        10,
    ),
    *_of(
        "too-many-open-files/fires",
        "watches",
        _ALL,
        p.user_limit("max_inotify_watches"),
        "--config, in a user namespace with no inotify watch",
        10,
    ),
    *_of(
        "healthy",
        "restart",
        _ALL,
        p.healthy(),
        "a good start, Services that come, change and go, a restart",
        45,
        "legacy nft",
    ),
    *_of(
        "healthy",
        "dual-stack",
        _NEW,
        p.healthy("--cluster-cidr=10.244.0.0/16,fd00:244::/56", dual=True),
        "the same with a Node and a Service of both families",
        45,
        "legacy nft",
    ),
    *_nftables(
        "healthy",
        "restart",
        p.healthy(NFTABLES),
        "a good start, Services that come, change and go, a restart",
        45,
    ),
    *_nftables(
        "healthy",
        "dual-stack",
        p.healthy(NFTABLES, "--cluster-cidr=10.244.0.0/16,fd00:244::/56", dual=True),
        "the same with a Node and a Service of both families",
        45,
    ),
)
