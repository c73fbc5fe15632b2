"""Whether each alert reaches somebody through an Alertmanager's routes, at every place it can come from. No IO."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from math import prod
from typing import Any

from amlint import routing, timeintervals
from amlint.routing import Inhibitor, RouteMatch, Router, RoutingError, probe_label_sets
from amlint.timeintervals import IntervalError

from generator.compile.rule import CompiledAlert, Engine, Rules
from generator.query import logql_tree, promql
from generator.query.signature import Pattern, compile_re2
from generator.verify.judgement import Finding, Json, State

Labels = Mapping[str, str]
_of_python = routing.compile_regex


@dataclass(frozen=True)
class _Regex:
    """A pattern of a route, matched by RE2 as Alertmanager matches it, in time that grows with the text alone.

    Python's `re`, to which amlint hands it, never ends with some, such as `([a-z]+)+!`. From its form of the pattern
    amlint makes up values that match.
    """

    pattern: str
    flags: int
    whole: Pattern

    def fullmatch(self, text: str) -> object | None:
        return self.whole.search(text)


def _compile_regex(pattern: str) -> _Regex:
    try:
        whole = compile_re2(f"^(?:{pattern})$")
    except ValueError as error:
        raise RoutingError(f"regex {pattern!r} does not compile: {error}") from error
    form = _of_python(pattern)
    return _Regex(form.pattern, form.flags, whole)


routing.compile_regex = _compile_regex  # type: ignore[assignment]

_OTHER = "another one"  # stands for all values that no route names, where none was seen
_CHOICES = (
    1000  # of values that no server showed; with more, only those are tried that are known to occur
)
_SHOWN = 3
_LABEL = re.compile(r"""([^\s"'{},=!~]+)["']?\s*[=!]""")
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
        words = [f'{label}="{value}"' for label, value in sorted(self.labels.items())]
        return ", ".join(words) or "it has no label for the place"


def routes_lead_somewhere(
    rules: Rules, config: Any, sites: Mapping[Engine, Site], generated: Any, today: date
) -> Iterator[Finding]:
    """Each alert is routed to a receiver that notifies somebody, at any time; causes hold back their symptoms.

    `generated` is the configuration that was compiled, which says what should be held back.
    """
    try:
        tree = _RouteTree(config, today)
        found = [
            finding
            for alert in rules.alerts
            for finding in tree.problems(alert, sites[alert.engine])
        ]
        inhibitions = list(_missing_inhibitions(rules, config, generated))
    except (RoutingError, AttributeError, KeyError, TypeError, RecursionError) as error:
        said = f"its routes cannot be followed: {error}"
        yield Finding("routes", "Alertmanager", "fault", said, "run amtool check-config")
        return
    yield from found
    if not any(finding.state == "fault" for finding in found):
        count = len(rules.alerts) - len({finding.subject for finding in found})
        yield Finding(
            "routes", "Alertmanager", "ok", f"{count} alerts are routed to receivers that notify"
        )
    yield from inhibitions


class _RouteTree:
    """The routes of a configuration, and what stands behind them."""

    def __init__(self, config: Any, today: date) -> None:
        self._router = Router(config.get("route"))
        self._receivers = {row["name"]: _notifies(row) for row in config.get("receivers") or ()}
        self._intervals = _intervals(config)
        self._today = today
        self._named: dict[str, list[str]] = {
            label: [] for label in _labels_read(config["route"])
        }  # values by label
        for labels in probe_label_sets([self._router])[0]:
            for label, value in labels.items():
                values = self._named.setdefault(label, [])
                values += [] if value in values else [value]

    def problems(self, alert: CompiledAlert, site: Site) -> Iterator[Finding]:
        reads = {tuple(sorted(labels & self._named.keys())) for labels in _carried(alert, site)}
        places = [place for read in sorted(reads) for place in self._places(read, site)]
        ends = [
            (place, self._router.match({**_labels_when_sent(alert), **place.labels}))
            for place in places
        ]
        yield from self._lost(alert, ends)
        yield from self._muted(alert, ends)

    def _places(self, read: Sequence[str], site: Site) -> Iterator[_Place]:
        """Every combination of what was seen, of the clusters that must be there, and else of what the routes name."""
        seen = {
            tuple((label, row[label]) for label in read if row.get(label)) for row in site.seen
        } or {()}
        unseen = [
            label for label in read if not any(label == name for row in seen for name, _ in row)
        ]
        values = [self._values(label, site) for label in unseen]
        if prod(map(len, values)) > _CHOICES:
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
        absent = ("", True)
        return [
            absent if site.seen else (_OTHER, False),
            *((value, False) for value in self._named[label]),
        ]

    def _lost(
        self, alert: CompiledAlert, ends: Sequence[tuple[_Place, Sequence[RouteMatch]]]
    ) -> Iterator[Finding]:
        lost = [(place, matches) for place, matches in ends if not self._reached(matches)]
        if not lost:
            return
        where, sure = _extent([place for place, _ in lost], [place for place, _ in ends])
        names = list(
            dict.fromkeys(match.receiver or "none" for _, matches in lost for match in matches)
        )
        what = (
            "notifies nobody"
            if any(name in self._receivers for name in names)
            else "does not exist"
        )
        # A site may drop what nobody must act on.
        state: State = "fault" if sure and alert.urgency in ("critical", "warning") else "warning"
        said = f"{'is' if sure else 'would be'} routed to nowhere{where}: receiver {', '.join(names)} {what}"
        fix = "give the receiver an integration such as slack_configs, or add the routes of output/alertmanager"
        yield Finding("routes", alert.rule.alert, state, said, fix)

    def _muted(
        self, alert: CompiledAlert, ends: Sequence[tuple[_Place, Sequence[RouteMatch]]]
    ) -> Iterator[Finding]:
        """At some time each route by which it reaches somebody is muted."""
        quiet: dict[str, list[_Place]] = {}
        for place, matches in ends:
            reasons = [self._silence(match) for match in self._reached(matches)]
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

    def _reached(self, matches: Sequence[RouteMatch]) -> list[RouteMatch]:
        return [match for match in matches if self._receivers.get(match.receiver)]

    def _silence(self, match: RouteMatch) -> str:
        """When a route says nothing, in words; empty if it always speaks."""
        mute = [name for name in match.opts.mute_time_intervals if self._ever(name)]
        active = [name for name in match.opts.active_time_intervals if not self._always(name)]
        words = [f"muted during {', '.join(mute)}"] if mute else []
        only = match.opts.active_time_intervals
        words += (
            [f"sent during {', '.join(only)} only"] if active and len(active) == len(only) else []
        )
        return " and ".join(words)

    def _ever(self, name: str) -> bool:
        entries = self._intervals.get(name)
        return entries is None or timeintervals.ever_active(entries, self._today)

    def _always(self, name: str) -> bool:
        entries = self._intervals.get(name)
        return entries is not None and timeintervals.always_active(entries)


def _labels_read(route: Json) -> Iterator[str]:
    """The labels that routes look at, perhaps with words from within values, which do no harm."""
    matchers = route.get("matchers") or ()
    for matcher in [matchers] if isinstance(matchers, str) else matchers:
        yield from _LABEL.findall(matcher)
    yield from (*(route.get("match") or ()), *(route.get("match_re") or ()))
    for child in route.get("routes") or ():
        yield from _labels_read(child)


def _intervals(config: Any) -> dict[str, Any]:
    """The time intervals by name; one that cannot be read is left out, and taken for one that mutes."""
    found = {}
    for row in [*(config.get("time_intervals") or ()), *(config.get("mute_time_intervals") or ())]:
        try:
            found[row["name"]] = [
                timeintervals.parse_entry(entry) for entry in row.get("time_intervals") or ()
            ]
        except IntervalError:
            continue
    return found


def _extent(found: Sequence[_Place], tried: Sequence[_Place]) -> tuple[str, bool]:
    """Where something is so, in words that are empty for everywhere; whether alerts are known to come from there."""
    known = [place for place in found if place.occurs]
    is_so = set(map(id, found))
    others = [place for place in tried if id(place) not in is_so]
    if not any(place.occurs or _OTHER in place.labels.values() for place in others) and (
        known or not others
    ):
        return "", True
    return f" where {_list(known or found)}", bool(known)


def _list(places: Sequence[_Place]) -> str:
    shown, more = " or ".join(map(str, places[:_SHOWN])), len(places) - _SHOWN
    return f"{shown} or {more} more" if more > 0 else shown


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


def _missing_inhibitions(rules: Rules, config: Any, generated: Any) -> Iterator[Finding]:
    """What the compiled configuration holds back at one place, and this one does not."""
    wanted, actual = (
        Inhibitor(generated.get("inhibit_rules")),
        Inhibitor(config.get("inhibit_rules")),
    )
    place = {
        label: "same"
        for rule in generated.get("inhibit_rules") or ()
        for label in rule.get("equal", ())
    }
    firing = {alert.rule.alert: {**_labels_when_sent(alert), **place} for alert in rules.alerts}
    for cause, source in firing.items():
        for symptom, target in firing.items():
            if wanted.inhibited_by(target, [source]) and not actual.inhibited_by(target, [source]):
                said = "the symptom is not held back while its cause fires"
                fix = "add the inhibit_rules of output/alertmanager"
                yield Finding("routes", f"{cause} → {symptom}", "warning", said, fix)
