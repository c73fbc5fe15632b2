"""Markdown of our own pages as HTML: headings with their anchors, links to pages of the site. No IO."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from generator.base import markdown

_LAYOUT = "style"  # an attribute that the site's Content-Security-Policy refuses


def as_html(text: str, pages: Mapping[str, str]) -> str:
    """A page's Markdown as HTML; `pages` are names of Markdown files with those of the pages made of them."""
    parser = _markdown_parser()
    tokens = parser.parse(text)
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            words = _words_within(following.children or ())
            token.attrSet("id", markdown.slug(words))
    for token in tokens:
        token.attrs.pop(_LAYOUT, None)
        if token.children:
            token.children = _within_reach(token.children, pages)
    tokens = _scrolling(_without_empty_heads(tokens))
    html: str = parser.renderer.render(tokens, parser.options, {})
    # Text is escaped; a keyboard scrolls code too.
    return html.replace("<pre>", '<pre tabindex="0">')


@cache
def _markdown_parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _words_within(tokens: Sequence[Token]) -> str:
    """The words of some tokens without their markup."""
    return "".join(token.content for token in tokens)


def _within_reach(tokens: Sequence[Token], pages: Mapping[str, str]) -> list[Token]:
    """Of a link to a file that the site lacks the words stay, of a picture, which its policy refuses, what it shows."""
    kept: list[Token] = []
    leads = False
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href"))
            target = _link_target(href, pages)
            leads = target is not None
            token.attrSet("href", target or "")
        if token.type == "image":
            kept.append(Token("text", "", 0, content=token.content))
        elif leads or token.type not in ("link_open", "link_close"):
            kept.append(token)
    return kept


def _link_target(href: str, pages: Mapping[str, str]) -> str | None:
    """Where a link leads on the site; None if nothing is there."""
    parts = urlsplit(href)
    path = parts.path
    is_elsewhere = parts.scheme or parts.netloc or path.startswith("/")
    if is_elsewhere or not path:
        return href
    if path not in pages:
        return None
    on_the_site = parts._replace(path=pages[path])
    return on_the_site.geturl()


def _without_empty_heads(tokens: Sequence[Token]) -> list[Token]:
    """Without heads of tables that are empty, which Markdown cannot leave out."""
    kept: list[Token] = []
    head: list[Token] = []
    for token in tokens:
        if token.type == "thead_open" or head:
            head.append(token)
        else:
            kept.append(token)
        if token.type == "thead_close":
            if _words_within(head):
                kept += head
            head = []
    return kept


def _scrolling(tokens: Sequence[Token]) -> list[Token]:
    """Tables in a box that scrolls, so that the page does not, with the keyboard too."""
    boxed = []
    for token in tokens:
        if token.type == "table_open":
            attributes: dict[str, str | int | float] = {"class": "wide", "tabindex": "0"}
            boxed.append(Token("box_open", "div", 1, attrs=attributes, block=True))
        boxed.append(token)
        if token.type == "table_close":
            boxed.append(Token("box_close", "div", -1, block=True))
    return boxed
