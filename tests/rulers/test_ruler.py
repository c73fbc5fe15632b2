"""What a ruler holds, as far as it can be told without one that runs; tests/commands/test_push.py has the real ones."""

import os
from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.rulers.ruler import RuleFile
from generator.servers.http import Client, Endpoint


def test_a_rule_file_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.rules.yaml")
    ruler = RuleFile(Client(Endpoint("Prometheus", "http://127.0.0.1:1")), tmp_path, "mine")
    with pytest.raises(
        ToolError, match=r"mine\.rules\.yaml: cannot be read: it is a FIFO, not a file"
    ):
        ruler.groups()
