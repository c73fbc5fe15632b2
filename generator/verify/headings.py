"""The headings of a page, in Markdown or HTML, as its reader sees them. No IO."""

import re
import unicodedata
from collections.abc import Mapping

import pyromark
from lxml import etree

from generator.query.signature import compile_re2

_LEVELS = {f"h{level}" for level in range(1, 7)}
_MARKDOWN = pyromark.Markdown(
    options=pyromark.Options.ENABLE_HEADING_ATTRIBUTES
    | pyromark.Options.ENABLE_YAML_STYLE_METADATA_BLOCKS
)
_HTML = compile_re2(r"(?is)^\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype|html|head|body)\b")
_UNSEEN = {"Cf", "Cs"}  # without a width, and halves of characters
_FROM_WORD_TO_WORD = re.compile(r"\w(?:.*\w)?", re.DOTALL)


def headings(text: str) -> set[str]:
    """Without what stands around them: links to themselves, marks such as ¶, and characters that have no width.

    Anybody may have written the page: the time it takes grows with its length alone.
    """
    text = _visible(text)
    found: set[str] = set()
    for html in [text] if _HTML.search(text) else [text, _MARKDOWN.html(text)]:
        found.update(map(_heading_text, _read(html)))
    return found


def _read(html: str) -> list[str]:
    """Python's own parser takes the square of the time for tags and comments that do not end."""
    reader = _HeadingReader()
    parser = etree.HTMLParser(target=reader)
    parser.feed("<body>")  # a page without a word is no error
    parser.feed(html)
    parser.close()
    return reader.found


class _HeadingReader:
    """Each heading is found with and without the text of links to a place in its own page."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._whole: list[str] | None = None
        self._own: list[str] = []
        self._in_link = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _LEVELS:
            self._whole, self._own = [], []
        if tag == "a":
            self._in_link = attributes.get("href", "").startswith("#")

    def end(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False
        if tag in _LEVELS and self._whole is not None:
            self.found += ["".join(self._whole), "".join(self._own)]
            self._whole = None

    def data(self, data: str) -> None:
        if self._whole is not None:
            self._whole.append(data)
            self._own += [] if self._in_link else [data]

    def close(self) -> None:
        """Nothing is left to do."""


def _visible(text: str) -> str:
    unseen = [char for char in set(text) if unicodedata.category(char) in _UNSEEN]
    return text.translate(str.maketrans("", "", "".join(unseen))) if unseen else text


def _heading_text(heading: str) -> str:
    text = " ".join(_visible(heading).split())
    before, mark, name = text.removesuffix("}").rpartition("{#")
    if mark and text.endswith("}") and "}" not in name:
        text = before
    words = _FROM_WORD_TO_WORD.search(text)
    return words[0] if words else ""
