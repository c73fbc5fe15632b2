"""What is compiled. Adding an output: one module with `files()` as Target describes it, and its name in TARGETS."""

from collections.abc import Callable
from importlib import import_module

from generator.file import File
from generator.model import Catalog, Profile
from generator.rules import Rules

Target = Callable[[Rules, Catalog, Profile], list[File]]

TARGETS = (
    "alertmanager",
    "grafana",
    "kubernetes",
    "lock",
    "loki",
    "prometheus",
    "runbooks",
)


def render(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    """All files of all targets, sorted by path."""
    return sorted(file for name in TARGETS for file in _target(name)(rules, catalog, profile))


def _target(name: str) -> Target:
    files: Target = import_module(f"{__name__}.{name}").files
    return files
