"""The shapes in which log collectors hand on a line that a program printed."""

import json


def raw(line: str) -> str:
    return line


def cri(line: str) -> str:
    """A file of containerd or CRI-O, shipped without its pipeline stage."""
    return f"2026-01-02T03:04:05.678901234Z stderr F {line}"


def docker(line: str) -> str:
    """A file of docker's json-file driver; Go's encoder escapes <, > and & too."""
    text = json.dumps(
        {"log": f"{line}\n", "stream": "stderr", "time": "2026-01-02T03:04:05.678901234Z"},
        ensure_ascii=False,
    )
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def journald(line: str) -> str:
    """`journalctl` of a kube-proxy that runs as a unit."""
    return f"Jan 02 03:04:05 node-1 kube-proxy[1234]: {line}"


def fluent_bit(line: str) -> str:
    """Fluent Bit's record as its output writes it by default; releases before 4 escape what is not ASCII too."""
    read = '"time":"2026-01-02T03:04:05.678901234Z","stream":"stderr","_p":"F"'
    return f'{{{read},"log":{json.dumps(line)},{_FLUENT_POD}}}'


def vector(line: str) -> str:
    """Vector's event in JSON, its fields in the order of the alphabet."""
    text = json.dumps(line, ensure_ascii=False)
    return f'{{{_VECTOR_POD},"message":{text},"source_type":"kubernetes_logs","stream":"stderr"}}'


_FLUENT_POD = (
    '"kubernetes":{"pod_name":"kube-proxy-x7k2p","namespace_name":"kube-system","labels":{"k8s-app":"kube-proxy"},'
    '"host":"node-1","container_name":"kube-proxy","container_image":"registry.k8s.io/kube-proxy:v1.36.3"}'
)
_VECTOR_POD = (
    '"file":"/var/log/pods/kube-system_kube-proxy-x7k2p_5d1e/kube-proxy/0.log","kubernetes":{"container_image":'
    '"registry.k8s.io/kube-proxy:v1.36.3","container_name":"kube-proxy","pod_labels":{"k8s-app":"kube-proxy"},'
    '"pod_name":"kube-proxy-x7k2p","pod_namespace":"kube-system","pod_node_name":"node-1"}'
)

DRESSES = (raw, cri, docker, journald, fluent_bit, vector)
