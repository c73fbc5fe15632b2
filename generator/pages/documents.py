"""The documentation as pages of the site. No IO."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generator.base import markdown, names
from generator.pages.markup import as_html

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# As the documents name one another: they lie in docs/ and in the folder above it.
_BESIDE = ("", "docs/", "../")
_RUNBOOK_FOLDERS = ("output/runbooks/", "../output/runbooks/")


@dataclass(frozen=True)
class DocumentPage:
    page: str
    title: str
    body: str  # HTML


def as_pages(texts: Mapping[str, str], runbooks: Iterable[str]) -> list[DocumentPage]:
    """The documents by the names of their files; `runbooks` are those of the pages that they may lead to."""
    pages = {}
    for file in texts:
        for folder in _BESIDE:
            pages[folder + file] = names.document_page(file)
    for file in runbooks:
        for folder in _RUNBOOK_FOLDERS:
            pages[folder + file] = names.site_page(file)
    return [_document_page(file, text, pages) for file, text in texts.items()]


def _document_page(file: str, text: str, pages: Mapping[str, str]) -> DocumentPage:
    return DocumentPage(
        page=names.document_page(file),
        title=markdown.title(text),
        body=as_html(_without_comments(text), pages),
    )


def _without_comments(text: str) -> str:
    """Without comments, which mark what programs wrote."""
    kept = ""
    for is_code, part in markdown.prose_and_code(text, fences=True):
        kept += part if is_code else _COMMENT.sub("", part)
    return kept
