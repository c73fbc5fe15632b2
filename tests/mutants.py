"""Weakens each generated rule, one piece at a time, and shows that the tests notice.

    python -m tests.mutants                              # every rule, some minutes
    python -m tests.mutants KubeProxySyncSlow            # some rules

A mutant of a log rule must be noticed by a line (samples, captures) or by the unit tests on a real Loki; a mutant of
a metric rule by promtool. Exit codes: 0 at least 95 in 100 noticed and each survivor has a reason, 1 not so, 2 could
not run.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import click
from msgspec import structs

from generator.base.disk import populate
from generator.base.durations import seconds
from generator.base.file import File
from generator.base.problems import ToolError
from generator.catalog.load import load
from generator.catalog.model import Entry
from generator.catalog.settings import log_settings
from generator.catalog.wordings import by_alert, signature
from generator.compile.rule import AlertRule, RecordingRule, RuleGroup, Rules
from generator.compile.rule_files import rules_file
from generator.pipeline import compile_catalog
from generator.prove import local_loki, over_time, tools
from generator.prove.log_tests import alerting_rules
from generator.prove.needed_rules import needed
from generator.prove.on_loki import OnLoki
from generator.prove.verdicts import refusal
from generator.query import logql
from generator.query.signature import Signature
from generator.servers.loki import Loki
from tests.catalog.test_lines import FIRES, KNOWN, SILENT, lines, name
from tests.fixes.builds import KNOWN as KNOWN_BUILDS
from tests.fixes.builds import unit_tests

AIM = 0.95
UNCHANGED = "nothing"  # the mutant that must not be noticed, or the others prove nothing
INPUTS = load(log_tests=True)
ENTRIES = {entry.id: entry for entry in INPUTS.catalog.entries}

# Why a survivor is no gap: (rule, change), both as patterns that must match as a whole.
_ONE_SERIES = "each kube-proxy has one such series, so there is nothing to add up"
_NARROWER = "a Pod that runs is one that runs on its node, which the next condition tells"
_PRESENCE = "whether there is a series counts, not its value"
_ANY_ANSWER = "one answer is enough, so whether there was any counts, not how many"
REASONS: dict[tuple[str, str], str] = {
    (
        ".*",
        "literal `.*` dropped|search before .*",
    ): "a cheap filter, there for speed: every wording holds this text",
    (
        "KubeProxy(Conntrack(SysctlDenied|TableFull)|IptablesRulesIncompatible|NftablesCommentTooLong)",
        "pattern dropped",
    ): "its words are searched for before; the pattern says only how they stand together",
    ("instance:kubeproxy_cpu:rate5m", "sum becomes max .2."): _ONE_SERIES,
    (
        "instance:kubeproxy_cpu:rate5m",
        "count becomes sum .*",
    ): "what is counted are ones, so their sum is the same",
    ("instance:kubeproxy_sync_proxy_rules:p99_rate15m", "sum becomes max .*"): _ONE_SERIES,
    ("KubeProxyNetworkProgrammingSlow", "sum becomes max .*"): _ONE_SERIES,
    ("instance:kubeproxy_sync_proxy_rules:rate10m", "sum becomes max .*"): _ONE_SERIES,
    ("instance:kubeproxy_changes:rate10m", "sum becomes max .*"): _ONE_SERIES,
    ("instance:kubeproxy_changes:rate10m", "max becomes min .*"): _PRESENCE,
    ("instance:kubeproxy_build:info", "max becomes min .1."): _PRESENCE,
    (
        "(instance|cluster):kubeproxy_apiserver_unanswered:.*|KubeProxyApiserverUnauthorizedRequests",
        "sum becomes max .2.|increase.* becomes rate.* .2.",
    ): _ANY_ANSWER,
    (
        "cluster:kubeproxy_apiserver_unanswered:count",
        "count becomes sum .2.",
    ): "what is counted are ones, so their sum is the same",
    (
        "KubeProxyApiserverUnreachableEverywhere",
        "2 becomes 1 .*",
    ): "the record has no value below 3",
    ("instance:kubeproxy_conntrack_cleanup:p99_rate15m", "sum becomes max .*"): _ONE_SERIES,
    (
        "KubeProxyConntrackTableFull(Drops|Soon)",
        "max becomes min .2.",
    ): "what is there is always 1, so the least of it is the same",
    ("KubeProxyNftablesSyncFailing", "max becomes min .*"): _ONE_SERIES,
    (
        "KubeProxyNotRunning",
        "max becomes min .*",
    ): "each DaemonSet has one such series, or replicas that say the same",
    ("KubeProxyNotRunning", ".* becomes .* .1."): _NARROWER,
    ("KubeProxyNotRunning", "kube_pod_container_status_running not read .4."): _NARROWER,
    ("KubeProxyNeverSynced", "max becomes min .1."): _ONE_SERIES,
    ("KubeProxyNeverSynced", "max becomes min .*"): _PRESENCE,
    ("KubeProxyNeverSynced", "0 becomes 1 .*"): "a time stamp is 0 or a time of this century",
}


@dataclass(frozen=True)
class Mutant:
    """A weakened rule; `noticed` runs the tests on it."""

    rule: str
    change: str
    noticed: Callable[[], bool]


@dataclass(frozen=True)
class Count:
    """How many mutants of a rule there are, how many are noticed, and whether each other one has a reason."""

    noticed: int
    total: int
    explained: bool


def main_lines(entry: Entry, alert: str) -> tuple[list[list[str]], list[str]]:
    """Files of which some line must match the alert, and lines of which none may."""
    fires: list[list[str]] = []
    silent: list[str] = []
    for other in INPUTS.catalog.entries:
        for sample in other.samples:
            if sample.fires and other is entry:
                fires.append(list(sample.lines))
            elif sample.fires or other is entry:
                silent += sample.lines
    for path in FIRES:
        if path.parent.parent.name == entry.id:
            fires.append(lines(path))
        elif name(path) not in KNOWN:
            silent += lines(path)
    silent += [line for path in SILENT if name(path) not in KNOWN for line in lines(path)]
    return _of_alert(fires, silent, entry, alert)


def _of_alert(
    fires: list[list[str]], silent: list[str], entry: Entry, alert: str
) -> tuple[list[list[str]], list[str]]:
    """Of an entry with two alerts on its lines: the files of one of them; the lines of the other are silent."""
    if entry.milder is None:
        return fires, silent
    assert entry.logs
    whole, mild = signature(entry.logs), entry.is_milder(alert)
    own: list[list[str]] = []
    foreign: list[str] = []
    for file in fires:
        mine = [line for line in file if (entry.milder.holds in line) == mild]
        foreign += [line for line in file if (entry.milder.holds in line) != mild]
        if any(map(whole.matches, mine)):
            own.append(mine)
    return own, [*silent, *foreign]


def wrong_lines(filters: Signature, fires: list[list[str]], silent: list[str]) -> bool:
    return not all(any(map(filters.matches, file)) for file in fires) or any(
        map(filters.matches, silent)
    )


def signature_changes(entry: Entry, alert: str) -> Iterator[tuple[str, Signature]]:
    """The filters of a log rule with one of them dropped or changed."""
    assert entry.logs
    whole = by_alert(entry)[alert]
    for literal in whole.literals:
        others = tuple(other for other in whole.literals if other != literal)
        if others or whole.pattern or whole.any_of:
            yield f"literal `{literal}` dropped", replace(whole, literals=others)
        yield f"literal `{literal}` changed", replace(whole, literals=(*others, f"{literal}~"))
    for excluded in whole.exclude:
        rest = tuple(other for other in whole.exclude if other != excluded)
        yield f"exclusion `{excluded}` dropped", replace(whole, exclude=rest)
    if whole.pattern is not None:
        yield "pattern changed", replace(whole, pattern=f"(?:{whole.pattern})~")
        if whole.literals or whole.any_of:
            yield "pattern dropped", replace(whole, pattern=None)
        if whole.any_of:
            yield "search before the pattern dropped", replace(whole, any_of=())
    variants = entry.logs.variants
    for variant in variants if len(variants) > 1 else ():
        others_left = tuple(other for other in variants if other != variant)
        logs = structs.replace(entry.logs, variants=others_left)
        poorer = structs.replace(entry, signals=structs.replace(entry.signals, logs=logs))
        yield f"wording '{variant.name}' dropped", by_alert(poorer)[alert]


def log_mutants(rules: Rules, server: Loki, promtool: Path) -> Iterator[Mutant]:
    for row in rules.alerts:
        entry = row.entry
        if row.engine != "loki" or entry.logs is None or entry.log_tests is None:
            continue
        fires, silent = main_lines(entry, row.rule.alert)
        assert row.filters
        whole = row.filters
        numbers = log_settings(row.rule.alert, entry.logs, INPUTS.profile)
        assert row.source
        selector, labels = row.source.selector, row.source.labels
        by = labels.names()

        # The unit tests of an entry speak of all its alerts on lines.
        others = tuple(
            one.rule
            for one in rules.alerts
            if one.entry is entry and one.engine == "loki" and one is not row
        )

        def fails(
            rule: AlertRule, entry: Entry = entry, others: tuple[AlertRule, ...] = others
        ) -> bool:
            text = rules_file("rules.yaml", [RuleGroup("g", "30s", (rule, *others))]).text
            assert entry.log_tests
            suite = over_time.Suite(entry.log_tests, tuple(alerting_rules([text])))
            return any(
                outcome.said for outcome in over_time.run_tests(OnLoki(server), promtool, suite)
            )

        def expr(
            filters: Signature = whole,
            window: str = numbers.window,
            by: Sequence[str] = by,
            threshold: float = numbers.threshold,
            selector: str = selector,
            recent: str | None = entry.logs.recent,
        ) -> str:
            return logql.count(selector, filters, window, ", ".join(by), f"{threshold:g}", recent)

        for change, weaker in signature_changes(entry, row.rule.alert):

            def noticed(
                weaker: Signature = weaker,
                rule: AlertRule = replace(row.rule, expr=expr(weaker)),  # noqa: B008
                fires: list[list[str]] = fires,
                silent: list[str] = silent,
                fails: Callable[[AlertRule], bool] = fails,
            ) -> bool:
                return wrong_lines(weaker, fires, silent) or fails(rule)

            yield Mutant(row.rule.alert, change, noticed)
        changed = {
            UNCHANGED: row.rule,
            "threshold one more": replace(row.rule, expr=expr(threshold=numbers.threshold + 1)),
            **(
                {
                    "threshold one less": replace(
                        row.rule, expr=expr(threshold=numbers.threshold - 1)
                    )
                }
                if numbers.threshold  # a count is never 0
                else {}
            ),
            "range halved": replace(row.rule, expr=expr(window=_times(numbers.window, 0.5))),
            "range doubled": replace(row.rule, expr=expr(window=_times(numbers.window, 2))),
            **(
                {
                    "recent lines not asked for": replace(row.rule, expr=expr(recent=None)),
                    "recent halved": replace(
                        row.rule, expr=expr(recent=_times(entry.logs.recent, 0.5))
                    ),
                    "recent doubled": replace(
                        row.rule, expr=expr(recent=_times(entry.logs.recent, 2))
                    ),
                }
                if entry.logs.recent
                else {}
            ),
            "selector of another program": replace(
                row.rule, expr=row.rule.expr.replace(selector, '{container="other"}')
            ),
            "selector without the program": replace(
                row.rule, expr=row.rule.expr.replace("container=", "namespace=~")
            ),
            **{
                f"label {label} not kept": replace(
                    row.rule, expr=expr(by=[one for one in by if one != label])
                )
                for label in by
            },
            **dict(common_changes(row.rule)),
        }
        for change, rule in changed.items():
            if change != UNCHANGED and rule == row.rule:
                continue  # what this rule does not have, such as a program in the selector
            yield Mutant(row.rule.alert, change, lambda rule=rule, fails=fails: fails(rule))  # type: ignore[misc]


def _times(duration: str, factor: float) -> str:
    return f"{seconds(duration) * factor:g}s"


def common_changes(rule: AlertRule) -> Iterator[tuple[str, AlertRule]]:
    """What every alerting rule has: how long it holds, labels, annotations."""
    yield "for 5m longer", replace(rule, hold=f"{seconds(rule.hold) + 300:g}s")
    if rule.hold != "0s":
        yield "for dropped", replace(rule, hold="0s")
    for key in rule.labels:
        yield f"label {key} changed", replace(rule, labels={**rule.labels, key: "other"})
    for key in rule.annotations:
        yield (
            f"annotation {key} changed",
            replace(rule, annotations={**rule.annotations, key: "other"}),
        )


_SWAPS = {
    r"(?<=\s)>=(?=\s)": "<",
    r"(?<=\s)<=(?=\s)": ">",
    r"(?<=\s)==(?=\s)": "!=",
    r"(?<=\s)>(?=\s)": "<=",
    r"(?<=\s)<(?=\s)": ">=",
    r"\band\b": "or",
    r"\bunless\b": "and",
    r"\bor\b": "and",
    r"\bmax\b(?= by| \()": "min",
    r"\bmin\b(?= by| \()": "max",
    r"\bsum\b(?= by| \()": "max",
    r"\bcount\b(?= by)": "sum",
    r"\brate\(": "irate(",
    r"\bincrease\(": "rate(",
    r"\b0\.99\b": "0.5",
    r"/ 1e6": "/ 1e3",
    r"/ 2\b": "* 2",
}


def expr_changes(expr: str) -> Iterator[tuple[str, str]]:
    """An expression with one piece changed. Comments are left out first."""
    bare = re.sub(r"#[^\n]*", "", expr)
    for pattern, other in _SWAPS.items():
        for number, match in enumerate(re.finditer(pattern, bare), 1):
            yield (
                f"{match[0]} becomes {other} ({number})",
                bare[: match.start()] + other + bare[match.end() :],
            )
    for number, match in enumerate(re.finditer(r"(?<=[<>=]\s)\d+(\.\d+)?", bare), 1):
        for value in (float(match[0]) * 2, float(match[0]) / 2) if float(match[0]) else (1.0,):
            yield (
                f"{match[0]} becomes {value:g} ({number})",
                bare[: match.start()] + f"{value:g}" + bare[match.end() :],
            )
    for number, match in enumerate(re.finditer(r"\[(\d+)m\]", bare), 1):
        for minutes in (int(match[1]) * 4, max(1, int(match[1]) // 5)):
            changed = bare[: match.start()] + f"[{minutes}m]" + bare[match.end() :]
            yield f"{match[0]} becomes [{minutes}m] ({number})", changed
    for number, match in enumerate(re.finditer(r"(?<![\w:])[a-z_:]+(?=\{)", bare), 1):
        yield f"{match[0]} not read ({number})", bare[: match.end()] + "_gone" + bare[match.end() :]
    for label in sorted(
        {
            word
            for found in re.findall(r"(?:by|on) \(([^)]*)\)", bare)
            for word in found.split(", ")
            if word
        }
    ):
        yield (
            f"label {label} not kept",
            re.sub(rf"(\((?:[\w, ]*, )?){label}(?:, )?([\w, ]*\))", r"\1\2", bare),
        )


def metric_mutants(rules: Rules, promtool: Path) -> Iterator[Mutant]:
    groups = rules.groups["prometheus"]
    records = {
        rule.record: rule
        for group in groups
        for rule in group.rules
        if isinstance(rule, RecordingRule)
    }
    tested = {entry.id: list(entry.unit_tests.values()) for entry in INPUTS.catalog.entries}
    for failure in KNOWN_BUILDS:
        tested[failure].append(unit_tests(failure, "../../output/prometheus/kube-proxy.rules.yaml"))

    def read_by(entries: set[str]) -> list[tuple[str, str]]:
        return [
            (entry, text) for entry in sorted(entries & tested.keys()) for text in tested[entry]
        ]

    def fails(rule: AlertRule | RecordingRule, changed: AlertRule | RecordingRule) -> bool:
        """Whether a test of an entry whose alerts read the rule fails."""
        swapped = [
            replace(group, rules=tuple(changed if one is rule else one for one in group.rules))
            for group in groups
        ]
        readers = {
            group.name.removeprefix("kube-proxy.")
            for group in groups
            if _reads(group, rule, records)
        }
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            for reader, text in read_by(readers):
                path = "output/prometheus/kube-proxy.rules.yaml"
                tests = File(f"catalog/{reader}/tests.yaml", text)
                populate(work, [rules_file(path, needed(swapped, text)), tests])
                if refusal(promtool, "test", [tests.path], work) is not None:
                    return True
        return False

    for group in groups:
        for rule in group.rules:
            changes: list[tuple[str, AlertRule | RecordingRule]] = [
                (UNCHANGED, rule),
                *((change, replace(rule, expr=expr)) for change, expr in expr_changes(rule.expr)),
            ]
            if isinstance(rule, AlertRule):
                changes += common_changes(rule)
            for change, changed in changes:
                if change != UNCHANGED and changed == rule:
                    continue
                yield Mutant(_name(rule), change, partial(fails, rule, changed))


def _name(rule: AlertRule | RecordingRule) -> str:
    return rule.alert if isinstance(rule, AlertRule) else rule.record


def _reads(
    group: RuleGroup, rule: AlertRule | RecordingRule, records: dict[str, RecordingRule]
) -> bool:
    if isinstance(rule, AlertRule):
        return rule in group.rules
    behind = {record for record, one in records.items() if rule.record in one.expr} | {rule.record}
    return any(
        isinstance(one, AlertRule) and any(record in one.expr for record in behind)
        for one in group.rules
    )


def reason(mutant: Mutant) -> str | None:
    found = (
        why
        for (rule, change), why in REASONS.items()
        if re.fullmatch(rule, mutant.rule) and re.fullmatch(change, mutant.change)
    )
    return next(found, None)


@click.command(help=__doc__)
@click.argument("names", nargs=-1, metavar="[RULE]...")
def main(names: tuple[str, ...]) -> None:
    try:
        rules = compile_catalog(INPUTS, "output").rules
        assert rules
        promtool = tools.find(tools.PROMTOOL, lambda said: print(said, file=sys.stderr))
        with local_loki.running(
            tools.find(tools.LOKI, lambda said: print(said, file=sys.stderr))
        ) as server:
            made = [*log_mutants(rules, server, promtool), *metric_mutants(rules, promtool)]
            chosen = [mutant for mutant in made if not names or mutant.rule in names]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                noticed = pool.map(lambda mutant: mutant.noticed(), chosen)
                good = report(zip(chosen, noticed, strict=True))
    except ToolError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if good else 1)


def report(judged: Iterable[tuple[Mutant, bool]]) -> bool:
    """Says of each rule how many of its mutants are noticed, as soon as that is known; whether they are enough."""
    counts = [_report_rule(rule, list(of_it)) for rule, of_it in groupby(judged, _rule_of)]
    noticed = sum(count.noticed for count in counts)
    total = sum(count.total for count in counts)
    share = noticed / total if total else 0.0
    print(f"{noticed} of {total} mutants are noticed, {share:.1%}; aim: {AIM:.0%}")
    return share >= AIM and all(count.explained for count in counts)


def _rule_of(judged: tuple[Mutant, bool]) -> str:
    return judged[0].rule


def _report_rule(rule: str, judged: Sequence[tuple[Mutant, bool]]) -> Count:
    """Raises ToolError if the tests of the rule fail without any change."""
    if any(hit for mutant, hit in judged if mutant.change == UNCHANGED):
        raise ToolError(f"the tests of {rule} fail without any change; mend them first")
    weakened = [(mutant, hit) for mutant, hit in judged if mutant.change != UNCHANGED]
    survivors = [mutant for mutant, hit in weakened if not hit]
    count = Count(
        noticed=len(weakened) - len(survivors),
        total=len(weakened),
        explained=all(map(reason, survivors)),
    )
    print(f"{count.noticed:>4} of {count.total:<4} {rule}", flush=True)
    for mutant in survivors:
        said = reason(mutant) or "NO REASON IS KNOWN"
        print(f"survives: {rule}: {mutant.change}: {said}", flush=True)
    return count


if __name__ == "__main__":
    main()
