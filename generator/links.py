"""Checks of the compiled pages, offline: every link and anchor leads somewhere, and every page can be reached."""

import posixpath
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from generator import markdown, names
from generator.file import File
from generator.problems import Location, Problem
from generator.rules import CompiledAlert


def links_resolve(files: Iterable[File], output: str) -> Iterable[Problem]:
    """Each link of each page leads to a file and heading that exist, and each page is linked from the index on."""
    pages = {file.path: _parse(file.text) for file in files if file.path.endswith(".md")}
    anchors = {path: set(_anchors(tokens)) for path, tokens in pages.items()}
    linked: dict[str, set[str]] = {path: set() for path in pages}
    for path, tokens in pages.items():
        for line, target in _links(tokens):
            parts = urlsplit(target)
            if parts.scheme in ("http", "https"):
                continue
            where = Location(f"{output}/{path}", line, 1)
            to = (
                posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path))) if parts.path else path
            )
            if to not in pages:
                yield Problem(where, f"the link {target} leads to no page")
            elif parts.fragment and parts.fragment not in anchors[to]:
                yield Problem(where, f"the link {target} leads to no heading of {to}")
            else:
                linked[path].add(to)
    for folder in {posixpath.dirname(path) for path in pages}:
        index = f"{folder}/{names.RUNBOOK_INDEX}"
        for path in sorted(path for path in pages if posixpath.dirname(path) == folder):
            if path not in _reachable(index, linked):
                yield Problem(Location(f"{output}/{path}"), f"no link leads here from {index}")


def runbook_urls_resolve(
    files: Iterable[File], alerts: Iterable[CompiledAlert], base_url: str, output: str
) -> Iterable[Problem]:
    """Each alert's runbook_url is the address of a page that has the alert's name as its heading."""
    pages = {file.path: file.text for file in files}
    for alert in alerts:
        url = alert.rule.annotations["runbook_url"]
        path = url.removeprefix(base_url.rstrip("/"))
        text = pages.get(f"runbooks{path}", "")
        if f"\n# {alert.rule.alert}\n" not in text:
            yield Problem(
                Location(f"{output}/runbooks"),
                f"{alert.rule.alert}: its runbook_url {url} leads to no page of its name",
            )


def _parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def _anchors(tokens: list[Token]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            yield markdown.slug("".join(child.content for child in tokens[index + 1].children or ()))


def _links(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                yield (token.map or [0])[0] + 1, str(child.attrGet("href"))


def _reachable(start: str, linked: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start] if start in linked else []
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            ahead += linked[path]
    return seen
