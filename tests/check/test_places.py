"""Where something stands in a file is looked up only where something is wrong with it: that costs a second reading."""

import pytest

from generator import check
from generator.base import document
from generator.base.problems import errors
from generator.catalog.load import load


def test_a_catalog_without_a_problem_is_not_read_again_for_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = load()
    read: list[str] = []
    real = document._composed

    def composed(text: str) -> object:
        read.append(text)
        return real(text)

    monkeypatch.setattr(document, "_composed", composed)
    problems = check.check(inputs.catalog, inputs.profile, inputs.default_profile)
    assert errors(problems) == []
    entries = {entry.document.text for entry in inputs.catalog.entries}
    assert entries.isdisjoint(read)
