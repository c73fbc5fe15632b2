"""Servers print expressions anew: what each real one shows of every notation means what was loaded, nothing else."""

import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import httpx
import pytest

from generator.base.file import File, yaml_file
from generator.catalog.profile import Engine
from generator.compile import as_shown
from tests.conftest import obtained
from tests.expressions import LOGQL, PROMQL
from tests.lab import programs, servers
from tests.lokis import StartLoki

_SECONDS = 60


def rule_file(exprs: Sequence[str]) -> File:
    rules = [{"alert": f"Rule{number}", "expr": expr} for number, expr in enumerate(exprs)]
    return yaml_file(
        "notations.rules.yaml",
        {"groups": [{"name": "notations", "interval": "1m", "rules": rules}]},
    )


def shown(url: str) -> list[str]:
    """What a server shows of the rules of that file, once it has loaded them."""
    deadline = time.monotonic() + _SECONDS
    while not (
        groups := httpx.get(f"{url}/api/v1/rules").raise_for_status().json()["data"]["groups"]
    ):
        assert time.monotonic() < deadline, "the rules are not loaded"
        time.sleep(0.2)
    return [rule["query"] for rule in groups[0]["rules"]]


def misread(engine: Engine, exprs: Sequence[str], seen: Sequence[str]) -> list[tuple[str, str]]:
    return [pair for pair in zip(exprs, seen, strict=True) if not as_shown.same(engine, *pair)]


@pytest.mark.parametrize("version", programs.PROMETHEUS.pinned)
def test_prometheus(version: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    file = rule_file(PROMQL)
    (tmp_path / file.path).write_text(file.text, encoding="utf-8")
    binary = obtained(programs.PROMETHEUS, version, tmp_path_factory)
    with servers.prometheus(binary, {"rule_files": [str(tmp_path / file.path)]}, tmp_path) as url:
        seen = shown(url)
    assert set(seen) != set(PROMQL), "it prints nothing anew, so nothing is tested"
    assert misread("prometheus", PROMQL, seen) == []


def test_loki(start_loki: StartLoki) -> None:
    with start_loki([rule_file(LOGQL)]) as running:
        seen = shown(f"{running.url}/prometheus")
    assert set(seen) != set(LOGQL)
    assert misread("loki", LOGQL, seen) == []


@pytest.mark.parametrize(("engine", "exprs"), [("prometheus", PROMQL), ("loki", LOGQL)])
def test_no_two_of_them_mean_the_same(engine: Engine, exprs: Sequence[str]) -> None:
    assert [pair for pair in combinations(exprs, 2) if as_shown.same(engine, *pair)] == []
