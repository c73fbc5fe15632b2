"""What is compiled. Adding an output: one module with `files()`, and its line in TARGETS."""

from collections.abc import Callable

from generator.file import File
from generator.model import Catalog, Profile
from generator.rules import Rules
from generator.targets import loki, prometheus, runbooks

Target = Callable[[Rules, Catalog, Profile], list[File]]

TARGETS: tuple[Target, ...] = (
    loki.files,
    prometheus.files,
    runbooks.files,
)


def render(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    """All files of all targets, sorted by path."""
    return sorted(file for target in TARGETS for file in target(rules, catalog, profile))
