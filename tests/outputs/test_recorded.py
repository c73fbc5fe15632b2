"""No output reads a recorded series that itself does not record: who loads it alone would never see an alert."""

import re

import pytest

from generator import outputs
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.compile.rules import compile_rules
from tests import once

INPUTS = once.inputs()
# Pages and the lock tell of rules; nobody evaluates them.
EVALUATED = [name for name in outputs.OUTPUTS if name not in ("lock", "runbooks")]
_RECORD = re.compile(r"""["']?record["']?: ?["']?([A-Za-z_:][\w:]*)""")
# By the convention of Prometheus nothing but a recorded series has a colon in its name.
_RECORDED = re.compile(r"\b[a-z_]\w*:\w+:[\w:]*\w")


def compiled(profile: Profile) -> Rules:
    return compile_rules(INPUTS.catalog, profile)


RULES = compiled(INPUTS.default_profile)


def text_of(output: str) -> str:
    files = outputs.render_one(output, RULES, INPUTS.catalog, INPUTS.default_profile)
    # In JSON a line break of an expression stands as two characters, of which one is a letter.
    return "\n".join(file.text.replace("\\n", " ") for file in files)


@pytest.mark.parametrize("output", EVALUATED)
def test_an_output_records_what_it_reads(output: str) -> None:
    text = text_of(output)
    assert set(_RECORDED.findall(text)) == set(_RECORD.findall(text))


def test_the_series_that_alerts_share_are_seen_by_this_test() -> None:
    assert set(_RECORDED.findall(text_of("prometheus"))) == set(RULES.records)
    assert len(RULES.records) >= 8
