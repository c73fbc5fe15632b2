"""In which order the tests run: what takes longest begins first, in each process."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import SLOW, slow_ones_first


def of_modules(*names: str) -> Any:
    return [SimpleNamespace(module=SimpleNamespace(__name__=name)) for name in names]


def parts(items: Any, processes: int) -> list[list[str]]:
    """What each process gets, as names of modules: the list in parts that are as long as they can be."""
    names = [item.module.__name__ for item in slow_ones_first(items, processes)]
    found = []
    for left in range(processes, 0, -1):
        length = len(names) // left
        found.append(names[:length])
        del names[:length]
    return found


def test_each_process_begins_with_a_slow_module() -> None:
    first, second = SLOW[0], SLOW[1]
    items = of_modules("a", "a", "b", second, "b", first, first, "c", "c")
    assert parts(items, 2) == [[first, first, "a", "a"], [second, "b", "b", "c", "c"]]
    assert parts(items, 1) == [[first, first, second, "a", "a", "b", "b", "c", "c"]]


def test_a_share_that_is_longer_than_a_part_leaves_nothing_out() -> None:
    items = of_modules("a", *[SLOW[0]] * 5)
    names = [name for part in parts(items, 3) for name in part]
    assert sorted(names) == ["a", *[SLOW[0]] * 5]


def test_each_slow_module_is_there(request: pytest.FixtureRequest) -> None:
    for name in SLOW:
        path = request.config.rootpath / f"{name.replace('.', '/')}.py"
        assert path.is_file(), name
