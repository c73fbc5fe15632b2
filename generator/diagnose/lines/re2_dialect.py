"""Python's patterns as RE2 writes them. No IO."""

import re

_RE2_FLAGS = (("s", re.DOTALL), ("i", re.IGNORECASE), ("m", re.MULTILINE))


def for_re2(pattern: re.Pattern[str] | re.Pattern[bytes]) -> str:
    """Python's end of a text, its letters of all languages (bytes have ASCII's) and its flags, as RE2 writes them."""
    written = pattern.pattern
    text = written.decode() if isinstance(written, bytes) else letters_for_re2(written)
    flags = "".join(letter for letter, flag in _RE2_FLAGS if pattern.flags & flag)
    return (f"(?{flags})" if flags else "") + text.replace(r"\Z", r"\z")


def letters_for_re2(pattern: str) -> str:
    r"""RE2's \w knows no letters beyond ASCII; here it stands in classes only."""
    return pattern.replace(r"[^\W_]", r"[\p{L}\p{N}]").replace(r"\w", r"\p{L}\p{N}_")
