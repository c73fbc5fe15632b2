"""docs/steps.md is true: its words are all there are, and become what it says."""

import re

from msgspec.structs import replace

from generator.steps.deployment import site_words
from generator.steps.filled import fill_in
from tests import once
from tests.conftest import ROOT
from tests.documents import blocks

PAGE = (ROOT / "docs" / "steps.md").read_text(encoding="utf-8")
SITE = once.inputs().default_profile.kube_proxy
ROWS = re.findall(r"^\| `(\{\{ .*? \}\})` \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)


def test_every_word_is_told() -> None:
    told = {re.sub(r"\W.*", "", row[0].removeprefix("{{ ")) for row in ROWS}
    facts = set(re.findall(r"`\{\{ (\w+) \}\}`", PAGE)) | {"in_pod", "prints_log"}
    assert told | facts == set(site_words(SITE))


def test_each_becomes_what_the_page_says() -> None:
    """Where a cell is a command; the default profile is that of its examples."""
    compared = 0
    for template, pod, unit in ROWS:
        for cell, runs_as in ((pod, "daemonset"), (unit, "systemd")):
            if exact := re.fullmatch(r"(?:on the node: |DaemonSet: )?`([^`]+)`(?:;.*)?", cell):
                site = replace(SITE, runs_as=runs_as)
                assert fill_in(template, site_words(site)).text == exact[1]
                compared += 1
    assert compared == 13


def test_the_example_is_as_the_schema_wants_it() -> None:
    (example,) = blocks("docs/steps.md", "yaml")
    assert set(re.findall(r"^  (?:- |  )(\w+):", example, re.MULTILINE)) <= set(
        re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    )
