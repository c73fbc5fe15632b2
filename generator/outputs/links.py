"""Checks of the compiled pages, offline: every link and anchor leads somewhere, and every page can be reached."""

import html
import posixpath
import re
from collections.abc import Iterable, Mapping
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
_HTML_LINK = re.compile(r'<a href="([^"]*)"')
_HTML_HEADING = re.compile(r"<h[1-6]>(.*?)</h[1-6]>", re.DOTALL)
_HTML_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class _Page:
    """The anchors of a page's headings, and where its links lead."""

    text: str
    anchors: frozenset[str]
    links: tuple[str, ...]


def links_resolve(files: Iterable[File], output: str) -> Iterable[Problem]:
    """Each link of each page leads to a file and heading that exist, and each page is linked from the index on."""
    pages = {}
    for file in files:
        if file.path.endswith(".md"):
            pages[file.path] = _rendered_page(file.text)
    linked: dict[str, set[str]] = {}
    for path, page in pages.items():
        linked[path] = set()
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme in ("http", "https"):
                continue
            to = _linked_path(path, parts.path)
            lacking = ""
            if to not in pages:
                lacking = "page"
            elif parts.fragment and parts.fragment not in pages[to].anchors:
                lacking = f"heading of {to}"
            if lacking:
                where = _link_location(page, target, f"{output}/{path}")
                yield Problem(where, f"the link {target} leads to no {lacking}")
            else:
                linked[path].add(to)
    yield from _pages_not_reached(linked, output)


def _linked_path(page: str, target: str) -> str:
    """The path of what a link of a page leads to; the page's own where the link names none."""
    if not target:
        return page
    folder = posixpath.dirname(page)
    path = posixpath.join(folder, unquote(target))
    return posixpath.normpath(path)


def _pages_not_reached(linked: Mapping[str, set[str]], output: str) -> Iterable[Problem]:
    """A problem for each page that no links lead to from the index of its folder."""
    reached: dict[str, set[str]] = {}
    for path in sorted(linked):
        folder = posixpath.dirname(path)
        index = f"{folder}/{names.RUNBOOK_INDEX}"
        if index not in reached:
            reached[index] = _reachable(index, linked)
        if path not in reached[index]:
            where = Location(f"{output}/{path}")
            yield Problem(where, f"no link leads here from {index}")


def runbook_urls_resolve(
    files: Iterable[File], alerts: Iterable[CompiledAlert], profile: Profile, output: str
) -> Iterable[Problem]:
    """Each alert's runbook_url is the address of a page that has the alert's name as its heading."""
    folder = "runbooks/"
    pages = {}
    for file in files:
        if file.path.startswith(folder):
            url = profile.page_url(file.path.removeprefix(folder))
            pages[url] = file.text
    where = Location(f"{output}/runbooks")
    for alert in alerts:
        name = alert.rule.alert
        url = alert.rule.annotations["runbook_url"]
        if f"\n# {name}\n" not in pages.get(url, ""):
            yield Problem(where, f"{name}: its runbook_url {url} leads to no page of its name")


def _rendered_page(text: str) -> _Page:
    rendered = _PARSER.html(text)
    anchors = set()
    for heading in _HTML_HEADING.findall(rendered):
        words = html.unescape(_HTML_TAG.sub("", heading))
        anchors.add(markdown.slug(words))
    links = [html.unescape(target) for target in _HTML_LINK.findall(rendered)]
    return _Page(text, frozenset(anchors), tuple(links))


def _link_location(page: _Page, target: str, path: str) -> Location:
    before, is_there, _ = page.text.partition(f"({target})")
    if not is_there:
        return Location(path)
    line = before.count("\n") + 1
    return Location(path, line, 1)


def _reachable(start: str, linked: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start] if start in linked else []
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            ahead += linked[path]
    return seen
