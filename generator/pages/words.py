"""What a page is found by when words are searched. No IO."""

import re
from collections import Counter

_WORD = re.compile(r"[a-z0-9]+")  # search.js takes a query apart in the same way
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME_WEIGHS = 8  # as much as so many mentions in the text


def weights(alert: str, title: str, text: str) -> dict[str, int]:
    """Each word of a page and how often it stands there; those of its name and title weigh more."""
    found = Counter(_words_of(text))
    for word in set(_words_of(f"{_HUMP.sub(' ', alert)} {alert} {title}")):
        found[word] += _NAME_WEIGHS
    return dict(sorted(found.items()))


def _words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower())
