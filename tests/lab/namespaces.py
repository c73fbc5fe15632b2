"""The lab runs alone in the world: network, mounts and processes of its own. When it ends, nothing of it is left."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from generator.base.names import COULD_NOT_RUN
from generator.base.problems import ToolError
from generator.prove.local_programs import die_with_parent

WORK = Path("/mnt")  # a file system in memory is mounted over it, and ends with the lab
_NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_INSIDE = "KUBE_PROXY_ALERTS_LAB"


def inside() -> bool:
    """Whether this process runs in them."""
    return _INSIDE in os.environ


def enter(module: str, arguments: Sequence[str]) -> int:
    """Run a module in them and give its exit code. Raises ToolError if the machine allows no namespaces."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    unshare = ["unshare", *user, *_NAMESPACES]
    probe = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        raise ToolError(
            f"no namespaces here: {probe.stderr.strip()}; run as root, or allow user namespaces"
        )
    mounts = f"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs {WORK} && ip link set lo up"
    command = [
        *unshare,
        "sh",
        "-c",
        f'{mounts} && exec "$@"',
        "sh",
        sys.executable,
        "-m",
        module,
        *arguments,
    ]
    environment = {**os.environ, _INSIDE: "1", "TMPDIR": str(WORK)}
    process = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
    with suppress(KeyboardInterrupt):
        return process.wait()
    process.kill()
    return COULD_NOT_RUN
