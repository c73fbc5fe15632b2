"""Checks of the compiled pages, offline: every link and anchor leads somewhere, and every page can be reached."""

import html
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import pyromark

from generator.base import markdown, names
from generator.base.file import File
from generator.base.problems import Location, Problem
from generator.catalog.profile import Profile
from generator.compile.rule import CompiledAlert

_PARSER = pyromark.Markdown(options=pyromark.Options.ENABLE_TABLES)
# Of the HTML that the parser writes, where code is escaped and these three have one form each.
_LINK = re.compile(r'<a href="([^"]*)"')
_HEADING = re.compile(r"<h[1-6]>(.*?)</h[1-6]>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class _Page:
    """The anchors of a page's headings, and where its links lead."""

    text: str
    anchors: frozenset[str]
    links: tuple[str, ...]


def links_resolve(files: Iterable[File], output: str) -> Iterable[Problem]:
    """Each link of each page leads to a file and heading that exist, and each page is linked from the index on."""
    pages = {file.path: _rendered_page(file.text) for file in files if file.path.endswith(".md")}
    linked: dict[str, set[str]] = {path: set() for path in pages}
    for path, page in pages.items():
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme in ("http", "https"):
                continue
            to = (
                posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
                if parts.path
                else path
            )
            if to not in pages:
                yield Problem(
                    _link_location(page, target, f"{output}/{path}"),
                    f"the link {target} leads to no page",
                )
            elif parts.fragment and parts.fragment not in pages[to].anchors:
                yield Problem(
                    _link_location(page, target, f"{output}/{path}"),
                    f"the link {target} leads to no heading of {to}",
                )
            else:
                linked[path].add(to)
    indexes = {
        posixpath.dirname(path): f"{posixpath.dirname(path)}/{names.RUNBOOK_INDEX}"
        for path in pages
    }
    reached = {folder: _reachable(index, linked) for folder, index in indexes.items()}
    for path in sorted(pages):
        folder = posixpath.dirname(path)
        if path not in reached[folder]:
            yield Problem(
                Location(f"{output}/{path}"), f"no link leads here from {indexes[folder]}"
            )


def runbook_urls_resolve(
    files: Iterable[File], alerts: Iterable[CompiledAlert], profile: Profile, output: str
) -> Iterable[Problem]:
    """Each alert's runbook_url is the address of a page that has the alert's name as its heading."""
    folder = "runbooks/"
    pages = {
        profile.page_url(file.path.removeprefix(folder)): file.text
        for file in files
        if file.path.startswith(folder)
    }
    for alert in alerts:
        url = alert.rule.annotations["runbook_url"]
        if f"\n# {alert.rule.alert}\n" not in pages.get(url, ""):
            yield Problem(
                Location(f"{output}/runbooks"),
                f"{alert.rule.alert}: its runbook_url {url} leads to no page of its name",
            )


def _rendered_page(text: str) -> _Page:
    rendered = _PARSER.html(text)
    headings = (html.unescape(_TAG.sub("", heading)) for heading in _HEADING.findall(rendered))
    links = (html.unescape(target) for target in _LINK.findall(rendered))
    return _Page(text, frozenset(map(markdown.slug, headings)), tuple(links))


def _link_location(page: _Page, target: str, path: str) -> Location:
    before, found, _ = page.text.partition(f"({target})")
    return Location(path, before.count("\n") + 1, 1) if found else Location(path)


def _reachable(start: str, linked: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start] if start in linked else []
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            ahead += linked[path]
    return seen
