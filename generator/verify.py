"""Whether compiled rules are live, judged from what servers answered. No IO.

Three things go wrong unnoticed: a ruler loads nothing, a selector matches nothing, a runbook link is dead.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from amlint.routing import Inhibitor, Router, RoutingError

from generator import plan
from generator.durations import seconds
from generator.file import rule_data
from generator.rules import AlertRule, CompiledAlert, Engine, RecordingRule, RuleGroup, Rules
from generator.sites import Finding as Gap

Check = Literal["rules", "watchdogs", "selectors", "routes", "runbooks"]
State = Literal["ok", "fault", "warning", "not checked"]
Json = Mapping[str, Any]

_LATE_INTERVALS = 4  # evaluations that may be missed
_LATE_SECONDS = 60  # and what a ruler may take besides


@dataclass(frozen=True)
class Finding:
    """What was found of one subject; with a fault or a warning `fix` says what to do."""

    check: Check
    subject: str
    state: State
    said: str
    fix: str = ""

    def __str__(self) -> str:
        return "; ".join(text for text in (f"{self.subject}: {self.said}", self.fix) if text)


def rules_are_live(
    engine: Engine, server: str, wanted: Sequence[RuleGroup], loaded: Sequence[Json] | None, now: datetime
) -> Iterator[Finding]:
    """Each rule is loaded once, as it was compiled, is healthy, and was evaluated lately. None: there is no ruler."""
    if loaded is None:
        fix = "ask the component that runs the ruler, and turn its API on (ruler: {enable_api: true})"
        yield Finding("rules", server, "fault", "no ruler runs there, or its rules API is off", fix)
        return
    if not loaded:
        fix = "push the rules, or let the ruler read the folder they are in"
        yield Finding("rules", server, "fault", "its ruler runs and has loaded no rule at all", fix)
        return
    there: dict[str, list[tuple[Json, Json]]] = {}
    for group in loaded:
        for rule in group.get("rules", ()):
            there.setdefault(rule["name"], []).append((group, rule))
    rules = [(group, rule) for group in wanted for rule in group.rules]
    problems = [_problem_of_rule(engine, server, group, rule, there.get(_name(rule), []), now) for group, rule in rules]
    yield from (problem for problem in problems if problem)
    if not any(problems):
        yield Finding("rules", server, "ok", f"{len(rules)} rules are loaded, healthy and evaluated")


def _name(rule: AlertRule | RecordingRule) -> str:
    return rule.alert if isinstance(rule, AlertRule) else rule.record


def _problem_of_rule(
    engine: Engine,
    server: str,
    group: RuleGroup,
    rule: AlertRule | RecordingRule,
    found: Sequence[tuple[Json, Json]],
    now: datetime,
) -> Finding | None:
    def fault(said: str, fix: str) -> Finding:
        return Finding("rules", _name(rule), "fault", said, fix)

    if not found:
        return fault(
            f"is not loaded in {server}", "push the rules again; `kube-proxy-alerts diff` shows what is missing"
        )
    if len(found) > 1:
        places = ", ".join(sorted({f"{group['name']} of {group.get('file', '?')}" for group, _ in found}))
        return fault(f"is loaded {len(found)} times in {server} and fires as often ({places})", "remove all but one")
    (_, loaded) = found[0]
    different = plan.shown_otherwise(engine, rule_data(rule), loaded)
    if different:
        said = f"is loaded in {server} in another version: {' and '.join(different)}"
        return fault(said, "push the rules again; `kube-proxy-alerts diff` shows the difference")
    if loaded.get("health") not in ("ok", "unknown"):
        fix = "the message is the ruler's own; look at its log and its limits"
        return fault(f"fails in {server}: {loaded.get('lastError') or loaded.get('health')}", fix)
    age = _age(str(loaded.get("lastEvaluation", "")), now)
    if age is None:
        return fault(
            f"has not been evaluated by {server} yet", "ask again in a minute; if it stays so, look at the ruler"
        )
    allowed = _LATE_INTERVALS * seconds(group.interval) + _LATE_SECONDS
    if age > allowed:
        said = f"was last evaluated by {server} {age:.0f} s ago, though its interval is {group.interval}"
        return fault(said, "the ruler stands still or cannot keep up; look at its log and metrics")
    return None


def _age(time: str, now: datetime) -> float | None:
    """Seconds since a time as servers write it, with nanoseconds; None for their zero time or if there is none."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", time)
    if not match or time.startswith("0001-"):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    return (now - datetime.fromisoformat(match[1] + zone).astimezone(UTC)).total_seconds()


def watchdogs_arrived(rules: Rules, engines: Iterable[str], alerts: Sequence[Json]) -> Iterator[Finding]:
    """The alerts that always fire have come through to Alertmanager, so others would."""
    firing = {alert["labels"].get("alertname") for alert in alerts}
    for alert in rules.alerts:
        if alert.urgency == "watchdog" and alert.engine in engines:
            name = alert.rule.alert
            if name in firing:
                yield Finding("watchdogs", name, "ok", "has arrived in Alertmanager")
            else:
                said = "always fires, and has not arrived in Alertmanager"
                yield Finding("watchdogs", name, "fault", said, _alertmanager_setting(alert.engine))


def _alertmanager_setting(engine: str) -> str:
    if engine == "loki":
        return (
            "set ruler.alertmanager_url in Loki, with ruler.enable_alertmanager_v2: true, and look at the ruler's log"
        )
    return "set alerting.alertmanagers in Prometheus (alertmanager_url in Mimir), and look at its log"


def selectors_match(gaps: Sequence[Gap], asked: Sequence[str]) -> Iterator[Finding]:
    """What the rules would not see is a fault where they see nothing at all, else a warning."""
    for gap in gaps:
        state: State = "fault" if gap.blind else "warning"
        suffers = "blind" if gap.blind else "sees less"
        yield Finding("selectors", gap.what, state, f"{suffers}: {', '.join(gap.alerts)}", gap.change)
    if not any(gap.blind for gap in gaps):
        yield Finding("selectors", " and ".join(asked), "ok", "streams and series that the rules select are there")


def routes_lead_somewhere(rules: Rules, config: Any, unknown: Sequence[str]) -> Iterator[Finding]:
    """Each alert is routed to a receiver that notifies somebody; `unknown` are labels that differ from alert to alert.

    Of inhibitions it is seen that none holds back an alert that has no symptom.
    """
    try:
        router, inhibitor = Router(config.get("route")), Inhibitor(config.get("inhibit_rules"))
        receivers = {row["name"]: _notifies(row) for row in config.get("receivers") or ()}
    except (RoutingError, AttributeError, KeyError, TypeError) as error:
        yield Finding(
            "routes", "Alertmanager", "fault", f"its routes cannot be followed: {error}", "run amtool check-config"
        )
        return
    problems = [_problem_of_route(alert, router, receivers, unknown) for alert in rules.alerts]
    yield from (problem for problem in problems if problem)
    if not any(problem and problem.state == "fault" for problem in problems):
        count = problems.count(None)
        yield Finding("routes", "Alertmanager", "ok", f"{count} alerts are routed to receivers that notify")
    yield from _inhibitions(rules, inhibitor, unknown)


def _problem_of_route(
    alert: CompiledAlert, router: Router, receivers: Mapping[str, bool], unknown: Sequence[str]
) -> Finding | None:
    labels = {"alertname": alert.rule.alert, **alert.rule.labels}
    matches = router.match_partial(labels, unknown) or router.match(labels)
    names = [match.receiver or "" for match in matches]
    if any(receivers.get(name) for name in names):
        return None
    told = ", ".join(names) or "none"
    said = f"is routed to nowhere: receiver {told} " + (
        "does not exist" if not any(name in receivers for name in names) else "notifies nobody"
    )
    fix = (
        "give the receiver an integration (slack_configs, webhook_configs, …), or add the routes of output/alertmanager"
    )
    # A site may drop what nobody must act on.
    state: State = "fault" if alert.urgency in ("critical", "warning") else "warning"
    return Finding("routes", alert.rule.alert, state, said, fix)


def _notifies(receiver: Json) -> bool:
    return any(key.endswith("_configs") and value for key, value in receiver.items())


def _inhibitions(rules: Rules, inhibitor: Inhibitor, unknown: Sequence[str]) -> Iterator[Finding]:
    """A cause holds back its symptoms at the same place."""
    place = dict.fromkeys(unknown, "same")
    by_id: dict[str, list[CompiledAlert]] = {}
    for alert in rules.alerts:
        by_id.setdefault(alert.entry.id, []).append(alert)

    def labels(alert: CompiledAlert) -> dict[str, str]:
        return {"alertname": alert.rule.alert, **alert.rule.labels, **place}

    for alert in rules.alerts:
        own = alert.rule.alert == alert.entry.alert
        missing = [
            symptom.rule.alert
            for key in (alert.entry.inhibits if own else ())
            for symptom in by_id.get(key, ())
            if not inhibitor.inhibited_by(labels(symptom), [labels(alert)])
        ]
        if missing:
            said = f"does not hold back its symptoms: {', '.join(missing)}"
            yield Finding("routes", alert.rule.alert, "warning", said, "add the inhibit_rules of output/alertmanager")


@dataclass(frozen=True)
class Page:
    """What an address answered: a text, or what happened in its place."""

    text: str | None
    said: str = ""


def runbooks_answer(rules: Rules, pages: Mapping[str, Page]) -> Iterator[Finding]:
    """Each runbook_url leads to the page of its alert."""
    wrong = 0
    for alert in rules.alerts:
        url = alert.rule.annotations["runbook_url"]
        page = pages[url]
        if page.text is None:
            wrong += 1
            fix = "publish the pages of output/runbooks there, or set runbooks.base_url to where they are"
            yield Finding("runbooks", alert.rule.alert, "fault", f"its runbook {url} is dead: {page.said}", fix)
        elif not has_heading(page.text, alert.rule.alert):
            wrong += 1
            said = f"{url} answers, but with no page that has the heading {alert.rule.alert}"
            yield Finding(
                "runbooks", alert.rule.alert, "fault", said, "a login page or an old page? publish output/runbooks"
            )
    if not wrong:
        yield Finding("runbooks", "all", "ok", f"{len(rules.alerts)} alerts lead to their page")


def has_heading(text: str, heading: str) -> bool:
    """Whether a page, in Markdown or HTML, has this heading."""
    word = re.escape(heading)
    markdown = rf"^#{{1,6}} +{word} *#*$"
    html = rf"<h[1-6][^>]*>(?:\s|<[^>]*>)*{word}(?:\s|<[^>]*>|¶|&para;|#)*</h[1-6]>"
    return re.search(markdown, text, re.MULTILINE) is not None or re.search(html, text, re.IGNORECASE) is not None
