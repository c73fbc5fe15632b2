"""Checks that the programs which evaluate the rules know the options that the profile asks for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator.base.document import Path
from generator.base.durations import seconds
from generator.base.problems import Problem
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile

_LOGS, _METRICS = "log", "metric"


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
_EVALUATE = {_LOGS: ("loki", "vmalert"), _METRICS: ("prometheus", "cortex", "vmalert")}


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
            ruler, release = RULERS[key], releases.get(key)
            if asked.option in ruler.instead:
                yield Problem(where, _never(ruler, asked, able))
            elif release is None:
                yield Problem(where, _unknown(key, ruler, asked), "warning")
            elif _numbers(release) < _numbers(ruler.since[asked.option]):
                yield Problem(
                    where,
                    f"{ruler.name} {release} does not know {asked.option}; {ruler.name} has it from "
                    f"{ruler.since[asked.option]} on",
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


def _asked(catalog: Catalog, profile: Profile) -> Iterable[_AskedOption]:
    loki, prometheus = profile.loki, profile.prometheus
    rows = (
        ("limit", _LOGS, ("loki", "limit"), loki.limit > 0),
        ("keep_firing_for", _LOGS, ("loki", "keep_firing_for"), _lasts(loki.keep_firing_for)),
        ("limit", _METRICS, ("prometheus", "limit"), prometheus.limit > 0),
        (
            "keep_firing_for",
            _METRICS,
            ("prometheus", "keep_firing_for"),
            _lasts(prometheus.keep_firing_for),
        ),
        ("query_offset", _METRICS, ("prometheus", "query_offset"), _lasts(prometheus.query_offset)),
    )
    for option, kind, at, is_so in rows:
        if is_so:
            yield _AskedOption(option, kind, at)
    of_logs = {name for entry in catalog.entries for name in entry.log_alerts()}
    for name, changes in profile.alerts.items():
        if _lasts(changes.get("keep_firing_for", "0s")):
            kind = _LOGS if name in of_logs else _METRICS
            yield _AskedOption("keep_firing_for", kind, ("alerts", name, "keep_firing_for"))


def _lasts(duration: object) -> bool:
    """Whether it is a duration longer than none; what is no duration is said by the checks of the profile."""
    try:
        return seconds(str(duration)) > 0
    except ValueError:
        return False


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.removeprefix("v").split("."))
