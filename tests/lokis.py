"""The releases of Loki that the tests run on: `pytest --loki 3` takes the one in place of the other."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generator.prove import local_loki, tools
from generator.prove.tools import Tool
from generator.servers.loki import Loki
from tests.lab import loki3, programs

StartLoki = Callable[..., AbstractContextManager[Loki]]
"""`local_loki.running` without its first argument."""


@dataclass(frozen=True)
class Release:
    tool: Tool
    config: str

    def start(self, binary: Path) -> StartLoki:
        return partial(local_loki.running, binary, config=self.config)


RELEASES = {
    "2": Release(tools.LOKI, local_loki.LOKI_2),
    "3": Release(programs.LOKI_3, loki3.CONFIG),
}
