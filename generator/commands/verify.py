"""`verify`: that the rules are loaded and healthy, see something, reach somebody, and lead to a page."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.commands.shared import FOUND, compile_or_stop, examples, inputs, json_option, say, server_options
from generator.problems import ToolError

if TYPE_CHECKING:
    from generator.http import Endpoint
    from generator.load import Inputs
    from generator.rules import Engine, Rules
    from generator.verify import Finding

_KINDS = ("loki", "mimir", "cortex", "prometheus", "alertmanager")
_MARKS = {"ok": "ok", "fault": "FAULT", "warning": "warning", "not checked": "NOT CHECKED"}
_COLOURS = {"ok": "green", "fault": "red", "warning": "yellow", "not checked": "yellow"}


@click.command(
    short_help="Prove that the rules are live.",
    epilog=examples(
        "verify --profile site.yaml",
        "verify --loki http://loki.example:3100 --alertmanager http://alertmanager.example:9093",
        "verify --profile site.yaml --json",
    ),
)
@inputs
@server_options(*_KINDS)
@click.option("--no-runbooks", is_flag=True, help="Leave out the links, if they cannot be reached from here.")
@json_option()
def command(
    catalogs: tuple[Path, ...], profile: Path | None, no_runbooks: bool, as_json: bool, **urls: str | None
) -> None:
    """Prove that every rule is loaded, healthy and evaluated, that it sees something, that its alert reaches a receiver
    that notifies somebody, and that its runbook link leads to its page.

    What is not asked for lack of an address is said. Exit code 1 if anything is wrong.
    """
    from generator import servers

    read, rules, _ = compile_or_stop(catalogs, profile)
    named = {kind: servers.endpoint(kind, urls[kind], read.profile.servers, os.environ) for kind in _KINDS}
    there = {kind: server for kind, server in named.items() if server}
    if not there:
        raise ToolError("no server is named; give --loki URL and the like, or `servers:` in the profile")
    findings = list(_findings(read, rules, there, no_runbooks))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            mark = click.style(_MARKS[finding.state], fg=_COLOURS[finding.state]) if sys.stdout.isatty() else None
            click.echo(f"{mark or _MARKS[finding.state]}\t{finding.check}\t{finding}")
    counts = {state: sum(finding.state == state for finding in findings) for state in _MARKS}
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    if counts["fault"]:
        raise click.exceptions.Exit(FOUND)


def _findings(
    read: "Inputs", rules: "Rules", there: Mapping[str, "Endpoint"], no_runbooks: bool
) -> Iterator["Finding"]:
    from generator import probe, verify
    from generator.verify import Finding

    engines = _rulers(there)
    yield from _of_rules(rules, engines)
    alertmanager = there.get("alertmanager")
    if alertmanager:
        yield from verify.watchdogs_arrived(rules, engines, probe.firing(alertmanager))
    yield from _of_selectors(read, there, engines)
    if alertmanager:
        config = probe.configuration(alertmanager)
        yield from verify.routes_lead_somewhere(rules, config, _varying(read))
    else:
        yield Finding("watchdogs", "Alertmanager", "not checked", "no address", "give --alertmanager URL")
        yield Finding("routes", "Alertmanager", "not checked", "no address", "give --alertmanager URL")
    if no_runbooks:
        yield Finding("runbooks", "all", "not checked", "left out by --no-runbooks")
    else:
        links = [alert.rule.annotations["runbook_url"] for alert in rules.alerts]
        yield from verify.runbooks_answer(rules, probe.pages(links))


def _rulers(there: Mapping[str, "Endpoint"]) -> dict["Engine", "Endpoint"]:
    """The server whose ruler evaluates the rules of an engine."""
    metrics = next((there[kind] for kind in ("mimir", "cortex", "prometheus") if kind in there), None)
    rulers: dict[Engine, Endpoint | None] = {"loki": there.get("loki"), "prometheus": metrics}
    return {engine: server for engine, server in rulers.items() if server}


def _of_rules(rules: "Rules", rulers: Mapping["Engine", "Endpoint"]) -> Iterator["Finding"]:
    from datetime import UTC, datetime

    from generator import probe, verify
    from generator.verify import Finding

    for engine, groups in rules.groups.items():
        server = rulers.get(engine)
        if not groups:
            continue
        if server is None:
            yield Finding("rules", engine, "not checked", "no address", f"give --{engine} URL")
            continue
        yield from verify.rules_are_live(engine, server.name, groups, probe.loaded_groups(server), datetime.now(UTC))


def _of_selectors(
    read: "Inputs", there: Mapping[str, "Endpoint"], rulers: Mapping["Engine", "Endpoint"]
) -> Iterator["Finding"]:
    from generator import probe, sites, survey, verify
    from generator.http import Client

    loki, metrics = rulers.get("loki"), rulers.get("prometheus")
    facts = survey.look(
        [read.profile],
        Client(loki) if loki else None,
        [read.profile],
        probe.as_prometheus(metrics) if metrics else None,
    )
    gaps = sites.findings(read.catalog, read.profile, facts)
    yield from verify.selectors_match(gaps, [server.name for server in rulers.values()])


def _varying(read: "Inputs") -> list[str]:
    """Labels whose values differ from one kube-proxy to the next."""
    logs, metrics = asdict(read.profile.loki.labels), asdict(read.profile.prometheus.labels)
    return list(dict.fromkeys(label for label in (*logs.values(), *metrics.values()) if label))
