"""Whether each alert reaches somebody through an Alertmanager's routes, at every place it can come from. No IO."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import permutations, product
from math import prod
from typing import Any

from generator.base.lines import Labels
from generator.base.shapes import ShapeError, cut_short
from generator.catalog.profile import Engine
from generator.compile.rule import CompiledAlert, Rules
from generator.query import logql_tree, promql
from generator.servers import answers
from generator.verify import inhibitions, intervals
from generator.verify.judgement import Finding, Json, State, not_checked
from generator.verify.matchers import MatcherError, UnfollowedError
from generator.verify.routes import Route, Routes

_ANY_OTHER = "another one"  # stands for all values that no route names, where none was seen
# Places, of values that no server showed. Where there are more, only those are tried that are known to occur.
_CHOICES = 1000
_SHOWN = 3
_BY_HAND = "`amtool config routes test` follows one alert from one place"
_OPERATORS = frozenset(("==", "!=", ">", ">=", "<", "<=", "+", "-", "*", "/", "%", "^"))
_AGGREGATIONS = frozenset(
    ("sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "quantile")
)


@dataclass(frozen=True)
class Site:
    """Where alerts of an engine come from: the labels that tell it, and the values they have, as far as was seen.

    `clusters` are the values of the cluster label, if the site names them; without `seen` nobody was asked.
    """

    labels: frozenset[str]
    seen: tuple[Labels, ...] = ()
    cluster: str | None = None
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    """Labels that an alert may have besides its own; `occurs` if it is known that some have them."""

    labels: Labels
    occurs: bool

    def __str__(self) -> str:
        words = [f'{label}="{cut_short(value)}"' for label, value in sorted(self.labels.items())]
        return ", ".join(words) or "it has no label for the place"


def routes_lead_somewhere(
    rules: Rules, config: Any, sites: Mapping[Engine, Site], generated: Json, today: date
) -> Iterator[Finding]:
    """Each alert is routed to a receiver that notifies somebody, at any time; causes hold back their symptoms.

    `generated` is the configuration that was compiled, which says what should be held back.
    """
    try:
        config = answers.ROUTING.checked(config)
        tree = _RouteTree(config, today)
        found: list[Finding] = []
        for alert in rules.alerts:
            found += tree.problems(alert, sites[alert.engine])
        missing = list(_missing_inhibitions(rules, config, generated))
    except (MatcherError, ShapeError) as error:
        said = f"its routes cannot be followed: {error}"
        yield Finding("routes", "Alertmanager", "fault", said, "run amtool check-config")
        return
    except UnfollowedError as error:
        yield not_checked("routes", "Alertmanager", str(error), _BY_HAND)
        return
    yield from found
    count = len(rules.alerts) - len({finding.subject for finding in found})
    if count and not any(finding.state == "fault" for finding in found):
        said = f"{count} alerts are routed to receivers that notify"
        yield Finding("routes", "Alertmanager", "ok", said)
    yield from tree.left_out()
    yield from missing


_End = tuple[_Place, Sequence[Route]]


class _RouteTree:
    """The routes of a configuration, and what stands behind them."""

    def __init__(self, config: Json, today: date) -> None:
        self._routes = Routes(config["route"])
        self._notify = {row["name"]: _notifies(row) for row in config.get("receivers") or ()}
        self._intervals = intervals.intervals_of(config)
        self._today = today
        self._silences: dict[Route, str] = {}
        self._ends: dict[object, list[_End]] = {}
        self._not_tried: set[str] = set()
        self._named: dict[str, tuple[list[str], bool]] = {}  # by label

    def problems(self, alert: CompiledAlert, site: Site) -> Iterator[Finding]:
        try:
            ends = self._ends_of(alert, site)
        except UnfollowedError as error:
            yield not_checked("routes", alert.rule.alert, str(error), _BY_HAND)
            return
        yield from self._lost(alert, ends)
        yield from self._muted(alert, ends)

    def left_out(self) -> Iterator[Finding]:
        """The labels of places of which not all values that the routes name were tried."""
        if self._not_tried:
            labels = ", ".join(sorted(self._not_tried))
            said = f"the routes name more values of {labels} than can be tried"
            fix = "name the servers of logs and metrics too, whose values are tried all"
            yield not_checked("routes", "Alertmanager", said, fix)

    def _ends_of(self, alert: CompiledAlert, site: Site) -> list[_End]:
        """Where an alert ends up from each place. Alerts that the routes cannot tell apart are followed once."""
        reads = sorted(
            {tuple(sorted(labels & self._routes.labels)) for labels in _carried(alert, site)}
        )
        sent = _labels_when_sent(alert)
        told_by = tuple((label, sent.get(label)) for label in sorted(self._routes.labels))
        key = (alert.engine, tuple(reads), told_by)
        if key not in self._ends:
            places = [place for read in reads for place in self._places(read, site)]
            self._ends[key] = [
                (place, self._routes.ends({**sent, **place.labels})) for place in places
            ]
        return self._ends[key]

    def _places(self, read: Sequence[str], site: Site) -> Iterator[_Place]:
        """Every combination of what was seen, of the clusters that must be there, and else of what the routes name."""
        seen = {
            tuple((label, row[label]) for label in read if row.get(label)) for row in site.seen
        } or {()}
        shown = {label for row in seen for label, _ in row}
        unseen = [label for label in read if label not in shown]
        values = [self._values(label, site) for label in unseen]
        if prod(map(len, values)) > _CHOICES:
            self._not_tried.update(unseen)
            values = [[value for value in row if value[1]] for row in values]
        for row, choice in product(sorted(seen), product(*values)):
            labels = dict(row) | {
                label: value for label, (value, _) in zip(unseen, choice, strict=True) if value
            }
            yield _Place(labels, all(occurs for _, occurs in choice))
        if site.cluster and site.cluster in read and site.cluster not in unseen:
            there = {dict(row).get(site.cluster) for row in seen}
            yield from (
                _Place({site.cluster: name}, True) for name in site.clusters if name not in there
            )

    def _values(self, label: str, site: Site) -> list[tuple[str, bool]]:
        """Values of a label that was not seen, and whether they occur."""
        if label == site.cluster and site.clusters:
            return [(name, True) for name in site.clusters]
        if label not in self._named:
            self._named[label] = self._routes.named(label, _CHOICES)
        named, complete = self._named[label]
        if not complete:
            self._not_tried.add(label)
        absent = ("", True)
        return [
            absent if site.seen else (_ANY_OTHER, False),
            *((value, False) for value in named),
        ]

    def _lost(self, alert: CompiledAlert, ends: Sequence[_End]) -> Iterator[Finding]:
        lost = [(place, routes) for place, routes in ends if not self._reached(routes)]
        if not lost:
            return
        where, sure = _extent([place for place, _ in lost], [place for place, _ in ends])
        names = list(
            dict.fromkeys(
                cut_short(route.receiver) or "none" for _, routes in lost for route in routes
            )
        )
        what = (
            "notifies nobody" if any(name in self._notify for name in names) else "does not exist"
        )
        # A site may drop what nobody must act on.
        state: State = "fault" if sure and alert.urgency in ("critical", "warning") else "warning"
        said = f"{'is' if sure else 'would be'} routed to nowhere{where}: receiver {_list(names, ', ')} {what}"
        fix = "give the receiver an integration such as slack_configs, or add the routes of output/alertmanager"
        yield Finding("routes", alert.rule.alert, state, said, fix)

    def _muted(self, alert: CompiledAlert, ends: Sequence[_End]) -> Iterator[Finding]:
        """At some time each route by which it reaches somebody is muted."""
        quiet: dict[str, list[_Place]] = {}
        for place, routes in ends:
            reasons = [self._silence(route) for route in self._reached(routes)]
            if reasons and all(reasons):
                quiet.setdefault(" and ".join(dict.fromkeys(reasons)), []).append(place)
        for reason, places in quiet.items():
            where, sure = _extent(places, [place for place, _ in ends])
            state: State = (
                "fault" if sure and alert.urgency in ("critical", "watchdog") else "warning"
            )
            fix = "let a route without time intervals notify somebody, or leave it if nobody has to be told then"
            yield Finding(
                "routes",
                alert.rule.alert,
                state,
                f"{'is' if sure else 'would be'} {reason}{where}",
                fix,
            )

    def _reached(self, routes: Sequence[Route]) -> list[Route]:
        return [route for route in routes if self._notify.get(route.receiver)]

    def _silence(self, route: Route) -> str:
        """When a route says nothing, in words; empty if it always speaks."""
        if route not in self._silences:
            self._silences[route] = self._silence_in_words(route)
        return self._silences[route]

    def _silence_in_words(self, route: Route) -> str:
        words = []
        mute = [name for name in route.muted if self._ever(name)]
        if mute:
            words.append(f"muted during {_list(mute, ', ')}")
        if route.active and not any(self._always(name) for name in route.active):
            words.append(f"sent during {_list(route.active, ', ')} only")
        return " and ".join(words)

    def _ever(self, name: str) -> bool:
        interval = self._intervals.get(name)
        return interval is None or intervals.ever_active(interval, self._today)

    def _always(self, name: str) -> bool:
        interval = self._intervals.get(name)
        return interval is not None and intervals.always_active(interval)


def _extent(found: Sequence[_Place], tried: Sequence[_Place]) -> tuple[str, bool]:
    """Where something is so, in words that are empty for everywhere; whether alerts are known to come from there."""
    known = [place for place in found if place.occurs]
    is_so = set(map(id, found))
    others = [place for place in tried if id(place) not in is_so]
    if not any(place.occurs or _ANY_OTHER in place.labels.values() for place in others) and (
        known or not others
    ):
        return "", True
    return f" where {_list(known or found, ' or ')}", bool(known)


def _list(things: Sequence[object], between: str) -> str:
    shown = [str(thing) for thing in things[:_SHOWN]]
    if len(things) > _SHOWN:
        shown.append(f"{len(things) - _SHOWN} more")
    return between.join(shown)


def _notifies(receiver: Json) -> bool:
    return any(key.endswith("_configs") and value for key, value in receiver.items())


def _labels_when_sent(alert: CompiledAlert) -> dict[str, str]:
    return {"alertname": alert.rule.alert, **alert.rule.labels}


def _carried(alert: CompiledAlert, site: Site) -> set[frozenset[str]]:
    """The labels that tell where an alert comes from, as far as its expression keeps them, in each form that it has."""
    try:
        tree = (
            logql_tree.tree(alert.rule.expr)
            if alert.engine == "loki"
            else promql.tree_of(alert.rule.expr)
        )
    except ValueError:
        return {site.labels}
    return {site.labels if labels is None else labels for labels in _label_sets_kept(tree)}


def _label_sets_kept(tree: Any) -> set[frozenset[str] | None]:
    """The sets of labels that an expression can give; None among them for what is not plain from it."""
    match tree:
        case ("or", _, left, right):
            return _label_sets_kept(left) | _label_sets_kept(right)
        case (sign, _, float() | ("number", _), right) if sign in _OPERATORS:
            return _label_sets_kept(right)
        case (sign, _, left, float() | ("number", _)) if sign in _OPERATORS:
            return _label_sets_kept(left)
        case ("and" | "unless", _, left, _):
            return _label_sets_kept(left)
        case (name, ("by" | "AggModifierType.By", labels), *_) if name in _AGGREGATIONS:
            return {frozenset(labels)}
        case (name, (), *_) if name in _AGGREGATIONS:
            return {frozenset()}
        case ("vector" | "absent" | "absent_over_time", *_):
            return {frozenset()}
        case ("label_replace", inner, ("string", label), *_) | (
            "label_replace",
            (),
            inner,
            ("string", label),
            *_,
        ):
            return {
                None if labels is None else labels | {label} for labels in _label_sets_kept(inner)
            }
    return {None}


def _missing_inhibitions(rules: Rules, config: Json, generated: Json) -> Iterator[Finding]:
    """What the compiled configuration holds back at one place, and this one does not."""
    wanted = generated.get("inhibit_rules") or ()
    place = {label: "same" for rule in wanted for label in rule.get("equal", ())}
    firing = {alert.rule.alert: {**_labels_when_sent(alert), **place} for alert in rules.alerts}
    should = inhibitions.held_back(wanted, firing, permutations(firing, 2))
    held = inhibitions.held_back(config.get("inhibit_rules") or (), firing, should)
    missing = should - held
    for cause, symptom in permutations(firing, 2):
        if (cause, symptom) in missing:
            said = "the symptom is not held back while its cause fires"
            fix = "add the inhibit_rules of output/alertmanager"
            yield Finding("routes", f"{cause} → {symptom}", "warning", said, fix)
