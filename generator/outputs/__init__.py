"""RENDER and WRITE: one module an output; the folder, all of it or nothing.

Adding an output: one module with `files()` as Output describes it, and its name in OUTPUTS.
"""

from collections.abc import Callable
from importlib import import_module

from generator.base.file import File
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Rules

Output = Callable[[Rules, Catalog, Profile], list[File]]

OUTPUTS = (
    "alertmanager",
    "grafana",
    "kubernetes",
    "lock",
    "loki",
    "prometheus",
    "runbooks",
    "victoriametrics",
)


def render(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    """All files of all outputs, sorted by path."""
    return sorted(file for name in OUTPUTS for file in _output(name)(rules, catalog, profile))


def _output(name: str) -> Output:
    files: Output = import_module(f"{__name__}.{name}").files
    return files
