"""Verdicts come from fields: whatever the catalog's sentences say, answers and patterns of builds are the same."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.base.document import Document
from generator.catalog.load import entry_of
from generator.catalog.model import Entry
from generator.fixes.advice import Facts, advise, upgrade_for_all
from generator.fixes.known_builds import known_builds
from generator.fixes.matrix import rows
from generator.fixes.versions import parse_version
from tests import once
from tests.conftest import ROOT

SCHEMA = json.loads((ROOT / "catalog" / "schema.json").read_text(encoding="utf-8"))
PROSE = {"#/$defs/line", "#/$defs/prose"}
# Words that would decide something, if sentences did.
OTHERS = (
    "Other words",
    "at least 99h (--ipvs-sync-period, /etc/hosts, HOME)",
    "0",
    "> 1.99, not mounted",
    "kube-router iptables Linux kernel v0.0.1",
    "Ubuntu 4.04 and no CentOS 99",
)


def reworded(value: Any, node: Mapping[str, Any], words: Iterator[str]) -> Any:
    """A document with each sentence replaced; what has a form of its own in the schema stays."""
    if node.get("$ref") in PROSE:
        return next(words)
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        known = node.get("properties", {})
        rest = node.get("additionalProperties")
        children = {
            key: known.get(key) or (rest if isinstance(rest, dict) else {}) for key in value
        }
        return {key: reworded(child, children[key], words) for key, child in value.items()}
    if isinstance(value, list):
        return [reworded(child, node.get("items", {}), words) for child in value]
    return value


@cache
def failures() -> tuple[Entry, ...]:
    return tuple(entry for entry in once.inputs().catalog.entries if entry.kind == "failure")


def with_words(words: Iterator[str]) -> list[Entry]:
    documents = [
        Document(
            entry.document.path, reworded(entry.document.data, SCHEMA, words), entry.document.text
        )
        for entry in failures()
    ]
    return [entry_of(document) for document in documents]


VERSIONS = (
    "v1.9.3", "v1.10.5-tke.19", "v1.12.4-tke.31", "v1.14.3-tke.27", "v1.14.10", "v1.16.3", "v1.16.11", "v1.17.5-tke.2",
    "v1.18.4", "v1.18.4-tke.34", "v1.18.9-eks-d1db3c", "v1.19.16", "v1.20.6-tke.31-rc1", "v1.24.4-tke.5", "v1.36.3",
    "v1.37.0", "v1.40.0", "1.14", "1.26",
)  # fmt: skip
SYSTEMS = (
    None,
    "CentOS Linux 7 (Core)",
    "CentOS 8",
    "Ubuntu 20.04.6 LTS",
    "Tencent tlinux 2.2 (Final)",
    "Debian 11",
)
MODES = (None, "iptables", "ipvs")
OTHER_FACTS: tuple[dict[str, Any], ...] = (
    {},
    {"binary": True},
    {"settings": {}},
    {"settings": {"--ipvs-sync-period": "1s", "HTTP2_READ_IDLE_TIMEOUT_SECONDS": "0"}},
    {"settings": {"--ipvs-sync-period": "10s"}},
    {"settings": {"--ipvs-sync-period": "30s", "HTTP2_READ_IDLE_TIMEOUT_SECONDS": "30"}},
    {"mounts": {"/run/xtables.lock": ()}},
    {"mounts": {"/run/xtables.lock": ("a Pod does not mount it",)}},
    {"components": {"kube-router": "v1.3.1", "linux": "5.4.0", "iptables": "1.8.4"}},
    {"components": {"kube-router": "v1.3.2", "linux": "4.14.1", "iptables": "1.4.21"}},
)
GRID = [
    Facts(kube_proxy=parse_version(version), os=system, mode=mode, **others)
    for version, system, mode, others in product(VERSIONS, SYSTEMS, MODES, OTHER_FACTS)
]


def answers(entries: list[Entry], grid: list[Facts]) -> list[object]:
    found: list[object] = []
    for facts in grid:
        advice = [advise(entry, facts) for entry in entries]
        found.append([(one.verdict, one.version, one.sources, bool(one.upgrade)) for one in advice])
        found.append(upgrade_for_all(advice, facts))
    return found


@cache
def answers_of_the_catalog(step: int) -> list[object]:
    """Of each so many of the facts."""
    return answers(list(failures()), GRID[::step])


def builds(entries: list[Entry]) -> list[object]:
    return [
        [(one.pattern, one.fixed_in) for one in known_builds(entry, mode)]
        for entry in entries
        for mode in MODES
    ]


def same(text: str) -> Iterator[str]:
    while True:
        yield text


@pytest.mark.parametrize("text", OTHERS)
def test_no_sentence_decides_a_verdict(text: str) -> None:
    other = with_words(same(text))
    step = len(OTHERS) if text != OTHERS[0] else 1
    assert answers(other, GRID[::step]) == answers_of_the_catalog(step)


def test_no_sentence_decides_which_builds_are_known() -> None:
    for text in OTHERS:
        other = with_words(same(text))
        assert builds(other) == builds(list(failures()))
        assert [(row.tke, row.releases) for row in rows(other)] == [
            (row.tke, row.releases) for row in rows(failures())
        ]


# A true one: thousands of words that hypothesis chooses one by one take longer than the answers.
@given(st.sampled_from(GRID), st.randoms(use_true_random=True))
def test_no_mixture_of_sentences_decides_a_verdict(facts: Facts, random: Any) -> None:
    other = with_words(iter(lambda: random.choice(OTHERS), None))
    assert answers(other, [facts]) == answers(list(failures()), [facts])


def test_there_are_sentences_to_reword() -> None:
    texts = json.dumps([entry.document.data for entry in with_words(same("REWORDED"))])
    assert "kube-proxy does not match" not in texts
    assert texts.count("REWORDED") > 500
    assert "--ipvs-sync-period" in texts
