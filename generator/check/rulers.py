"""Checks that the programs which evaluate the rules know the options that the profile asks for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from generator.base.document import Path
from generator.base.durations import seconds
from generator.base.problems import Problem
from generator.catalog.model import Catalog
from generator.catalog.profile import Number, Profile

_OF_LOGS, _OF_METRICS = "log", "metric"


@dataclass(frozen=True)
class Evaluator:
    """A program that evaluates rules.

    `since`: by option, the first release in which it has an effect. `instead`: of an option that no release has, what
    is to be known and done.
    """

    name: str
    since: Mapping[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)


# From their changelogs. What Loki makes of keep_firing_for is in pkg/ruler/rulespb/compat.go of 3.0 to 3.7.8: the rule
# store has no field for it; tests/check/test_rulers.py shows it on the program.
RULERS: Mapping[str, Evaluator] = {
    "loki": Evaluator(
        "Loki",
        {"limit": "2.9"},
        {
            "keep_firing_for": "no Loki keeps an alert firing: 2.2 refuses the whole file, and those up to 3.7 read "
            "the key and drop it; give the alert a longer `range`"
        },
    ),
    "prometheus": Evaluator(
        "Prometheus", {"limit": "2.31", "keep_firing_for": "2.42", "query_offset": "2.53"}
    ),
    "cortex": Evaluator(
        "Cortex", {"limit": "1.16", "keep_firing_for": "1.17", "query_offset": "1.18"}
    ),
    "vmalert": Evaluator(
        "vmalert",
        {"limit": "1.78", "keep_firing_for": "1.92"},
        {
            "query_offset": "vmalert refuses it; its flag -rule.evalDelay, 30s by default, looks back in every rule"
        },
    ),
}
_EVALUATE = {_OF_LOGS: ("loki", "vmalert"), _OF_METRICS: ("prometheus", "cortex", "vmalert")}


@dataclass(frozen=True)
class _AskedOption:
    """An option that the profile sets for rules of a kind, and where."""

    option: str
    kind: str
    at: Path


def options_are_known_to_the_rulers(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """An error where a ruler that is named does not know an option, a warning where its release is not known."""
    releases = profile.rulers.named()
    for asked in _asked(catalog, profile):
        where = profile.document.at(*asked.at)
        able = _EVALUATE[asked.kind]
        named = [key for key in able if key in releases]
        for key in named or able[:1]:
            ruler = RULERS[key]
            release = releases.get(key)
            if asked.option in ruler.instead:
                yield Problem(where, _never(ruler, asked, able))
                continue
            since = ruler.since[asked.option]
            if release is None:
                yield Problem(where, _unknown(key, ruler, asked), "warning")
            elif _numbers(release) < _numbers(since):
                yield Problem(
                    where,
                    f"{ruler.name} {release} does not know {asked.option}; "
                    f"{ruler.name} has it from {since} on",
                )


def _never(ruler: Evaluator, asked: _AskedOption, able: Sequence[str]) -> str:
    others = [key for key in able if asked.option in RULERS[key].since]
    either = ", ".join(f"`rulers: {{{key}: …}}`" for key in others)
    return (
        f"{asked.option}: {ruler.instead[asked.option]}; if another evaluates the {asked.kind} rules, "
        f"name it: {either}"
    )


def _unknown(key: str, ruler: Evaluator, asked: _AskedOption) -> str:
    return (
        f"which release of {ruler.name} evaluates the {asked.kind} rules is not known; it has {asked.option} from "
        f"{ruler.since[asked.option]} on, and an older one may refuse the whole file; "
        f"name it: `rulers: {{{key}: …}}`"
    )


def _asked(catalog: Catalog, profile: Profile) -> Iterator[_AskedOption]:
    yield from _asked_of(_OF_LOGS, ("loki",), profile.loki.limit, profile.loki.keep_firing_for)
    site = profile.prometheus
    yield from _asked_of(_OF_METRICS, ("prometheus",), site.limit, site.keep_firing_for)
    if _lasts(site.query_offset):
        yield _AskedOption("query_offset", _OF_METRICS, ("prometheus", "query_offset"))
    of_logs = {name for entry in catalog.entries for name in entry.log_alerts()}
    for name, changes in profile.alerts.items():
        if _lasts(changes.get("keep_firing_for", "0s")):
            kind = _OF_LOGS if name in of_logs else _OF_METRICS
            yield _AskedOption("keep_firing_for", kind, ("alerts", name, "keep_firing_for"))


def _asked_of(kind: str, at: Path, limit: Number, keep_firing_for: str) -> Iterator[_AskedOption]:
    """The options that rules of both kinds have."""
    if limit > 0:
        yield _AskedOption("limit", kind, (*at, "limit"))
    if _lasts(keep_firing_for):
        yield _AskedOption("keep_firing_for", kind, (*at, "keep_firing_for"))


def _lasts(duration: object) -> bool:
    """Whether it is a duration longer than none; what is no duration is said by the checks of the profile."""
    try:
        return seconds(str(duration)) > 0
    except ValueError:
        return False


def _numbers(release: str) -> tuple[int, ...]:
    parts = release.removeprefix("v").split(".")
    return tuple(map(int, parts))
