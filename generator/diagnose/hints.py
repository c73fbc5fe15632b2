"""What a log says of the kube-proxy that wrote it: version, mode, node, operating system. No IO."""

import re
from dataclasses import dataclass, replace
from typing import Any

from generator.catalog.model import MODES

# Texts of lines that tell something; what a support bundle holds besides logs is read too.
KEYS = (
    "Version: v1.",
    "Version info",
    "--hostname-override=",
    "/lib/modules/",
    "OS Image:",
    "osImage",
    *(f"Using {mode} Proxier" for mode in MODES),
)
_HINT_PATTERNS = {
    # 1.10 to 1.22: `server.go:583] Version: v1.18.4`, later: `"Version info" version="v1.36.3"`, and as JSON.
    "version": re.compile(r'(?:\] Version: |"Version info".{0,40}?version"?[=:]")(v1\.[\w.+-]+)'),
    "node": re.compile(r'--hostname-override=\\*"([\w.-]+)\\*"'),
    "mode": re.compile(rf"Using ({'|'.join(MODES)}) Proxier"),
    "os": re.compile(r'(?:OS Image:|"?osImage"?:)\s*"?([^",]+)'),
    "kernel": re.compile(r"/lib/modules/([\w.+-]+)/"),
}
# Who builds such kernels; the page's tables name these systems.
_KERNELS = ((r"\.el([0-9]+)", r"CentOS \1"), (r"tlinux|\.tl[0-9]", "Tencent Linux"))


@dataclass(frozen=True)
class Hints:
    """What is known of one kube-proxy; None is not known. `kernel` is the node's, `os` may be guessed from it."""

    version: str | None = None
    node: str | None = None
    mode: str | None = None
    os: str | None = None
    kernel: str | None = None

    def and_(self, later: "Hints") -> "Hints":
        """With what a later line tells: after an upgrade the new version counts."""
        told = {name: value for name, value in vars(later).items() if value}
        return replace(self, **told) if told else self


NOTHING_TOLD = Hints()


def hint_patterns() -> dict[str, Any]:
    """How hints are read, as data for another program that does the same."""
    return {
        "keys": KEYS,
        "patterns": {name: pattern.pattern for name, pattern in _HINT_PATTERNS.items()},
        "kernels": _KERNELS,
    }


def hints_in(text: str) -> Hints:
    told: dict[str, str | None] = {}
    for name, pattern in _HINT_PATTERNS.items():
        match = pattern.search(text)
        if match:
            told[name] = match[1].strip()
    kernel = told.get("kernel")
    if kernel and "os" not in told:
        told["os"] = _system_with(kernel)
    return Hints(**told)


def _system_with(kernel: str) -> str | None:
    """The operating system that has such a kernel, if that is known; the last pattern that fits counts."""
    system = None
    for pattern, name in _KERNELS:
        match = re.search(pattern, kernel)
        if match:
            system = match.expand(name)
    return system
