"""What a page is found by when words are searched. No IO."""

import re
from collections import Counter

_SEARCHED_WORD = re.compile(r"[a-z0-9]+")  # search.js takes a query apart in the same way
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME_WEIGHS = 8  # as much as so many mentions in the text


def weights(alert: str, title: str, text: str) -> dict[str, int]:
    """Each word of a page and how often it stands there; those of its name and title weigh more."""
    counts = Counter(_words_of(text))
    alert_in_words = _HUMP.sub(" ", alert)
    of_the_name = _words_of(f"{alert_in_words} {alert} {title}")
    for word in set(of_the_name):
        counts[word] += _NAME_WEIGHS
    return dict(sorted(counts.items()))


def _words_of(text: str) -> list[str]:
    return _SEARCHED_WORD.findall(text.lower())
