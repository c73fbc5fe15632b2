"""How kube-proxy runs at a site, as the shell commands of its runbooks. No IO.

A step's `run`, `do` and `expect` are Jinja templates over the words below, such as {{ log("1h") }}. Each word is a
command for this site; it runs where `places` says. $NODE and $POD are the names of the node and of kube-proxy's Pod.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from generator.model import KubeProxyProfile

Where = Literal["kubectl", "node"]
Word = str | Callable[..., str]


@dataclass(frozen=True)
class Deployment:
    """The words of a step. `places`: where each command runs; the other words are no commands and run nowhere."""

    words: Mapping[str, Word]
    places: Mapping[str, Where]


def deployment(site: KubeProxyProfile) -> Deployment:
    """The words for a site."""
    in_pod = site.runs_as in ("daemonset", "static-pod")
    facts: dict[str, Word] = {
        "namespace": site.namespace,
        "pod_selector": site.pod_selector,
        "metrics_address": site.metrics_address,
        "runs_as": site.runs_as,
        "in_pod": "yes" if in_pod else "",
    }
    commands = _of_pods(site) if in_pod else _of_unit(site)
    commands["metrics"] = ("node", f"curl -s http://{site.metrics_address}/metrics")
    return Deployment(
        words=facts | {name: command for name, (_, command) in commands.items()},
        places={name: where for name, (where, _) in commands.items()},
    )


def _of_pods(site: KubeProxyProfile) -> dict[str, tuple[Where, Word]]:
    kubectl = f"kubectl -n {site.namespace}"
    found = f'{kubectl} get pods -l {site.pod_selector} --field-selector spec.nodeName="$NODE"'
    arguments = "{.spec.containers[0].command} {.spec.containers[0].args}"
    from_flags = f'{kubectl} get pod "$POD" -o jsonpath=\'{arguments}{{"\\n"}}\''
    from_map = f"{kubectl} get configmap {site.config_map} -o yaml"
    commands: dict[str, tuple[Where, Word]] = {
        "find_pod": ("kubectl", f"POD=$({found} -o jsonpath='{{.items[0].metadata.name}}')"),
        "status": ("kubectl", f'{kubectl} get pod "$POD" -o wide'),
        "log": ("kubectl", lambda since="15m": f'{kubectl} logs "$POD" --since={since}'),
        "whole_log": ("kubectl", f'{kubectl} logs "$POD"'),
        "previous_log": ("kubectl", f'{kubectl} logs "$POD" --previous'),
        "inside": ("kubectl", lambda command: f'{kubectl} exec "$POD" -- {command}'),
        "version": ("kubectl", f'{kubectl} get pod "$POD" -o jsonpath=\'{{.spec.containers[0].image}}{{"\\n"}}\''),
        "configuration": ("kubectl", f"{from_flags}\n{from_map}" if site.config_map else from_flags),
    }
    if site.runs_as == "daemonset":
        commands["restart"] = ("kubectl", f'{kubectl} delete pod "$POD"')
        commands["restart_everywhere"] = ("kubectl", f"{kubectl} rollout restart daemonset {site.daemonset}")
    else:
        # Deleting the Pod that the API server shows of a static one does not restart its container.
        commands["restart"] = ("node", "crictl stop $(crictl ps --name kube-proxy --quiet)")
        commands["restart_everywhere"] = ("node", "crictl stop $(crictl ps --name kube-proxy --quiet)")
    return commands


def _of_unit(site: KubeProxyProfile) -> dict[str, tuple[Where, Word]]:
    journal = f"journalctl --unit '{site.unit}' --output cat"
    program = "kube-proxy" if site.runs_as == "systemd" else "k3s"
    return {
        "find_pod": ("node", ""),
        "status": ("node", f"systemctl status --no-pager '{site.unit}'"),
        "log": ("node", lambda since="15m": f"{journal} --since=-{since}"),
        "whole_log": ("node", f"{journal} --boot"),
        "previous_log": ("node", f"{journal} --boot"),
        "inside": ("node", lambda command: str(command)),
        "version": ("node", f"{program} --version"),
        "configuration": ("node", f"ps -ww -o args= -C {program}; systemctl cat '{site.unit}'"),
        "restart": ("node", f"systemctl restart '{site.unit}'"),
        "restart_everywhere": ("node", f"systemctl restart '{site.unit}'"),
    }
