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
        {"log": f"{line}\n", "stream": "stderr", "time": "2026-01-02T03:04:05.678901234Z"}, ensure_ascii=False
    )
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def journald(line: str) -> str:
    """`journalctl` of a kube-proxy that runs as a unit."""
    return f"Jan 02 03:04:05 node-1 kube-proxy[1234]: {line}"


DRESSES = (raw, cri, docker, journald)
