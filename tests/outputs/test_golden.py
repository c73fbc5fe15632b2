"""A tiny catalog that uses every part of an entry, compiled whole. With UPDATE=1 the test rewrites it."""

import os
import shutil
from pathlib import Path

from generator.base.disk import populate
from generator.catalog.load import load
from generator.pipeline import compile_catalog
from tests.conftest import ROOT, TINY

EXPECTED = ROOT / "tests" / "golden" / "expected"


def test_tiny_catalog_compiles_to_the_golden_tree() -> None:
    files = compile_catalog(load(base=TINY), "output").files
    if os.environ.get("UPDATE"):
        shutil.rmtree(EXPECTED, ignore_errors=True)
        populate(EXPECTED, files)
    assert {file.path: file.text for file in files} == _tree(EXPECTED)


def _tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
