"""The real programs of the lab. What is not there is obtained into the user's cache; what cannot be had is said."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import platformdirs

from generator.base import subprocesses
from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.prove import tools
from generator.prove.tools import LOKI, Say, Tool

_NO_TARGET = Path(__file__).parent / "no_target.c"
_PINS = Path(__file__).parent / "pins"
_SECONDS = 300

KUBE_PROXY = Tool(
    "kube-proxy",
    (
        "1.37.2",
        "1.36.3",
        "1.22.17",
        "1.18.4",
        "1.16.15",
    ),  # three renderings of log lines; and the last that syncs by its period
    "k8s.io/kubernetes/cmd/kube-proxy",
    "-X k8s.io/component-base/version.gitVersion=v{version} -X k8s.io/kubernetes/pkg/version.gitVersion=v{version}",
    pins=_PINS,
)
PROMETHEUS = Tool(
    "prometheus",
    tools.PROMTOOL.pinned,
    "github.com/prometheus/prometheus/cmd/prometheus",
    "-X github.com/prometheus/common/version.Version={version}.0",
    tools.PROMTOOL.package,
    pins=_PINS,
    tags=tools.WITHOUT_DISCOVERY,
)
LOKI_3 = Tool(
    "loki3",  # a name of its own, so that nothing takes it for the Loki 2 of the tests
    ("3.7.8",),
    "github.com/grafana/loki/v3/cmd/loki",
    "-X github.com/grafana/loki/v3/pkg/util/build.Version={version}",
    pins=_PINS,
    module="loki",
)
ALERTMANAGER = Tool(
    "alertmanager",
    ("0.28",),  # the newest whose module holds all that a build needs
    "github.com/prometheus/alertmanager/cmd/alertmanager",
    "-X github.com/prometheus/common/version.Version={version}.1",
    pins=_PINS,
)
VMALERT = Tool(
    "vmalert",
    ("1.140",),  # the newest that builds from its module alone
    "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert",
    "-X github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=vmalert-v{version}.0",
    pins=_PINS,
)

VMALERT_STEPS = Tool(
    "vmalert-steps",  # a program of ours that lets the code of vmalert evaluate rules at times that are past
    VMALERT.pinned,
    ".",
    VMALERT.ldflags,
    pins=_PINS,
)

AMTOOL = replace(
    ALERTMANAGER,
    name="amtool",
    go="github.com/prometheus/alertmanager/cmd/amtool",
    module=ALERTMANAGER.name,
)

NODE_EXPORTER = Tool(
    "node_exporter",
    ("1.9",),
    "github.com/prometheus/node_exporter",
    "-X github.com/prometheus/common/version.Version={version}.1",
    pins=_PINS,
)

CORTEX = Tool(
    "cortex",  # whose ruler has the API that Mimir's has
    ("1.21",),
    "github.com/cortexproject/cortex/cmd/cortex",
    "-X github.com/prometheus/common/version.Version={version}.1",
    pins=_PINS,
    tags="slicelabels",  # without it, it reads its own labels wrongly
)
JSONNET = Tool(
    "jsonnet",
    ("0.22",),
    "github.com/google/go-jsonnet/cmd/jsonnet",
    "",
    pins=_PINS,
)
HELM = Tool(
    "helm",
    ("3.22",),
    "helm.sh/helm/v3/cmd/helm",
    "-X helm.sh/helm/v3/internal/version.version=v{version}.0",
    pins=_PINS,
    proof="version",
)
OPERATOR = Tool(
    "operator",  # a program of ours that calls the code of the Prometheus operator
    ("0.85",),
    ".",
    "",
    pins=_PINS,
    module="prometheus-operator",
)
COLLECTOR = Tool(
    "otelcol",  # an OpenTelemetry Collector with few parts, put together by a program of ours
    ("0.165",),
    ".",
    "",
    pins=_PINS,
)
OBJECT_STORE = Tool(
    "gofakes3",  # holds the rules that a ruler is given
    ("1.2",),
    "github.com/johannesboyne/gofakes3/cmd/gofakes3",
    "",
    pins=_PINS,
    proof=None,
)

# The version that fails at once if it has no -w, and the one that waits for ever; where Debian has them.
_IPTABLES = {"1.8.9": "bookworm", "1.8.7": "bullseye"}
_IPTABLES_PACKAGES = (
    *("iptables", "libxtables12", "libip4tc2", "libip6tc2"),
    *("libnftnl11", "libmnl0", "libnetfilter-conntrack3", "libnfnetlink0"),
)
# What an administrator has on a node beside iptables. It is taken from the newest release above.
_TOOLS = (
    *(
        "nftables",
        "libnftables1",
        "libedit2",
        "libbsd0",
        "libmd0",
        "libjansson4",
        "libgmp10",
        "libxtables12",
    ),
    *(
        "libnftnl11",
        "libmnl0",
        "ipset",
        "libipset13",
        "conntrack",
        "libnetfilter-conntrack3",
        "libnfnetlink0",
    ),
)
# nft by version, beside the one of an administrator: one too old for kube-proxy, and one whose sets an older nft cannot
# read. The newest needs a newer C library than a node may have, and brings it.
_NFT = {"0.9.8": ("bullseye", ()), "1.1.3": ("trixie", ("libc6",))}
_NFT_PACKAGES = (
    *(
        "nftables",
        "libnftables1",
        "libedit2",
        "libbsd0",
        "libmd0",
        "libjansson4",
        "libgmp10",
        "libtinfo6",
    ),
    *("libxtables12", "libnftnl11", "libmnl0"),
)
_COMMANDS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "flock": "util-linux",
    "apt-get": "apt (the lab runs Debian's iptables; other distributions cannot run it)",
    "dpkg-deb": "dpkg",
    "gcc": "gcc",
}


@dataclass(frozen=True)
class Build:
    """What runs on a node: versions, and whether iptables is `legacy` or `nft`; kube-proxy may use nft instead."""

    kube_proxy: str
    iptables: str
    backend: str
    nftables_mode: bool = False

    def __str__(self) -> str:
        if self.nftables_mode:
            return f"kube-proxy {self.kube_proxy}, nftables mode"
        return f"kube-proxy {self.kube_proxy}, iptables {self.iptables} ({self.backend})"


@dataclass(frozen=True)
class NodePrograms:
    """What runs on the nodes: kube-proxy, iptables and nft by version, the folder of an administrator's tools,
    a library to preload, and node_exporter.
    """

    kube_proxy: dict[str, Path]
    iptables: dict[str, Path]
    tools: Path
    nft: dict[str, Path]
    no_target: Path
    node_exporter: Path


@dataclass(frozen=True)
class Programs:
    """Where everything is."""

    loki: Path
    prometheus: Path
    alertmanager: Path
    object_store: Path
    nodes: NodePrograms


def programs(builds: Sequence[Build], say: Say) -> Programs:
    """Find or obtain the programs that these builds need. Raises ToolError that names all that is missing."""
    nodes = node_programs(builds, say)
    return Programs(
        tools.pinned_program(LOKI, LOKI.pinned[0], say),
        tools.pinned_program(PROMETHEUS, PROMETHEUS.pinned[0], say),
        tools.pinned_program(ALERTMANAGER, ALERTMANAGER.pinned[0], say),
        tools.pinned_program(OBJECT_STORE, OBJECT_STORE.pinned[0], say),
        nodes,
    )


def node_programs(builds: Sequence[Build], say: Say) -> NodePrograms:
    """Find or obtain what runs on the nodes of these builds. Raises ToolError that names all that is missing."""
    missing = [
        f"{name} (package {package})"
        for name, package in _COMMANDS.items()
        if not shutil.which(name)
    ]
    if missing:
        raise ToolError("the lab needs, and this machine has not: " + ", ".join(missing))
    administrators = _unpacked("node-tools", _IPTABLES["1.8.9"], _TOOLS, say)
    return NodePrograms(
        {
            version: tools.pinned_program(KUBE_PROXY, version, say)
            for version in sorted({build.kube_proxy for build in builds})
        },
        {
            version: _iptables(version, say)
            for version in sorted({build.iptables for build in builds})
        },
        administrators,
        {"1.0.6": administrators, **{version: _nft(version, say) for version in _NFT}},
        _compiled(_NO_TARGET, say),
        tools.pinned_program(NODE_EXPORTER, NODE_EXPORTER.pinned[0], say),
    )


def _iptables(version: str, say: Say) -> Path:
    return _unpacked(f"iptables-{version}", _IPTABLES[version], _IPTABLES_PACKAGES, say)


def _nft(version: str, say: Say) -> Path:
    release, more = _NFT[version]
    return _unpacked(f"nft-{version}", release, (*_NFT_PACKAGES, *more), say)


def _compiled(source: Path, say: Say) -> Path:
    """A library to preload, compiled into the cache."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    target = platformdirs.user_cache_path(TOOL) / f"{source.stem}-{digest}.so"
    if not target.is_file():
        say(f"compiling {source.name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        _must(["gcc", "-shared", "-fPIC", "-O1", "-o", str(partial), str(source)], target.parent)
        partial.replace(target)
    return target


def _unpacked(name: str, release: str, packages: Sequence[str], say: Say) -> Path:
    """The folder that a Debian release's packages were unpacked into; nothing is installed."""
    target = platformdirs.user_cache_path(TOOL) / name
    if target.is_dir():
        return target
    say(f"getting {name} from Debian {release}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = Path(folder)
        apt = _apt(work, release)
        _must(["apt-get", *apt, "--quiet", "update"], work)
        _must(["apt-get", *apt, "--quiet", "download", *packages], work)
        for package in sorted(work.glob("*.deb")):
            _must(["dpkg-deb", "-x", str(package), "unpacked"], work)
        (work / "unpacked").rename(target)
    return target


def _apt(work: Path, release: str) -> list[str]:
    """Options that let apt read another release from the machine's own mirror, without touching the machine's lists."""
    listed = _must(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Label: Debian",
            "Created-By: Packages",
        ],
        work,
    )
    mirror = next(iter(listed.split()), None)
    if not mirror:
        raise ToolError(
            "apt knows no Debian mirror here; run apt-get update, or use a Debian machine"
        )
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "state" / "status").touch()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(
        f"deb [signed-by={keys}] {mirror} {release} main\n", encoding="utf-8"
    )
    return [
        *(
            "-o",
            f"Dir::State={work / 'state'}",
            "-o",
            f"Dir::State::status={work / 'state' / 'status'}",
        ),
        *(
            "-o",
            f"Dir::Cache={work / 'cache'}",
            "-o",
            f"Dir::Etc::SourceList={work / 'sources.list'}",
        ),
        *("-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Sandbox::User="),
    ]


def _must(command: list[str], work: Path) -> str:
    ok, output = subprocesses.run(command, work, _SECONDS)
    if not ok:
        raise ToolError(f"{' '.join(command[:1] + command[-1:])} failed: {output.strip()[-500:]}")
    return output


@cache
def libraries(unpacked: Path) -> Path:
    """The folder with the shared libraries of unpacked packages."""
    return next(unpacked.glob("usr/lib/*/libxtables.so.*")).parent
