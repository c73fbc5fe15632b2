"""The headings of a page, in Markdown or HTML, as its reader sees them. No IO."""

import re
import unicodedata
from html.parser import HTMLParser

import pyromark

_LEVELS = {f"h{level}" for level in range(1, 7)}
_MARKDOWN = pyromark.Markdown(
    options=pyromark.Options.ENABLE_HEADING_ATTRIBUTES
    | pyromark.Options.ENABLE_YAML_STYLE_METADATA_BLOCKS
)
_HTML = re.compile(
    r"\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


def headings(text: str) -> set[str]:
    """Without what stands around them: links to themselves, marks such as ¶, and characters that have no width."""
    text = _visible(text)
    found: set[str] = set()
    for html in [text] if _HTML.match(text) else [text, _MARKDOWN.html(text)]:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        found.update(map(_plain, reader.found))
    return found


class _Reader(HTMLParser):
    """Each heading is found with and without the text of links to a place in its own page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._whole: list[str] | None = None
        self._own: list[str] = []
        self._in_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LEVELS:
            self._whole, self._own = [], []
        if tag == "a":
            self._in_link = (dict(attrs).get("href") or "").startswith("#")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False
        if tag in _LEVELS and self._whole is not None:
            self.found += ["".join(self._whole), "".join(self._own)]
            self._whole = None

    def handle_data(self, data: str) -> None:
        if self._whole is not None:
            self._whole.append(data)
            self._own += [] if self._in_link else [data]


def _visible(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _plain(heading: str) -> str:
    text = re.sub(r"\{#[^}]*\}\s*$", "", " ".join(_visible(heading).split()))
    return re.sub(r"^\W+|\W+$", "", text)
