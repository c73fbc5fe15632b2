"""Where Alertmanager's routes lead an alert, as its dispatcher walks them. No IO.

The first route on a level whose matchers hold takes the alert, and lets it go on to those behind it only if it says so.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.base.lines import Labels
from generator.verify import matchers
from generator.verify.matchers import LabelMatcher, MatcherError, UnfollowedError
from generator.verify.matching_texts import witnesses

_STEPS = 500_000  # routes and matchers that are looked at in all, about a second of work


@dataclass(frozen=True, eq=False)
class Route:
    """A route with the receiver that it has or inherits, and the names of the time intervals that it alone has."""

    receiver: str
    matchers: tuple[LabelMatcher, ...]
    goes_on: bool
    muted: tuple[str, ...]
    active: tuple[str, ...]
    below: "_Level"


class _Level:
    """The routes below one route. Those that ask for a value are found by it, however many there are."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._asking: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._others: list[int] = []
        shared = Counter(
            value
            for route in routes
            for matcher in route.matchers
            for value in _values_asked_for(matcher)
        )
        for number, route in enumerate(routes):
            choices = [asked for matcher in route.matchers if (asked := _values_asked_for(matcher))]
            if not choices:
                self._others.append(number)
                continue
            for value in min(choices, key=lambda asked: max(shared[value] for value in asked)):
                self._asking[value].append(number)

    def may_hold(self, labels: Labels) -> Iterator[Route]:
        """In their order, those that may take an alert."""
        asking = [self._asking[value] for value in labels.items() if value in self._asking]
        for number in heapq.merge(self._others, *asking):
            yield self._routes[number]

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)


def _values_asked_for(matcher: LabelMatcher) -> list[tuple[str, str]]:
    """The values of which an alert must have one; none if it may be without the label, or nobody can list them."""
    if matcher.negated or "" in matcher.values:
        return []
    return [(matcher.label, value) for value in matcher.values]


class Routes:
    """The routes of a configuration. Raises MatcherError and UnfollowedError, as all that looks at them does."""

    def __init__(self, route: Mapping[str, Any]) -> None:
        self._root = _route_of(route, "")
        if self._root.matchers:
            raise MatcherError("the root route has matchers, which Alertmanager refuses")
        self._all = [self._root, *_below(self._root)]
        self.labels = frozenset(matcher.label for matcher in self._matchers())
        self._known: dict[frozenset[tuple[str, str]], Sequence[Route]] = {}
        self._steps = 0

    def ends(self, labels: Labels) -> Sequence[Route]:
        """The routes at which an alert ends up, each of which notifies its receiver."""
        read = frozenset((label, labels[label]) for label in self.labels & labels.keys())
        if read not in self._known:
            self._known[read] = self._walk(self._root, dict(read))
        return self._known[read]

    def _walk(self, route: Route, labels: Labels) -> list[Route]:
        found: list[Route] = []
        for child in route.below.may_hold(labels):
            self._steps += 1 + len(child.matchers)
            if self._steps > _STEPS:
                raise UnfollowedError(
                    "so many routes and places cannot be followed in a short time"
                )
            if not matchers.hold(child.matchers, labels):
                continue
            found += self._walk(child, labels)
            if not child.goes_on:
                break
        return found or [route]

    def named(self, label: str, most: int) -> tuple[list[str], bool]:
        """Values of a label that the routes tell apart, `most` of them, and whether these are all."""
        found: dict[str, None] = {}
        complete = True
        for matcher in self._matchers():
            if matcher.label != label:
                continue
            named: Iterable[str] = sorted(matcher.values)
            if matcher.pattern is not None:
                named = witnesses(matcher.pattern)
                complete = complete and bool(named)
            found |= dict.fromkeys(value for value in named if value)
            if len(found) > most:
                return list(found)[:most], False
        return list(found), complete

    def _matchers(self) -> Iterator[LabelMatcher]:
        for route in self._all:
            yield from route.matchers


def _route_of(node: Mapping[str, Any], receiver: str) -> Route:
    own = node.get("receiver") or receiver
    return Route(
        own,
        matchers.matchers_of(node),
        bool(node.get("continue")),
        tuple(node.get("mute_time_intervals") or ()),
        tuple(node.get("active_time_intervals") or ()),
        _Level([_route_of(child, own) for child in node.get("routes") or ()]),
    )


def _below(route: Route) -> Iterator[Route]:
    for child in route.below:
        yield child
        yield from _below(child)
