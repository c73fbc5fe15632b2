"""One Markdown page for each alert, and the index that leads to them."""

from functools import cache
from importlib import resources

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

from generator import markdown, names
from generator.file import File
from generator.model import Catalog, Failure, Profile
from generator.rules import CompiledAlert, Rules

_FOLDER = "runbooks"
_SEVERITIES = ("critical", "warning", "info")
_EVIDENCE = {
    "documented": "documented",
    "source": "quoted from source",
    "reproduced": "reproduced",
}
_ACTIONS = {
    "none": "No fix needed; the problem does not exist.",
    "upgrade-kube-proxy": "Upgrade kube-proxy.",
    "upgrade-cluster": "Upgrade the TKE cluster.",
}


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    environment = _environment()
    page = environment.get_template("runbook.md.j2")
    known = {alert.entry.id: alert.entry for alert in rules.alerts}
    pages = [
        File(
            f"{_FOLDER}/{names.runbook_file(alert.rule.alert)}",
            page.render(
                alert=alert,
                entry=alert.entry,
                rule=alert.rule,
                causes=[cause for cause in catalog.causes.get(alert.entry.id, ()) if cause.id in known],
                related=[(known[key], why) for key, why in alert.entry.related if key in known],
                cite=_Citer(alert.entry),
                url=profile.base_url,
            ),
        )
        for alert in rules.alerts
    ]
    index = environment.get_template("index.md.j2").render(sections=_sections(rules.alerts))
    return [*pages, File(f"{_FOLDER}/{names.RUNBOOK_INDEX}", index)]


def _sections(alerts: tuple[CompiledAlert, ...]) -> list[tuple[str, list[CompiledAlert]]]:
    """Alerts for the index: by severity, watchdogs apart; sections without alerts are left out."""
    titles = {severity: f"Severity {severity}" for severity in _SEVERITIES} | {"watchdog": "Watchdogs, always firing"}
    rows: dict[str, list[CompiledAlert]] = {key: [] for key in titles}
    for alert in sorted(alerts, key=lambda alert: alert.rule.alert):
        rows[alert.urgency].append(alert)
    return [(titles[key], found) for key, found in rows.items() if found]


class _Citer:
    """Turns the keys of a statement's sources into links to the list at the page's end."""

    def __init__(self, entry: Failure) -> None:
        self.numbers = {source.key: number for number, source in enumerate(entry.sources, 1)}
        self.editions = {source.key: source.edition or source.title for source in entry.sources}

    def __call__(self, keys: tuple[str, ...]) -> str:
        return " ".join(f"[[{self.numbers[key]}]](#sources)" for key in keys)

    def edition(self, key: str) -> str:
        return self.editions[key]


class _Templates(BaseLoader):
    """The templates beside this module, also when the package is installed as an archive."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        file = resources.files("generator.targets") / template
        if not file.is_file():
            raise TemplateNotFound(template)
        return file.read_text(encoding="utf-8"), None, None


@cache
def _environment() -> Environment:
    # Pages are Markdown, not HTML: texts are escaped by the filters below.
    environment = Environment(  # noqa: S701
        loader=_Templates(),
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
    environment.globals |= {"GENERATED": names.GENERATED, "ACTIONS": _ACTIONS, "EVIDENCE": _EVIDENCE}
    return environment
