"""One Markdown page for each alert, and the index that leads to them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from generator.base import markdown, names
from generator.base.file import File
from generator.base.template_cache import BesideTheTemplates
from generator.catalog.model import Catalog, Entry, Source
from generator.catalog.profile import Profile, ServerProfile
from generator.compile.find_node import whereabouts
from generator.compile.rule import CompiledAlert, Rules, by_urgency
from generator.steps.deployment import Word, find_pod, site_words
from generator.steps.filled import SiteStep, at_site

_RUNBOOK_FOLDER = "runbooks"
_EVIDENCE = {
    "documented": "documented",
    "source": "quoted from source",
    "reproduced": "reproduced",
}
# The lines of a page that a reader fills in.
_NODE_LINE = re.compile(r"^NODE=.*\n", re.MULTILINE)
_POD_LINE = re.compile(r"^POD=name-of.*\n", re.MULTILINE)
_NOT_NAMED = ServerProfile(url="http://alertmanager:9093")
_PLACES = {"kubectl": "With kubectl", "node": "On the [node, as root](#a-root-shell-on-the-node)"}
_ACTIONS = {
    "none": "No fix needed; the problem does not exist.",
    "upgrade-kube-proxy": "Upgrade kube-proxy.",
    "upgrade-cluster": "Upgrade the TKE cluster.",
}


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    pages = [
        File(
            f"{_RUNBOOK_FOLDER}/{names.runbook_file(alert.rule.alert)}",
            runbook_of(alert, rules, catalog, profile),
        )
        for alert in rules.alerts
    ]
    index = _markdown_environment().get_template("index.md.j2")
    listed = index.render(sections=by_urgency(rules.alerts, _alert_name))
    return [*pages, File(f"{_RUNBOOK_FOLDER}/{names.RUNBOOK_INDEX}", listed)]


def _alert_name(alert: CompiledAlert) -> str:
    return alert.rule.alert


def runbook_of(
    alert: CompiledAlert,
    rules: Rules,
    catalog: Catalog,
    profile: Profile,
) -> str:
    """The runbook of one of the alerts."""
    entry = alert.entry
    known = rules.leads_to
    causes = [cause.id for cause in catalog.causes.get(entry.id, ())]
    name = "runbook.md.j2"
    if alert.known_build and not entry.by_builds_alone:
        name = "known-build.md.j2"  # what else there is to do stands on the other page
    template = _markdown_environment().get_template(name)
    return template.render(
        alert=alert,
        entry=entry,
        rule=alert.rule,
        causes=[known[key] for key in causes if key in known],
        related=[(known[row.id], row.why) for row in entry.related if row.id in known],
        steps=_steps(entry, site_words(profile.kube_proxy)),
        found=whereabouts(alert, rules, profile),
        grafana=(profile.grafana.url or "").rstrip("/"),
        alertmanager=profile.servers.get("alertmanager", _NOT_NAMED).url,
        cite=_Citer(entry),
    )


def for_node(text: str, node: str, profile: Profile) -> str:
    """The text of a runbook with the node filled in; the Pod is then found by it."""
    text = _NODE_LINE.sub(lambda _: f"NODE={shlex.quote(node)}\n", text)
    if _POD_LINE.search(text) is None:
        return text
    text = _POD_LINE.sub("", text)
    found_by_node = find_pod(profile.kube_proxy, 'spec.nodeName="$NODE"')
    return _NODE_LINE.sub(lambda line: f"{line[0]}{found_by_node}\n", text, count=1)


@dataclass(frozen=True)
class _Steps:
    """An entry's steps at a site, in the order of the page."""

    first: tuple[SiteStep, ...]
    diagnosis: tuple[SiteStep, ...]
    mitigation: tuple[SiteStep, ...]

    @property
    def all(self) -> tuple[SiteStep, ...]:
        return (*self.first, *self.diagnosis, *self.mitigation)

    @property
    def need_shell(self) -> bool:
        return any(row.where == "node" for row in self.all)


def _steps(entry: Entry, site: Mapping[str, Word]) -> _Steps:
    mitigation = [at_site(step, site) for step in entry.mitigation]
    return _Steps(
        first=tuple(row for row in mitigation if row.step.stops_damage),
        diagnosis=tuple(at_site(step, site) for step in entry.diagnosis),
        mitigation=tuple(row for row in mitigation if not row.step.stops_damage),
    )


class _Citer:
    """Turns the keys of a statement's sources into links to the list at the page's end, in the order of first use."""

    def __init__(self, entry: Entry) -> None:
        self._known = entry.sources
        self._cited: dict[str, int] = {}

    def __call__(self, keys: tuple[str, ...]) -> str:
        numbers = []
        for key in keys:
            if key not in self._cited:
                self._cited[key] = len(self._cited) + 1
            numbers.append(self._cited[key])
        return " ".join(f"[[{number}]](#sources)" for number in numbers)

    def cited(self) -> list[Source]:
        return [self._known[key] for key in self._cited]

    def edition(self, key: str) -> str:
        source = self._known[key]
        return source.edition or source.title


@cache
def _markdown_environment() -> Environment:
    # Pages are Markdown, not HTML: texts are escaped by the filters below.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("generator.outputs", ""),
        bytecode_cache=BesideTheTemplates(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "text": markdown.text,
        "code": markdown.code,
        "code_cell": markdown.code_cell,
        "block": markdown.block,
        "cell": markdown.cell,
        "page": names.runbook_file,
    }
    environment.globals |= {
        "GENERATED": names.GENERATED,
        "DASHBOARD": names.DASHBOARD,
        "ACTIONS": _ACTIONS,
        "EVIDENCE": _EVIDENCE,
        "PLACES": _PLACES,
    }
    return environment
