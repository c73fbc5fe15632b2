"""What Alertmanager's inhibitions hold back, as its inhibitor decides it. No IO."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from generator.base.lines import Labels
from generator.verify import matchers
from generator.verify.matchers import LabelMatcher

Pair = tuple[str, str]  # a cause and its symptom, by the names of their alerts
Firing = Mapping[str, Labels]  # the labels of alerts, by their names


def held_back(
    rules: Sequence[Mapping[str, Any]], firing: Firing, pairs: Iterable[Pair]
) -> set[Pair]:
    """Those pairs of which the cause holds back the symptom while both fire."""
    free = set(pairs)
    held: set[Pair] = set()
    for rule in rules:
        found = _by(rule, firing, free)
        held |= found
        free -= found
    return held


def _by(rule: Mapping[str, Any], firing: Firing, pairs: set[Pair]) -> set[Pair]:
    """Those that one rule holds back."""
    source, target = matchers.matchers_of(rule, "source_"), matchers.matchers_of(rule, "target_")
    causes = {cause for cause, _ in pairs}
    sources = _matching(source, causes, firing)
    if not sources:
        return set()
    symptoms = {symptom for _, symptom in pairs}
    targets = _matching(target, symptoms, firing)
    if not targets:
        return set()
    # Alerts that are on both sides of a rule do not hold back each other.
    both_sides = _matching(source, targets, firing), _matching(target, sources, firing)
    equal = rule.get("equal") or ()
    found = set()
    for cause, symptom in pairs:
        applies = cause in sources and symptom in targets
        mutual = symptom in both_sides[0] and cause in both_sides[1]
        if applies and not mutual and _equal_at(firing[cause], firing[symptom], equal):
            found.add((cause, symptom))
    return found


def _matching(side: tuple[LabelMatcher, ...], names: set[str], firing: Firing) -> set[str]:
    return {name for name in names if matchers.hold(side, firing[name])}


def _equal_at(one: Labels, other: Labels, equal: Iterable[str]) -> bool:
    return all(one.get(label, "") == other.get(label, "") for label in equal)
