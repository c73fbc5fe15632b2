"""The logs of a cluster's kube-proxy pods, through kubectl; of containers that were restarted, the ones before too."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.base.problems import ToolError
from generator.cluster import kubectl, objects
from generator.diagnose.sources import Log

_AT_ONCE = 4  # kubectl processes
_TAG_OF_IMAGE = re.compile(r":(v1\.[\w.+-]+)(?:@|$)")


@dataclass(frozen=True)
class Pods:
    """Which pods: their namespace and labels; kubectl's context, and how far back their logs are read."""

    namespace: str = "kube-system"
    selector: str = "k8s-app=kube-proxy"
    context: str | None = None
    since: str | None = None


def logs(pods: Pods, note: Callable[[str], None]) -> Iterator[Log]:
    """A source for each log. Raises ToolError if kubectl cannot list the pods; a log it cannot get is noted."""
    waiting = deque(_wanted(_listed_pods(pods), pods))
    if not waiting:
        raise ToolError(
            f"no pod in {pods.namespace} has the label {pods.selector}; --namespace and --selector name others"
        )
    running: deque[tuple[Log, kubectl.Running]] = deque()
    try:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                about, arguments = waiting.popleft()
                running.append((about, kubectl.Running(pods.context, *arguments)))
            about, log = running.popleft()
            yield Log(
                about.name, log.blocks(note), pod=about.pod, node=about.node, version=about.version
            )
            log.close()
    finally:
        for _, log in running:
            log.close()


def _wanted(rows: Sequence[Mapping[str, Any]], pods: Pods) -> Iterator[tuple[Log, list[str]]]:
    """Each log, and kubectl's arguments for it."""
    since = [f"--since={pods.since}"] if pods.since else []
    for row in rows:
        pod, node = row["metadata"]["name"], row["spec"].get("nodeName")
        statuses = row.get("status", {}).get("containerStatuses", ())
        restarts = {one["name"]: one.get("restartCount", 0) for one in statuses}
        for container in row["spec"]["containers"]:
            name, tag = container["name"], _TAG_OF_IMAGE.search(container.get("image", ""))
            about = Log(
                f"{pod}/{name}", iter(()), pod=pod, node=node, version=tag[1] if tag else None
            )
            log = [
                "--namespace",
                pods.namespace,
                "logs",
                pod,
                "--container",
                name,
                "--timestamps",
                *since,
            ]
            yield about, log
            if restarts.get(name):
                before = Log(
                    f"{about.name} (previous)", iter(()), pod=pod, node=node, version=about.version
                )
                yield before, [*log, "--previous"]


def _listed_pods(pods: Pods) -> list[Mapping[str, Any]]:
    answer = kubectl.ask(
        pods.context, "--namespace", pods.namespace, "get", "pods", "--selector", pods.selector
    )
    try:
        return [one for one in objects.objects(answer) if one["kind"] == "Pod"]
    except ValueError as error:
        raise ToolError(f"kubectl answers {error}") from error
