"""What is shipped, read, compiled and rendered once in a process: many tests look at it, and none changes it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from generator.base.file import File
from generator.base.reader import Reader
from generator.catalog import profiles, shipped
from generator.catalog.load import Inputs, load, shipped_catalog
from generator.compile.rule import Rules
from generator.pages import site
from generator.pipeline import Compiled, compile_catalog


@cache
def inputs() -> Inputs:
    """The catalog with its unit tests on log lines, and the default profile."""
    return load(log_tests=True)


def inputs_for(profile: Path) -> Inputs:
    """The catalog for a site's profile, which alone is read."""
    reader = Reader()
    site = profiles.read_profile(reader, shipped_catalog(), profile)
    return replace(inputs(), profile=site, problems=tuple(reader.problems))


@cache
def compiled() -> Compiled:
    return compile_catalog(inputs(), "output")


def rules() -> Rules:
    found = compiled().rules
    assert found
    return found


@cache
def pages() -> Sequence[File]:
    """The files of the site."""
    return site.files(compiled().files, rules(), inputs().catalog, shipped.documents())


def without_log_rules() -> str:
    """A profile that has none."""
    entries = inputs().catalog.entries
    logs = [entry.id for entry in entries if entry.logs or entry.heartbeat == "logs"]
    return f"disabled: [{', '.join(logs)}]\n"
