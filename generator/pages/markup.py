"""Markdown of our own pages as HTML: headings with their anchors, links to pages of the site. No IO."""

from collections.abc import Mapping, Sequence
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from generator.base import markdown

_LAYOUT = "style"  # an attribute that the site's Content-Security-Policy refuses


def as_html(text: str, pages: Mapping[str, str]) -> str:
    """A page's Markdown as HTML; `pages` are names of Markdown files with those of the pages made of them."""
    parser = _markdown_parser()
    tokens = parser.parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        token.attrs.pop(_LAYOUT, None)
        if token.type == "heading_open" and following:
            token.attrSet("id", markdown.slug(_heading_words(following.children or ())))
        if token.children:
            token.children = _within_reach(token.children, pages)
    html: str = parser.renderer.render(_scrolling(_without_empty_heads(tokens)), parser.options, {})
    return html.replace(
        "<pre>", '<pre tabindex="0">'
    )  # text is escaped; a keyboard scrolls code too


@cache
def _markdown_parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _heading_words(tokens: Sequence[Token]) -> str:
    """The words of a heading without their markup."""
    return "".join(token.content for token in tokens)


def _within_reach(tokens: Sequence[Token], pages: Mapping[str, str]) -> list[Token]:
    """Of a link to a file that the site lacks the words stay, of a picture, which its policy refuses, what it shows."""
    found: list[Token] = []
    leads = False
    for token in tokens:
        if token.type == "link_open":
            target = _link_target(str(token.attrGet("href")), pages)
            leads = target is not None
            token.attrSet("href", target or "")
        if token.type == "image":
            found.append(Token("text", "", 0, content=token.content))
        elif leads or token.type not in ("link_open", "link_close"):
            found.append(token)
    return found


def _link_target(href: str, pages: Mapping[str, str]) -> str | None:
    """Where a link leads on the site; None if nothing is there."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or parts.path.startswith("/") or not parts.path:
        return href
    if parts.path not in pages:
        return None
    return parts._replace(path=pages[parts.path]).geturl()


def _without_empty_heads(tokens: Sequence[Token]) -> list[Token]:
    """Without heads of tables that are empty, which Markdown cannot leave out."""
    found: list[Token] = []
    head: list[Token] = []
    for token in tokens:
        if token.type == "thead_open" or head:
            head.append(token)
        else:
            found.append(token)
        if token.type == "thead_close":
            if any(one.content for one in head):
                found += head
            head = []
    return found


def _scrolling(tokens: Sequence[Token]) -> list[Token]:
    """Tables in a box that scrolls, so that the page does not, with the keyboard too."""
    found = []
    for token in tokens:
        if token.type == "table_open":
            found.append(
                Token("box_open", "div", 1, attrs={"class": "wide", "tabindex": "0"}, block=True)
            )
        found.append(token)
        if token.type == "table_close":
            found.append(Token("box_close", "div", -1, block=True))
    return found
