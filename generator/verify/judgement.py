"""Whether compiled rules are live, judged from what servers answered. No IO.

Three things go wrong unnoticed: a ruler loads nothing, a selector matches nothing, a runbook link is dead.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from generator.base.durations import seconds
from generator.catalog.profile import Engine
from generator.compile import as_shown
from generator.compile.rule import AlertRule, Language, RecordingRule, RuleGroup, Rules
from generator.compile.rule_files import rule_data
from generator.sites.fitting import Gap
from generator.verify.headings import headings

Judged = Literal["rules", "watchdogs", "selectors", "routes", "runbooks"]
State = Literal["ok", "fault", "warning", "not checked"]
Json = Mapping[str, Any]

_LATE_INTERVALS = 4  # evaluations that may be missed
_LATE_SECONDS = 60  # and what a ruler may take besides
_SHOWN_NAMES = 3  # names in a line


@dataclass(frozen=True)
class Finding:
    """What was found of one subject, or of several that have one cause; `fix` says what to do about it."""

    check: Judged
    subject: str
    state: State
    said: str
    fix: str = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join(text for text in (f"{self.subject}: {self.said}", self.fix) if text)


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all of which the same is said; its names are theirs."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.check, finding.state, finding.said, finding.fix), []).append(
            finding
        )
    return [
        replace(group[0], **_subject_of_names([finding.subject for finding in group]))
        for group in alike.values()
    ]


def _subject_of_names(names: Sequence[str]) -> dict[str, Any]:
    shown, more = names[:_SHOWN_NAMES], len(names) - _SHOWN_NAMES
    subject = f"{', '.join(shown)} and {more} more" if more > 0 else ", ".join(shown)
    return {"subject": subject, "names": tuple(names)}


def not_checked(check: Judged, subject: str, said: str, fix: str = "") -> Finding:
    return Finding(check, subject, "not checked", said, fix)


def rules_are_live(
    language: Language,
    server: str,
    wanted: Sequence[RuleGroup],
    loaded: Sequence[Json] | None,
    now: datetime,
) -> Iterator[Finding]:
    """Each rule is loaded once, as it was compiled, is healthy, and was evaluated lately. None: there is no ruler."""
    if loaded is None:
        fix = (
            "ask the component that runs the ruler, and turn its API on (ruler: {enable_api: true})"
        )
        yield Finding("rules", server, "fault", "no ruler runs there, or its rules API is off", fix)
        return
    if not loaded:
        fix = f"{_load(language)}, or let the ruler read the folder they are in"
        yield Finding("rules", server, "fault", "its ruler runs and has loaded no rule at all", fix)
        return
    there: dict[str, list[tuple[Json, Json]]] = {}
    for group in loaded:
        for rule in group.get("rules", ()):
            there.setdefault(rule["name"], []).append((group, rule))
    rules = [(group, rule) for group in wanted for rule in group.rules]
    problems = [
        _problem_of_rule(language, server, group, rule, there.get(_name_of_rule(rule), []), now)
        for group, rule in rules
    ]
    yield from (problem for problem in problems if problem)
    if not any(problems):
        yield Finding(
            "rules", server, "ok", f"{len(rules)} rules are loaded, healthy and evaluated"
        )


def _name_of_rule(rule: AlertRule | RecordingRule) -> str:
    return rule.alert if isinstance(rule, AlertRule) else rule.record


def _load(language: Language) -> str:
    """How rules get into a ruler, and where it is seen what is not in it."""
    if language == "victorialogs":
        return "let vmalert read victorialogs/kube-proxy.rules.yaml (-rule, and /-/reload after a change)"
    return "push the rules"


def _compare(language: Language, seen: str) -> str:
    if language == "victorialogs":
        return _load(language)
    return f"push the rules again; `kube-proxy-alerts diff` shows {seen}"


def _problem_of_rule(
    language: Language,
    server: str,
    group: RuleGroup,
    rule: AlertRule | RecordingRule,
    found: Sequence[tuple[Json, Json]],
    now: datetime,
) -> Finding | None:
    def fault(said: str, fix: str) -> Finding:
        return Finding("rules", _name_of_rule(rule), "fault", said, fix)

    if not found:
        return fault(
            f"not loaded in {server}",
            _compare(language, "what is missing"),
        )
    if len(found) > 1:
        places = ", ".join(
            sorted({f"{group['name']} of {group.get('file', '?')}" for group, _ in found})
        )
        return fault(
            f"loaded {len(found)} times in {server}, firing as often ({places})",
            "remove all but one",
        )
    around, loaded = found[0]
    different = as_shown.shown_otherwise(language, rule_data(rule), loaded)
    if float(around.get("interval") or 0) not in (0, seconds(group.interval)):
        different.append("its interval")
    if different:
        said = f"loaded in {server} in another version: {' and '.join(different)}"
        return fault(said, _compare(language, "the difference"))
    if loaded.get("health") not in ("ok", "unknown"):
        fix = "the message is the ruler's own; look at its log and its limits"
        return fault(f"failing in {server}: {loaded.get('lastError') or loaded.get('health')}", fix)
    age = _age(str(loaded.get("lastEvaluation", "")), now)
    if age is None:
        return fault(
            f"not evaluated by {server} yet",
            "ask again in a minute; if it stays so, look at the ruler",
        )
    allowed = _LATE_INTERVALS * seconds(group.interval) + _LATE_SECONDS
    if age > allowed:
        said = f"not evaluated by {server} for more than {allowed:.0f} s, though the interval is {group.interval}"
        return fault(said, "the ruler stands still or cannot keep up; look at its log and metrics")
    return None


def _age(time: str, now: datetime) -> float | None:
    """Seconds since a time as servers write it, with nanoseconds; None for their zero time or if there is none."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", time)
    if not match or time.startswith("0001-"):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    try:
        return (now - datetime.fromisoformat(match[1] + zone).astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError):  # no day of any calendar
        return None


def watchdogs_arrived(
    rules: Rules, rulers: Mapping[Engine, str | None], alerts: Sequence[Json]
) -> Iterator[Finding]:
    """The alerts that always fire have come through to Alertmanager, so others would.

    `rulers` says which server evaluates the rules of an engine, as far as it is named: of another one nobody knows
    whether the site has it.
    """
    firing = {alert["labels"].get("alertname") for alert in alerts}
    for alert in rules.alerts:
        if alert.urgency != "watchdog":
            continue
        name = alert.rule.alert
        if name in firing:
            yield Finding("watchdogs", name, "ok", "arrived in Alertmanager")
        elif ruler := rulers.get(alert.engine):
            said = "always firing, and not arrived in Alertmanager"
            yield Finding("watchdogs", name, "fault", said, _alertmanager_setting(ruler))
        else:
            yield not_checked(
                "watchdogs",
                name,
                f"not arrived, and perhaps not in use: no {alert.engine} was asked",
            )


def _alertmanager_setting(ruler: str) -> str:
    if ruler == "vmalert":
        return "set -notifier.url of vmalert to Alertmanager, and look at its log"
    if ruler == "loki":
        return (
            "set ruler.alertmanager_url in Loki, with ruler.enable_alertmanager_v2: true, "
            "and look at the ruler's log"
        )
    return (
        "set alerting.alertmanagers in Prometheus (alertmanager_url in Mimir), and look at its log"
    )


def selectors_match(gaps: Sequence[Gap], server: str) -> Iterator[Finding]:
    """What the rules would not see is a fault where they see nothing of kube-proxy itself, else a warning."""
    for gap in gaps:
        state: State = "fault" if gap.blind and gap.needed else "warning"
        suffers = "blind" if gap.blind else "sees less"
        yield Finding(
            "selectors", gap.what, state, f"{suffers}: {', '.join(gap.alerts)}", gap.change
        )
    if not any(gap.blind and gap.needed for gap in gaps):
        yield Finding("selectors", server, "ok", "there is what the rules select")


@dataclass(frozen=True)
class Page:
    """What an address answered: a text, or what happened in its place."""

    text: str | None
    said: str = ""


def runbooks_answer(rules: Rules, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Each runbook_url leads to the page of its alert."""
    wrong = 0
    for alert in rules.alerts:
        name, url = alert.rule.alert, alert.rule.annotations["runbook_url"]
        page, folder = pages[url], url[: url.rindex("/") + 1]
        if page.text is None:
            wrong += 1
            fix = (
                "publish the pages of output/runbooks there (with runbooks.style site, those that "
                "`site` writes), or set runbooks.base_url to where they are"
            )
            yield Finding(
                "runbooks", name, "fault", f"the runbook in {folder} is dead: {page.said}", fix
            )
        elif name not in headings(page.text):
            wrong += 1
            said = f"{folder} answers, but with no page that has the alert as its heading"
            yield Finding(
                "runbooks",
                name,
                "fault",
                said,
                "a login page or an old page? publish output/runbooks",
            )
    if not wrong:
        yield Finding("runbooks", "all", "ok", f"{len(rules.alerts)} alerts lead to their page")
