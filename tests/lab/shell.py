"""A shell of root on a node, in which the steps of a runbook are typed; and what the node is like, before and after."""

import asyncio
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import platformdirs

from generator.base.names import TOOL
from generator.base.problems import ToolError
from tests.lab.node import NAMES, OLDER_NFT, OTHER_CHAIN, Node, must, script
from tests.lab.programs import libraries

# What the lab has in the place of journalctl, of a command in kube-proxy's container, and of systemctl.
LOG, WHOLE_LOG = "kube-proxy-log", "kube-proxy-whole-log"
INSIDE, RESTART = "inside-kube-proxy", "restart-kube-proxy"
_CACHE = platformdirs.user_cache_path(TOOL)
_LIMIT_SECONDS = 60
_PAUSE_SECONDS = 6
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Steps that watch for minutes watch for seconds here: loops have a twentieth of their rounds, and pauses end early.
_SHORTER = {
    "seq": '[ $# = 1 ] && set -- "$(($1 / 20))"; exec /usr/bin/seq "$@"',
    "sleep": f'[ "${{1%%.*}}" -gt {_PAUSE_SECONDS} ] && set -- {_PAUSE_SECONDS}; exec /bin/sleep "$1"',
}
# A layer over each folder of this machine. In a user namespace the kernel wants another option for it, and allows none
# over a folder in which something is mounted; such a folder is empty here.
_LAYERS = r"""
mount -t tmpfs tmpfs "$ROOT"
for path in /*; do
  name=${path#/}
  if [ -L "$path" ]; then cp -P "$path" "$ROOT/"; continue; fi
  [ -d "$path" ] || continue
  mkdir "$ROOT/$name"
  case $name in proc|sys|dev|run|mnt) continue ;; esac
  mkdir "$WRITTEN/$name" "$WORK/$name"
  layers="lowerdir=$path,upperdir=$WRITTEN/$name,workdir=$WORK/$name"
  mount -t overlay -o "$layers" overlay "$ROOT/$name" 2>/dev/null ||
    mount -t overlay -o "$layers,userxattr" overlay "$ROOT/$name" 2>/dev/null || true
done
"""
# All that a step may not touch. Each command only looks: with -t, iptables-legacy-save would make a table that is not
# there, so it is asked for those that the kernel names.
_LOOK = r"""
for six in '' 6; do
  names=$(sort /proc/net/ip${six}_tables_names)
  echo "== /proc/net/ip${six}_tables_names"; echo "$names"
  for table in $names; do echo "== ip${six}tables-legacy-save -t $table"; ip${six}tables-legacy-save -t "$table"; done
done
echo '== nft list ruleset'; nft list ruleset 2>&1
echo '== ipset save'; ipset save 2>&1
echo '== /proc/net/ip_vs'; [ ! -e /proc/net/ip_vs ] || cat /proc/net/ip_vs
echo '== /proc/sys/net'; grep -rs '' /proc/sys/net | grep -vE '/(nf_conntrack_count|tcp_fastopen_key)'
echo '== /run'; find /run -printf '%y %m %p\n' | sort
echo '== files'; find "$WRITTEN" -mindepth 1 \( -type d -printf '%y %m %P\n' \) -o -printf '%y %m %s %P\n' | sort
"""
# What goes on by itself: counters, times, and the chain that the second writer of a scenario makes and removes.
_RESTLESS = re.compile(
    rf"\[\d+:\d+\]|counter packets \d+ bytes \d+|^# (Generated|Completed).*\n|^:{OTHER_CHAIN} .*\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Ran:
    """What came of a script. `code` is None if it went on until it was stopped."""

    code: int | None
    stdout: str
    stderr: str


class Shell:
    """Use it as an async context, on a node that is up. `backend` is that of the node's own iptables, `nft` its version
    of nft; kube-proxy may have others.

    Files are those of this machine; what is written stays in a layer above them, which `look` shows.
    """

    def __init__(self, node: Node, backend: str, nft: str = OLDER_NFT) -> None:
        self._node, self._backend, self._nft = node, backend, nft
        self._commands = node.folder / "node-bin"
        self._root, self._written = node.folder / "root", node.folder / "written"
        self._log, self._whole_log, self._pid = (
            node.folder / name for name in ("log", "whole-log", "pid")
        )
        self._since = 0

    async def __aenter__(self) -> Self:
        for name in ("node-bin", "root", "written", "overlay"):
            (self._node.folder / name).mkdir()
        for name, text in self._scripts().items():
            script(self._commands / name, text)
        paths = {
            "ROOT": str(self._root),
            "WRITTEN": str(self._written),
            "WORK": str(self._node.folder / "overlay"),
        }
        await must(
            ["env", *(f"{name}={path}" for name, path in paths.items()), "sh", "-c", _LAYERS]
        )
        # The cache may be a file system of its own; top keeps a folder in the home of who has used it.
        for folder in (f"{self._root}{_CACHE}", f"{self._root}{Path.home()}/.config/procps"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await must(["umount", "--recursive", str(self._root)])

    async def run(self, text: str, shell: str = "sh", limit: float = _LIMIT_SECONDS) -> Ran:
        """Type a script."""
        self._pid.write_text(f"{self._node.pid}\n", encoding="utf-8")
        self._write(self._whole_log, 0)
        self._write(self._log, self._since)
        folder, root = self._node.folder, self._root
        mounts = (
            *(f"mount --rbind /{kernel} {root}/{kernel}" for kernel in ("proc", "sys", "dev")),
            f"mount --bind {folder / 'run'} {root}/run",
            f"mkdir -p {root}/{folder}",
            f"mount --bind {folder} {root}/{folder}",
            f"mount --bind {_CACHE} {root}/{_CACHE}",
        )
        return await self._in_node(
            f'{" && ".join(mounts)} && exec chroot {root} {shell} -c "$1"', text, limit
        )

    def later(self) -> None:
        """It is hours later: what was printed so far has become old, and only the whole log has it."""
        self._since = len(self._node.lines)

    def _write(self, log: Path, since: int) -> None:
        log.write_text(
            "".join(f"{line}\n" for _, line in self._node.lines[since:]), encoding="utf-8"
        )

    async def look(self) -> Mapping[str, str]:
        """All that a step may not touch, without counters and times, by what it is."""
        ran = await self._in_node(
            f"mount --bind {self._node.folder / 'run'} /run\n{_LOOK}", "", _LIMIT_SECONDS
        )
        if ran.code != 0 or ran.stderr:
            raise ToolError(f"the node cannot be looked at: {ran.stderr}")
        sections = _RESTLESS.sub("", ran.stdout).removeprefix("== ").split("\n== ")
        return {name: text for name, _, text in (section.partition("\n") for section in sections)}

    async def _in_node(self, command: str, argument: str, limit: float) -> Ran:
        folder = self._node.folder
        with (folder / "stdout").open("w+b") as stdout, (folder / "stderr").open("w+b") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(
                    "nsenter",
                    f"--net=/run/netns/{self._node.name}",
                    "unshare",
                    "--mount",
                    "sh",
                    "-c",
                    command,
                    "sh",
                ),
                argument,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self._environment,
                start_new_session=True,
            )
            try:
                code: int | None = await asyncio.wait_for(process.wait(), limit)
            except TimeoutError:
                code = None
            finally:
                with suppress(ProcessLookupError):  # nothing is left of it
                    os.killpg(process.pid, signal.SIGKILL)
            return Ran(code, _read(stdout), _read(stderr))

    @property
    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self._commands}:{_PATH}",
            "HOME": str(Path.home()),
            "LC_ALL": "C.UTF-8",
            "NODE": self._node.name,
            "POD": self._node.pod,
            "WRITTEN": str(self._written),
        }

    def _scripts(self) -> Mapping[str, str]:
        """What a node has on PATH before this machine's own commands, as texts for sh."""
        iptables, tools = self._node.iptables, self._node.programs.tools
        found = libraries(iptables)
        own = f"LD_LIBRARY_PATH={found} XTABLES_LIBDIR={found}/xtables"
        lent = f"LD_LIBRARY_PATH={libraries(tools)} XTABLES_LIBDIR={found}/xtables"
        names = {name: (name, self._backend) for name in NAMES}
        for name in NAMES:
            family, verb = name.partition("tables")[0], name.partition("tables")[2]
            names |= {
                f"{family}tables-{backend}{verb}": (name, backend) for backend in ("legacy", "nft")
            }
        multi = iptables / "usr" / "sbin"
        others = ("ipset", "conntrack")
        return (
            {
                typed: f'{own} exec {multi}/xtables-{to}-multi {name} "$@"'
                for typed, (name, to) in names.items()
            }
            | {name: f'{lent} exec {tools}/usr/sbin/{name} "$@"' for name in others}
            | _SHORTER
            | {
                "nft": f'exec {self._node.nft(self._nft)} "$@"',
                "kube-proxy": f'exec {self._node.kube_proxy} "$@"',
                LOG: f"cat {self._log}",
                WHOLE_LOG: f"cat {self._whole_log}",
                # As kube-proxy's image, with the commands of both backends beside those that kube-proxy takes.
                INSIDE: f'{own} PATH={self._node.commands}:{self._commands}:{_PATH} exec "$@"',
                # The lab starts it again; one that has just ended is started too, as systemctl does.
                RESTART: f"kill $(cat {self._pid}) 2>/dev/null || true",
            }
        )


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
