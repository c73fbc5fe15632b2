"""The logs of a cluster's kube-proxy pods, through kubectl; of containers that were restarted, the ones before too."""

import json
import re
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from generator.diagnose.sources import Source
from generator.diagnose.windows import BLOCK
from generator.problems import ToolError

_AT_ONCE = 4  # kubectl processes
_SECONDS = 60
_SAID = 300  # characters of an error
_TAG = re.compile(r":(v1\.[\w.+-]+)(?:@|$)")


@dataclass(frozen=True)
class Pods:
    """Which pods: their namespace and labels; kubectl's context, and how far back their logs are read."""

    namespace: str = "kube-system"
    selector: str = "k8s-app=kube-proxy"
    context: str | None = None
    since: str | None = None

    def command(self, *arguments: str) -> list[str]:
        context = ["--context", self.context] if self.context else []
        return ["kubectl", *context, "--namespace", self.namespace, *arguments]


def logs(pods: Pods, note: Callable[[str], None]) -> Iterator[Source]:
    """A source for each log. Raises ToolError if kubectl cannot list the pods; a log it cannot get is noted."""
    waiting = deque(_wanted(_listed(pods), pods))
    if not waiting:
        raise ToolError(
            f"no pod in {pods.namespace} has the label {pods.selector}; --namespace and --selector name others"
        )
    running: deque[tuple[Source, _Log]] = deque()
    try:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                about, command = waiting.popleft()
                running.append((about, _Log(command)))
            about, log = running.popleft()
            yield Source(about.name, log.blocks(note), pod=about.pod, node=about.node, version=about.version)
            log.close()
    finally:
        for _, log in running:
            log.close()


class _Log:
    """One running `kubectl logs`; its pipe holds it back until it is read."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said)

    def blocks(self, note: Callable[[str], None]) -> Iterator[bytes]:
        out = self._process.stdout
        while out and (block := out.read(BLOCK)):
            yield block
        if self._process.wait():
            self._said.seek(0)
            said = " ".join(self._said.read().decode(errors="replace").split())[:_SAID]
            note(f"`{shlex.join(self._command)}` failed: {said}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._said.close()


def _wanted(rows: Sequence[Any], pods: Pods) -> Iterator[tuple[Source, list[str]]]:
    since = [f"--since={pods.since}"] if pods.since else []
    for row in rows:
        pod, node = row["metadata"]["name"], row["spec"].get("nodeName")
        restarts = {
            one["name"]: one.get("restartCount", 0) for one in row.get("status", {}).get("containerStatuses", ())
        }
        for container in row["spec"]["containers"]:
            name, tag = container["name"], _TAG.search(container.get("image", ""))
            about = Source(f"{pod}/{name}", iter(()), pod=pod, node=node, version=tag[1] if tag else None)
            command = pods.command("logs", pod, "--container", name, "--timestamps", *since)
            yield about, command
            if restarts.get(name):
                before = Source(f"{about.name} (previous)", iter(()), pod=pod, node=node, version=about.version)
                yield before, [*command, "--previous"]


def _listed(pods: Pods) -> list[Any]:
    command = pods.command("get", "pods", "--selector", pods.selector, "--output", "json")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError as error:
        raise ToolError("kubectl is not on PATH; install it, or give files with what `kubectl logs` prints") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"kubectl did not answer within {_SECONDS} s: {shlex.join(command)}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:_SAID]
        raise ToolError(f"`{shlex.join(command)}` failed: {said}")
    rows: list[Any] = json.loads(done.stdout)["items"]
    return rows
