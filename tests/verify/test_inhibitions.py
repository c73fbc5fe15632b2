"""What inhibitions hold back: as amlint simulates Alertmanager's inhibitor, and by hand."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest
from amlint.routing import Inhibitor
from hypothesis import given
from hypothesis import strategies as st

from generator.verify.inhibitions import held_back

FIRING = {
    "Cause": {"alertname": "Cause", "severity": "critical", "node": "n1"},
    "Symptom": {"alertname": "Symptom", "severity": "warning", "node": "n1"},
    "Elsewhere": {"alertname": "Elsewhere", "severity": "warning", "node": "n2"},
}


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        (
            {"source_matchers": ["alertname=Cause"], "target_matchers": ["severity=warning"]},
            {("Cause", "Symptom"), ("Cause", "Elsewhere")},
        ),
        (
            {
                "source_matchers": ["alertname=Cause"],
                "target_matchers": ["severity=warning"],
                "equal": ["node", "what nobody has"],
            },
            {("Cause", "Symptom")},
        ),
        (
            {"source_match": {"severity": "warning"}, "target_match_re": {"alertname": "C.*|S.*"}},
            {("Symptom", "Cause"), ("Elsewhere", "Cause"), ("Elsewhere", "Symptom")},
        ),
        ({}, set()),
    ],
)
def test_a_cause_holds_back_what_matches_at_its_place(
    rule: Mapping[str, Any], held: set[tuple[str, str]]
) -> None:
    assert held_back([rule], FIRING, permutations(FIRING, 2)) == held


MATCHERS = st.lists(
    st.sampled_from(
        ["severity=warning", "severity!=warning", 'alertname=~"C.*|E.*"', "node=n1", "node!~n.+"]
    ),
    max_size=2,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"source_matchers": MATCHERS, "target_matchers": MATCHERS},
            optional={"equal": st.lists(st.sampled_from(["node", "severity", "none"]))},
        ),
        max_size=3,
    )
)
def test_several_inhibitions_hold_back_what_amlint_says(rules: list[dict[str, Any]]) -> None:
    of_amlint = Inhibitor(rules)
    expected = {
        (cause, symptom)
        for cause, symptom in permutations(FIRING, 2)
        if of_amlint.inhibited_by(FIRING[symptom], [FIRING[cause]])
    }
    assert held_back(rules, FIRING, permutations(FIRING, 2)) == expected
