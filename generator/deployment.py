"""How kube-proxy runs at a site, as the shell commands of its runbooks. No IO.

A step's `run`, `do` and `expect` are Jinja templates over the words below, such as {{ log("1h") }}. $NODE and $POD
are the names of the node and of kube-proxy's Pod, which the head of each page sets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from generator.model import KubeProxyProfile, RunsAs

Where = Literal["kubectl", "node"]


@dataclass(frozen=True)
class Command:
    """Shell text, and where it is typed: on a machine with kubectl, or in a shell of root on the node."""

    where: Where
    text: str


Word = str | Command | Callable[..., Command]


def words(site: KubeProxyProfile) -> Mapping[str, Word]:
    """What the steps' words stand for at a site: commands, and facts that are no commands."""
    facts: dict[str, Word] = {
        "runs_as": site.runs_as,
        "in_pod": "yes" if in_pod(site) else "",
        "namespace": site.namespace,
        "pod_selector": site.pod_selector,
        "daemonset": site.daemonset,
        "config_map": site.config_map or "",
        "unit": site.unit,
        "metrics_address": site.metrics_address,
        "metrics": Command("node", f"curl -sSf http://{site.metrics_address}/metrics"),
    }
    return facts | (_of_pods(site) if in_pod(site) else _of_unit(site))


def in_pod(site: KubeProxyProfile) -> bool:
    return site.runs_as in ("daemonset", "static-pod")


def kinds(site: KubeProxyProfile) -> tuple[KubeProxyProfile, ...]:
    """The site first, then the same with each other way to run kube-proxy, with a ConfigMap and without."""
    others = (
        replace(site, runs_as=runs_as, config_map=config_map)
        for runs_as in get_args(RunsAs)
        for config_map in ("kube-proxy", None)
    )
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
    both = Command("kubectl", f"{{\n  {flags.text}\n  {in_map.text}\n}}")
    return {
        "find_pod": Command("kubectl", find_pod(site, 'spec.nodeName="$NODE"')),
        "status": command('get pod "$POD" -o wide'),
        "log": lambda since="15m": command(f'logs "$POD" --since={since}'),
        "whole_log": command('logs "$POD"'),
        "previous_log": command('logs "$POD" --previous'),
        "inside": lambda text: command(f'exec "$POD" -- {text}'),
        "version": command('get pod "$POD" -o jsonpath=\'{.spec.containers[0].image}{"\\n"}\''),
        "configuration": both if site.config_map else flags,
        **(_of_daemonset(site) if site.runs_as == "daemonset" else _of_static_pod()),
    }


def _of_daemonset(site: KubeProxyProfile) -> dict[str, Word]:
    return {
        "restart": Command("kubectl", f'{kubectl(site)} delete pod "$POD"'),
        "restart_everywhere": Command("kubectl", f"{kubectl(site)} rollout restart daemonset {site.daemonset}"),
    }


def _of_static_pod() -> dict[str, Word]:
    # The Pod that the API server shows of a static one is a mirror: deleting it does not restart the container. kubelet
    # starts the process anew, whatever the container runtime and wherever its crictl is.
    kill = Command("node", "pkill -x kube-proxy")
    return {"restart": kill, "restart_everywhere": kill}


def _of_unit(site: KubeProxyProfile) -> dict[str, Word]:
    def command(text: str) -> Command:
        return Command("node", text)

    journal = f"journalctl --no-pager --unit '{site.unit}' --output cat"
    whole = command(f"{journal} --boot")
    restart = command(f"systemctl restart '{site.unit}'")
    unit = f"systemctl cat '{site.unit}'"
    if site.runs_as == "systemd":
        version, configuration = "kube-proxy --version", f"{{\n  ps -ww -o args= -C kube-proxy\n  {unit}\n}}"
    else:
        version, configuration = "k3s --version", f"{{\n  {unit}\n  cat /etc/rancher/k3s/config.yaml\n}}"
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
