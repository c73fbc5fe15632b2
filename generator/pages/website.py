"""All files of the site. It asks for nothing from elsewhere, and works from any file server and from disk. No IO."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from generator.base import markdown, names
from generator.base.file import File
from generator.base.template_cache import BesideTheTemplates
from generator.catalog.model import Catalog
from generator.compile.rule import CompiledAlert, Rules, by_urgency
from generator.fixes import matrix
from generator.pages import known, words
from generator.pages.documents import as_pages
from generator.pages.markup import as_html

_RUNBOOKS = "runbooks/"
# Of re2js 2.10.0 from the npm registry: build/index.umd.js, made small by terser 5.51.4 with
# --compress --mangle --comments '/^!/' --format ascii_only.
_LIBRARY = "vendor/re2js.min.js"
_LICENCE = "vendor/re2js.LICENSE"
_COPIED = (
    "diagnosis.js",
    "paste.js",
    "runbook.js",
    "search.js",
    "sections.js",
    "versions.js",
    "unwrap.js",
    "site.css",
)


def files(
    runbooks: Iterable[File], rules: Rules, catalog: Catalog, documents: Mapping[str, str]
) -> list[File]:
    """The site for the pages that were compiled for a profile, with the documents by the names of their files."""
    texts = {}
    for file in runbooks:
        if file.path.startswith(_RUNBOOKS):
            texts[file.path.removeprefix(_RUNBOOKS)] = file.text
    addresses = {name: names.site_page(name) for name in texts}
    sections = by_urgency(rules.alerts, _by_title)
    documentation = as_pages(documents, texts)
    failures = [entry for entry in catalog.entries if entry.kind == "failure"]
    with_logs = [entry for entry in catalog.entries if entry.logs]
    pages = []
    for alert in rules.alerts:
        text = texts[names.runbook_file(alert.rule.alert)]
        pages.append(_runbook_page(alert, text, addresses))
    for document in documentation:
        pages.append(_page_from_template("document.html.j2", document.page, document=document))
    for name in _COPIED:
        pages.append(_script(name, _asset(name)))
    known_entries = _for_a_script(known.to_the_browser(rules, catalog))
    search_words = _for_a_script(_search_words(rules.alerts, texts, documents))
    listed_alerts = json.dumps(_catalog(rules), indent=2, ensure_ascii=False)
    pages += [
        _page_from_template("index.html.j2", "index.html", sections=sections),
        _page_from_template(
            "versions.html.j2", "versions.html", entries=failures, rows=matrix.rows(failures)
        ),
        _page_from_template("evidence.html.j2", "evidence.html", entries=with_logs),
        _page_from_template("docs.html.j2", "docs.html", documents=documentation),
        _script("known.js", f"const CATALOG = {known_entries};\n"),
        _script("words.js", f"const PAGES = {search_words};\n"),
        _script("re2js.js", f"/*!\n{_asset(_LICENCE)}*/\n{_asset(_LIBRARY)}"),
        File("catalog.json", f"{listed_alerts}\n"),
        _page_from_template(
            "llms.txt.j2", "llms.txt", html=False, sections=sections, documents=documentation
        ),
    ]
    return sorted(pages)


def _runbook_page(alert: CompiledAlert, text: str, addresses: dict[str, str]) -> File:
    without_header = text.removeprefix(f"<!-- {names.GENERATED} -->\n")
    body = as_html(without_header, addresses)
    path = addresses[names.runbook_file(alert.rule.alert)]
    stops = _stops(alert, text)
    return _page_from_template("runbook.html.j2", path, alert=alert, body=body, stops=stops)


def _stops(alert: CompiledAlert, text: str) -> bool:
    """Whether the page leads to what stops the damage, before anything else."""
    return alert.urgency == "critical" and "\n## Stop the damage\n" in text


def _search_words(
    alerts: Iterable[CompiledAlert], texts: Mapping[str, str], documents: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What the search knows of each page."""
    pages = []
    for alert in alerts:
        name = alert.rule.alert
        text = texts[names.runbook_file(name)]
        page = names.alert_page(name)
        pages.append(_searched(page, name, alert.title, text))
    for file, text in documents.items():
        page = names.document_page(file)
        heading = markdown.title(text)
        pages.append(_searched(page, "documentation", heading, text))
    return pages


def _searched(page: str, name: str, heading: str, text: str) -> dict[str, Any]:
    return {
        "page": page,
        "name": name,
        "title": heading,
        "words": words.weights(name, heading, text),
    }


def _by_title(alert: CompiledAlert) -> tuple[str, str]:
    return alert.title, alert.rule.alert


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
                "page": names.alert_page(alert.rule.alert),
            }
            for alert in rules.alerts
        ],
    }


def _for_a_script(data: object) -> str:
    """JSON inside a script. All but ASCII is escaped, so it means the same in whatever encoding it is served."""
    return json.dumps(data, indent=0)


def _page_from_template(template: str, path: str, html: bool = True, **values: Any) -> File:
    page = _page_environment(html).get_template(template)
    return File(path, page.render(**values))


def _script(path: str, text: str) -> File:
    return File(path, f"/* {names.GENERATED} */\n{text}")


def _asset(name: str) -> str:
    file = resources.files("generator.pages") / name
    return file.read_text(encoding="utf-8")


@cache
def _page_environment(html: bool) -> Environment:
    # llms.txt alone is no HTML.
    environment = Environment(
        loader=PackageLoader("generator.pages", ""),
        bytecode_cache=BesideTheTemplates(),
        undefined=StrictUndefined,
        autoescape=html,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["page"] = names.alert_page
    environment.globals["GENERATED"] = names.GENERATED
    return environment
