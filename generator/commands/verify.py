"""`verify`: that the rules are loaded and healthy, see something, reach somebody, and lead to a page."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from generator.base.names import COULD_NOT_RUN, FOUND
from generator.base.problems import ToolError, UnreachableError
from generator.commands.compiling import rules_or_stop
from generator.commands.options import examples, inputs, json_option, only_option, server_options
from generator.commands.printing import client_of, say, tell, tell_json

if TYPE_CHECKING:
    from generator.catalog.load import Inputs
    from generator.catalog.profile import Engine
    from generator.compile.rule import Language, Rules
    from generator.servers.http import Client
    from generator.sites.fitting import SiteFacts
    from generator.verify.delivery import Site
    from generator.verify.judgement import Finding, Judged

_KINDS_OF_SERVER = (
    "loki",
    "victorialogs",
    "vmalert",
    "mimir",
    "cortex",
    "prometheus",
    "alertmanager",
)
_MARK_OF_STATE = {"ok": "ok", "fault": "FAULT", "warning": "warning", "not checked": "NOT CHECKED"}
_COLOUR_OF_STATE = {"ok": "green", "fault": "red", "warning": "yellow", "not checked": "yellow"}
# The servers whose ruler evaluates the rules of an engine; the first that is named does.
_RULERS: Mapping["Engine", Sequence[str]] = {
    "loki": ("loki", "vmalert"),
    "prometheus": ("mimir", "cortex", "prometheus"),
}


@click.command(
    epilog=examples(
        "verify --profile site.yaml",
        "verify --loki http://loki.example:3100 --alertmanager http://alertmanager.example:9093",
        "verify --victorialogs http://victorialogs.example:9428 --vmalert http://vmalert.example:8880",
        "verify --profile site.yaml --only prometheus,alertmanager --json",
    ),
)
@inputs
@server_options(*_KINDS_OF_SERVER)
@only_option(*_KINDS_OF_SERVER)
@click.option(
    "--no-runbooks", is_flag=True, help="Leave out the links, if they cannot be reached from here."
)
@json_option()
@click.pass_context
def command(
    ctx: click.Context,
    /,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    only: frozenset[str],
    no_runbooks: bool,
    as_json: bool,
    **urls: str | None,
) -> None:
    """Prove that every rule is loaded, healthy and evaluated, that it sees something, that its alert reaches a receiver
    that notifies somebody, and that its runbook link leads to its page.

    What was not asked is said. Exit code 1 if anything is wrong, also if a server does not answer; 2 if none does.
    """
    from generator.servers import access
    from generator.verify import judgement

    read, rules = rules_or_stop(catalogs, profile)
    endpoints = access.named_servers(_KINDS_OF_SERVER, urls, only, read.profile.servers, os.environ)
    if not endpoints:
        raise ToolError(
            "no server is named; give --loki URL and the like, or `servers:` in the profile"
        )
    asked = _AskedServers({kind: client_of(server) for kind, server in endpoints.items()})
    findings = judgement.grouped(_all_findings(read, rules, asked, no_runbooks))
    if as_json:
        rows = [{**asdict(finding), "count": len(finding.names)} for finding in findings]
        tell_json(rows)
    else:
        for finding in findings:
            tell(_MARK_OF_STATE[finding.state], nl=False, fg=_COLOUR_OF_STATE[finding.state])
            tell(f"\t{finding.check}\t{finding}")
    say(_count_of_states(findings))
    if asked.silent == endpoints.keys():
        ctx.exit(COULD_NOT_RUN)
    if any(finding.state == "fault" for finding in findings):
        ctx.exit(FOUND)


def _count_of_states(findings: Sequence["Finding"]) -> str:
    """Such as `5 ok, 2 FAULT (of 25 subjects)`."""
    words = []
    for state, mark in _MARK_OF_STATE.items():
        rows = [finding for finding in findings if finding.state == state]
        subjects = sum(len(finding.names) for finding in rows)
        words += (
            [f"{len(rows)} {mark}" + (f" (of {subjects} subjects)" if subjects > len(rows) else "")]
            if rows
            else []
        )
    return ", ".join(words)


class _AskedServers:
    """The servers, each of which is asked as long as it answers: what is wrong with one hides nothing of the others."""

    def __init__(self, clients: Mapping[str, "Client"]) -> None:
        self.clients = clients
        self.silent: set[str] = set()

    def ask(
        self,
        check: "Judged",
        kind: str,
        subject: str,
        judge: Callable[["Client"], Iterable["Finding"]],
    ) -> Iterator["Finding"]:
        """What is found by asking a server, or that it could not be asked."""
        from generator.verify.judgement import Finding, not_checked

        client = self.clients[kind]
        if kind in self.silent:
            yield not_checked(check, subject, f"{client.endpoint.name} does not answer")
            return
        try:
            yield from list(judge(client))
        except ToolError as error:
            if isinstance(error, UnreachableError):
                self.silent.add(kind)
            said = str(error).removeprefix(f"{client.name} ")
            yield Finding(check, client.name, "fault", said, "see to it, and verify again")


def _all_findings(
    read: "Inputs", rules: "Rules", asked: _AskedServers, no_runbooks: bool
) -> Iterator["Finding"]:
    from generator.verify import judgement, probe

    facts: dict[Engine, SiteFacts] = {}
    yield from _of_rules(read, rules, asked)
    yield from _of_watchdogs(rules, asked)
    yield from _of_selectors(read, rules, asked, facts)
    yield from _of_routes(read, rules, asked, facts)
    if no_runbooks:
        yield judgement.not_checked("runbooks", "all", "left out by --no-runbooks")
    else:
        links = [alert.rule.annotations["runbook_url"] for alert in rules.alerts]
        yield from judgement.runbooks_answer(rules, probe.fetch_pages(links))


def _ruler(engine: "Engine", asked: _AskedServers) -> str | None:
    """The kind of server whose ruler evaluates the rules of an engine."""
    return next((kind for kind in _RULERS[engine] if kind in asked.clients), None)


def _kind_of_store(engine: "Engine", asked: _AskedServers) -> str | None:
    """The kind of server that holds what the rules of an engine select: its ruler, but for vmalert."""
    ruler = _ruler(engine, asked)
    if engine == "loki" and ruler in (None, "vmalert"):
        return "victorialogs" if "victorialogs" in asked.clients else None
    return ruler


def _not_asked(check: "Judged", engine: str) -> "Finding":
    from generator.verify.judgement import not_checked

    return not_checked(check, engine, "no address", "give it as an option, or in the profile")


def _of_rules(read: "Inputs", rules: "Rules", asked: _AskedServers) -> Iterator["Finding"]:
    from datetime import UTC, datetime

    from generator.compile import victorialogs
    from generator.verify import judgement, probe

    for engine, groups in rules.groups.items():
        ruler = _ruler(engine, asked)
        if not groups:
            continue
        if ruler is None:
            yield _not_asked("rules", engine)
            continue

        language: Language = engine
        if ruler == "vmalert":
            language, groups = "victorialogs", victorialogs.groups(rules, read.profile)

        def judge(
            client: "Client", language: "Language" = language, groups: Any = groups
        ) -> Iterable["Finding"]:
            loaded, name = probe.loaded_groups(client), client.endpoint.name
            return judgement.rules_are_live(language, name, groups, loaded, datetime.now(UTC))

        yield from asked.ask("rules", ruler, engine, judge)
        for other in _RULERS[engine]:
            if other in asked.clients and other != ruler:
                name = asked.clients[ruler].endpoint.name
                yield judgement.not_checked(
                    "rules", other, f"{name} is asked in its place", f"--only {other} asks it"
                )


def _of_watchdogs(rules: "Rules", asked: _AskedServers) -> Iterator["Finding"]:
    from generator.verify import judgement, probe

    if "alertmanager" not in asked.clients:
        yield _not_asked("watchdogs", "alertmanager")
        return
    rulers = {engine: _ruler(engine, asked) for engine in rules.groups}
    yield from asked.ask(
        "watchdogs",
        "alertmanager",
        "alertmanager",
        lambda client: judgement.watchdogs_arrived(rules, rulers, probe.firing(client)),
    )


def _of_selectors(
    read: "Inputs", rules: "Rules", asked: _AskedServers, facts: dict["Engine", "SiteFacts"]
) -> Iterator["Finding"]:
    """Keeps in `facts` what was seen."""
    from generator.servers.victorialogs import VictoriaLogs
    from generator.sites import fitting, survey
    from generator.verify import judgement

    for engine, groups in rules.groups.items():
        store = _kind_of_store(engine, asked)
        if not groups:
            continue
        if store is None:
            yield _not_asked("selectors", engine)
            continue

        def judge(
            client: "Client", engine: "Engine" = engine, store: str = store
        ) -> Iterable["Finding"]:
            if store == "victorialogs":
                facts[engine] = survey.in_victorialogs(read.profile, VictoriaLogs(client))
            elif engine == "loki":
                facts[engine] = survey.look([read.profile], client, [], None)
            else:
                facts[engine] = survey.look([], None, [read.profile], client.as_prometheus)
            gaps = fitting.findings(read.catalog, read.profile, facts[engine])
            return judgement.selectors_match(gaps, client.endpoint.name)

        yield from asked.ask("selectors", store, engine, judge)


def _of_routes(
    read: "Inputs",
    rules: "Rules",
    asked: _AskedServers,
    facts: Mapping["Engine", "SiteFacts"],
) -> Iterator["Finding"]:
    from datetime import UTC, datetime

    from generator import outputs
    from generator.base import document
    from generator.verify import delivery, probe

    if "alertmanager" not in asked.clients:
        yield _not_asked("routes", "alertmanager")
        return
    files = outputs.render_one("alertmanager", rules, read.catalog, read.profile)
    path = "alertmanager/kube-proxy.alertmanager.yaml"
    text = next(file.text for file in files if file.path == path)
    generated, today = document.plain_values(text), datetime.now(UTC).date()
    yield from asked.ask(
        "routes",
        "alertmanager",
        "alertmanager",
        lambda client: delivery.routes_lead_somewhere(
            rules, probe.configuration(client), _sites(read, facts), generated, today
        ),
    )


def _sites(read: "Inputs", facts: Mapping["Engine", "SiteFacts"]) -> dict["Engine", "Site"]:
    """Where alerts come from, as far as it was seen."""
    from generator.sites.fitting import Job
    from generator.verify.delivery import Site

    profile = read.profile
    logs, metrics = profile.loki, profile.prometheus
    streams = (facts["loki"].streams or {}).get(logs.selector, ()) if "loki" in facts else ()
    jobs = facts["prometheus"].jobs or {} if "prometheus" in facts else {}
    targets = jobs.get(metrics.selector, Job()).targets

    def site(labels: Any, cluster: str | None, seen: Sequence[Mapping[str, str]]) -> "Site":
        return Site(
            frozenset(name for name in structs.asdict(labels).values() if name),
            tuple(seen),
            cluster,
            profile.clusters,
        )

    return {
        "loki": site(logs.labels, logs.labels.cluster, streams),
        "prometheus": site(metrics.labels, metrics.labels.cluster, targets),
    }
