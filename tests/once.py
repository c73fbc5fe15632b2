"""What is shipped, read, compiled and rendered once in a process: many tests look at it, and none changes it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from generator.base.file import File
from generator.base.reader import Reader
from generator.catalog import shipped
from generator.catalog.load import Inputs, load
from generator.catalog.package import shipped_catalog
from generator.catalog.profiles import read_profile
from generator.compile.rule import Rules
from generator.pages import website
from generator.pipeline import Compiled, compile_catalog


@cache
def inputs() -> Inputs:
    """The catalog with its unit tests on log lines, and the default profile."""
    return load(log_tests=True)


def for_site(profile: Path) -> Inputs:
    """The same catalog, and the profile of a site."""
    reader = Reader()
    site_profile = read_profile(reader, shipped_catalog(), profile)
    return replace(inputs(), profile=site_profile, problems=tuple(reader.problems))


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
    return website.files(compiled().files, rules(), inputs().catalog, shipped.documents())


def without_log_rules() -> str:
    """A profile that has none."""
    entries = inputs().catalog.entries
    logs = [entry.id for entry in entries if entry.logs or entry.heartbeat == "logs"]
    return f"disabled: [{', '.join(logs)}]\n"
