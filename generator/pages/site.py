"""All files of the site. It asks for nothing from elsewhere, and works from any file server and from disk. No IO."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from generator.base import names
from generator.base.file import File
from generator.catalog.model import SEVERITIES, Catalog, Entry
from generator.catalog.wordings import signature
from generator.compile.rule import CompiledAlert, Rules
from generator.fixes import matrix
from generator.pages import words
from generator.pages.documents import as_pages
from generator.pages.markup import as_html

_RUNBOOKS = "runbooks/"
_SECTIONS = {severity: f"Severity {severity}" for severity in SEVERITIES} | {
    "watchdog": "Watchdogs, always firing"
}
# Of re2js 2.10.0 from the npm registry: build/index.umd.js, made small by terser 5.51.4 with
# --compress --mangle --comments '/^!/' --format ascii_only.
_LIBRARY, _LICENCE = "vendor/re2js.min.js", "vendor/re2js.LICENSE"


@dataclass(frozen=True)
class _Section:
    title: str
    alerts: tuple[CompiledAlert, ...]


def files(
    runbooks: Iterable[File], rules: Rules, catalog: Catalog, documents: Mapping[str, str]
) -> list[File]:
    """The site for the pages that were compiled for a profile, with the documents by the names of their files."""
    texts = {
        file.path.removeprefix(_RUNBOOKS): file.text
        for file in runbooks
        if file.path.startswith(_RUNBOOKS)
    }
    addresses = {name: names.site_page(name) for name in texts}
    documentation = as_pages(documents, texts)
    failures = [entry for entry in catalog.entries if entry.kind == "failure"]
    found = [
        _runbook(alert, texts[names.runbook_file(alert.rule.alert)], addresses)
        for alert in rules.alerts
    ]
    found += [
        _page("index.html.j2", "index.html", sections=_sections(rules.alerts)),
        _page("versions.html.j2", "versions.html", entries=failures, rows=matrix.rows(failures)),
        _page(
            "evidence.html.j2",
            "evidence.html",
            entries=[entry for entry in catalog.entries if entry.logs],
        ),
        _page("docs.html.j2", "docs.html", documents=documentation),
        *(_page("document.html.j2", one.page, document=one) for one in documentation),
        _script("signatures.js", f"const ENTRIES = {_for_a_script(_entries(rules, catalog))};\n"),
        _script("words.js", f"const PAGES = {_for_a_script(_words(rules.alerts, texts))};\n"),
        _script("re2js.js", f"/*!\n{_asset(_LICENCE)}*/\n{_asset(_LIBRARY)}"),
        *(
            _script(name, _asset(name))
            for name in (
                "matcher.js",
                "paste.js",
                "runbook.js",
                "search.js",
                "versions.js",
                "site.css",
            )
        ),
        File("catalog.json", json.dumps(_catalog(rules), indent=2, ensure_ascii=False) + "\n"),
        File(
            "llms.txt",
            _environment(False)
            .get_template("llms.txt.j2")
            .render(sections=_sections(rules.alerts), documents=documentation),
        ),
    ]
    return sorted(found)


def _runbook(alert: CompiledAlert, text: str, addresses: dict[str, str]) -> File:
    body = as_html(text.removeprefix(f"<!-- {names.GENERATED} -->\n"), addresses)
    path = addresses[names.runbook_file(alert.rule.alert)]
    return _page("runbook.html.j2", path, alert=alert, body=body, stops=_stops(alert, text))


def _stops(alert: CompiledAlert, text: str) -> bool:
    """Whether the page leads to what stops the damage, before anything else."""
    return alert.urgency == "critical" and "\n## Stop the damage\n" in text


def _words(alerts: Iterable[CompiledAlert], texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the search knows of each page."""
    found = []
    for alert in alerts:
        name = alert.rule.alert
        file = names.runbook_file(name)
        found.append(
            {
                "page": names.site_page(file),
                "alert": name,
                "title": alert.title,
                "words": words.weights(name, alert.title, texts[file]),
            }
        )
    return found


def _sections(alerts: Sequence[CompiledAlert]) -> list[_Section]:
    """What the index shows: by severity and title, watchdogs apart."""
    ordered = sorted(alerts, key=lambda alert: (alert.title, alert.rule.alert))
    found = [
        _Section(title, tuple(alert for alert in ordered if alert.urgency == key))
        for key, title in _SECTIONS.items()
    ]
    return [section for section in found if section.alerts]


def _entries(rules: Rules, catalog: Catalog) -> list[dict[str, Any]]:
    """What the browser needs to name the failures in a log: the entries that `diagnose` looks for in lines."""
    found = []
    for entry in catalog.entries:
        if entry.logs and entry.kind != "watchdog":
            compiled = signature(entry.logs)
            found.append(
                {
                    "id": entry.id,
                    "alert": entry.alert,
                    "title": entry.title,
                    "severity": entry.severity,
                    "first_step": entry.first_step,
                    "page": _page_of(entry, rules),
                    "literals": compiled.literals,
                    "any_of": compiled.any_of,
                    "pattern": compiled.pattern,
                    "exclude": compiled.exclude,
                }
            )
    return found


def _page_of(entry: Entry, rules: Rules) -> str | None:
    """The page of the entry's own alert, else of another of its; none where the profile has disabled it."""
    own = [
        alert.rule.alert
        for alert in rules.alerts
        if alert.entry.id == entry.id and not alert.known_build
    ]
    own.sort(key=lambda alert: alert != entry.alert)
    return names.site_page(names.runbook_file(own[0])) if own else None


def _catalog(rules: Rules) -> dict[str, Any]:
    """The alerts for programs."""
    return {
        "generated": names.GENERATED,
        "alerts": [
            {
                "alert": alert.rule.alert,
                "failure": alert.entry.id,
                "title": alert.title,
                "severity": alert.rule.labels["severity"],
                "kind": alert.entry.kind,
                "first_step": alert.first_step,
                "page": names.site_page(names.runbook_file(alert.rule.alert)),
            }
            for alert in rules.alerts
        ],
    }


def _for_a_script(data: object) -> str:
    """JSON inside a script. All but ASCII is escaped, so it means the same in whatever encoding it is served."""
    return json.dumps(data, indent=0)


def _page(template: str, path: str, **values: Any) -> File:
    text = _environment(True).get_template(template).render(**values)
    return File(path, text)


def _script(path: str, text: str) -> File:
    return File(path, f"/* {names.GENERATED} */\n{text}")


def _asset(name: str) -> str:
    file = resources.files("generator.pages") / name
    return file.read_text(encoding="utf-8")


@cache
def _environment(html: bool) -> Environment:
    # llms.txt alone is no HTML.
    environment = Environment(
        loader=PackageLoader("generator.pages", ""),
        undefined=StrictUndefined,
        autoescape=html,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["page"] = lambda alert: names.site_page(names.runbook_file(alert))
    environment.globals["GENERATED"] = names.GENERATED
    return environment
