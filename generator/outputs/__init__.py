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
    "alertmanagerconfig",
    "alloy",
    "grafana",
    "helm",
    "kubernetes",
    "lock",
    "loki",
    "mixin",
    "prometheus",
    "runbooks",
    "victoriametrics",
)


def render(rules: Rules, catalog: Catalog, profile: Profile) -> dict[str, list[File]]:
    """The files of each output."""
    return {name: render_one(name, rules, catalog, profile) for name in OUTPUTS}


def render_one(name: str, rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    """The files of one output."""
    output: Output = import_module(f"{__name__}.{name}").files
    return output(rules, catalog, profile)
