"""A node: its own network and mounts, its own API server, and what runs on it."""

import asyncio
import base64
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import yaml

from generator.base.problems import ToolError
from generator.catalog.profile import Stream
from tests.lab import kernel
from tests.lab.apiserver import ApiServer
from tests.lab.programs import Build, NodePrograms, libraries

NAMES = [f"ip{six}tables{verb}" for six in ("", "6") for verb in ("", "-save", "-restore")]
_API_PORT = 6443
_LINE_LIMIT = 1 << 20  # bytes of one line
_RESTART_SECONDS = 1
_KERNEL_SECONDS = 0.5
METRICS_PORT = 10249
NODE_EXPORTER_PORT = 9100
OLDER_NFT, NEWER_NFT = "1.0.6", "1.1.3"  # the newer one makes sets that the older one cannot read
OTHER_CHAIN = "OTHER"  # made and removed by whoever writes beside kube-proxy

Ship = Callable[[Mapping[str, str], str], None]  # a line, with the labels of its stream


class Node:
    """Use it as an async context; everything it started is gone afterwards.

    `lines` are what kube-proxy printed, with their times, and `kernel_lines` what the kernel printed about the node,
    once that is collected; `caused` is when the cause of the failure was in place, in seconds of the epoch. Services
    change only while `restless` is set. `supervised`: a kube-proxy that ends is started again, as kubelet and systemd
    do. `pid` is that of the one that runs.
    """

    def __init__(
        self, number: int, name: str, build: Build, programs: NodePrograms, work: Path, ship: Ship
    ) -> None:
        self.name, self.pod = f"node-{number}", f"kube-proxy-{name}"
        self.address, self.gateway = f"10.77.{number}.2", f"10.77.{number}.1"
        self.address6 = f"fd00:77:{number}::2"
        # As Promtail and the Prometheus operator label what comes from a Pod. A cluster for each node, as alerts of one
        # cluster are notified together.
        self.cluster = f"lab-{number}"
        where = {"cluster": self.cluster, "namespace": "kube-system", "pod": self.pod}
        self.stream_labels = {"container": "kube-proxy", "node_name": self.name, **where}
        self.target_labels = {"job": "kube-proxy", "node": self.name, **where}
        # As Alloy labels what comes from the journal, and the operator what comes from node_exporter's Pod.
        self.kernel_labels = {
            "transport": "kernel",
            "instance": self.name,
            "cluster": self.cluster,
        }
        self.node_exporter_labels = {
            "job": "node-exporter",
            "cluster": self.cluster,
            "namespace": "monitoring",
            "pod": f"node-exporter-{self.name}",
        }
        self.api = ApiServer(self.name, self.address)
        self.lines: list[tuple[float, str]] = []
        self.kernel_lines: list[tuple[float, str]] = []
        self.caused = 0.0
        self.restless = asyncio.Event()
        self.restless.set()
        self.supervised = False
        self._own_server = f"https://{self.gateway}:{_API_PORT}"
        self.server = self._own_server  # that kube-proxy is told
        self.authority: bytes | None = (
            None  # whose certificates kube-proxy believes; none: any certificate
        )
        self.flags: tuple[str, ...] = ()  # that kube-proxy is given beside those of a scenario
        self.inside = ""  # shell commands that come before kube-proxy, in mounts of its own
        self.environment: dict[str, str] = {}  # that kube-proxy has beside the usual one
        self.pid = 0
        self._command: list[str] = []  # that starts kube-proxy
        self._others: list[asyncio.subprocess.Process] = []
        self.build, self.programs = build, programs
        self.kube_proxy = programs.kube_proxy[build.kube_proxy]
        self.folder = work / self.name
        self._kubeconfig = self.folder / "kubeconfig"
        self.commands = self.folder / "bin"  # the iptables that kube-proxy has
        self.iptables = programs.iptables[build.iptables]
        self._multi = self.iptables / "usr" / "sbin" / f"xtables-{build.backend}-multi"
        self._outside = f"veth-{self.name}"  # the end of its cable on this side
        self._ship = ship
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for name in ("bin", "run", "other-run"):
            (self.folder / name).mkdir(parents=True)
        self._set_commands()
        self.set_nft(OLDER_NFT)
        outside = self._outside
        for command in (
            f"ip netns add {self.name}",
            f"ip link add {outside} type veth peer name eth0 netns {self.name}",
            f"ip addr add {self.gateway}/30 dev {outside}",
            f"ip link set {outside} up",
            f"ip -n {self.name} link set lo up",
            f"ip -n {self.name} addr add {self.address}/30 dev eth0",
            f"ip -n {self.name} link set eth0 up",
            f"ip -n {self.name} route add default via {self.gateway}",
            f"ip -n {self.name} -6 addr add {self.address6}/64 dev eth0 nodad",
        ):
            await must(command.split())
        server = await self.api.serve(self.gateway, _API_PORT)
        self._stack.callback(server.close)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        await must(["ip", "link", "del", self._outside])
        await must(["ip", "netns", "del", self.name])

    async def put_right(self, flags: Sequence[str] = (), command: str = "") -> None:
        """End the other programs, and let all be as it should that a scenario makes wrong.

        What runs goes on as it was started: a kubeconfig, an environment and `flags`, which kube-proxy has beside its
        own, count from its next start on. `command` takes away what is in the kernel; `{nft}` in it is the newer nft.
        """
        for process in reversed(self._others):  # who waits for the lock does not get it
            await _stop(process)
        self._set_commands()
        self.set_nft(OLDER_NFT)
        self.api.mend()
        self.inside, self.environment = "", {}
        self.server, self.authority = self._own_server, None
        self._write_kubeconfig()
        self._command += flags
        mending = await self._spawn(["sh", "-c", self.shell_text(command)], "run")
        if await mending.wait():
            raise ToolError(f"{self.name} cannot be put right: {command} fails")

    def shell_text(self, command: str) -> str:
        """A command of a scenario with the newer nft in the place of `{nft}`."""
        return command.replace("{nft}", self.nft(NEWER_NFT))

    def _set_commands(self) -> None:
        for name in NAMES:
            (self.commands / name).unlink(missing_ok=True)
            (self.commands / name).symlink_to(self._multi)

    def set_nft(self, version: str) -> None:
        """Give kube-proxy this nft."""
        script(self.commands / "nft", f'exec {self.nft(version)} "$@"')

    def nft(self, version: str) -> str:
        """The beginning of a command line of nft in this version."""
        folder = self.programs.nft[version]
        loader = sorted(folder.glob("usr/lib*/**/ld-linux-*.so.*")) or sorted(
            folder.glob("lib*/**/ld-linux-*.so.*")
        )
        found = libraries(folder)
        if loader:  # its own C library
            return (
                f"env -u LD_LIBRARY_PATH {loader[0]} --library-path {found} {folder}/usr/sbin/nft"
            )
        return f"env LD_LIBRARY_PATH={found} {folder}/usr/sbin/nft"

    def tool(self, name: str) -> str:
        """The beginning of a command line of one of an administrator's tools."""
        folder = self.programs.tools
        return f"env LD_LIBRARY_PATH={libraries(folder)} {folder}/usr/sbin/{name}"

    def command(self, name: str, text: str) -> None:
        """Put a shell script in the place of an iptables command; `$REAL` in it is the real one."""
        (self.commands / name).unlink()
        script(self.commands / name, f'REAL="{self._multi} {name}"\n{text}')

    async def start_kube_proxy(self, *flags: str) -> None:
        """kube-proxy as a DaemonSet starts it, without the sysctls that a lab may not set."""
        self._write_kubeconfig()
        self._command = [
            str(self.kube_proxy),
            f"--kubeconfig={self._kubeconfig}",
            f"--hostname-override={self.name}",
            "--proxy-mode=iptables",
            "--cluster-cidr=10.244.0.0/16",
            "--metrics-bind-address=0.0.0.0",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "-v=2",
            *flags,
            *self.flags,
        ]
        running = asyncio.create_task(self._follow(await self._started()))
        self._stack.callback(running.cancel)

    def _write_kubeconfig(self) -> None:
        cluster: dict[str, object] = {"server": self.server, "insecure-skip-tls-verify": True}
        if self.authority:
            cluster = {
                "server": self.server,
                "certificate-authority-data": base64.b64encode(self.authority).decode(),
            }
        self._kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}], "users": [{"name": "lab", "user": {"token": "lab"}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        }), encoding="utf-8")  # fmt: skip

    async def run(self, *command: str) -> None:
        """Start another program on the node; it sees the node's /run, and so the node's lock."""
        self._others.append(await self._spawn(list(command), "run"))

    async def run_without_the_lock(self, *command: str) -> None:
        """Start a program as in a Pod that does not mount the lock: the node's network, a /run of its own."""
        self._others.append(await self._spawn(list(command), "other-run"))

    def log(self, line: str) -> None:
        """A line of kube-proxy's log."""
        self.lines.append((time.time(), line))
        self._ship(self.stream_labels, line)

    def printed(self, stream: Stream) -> list[tuple[float, str]]:
        """The lines of a stream, with their times."""
        return self.kernel_lines if stream == "kernel" else self.lines

    def collect_kernel_log(self) -> None:
        """From now on, what the kernel prints about this node goes where its journal would."""
        collecting = asyncio.create_task(self._collect(kernel.KernelLog()))
        self._stack.callback(collecting.cancel)

    async def start_node_exporter(self) -> None:
        """As it runs in a Pod of the host's network; the node's name is its host name, as on a node."""
        named = 'echo "$1" > /proc/sys/kernel/hostname; shift; exec "$@"'
        exporter = [
            str(self.programs.node_exporter),
            f"--web.listen-address={self.address}:{NODE_EXPORTER_PORT}",
            "--collector.disable-defaults",
            "--collector.conntrack",
            "--collector.uname",
        ]
        await self.run("unshare", "--uts", "sh", "-c", named, "sh", self.name, *exporter)

    def end_kube_proxy(self) -> None:
        """As kubelet ends it; a supervised one is started again."""
        os.kill(self.pid, signal.SIGTERM)

    def cause(self) -> None:
        self.caused = time.time()

    async def _spawn(
        self,
        command: Sequence[str],
        run: str,
        stderr: int = asyncio.subprocess.DEVNULL,
        first: str = "",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> asyncio.subprocess.Process:
        inside = f'mount --bind {self.folder / run} /run\n{first}\nexec "$@"'
        process = await asyncio.create_subprocess_exec(
            *(
                "nsenter",
                f"--net=/run/netns/{self.name}",
                "unshare",
                "--mount",
                "sh",
                "-c",
                inside,
                "sh",
                *command,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
            env={
                **os.environ,
                "PATH": f"{self.commands}:/usr/sbin:/usr/bin:/sbin:/bin",
                "LD_LIBRARY_PATH": str(libraries(self.iptables)),
                "XTABLES_LIBDIR": str(libraries(self.iptables) / "xtables"),
                **environment,
            },
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
        self._stack.push_async_callback(_stop, process)
        return process

    async def _started(self) -> asyncio.subprocess.Process:
        process = await self._spawn(
            self._command, "run", asyncio.subprocess.PIPE, self.inside, self.environment
        )
        self.pid = process.pid
        return process

    async def _collect(self, log: kernel.KernelLog) -> None:
        own = kernel.network(Path("/run/netns") / self.name)
        with log:
            while True:
                for line in log.news():
                    if kernel.is_about(line, own):
                        self.kernel_lines.append((time.time(), line))
                        self._ship(self.kernel_labels, line)
                await asyncio.sleep(_KERNEL_SECONDS)

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        while True:
            assert process.stderr
            async for line in process.stderr:
                self.log(line.decode(errors="replace").rstrip("\n"))
            if not self.supervised:
                return
            await asyncio.sleep(_RESTART_SECONDS)
            process = await self._started()


def script(path: Path, text: str) -> None:
    """Write a command for sh."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):  # it ended, and the loop has not heard of it yet
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def must(command: Sequence[str]) -> None:
    """Run a command that has to succeed. Raises ToolError with what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ToolError(f"{' '.join(command)}: {output.decode(errors='replace').strip()}")
