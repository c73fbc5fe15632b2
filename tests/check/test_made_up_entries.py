"""Entries with odd values at any place: whatever a catalog holds is compiled or said, and ends in no traceback."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.catalog.load import load
from generator.pipeline import compile_catalog
from tests.conftest import TINY

Place = tuple[str | int, ...]
GATE = "broken-gate/failure.yaml"


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of all values in a document, that of the document itself left out."""
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children += value.items()
    if isinstance(value, list):
        children += enumerate(value)
    for key, child in children:
        yield (*place, key)
        yield from places(child, (*place, key))


def entry(file: str) -> Any:
    return yaml.safe_load((TINY / file).read_text(encoding="utf-8"))


FILES = [str(path.relative_to(TINY)) for path in sorted(TINY.rglob("failure.yaml"))]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            *("[a", "(", "*", "\\", "a{1001}", "(?=a)", "`", "$", "$by", "${", "%s", "{0}"),
            *("{{ x | y }}", "{% if %}", "{% for a in 5 %}{% endfor %}", "{{ metrics | odd }}"),
            *(
                "sum(",
                "vector(1)",
                '{job="a"',
                "|= `x`",
                "a\nb",
                "  ",
                "-1",
                "0s",
                "999999w",
                "1y1y",
            ),
            *(
                "v1.36.0",
                "1.36",
                "1.99999999999999999999.1",
                "2026-02-30",
                "http://[",
                "javascript:a",
            ),
            *("<script>", "]]>", "x" * 3000, 10**30, 10**400, [], {}, [[]], {"a": 1}, [1]),
        ]
    ),
)


Changes = list[tuple[Place, object]]


def changes_of(file: str) -> st.SearchStrategy[tuple[str, Changes]]:
    """Up to three places of an entry's file, each with a value that stands there now."""
    change = st.tuples(st.sampled_from(list(places(entry(file)))), ODD)
    return st.tuples(st.just(file), st.lists(change, min_size=1, max_size=3))


def with_changes(file: str, changes: Changes) -> str:
    data = entry(file)
    for place, value in changes:
        *above, last = place
        holder = data
        with suppress(IndexError, KeyError, TypeError):  # an earlier change took the place away
            for key in above:
                holder = holder[key]
            holder[last] = value
    return yaml.safe_dump(data, allow_unicode=True)


@settings(deadline=None)
@given(st.one_of([changes_of(file) for file in FILES]))
@example((GATE, [(("signals", "logs", "exclude", 0, "pattern"), "[a")]))
@example((GATE, [(("diagnosis", 0, "run"), "{{ metrics | odd }}")]))
def test_no_entry_ends_in_a_traceback(changed: tuple[str, Changes]) -> None:
    file, changes = changed
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog"
        shutil.copytree(TINY, catalog)
        (catalog / file).write_text(with_changes(file, changes), encoding="utf-8")
        compiled = compile_catalog(load(base=catalog), "output")
    assert compiled.files or compiled.problems
