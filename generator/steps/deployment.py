"""How kube-proxy runs at a site, as the shell commands of its runbooks. No IO.

A step's `run`, `do` and `expect` are Jinja templates over the words below, such as {{ log("1h") }}. $NODE and $POD
are the names of the node and of kube-proxy's Pod, which the head of each page sets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from msgspec.structs import replace

from generator.base.durations import seconds
from generator.catalog.profile import KubeProxyProfile, RunsAs

Where = Literal["kubectl", "node"]


@dataclass(frozen=True)
class Command:
    """Shell text, and where it is typed: on a machine with kubectl, or in a shell of root on the node.

    A helper only serves other commands typed at the same place; a step without such commands leaves it out.
    """

    where: Where
    text: str
    helper: bool = False


Word = str | Command | Callable[..., Command]


@cache  # asked for every template of every step
def site_words(site: KubeProxyProfile) -> Mapping[str, Word]:
    """What the steps' words stand for at a site: commands, and facts that are no commands."""
    facts: dict[str, Word] = {
        "runs_as": site.runs_as,
        "in_pod": "yes" if site.in_pod else "",
        "prints_log": "yes" if site.in_pod and not site.log_file else "",
        "namespace": site.namespace,
        "pod_selector": site.pod_selector,
        "daemonset": site.daemonset,
        "config_map": site.config_map or "",
        "unit": site.unit,
        "metrics_address": site.metrics_address,
        "metrics": Command("node", f"curl -sSf http://{site.metrics_address}/metrics"),
    }
    return facts | (_of_pods(site) if site.in_pod else _of_unit(site))


@cache
def kinds(site: KubeProxyProfile) -> tuple[KubeProxyProfile, ...]:
    """The site first, then each other way to run kube-proxy: Pods with a ConfigMap, without, and with a log file."""
    in_pods: tuple[RunsAs, ...] = ("daemonset", "static-pod")
    on_nodes: tuple[RunsAs, ...] = ("systemd", "k3s")
    others = []
    for runs_as in in_pods:
        printing = replace(site, runs_as=runs_as, log_file=None)
        others.append(replace(printing, config_map="kube-proxy"))
        others.append(replace(printing, config_map=None))
    others += [replace(site, runs_as=runs_as) for runs_as in on_nodes]
    with_file = replace(site, runs_as="static-pod", config_map=None)
    others.append(replace(with_file, log_file="/var/log/kube-proxy.log"))
    return tuple(dict.fromkeys((site, *others)))


def kubectl(site: KubeProxyProfile) -> str:
    """kubectl in the namespace of kube-proxy's Pods."""
    return f"kubectl -n {site.namespace}"


def find_pod(site: KubeProxyProfile, field: str) -> str:
    """Sets POD to the Pod of which a field selector tells, as in spec.nodeName="$NODE"."""
    pods = f"{kubectl(site)} get pods -l {site.pod_selector} --field-selector {field}"
    return f"POD=$({pods} -o jsonpath='{{.items[0].metadata.name}}')"


def _of_pods(site: KubeProxyProfile) -> dict[str, Word]:
    run = kubectl(site)

    def command(text: str) -> Command:
        return Command("kubectl", f"{run} {text}")

    arguments = '{.spec.containers[0].command} {.spec.containers[0].args}{"\\n"}'
    flags = command(f"get pod \"$POD\" -o jsonpath='{arguments}'")
    in_map = command(f"get configmap {site.config_map} -o yaml")
    # Braces, so that what follows a pipe reads both.
    both = f"{{\n  {flags.text}\n  {in_map.text}\n}}"
    image = '{.spec.containers[0].image}{"\\n"}'
    log = _log_of_file(site.log_file) if site.log_file else _log_of_pod(site)
    restarts = _of_daemonset(site) if site.runs_as == "daemonset" else _of_static_pod()
    own: dict[str, Word] = {
        "find_pod": Command("kubectl", find_pod(site, 'spec.nodeName="$NODE"'), helper=True),
        "status": command('get pod "$POD" -o wide'),
        "inside": lambda text: command(f'exec "$POD" -- {text}'),
        "version": command(f"get pod \"$POD\" -o jsonpath='{image}'"),
        "configuration": Command("kubectl", both) if site.config_map else flags,
    }
    return own | log | restarts


def _log_of_pod(site: KubeProxyProfile) -> dict[str, Word]:
    logs = f'{kubectl(site)} logs "$POD"'
    return {
        "log": lambda since="15m": Command("kubectl", f"{logs} --since={since}"),
        "whole_log": Command("kubectl", logs),
        "previous_log": Command("kubectl", f"{logs} --previous"),
    }


def _log_of_file(path: str) -> dict[str, Word]:
    def newest(since: str = "15m") -> Command:
        # klog writes the time of UTC in a container; a line without a head belongs to the one before it.
        start = f"$(date -u -d '-{int(seconds(since))} seconds' '+%m%d %H:%M:%S')"
        lines = "/^[IWEF][0-9]/ { shown = substr($0, 2, 13) >= from } shown"
        return Command("node", f"awk -v from=\"{start}\" '{lines}' {path}")

    whole = Command("node", f"cat {path}")
    return {"log": newest, "whole_log": whole, "previous_log": whole}


def _of_daemonset(site: KubeProxyProfile) -> dict[str, Word]:
    run = kubectl(site)
    everywhere = f"{run} rollout restart daemonset {site.daemonset}"
    return {
        "restart": Command("kubectl", f'{run} delete pod "$POD"'),
        "restart_everywhere": Command("kubectl", everywhere),
    }


def _of_static_pod() -> dict[str, Word]:
    # The Pod that the API server shows of a static one is a mirror: deleting it does not restart the container. kubelet
    # starts the process anew, whatever the container runtime and wherever its crictl is.
    kill = Command("node", "pkill -e -x kube-proxy")
    return {"restart": kill, "restart_everywhere": kill}


def _of_unit(site: KubeProxyProfile) -> dict[str, Word]:
    def command(text: str) -> Command:
        return Command("node", text)

    journal = f"journalctl --no-pager --unit '{site.unit}' --output cat"
    whole = command(f"{journal} --boot")
    restart = command(f"systemctl restart '{site.unit}'")
    unit = f"systemctl cat '{site.unit}'"
    if site.runs_as == "systemd":
        version = "kube-proxy --version"
        configuration = f"{{\n  ps -ww -o args= -C kube-proxy\n  {unit}\n}}"
    else:
        version = "k3s --version"
        configuration = f"{{\n  {unit}\n  cat /etc/rancher/k3s/config.yaml\n}}"
    return {
        "find_pod": command(""),
        "status": command(f"systemctl status --no-pager '{site.unit}'"),
        "log": lambda since="15m": command(f"{journal} --since=-{since}"),
        "whole_log": whole,
        "previous_log": whole,  # the journal keeps what the process before this one printed
        "inside": lambda text: command(text),
        "version": command(version),
        "configuration": command(configuration),
        "restart": restart,
        "restart_everywhere": restart,
    }
