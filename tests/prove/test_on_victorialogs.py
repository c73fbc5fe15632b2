"""VictoriaLogs finds by LogsQL what Loki 2 and Loki 3 find by LogQL: the same lines."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.base.names import TEST_LABEL
from generator.catalog.model import Entry, Exclusion, LogSignal, Variant
from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.query import logql, logsql
from generator.query.signature import Signature
from generator.servers.loki import Loki
from generator.servers.victorialogs import VictoriaLogs
from tests import once
from tests.catalog.test_lines import FIRES, SILENT, lines
from tests.conftest import obtained
from tests.lokis import RELEASES
from tests.patterns import patterns, variants

INPUTS = once.inputs()
ENTRIES = [entry for entry in INPUTS.catalog.entries if entry.logs]
SAMPLES = [
    dress(line)
    for entry in ENTRIES
    for sample in entry.samples
    for line in sample.lines
    for dress in DRESSES
]
CAPTURED = [line for path in (*FIRES, *SILENT) for line in lines(path)]
SEEN = list(dict.fromkeys(line for line in (*SAMPLES, *CAPTURED) if line))
_PART = 1000


class Both:
    """Lines in a Loki and a VictoriaLogs, each told by its time."""

    def __init__(self, loki: Loki, victoria_logs: VictoriaLogs, texts: list[str]) -> None:
        self._loki, self._victoria_logs, self.texts = loki, victoria_logs, texts
        self._labels = {TEST_LABEL: uuid.uuid4().hex}
        self._start = time.time_ns() - 3600 * 1_000_000_000
        values = [[str(self._start + number), text] for number, text in enumerate(texts)]
        for begin in range(0, len(values), _PART):
            stream = {"stream": self._labels, "values": values[begin : begin + _PART]}
            loki.push([stream])
            victoria_logs.push([stream])
        victoria_logs.wait(len(texts), self._labels)

    def in_loki(self, filters: Signature) -> set[str]:
        selector = f'{{{TEST_LABEL}="{self._labels[TEST_LABEL]}"}}'
        query = " ".join([selector, *logql.filters(filters)])
        return self._texts(self._loki.lines(query, self._start, self._end))

    def in_victoria_logs(self, filters: Signature) -> set[str]:
        query = " ".join(logsql.filters(filters))
        return self._texts(self._victoria_logs.lines(query, self._labels, self._start, self._end))

    @property
    def _end(self) -> int:
        return self._start + len(self.texts)

    def _texts(self, found: list[tuple[int, str]]) -> set[str]:
        return {self.texts[at - self._start] for at, _ in found}


@pytest.fixture(scope="module")
def beside_each_loki(
    real_victoria_logs: VictoriaLogs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Both]]:
    """All lines in VictoriaLogs and in a Loki, for each release of Loki."""
    with ExitStack() as running:
        found = {}
        for name, release in RELEASES.items():
            binary = obtained(release.tool, release.tool.pinned[0], tmp_path_factory)
            loki = running.enter_context(release.start(binary)())
            found[name] = Both(loki, real_victoria_logs, SEEN)
        yield found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_all_find_the_same_lines_of_all_samples_and_captures(
    entry: Entry, beside_each_loki: Mapping[str, Both]
) -> None:
    assert entry.logs
    filters = signature(entry.logs)
    expected = {text for text in SEEN if filters.matches(text)}
    assert expected
    found = {f"Loki {name}": both.in_loki(filters) for name, both in beside_each_loki.items()}
    found["VictoriaLogs"] = beside_each_loki["2"].in_victoria_logs(filters)
    assert found == dict.fromkeys(("Loki 2", "Loki 3", "VictoriaLogs"), expected)


# Lines of one to three words, some of which are parts of others.
WORDS = ("ab", "abc", "B", "bd", "AB", "-", ".", "é")
SHORT = [
    "".join(words) for length in (1, 2, 3) for words in itertools.product(WORDS, repeat=length)
]
PATTERNS = patterns(
    [*WORDS[:-2], ".*", "(?i:ab)", "[aA]", "B?", "", r"\b", "a+", ".", ".{0,}", ".+", r"\."]
)
VARIANTS = variants(PATTERNS, SHORT)
Found = Callable[[Signature], set[str]]


@pytest.fixture(scope="module")
def short(real_loki: Loki, real_victoria_logs: VictoriaLogs) -> Found:
    return Both(real_loki, real_victoria_logs, SHORT).in_victoria_logs


@settings(max_examples=200)
@given(
    st.lists(VARIANTS, min_size=1, max_size=3),
    st.lists(PATTERNS, max_size=1),
    st.lists(st.sampled_from(SHORT), max_size=1),
)
def test_victoria_logs_finds_what_any_signature_says(
    short: Found, variants: list[Variant], exclude: list[str], contains: list[str]
) -> None:
    left_out = tuple(Exclusion(pattern, "why") for pattern in exclude)
    made = signature(LogSignal(tuple(variants), contains=tuple(contains), exclude=left_out))
    assert short(made) == {line for line in SHORT if made.matches(line)}


@pytest.mark.parametrize(
    "pattern", [r"AB\b", r"(AB\b)", r"ab(?:c\b|B)", r"B\B", "ab^", "^ab", "B$"]
)
def test_an_assertion_sees_the_whole_line(pattern: str, short: Found) -> None:
    searched, excluded = Signature((), (), pattern, ()), Signature((), (), None, (pattern,))
    assert short(searched) == {line for line in SHORT if searched.matches(line)}
    assert short(excluded) == {line for line in SHORT if excluded.matches(line)}


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("a`b", "a`b"),
        ('say "no" \\ to', '"no" \\\\ to'),
        ("tab\there", "tab\there"),
        ("nul\x00 esc\x1b[31m", "nul\x00 esc\x1b"),
        ("{{ }} %s | filter x", r"\{\{ \}\} %s \| filter"),
        ("ünïcode ☃", "☃"),
    ],
)
def test_any_character_is_found(
    line: str, pattern: str, real_loki: Loki, real_victoria_logs: VictoriaLogs
) -> None:
    both = Both(real_loki, real_victoria_logs, [line, "other"])
    assert both.in_victoria_logs(Signature((), (), pattern, ())) == {line}
    assert both.in_victoria_logs(Signature((line,), (), None, ())) == {line}
    assert both.in_victoria_logs(Signature((), (), None, (pattern,))) == {"other"}
