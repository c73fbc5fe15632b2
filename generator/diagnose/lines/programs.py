"""Names of programs: which are those of kube-proxy, and which are those of others. No IO."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from generator.diagnose.lines.keys import PERHAPS_PROGRAMS, PROGRAMS, value_at_key
from generator.diagnose.lines.line import Line

# kube-proxy, also as a part of a name, and what runs it inside itself or passes its output on under its own name.
CARRIERS = re.compile(
    r"(?:kube|k8s|kubernetes)[-_./]?proxy|\A/?proxy(?:[^a-z]|\Z)|\Asdn\Z|"
    r"hyperkube|k3s|rke2|kubelite|microk8s|k0s|conmon|"
    r"(?:\A|[^a-z])(?:rkt|runc)(?:[^a-z]|\Z)|\A(?:docker[/-])?[0-9a-f]{12,64}\Z",
    re.IGNORECASE,
)
# What else runs on nodes, for names of which it is not known whether they are those of programs.
NEIGHBOURS = re.compile(
    r"(?:\A|[^a-z])(?P<name>kubelet|containerd|dockerd?|podman|cri-?o|calico|felix|tigera|cilium|hubble|flannel|flanneld|"
    r"weave|antrea|kube-(?:apiserver|controller-manager|scheduler|router|dns|state-metrics|vip|ovn|flannel|multus)|"
    r"etcd|core-?dns|node-local-dns|dnsmasq|nginx|haproxy|envoy|traefik|istio|linkerd|metallb|multus|aws-node|"
    r"vpc-cni|ovn|openvswitch|node-problem-detector|keepalived|systemd|firewalld|fail2ban)(?:[^a-z]|\Z)",
    re.IGNORECASE,
)
# The end of a name that Kubernetes makes up for a Pod has neither vowels nor what looks like one.
_MADE_UP = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\Z")
OF_PROGRAM = (CARRIERS, NEIGHBOURS, _MADE_UP)


def other_program(line: Line) -> str | None:
    """The program that printed a line, by its wrapping, if that cannot be kube-proxy."""
    named = line.program or line.pod
    return named if named and not CARRIERS.search(named) else None


def names_a_program(name: str) -> bool:
    """Whether a name of which it is not known what it names is that of a program or of a Pod."""
    return any(pattern.search(name) for pattern in OF_PROGRAM)


def program_in(values: Mapping[str, Any]) -> str | None:
    """The program that a record names; under a key of other names too, only one that is known."""
    named = value_at_key(values, PROGRAMS)
    if named:
        return named
    perhaps = NEIGHBOURS.search(value_at_key(values, PERHAPS_PROGRAMS) or "")
    return perhaps["name"] if perhaps else None


def with_uncertain_names(line: Line, groups: Mapping[str, str | None]) -> Line:
    """With names of which it is not sure what they name: where they tell no program, they are that of a node."""
    pod, program = groups.get("perhaps_pod"), groups.get("perhaps_program")
    if not (pod or program):
        return line
    if pod and not names_a_program(pod):
        return replace(line, node=line.node or pod)
    if program and not names_a_program(program):
        return line if pod else replace(line, node=line.node or program)
    return replace(line, pod=line.pod or pod, program=line.program or program)
