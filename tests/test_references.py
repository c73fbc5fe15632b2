"""The reference pages are in step with what they are about. UPDATE=1 renews them."""

import json
import os

import pytest

from generator.catalog import shipped
from generator.cli import COMMANDS
from tests.conftest import ROOT
from tests.references import PAGES, keys


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_it_is_made_of(name: str) -> None:
    made = PAGES[name]()
    if os.environ.get("UPDATE"):
        (ROOT / name).write_text(made, encoding="utf-8")
    assert (ROOT / name).read_text(encoding="utf-8") == made


def test_the_commands_are_all_there_with_their_options() -> None:
    text = PAGES["docs/commands.md"]()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(COMMANDS)
    assert "Usage: kube-proxy-alerts explain [OPTIONS] ALERT\n" in text
    assert "  --section HEADING" in text


def test_the_keys_of_a_profile_are_all_there() -> None:
    text = PAGES["docs/profile.md"]()
    assert '| `loki.labels.node` | null or string | `"node_name"` | Node. |\n' in text
    assert '| `alerts.NAME.severity` | `"critical"`, `"warning"`, `"info"` |  | ' in text
    assert "| `extends` | string or list |  | " in text
    schema = json.loads(shipped.schemas()["profile"].read_text(encoding="utf-8"))
    assert {name.partition(".")[0] for name, _ in keys(schema, schema)} == set(schema["properties"])
