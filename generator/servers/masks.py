"""Takes secrets out of texts, in every form in which a server, a library or a format may repeat them. No IO."""

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, quote_plus

_SHORTEST = 6  # characters of base64 that are taken for the secret
_ESCAPED_BY_GO = str.maketrans({"&": r"\u0026", "<": r"\u003c", ">": r"\u003e"})  # in JSON


@dataclass(frozen=True)
class Mask:
    """`secrets` as they are, and `pairs` such as user:password, which are sent in base64 only."""

    secrets: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        if not self._pattern:
            return text
        return self._pattern.sub("***", text)

    def __add__(self, other: "Mask") -> "Mask":
        secrets = self.secrets + other.secrets
        return Mask(secrets, self.pairs + other.pairs)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms: set[str] = set()
        for secret in self.secrets:
            forms.update(_forms(secret), _packed(secret))
        for pair in self.pairs:
            forms.update(_packed(pair))
        if not forms:
            return None
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return re.compile("|".join(map(_foldable, longest_first)))


def _forms(secret: str) -> Iterator[str]:
    """As it is said in texts, and that once more in JSON."""
    for form in _said_in_texts(secret):
        yield form
        for ascii_only in (True, False):
            once = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            yield once
            yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
            yield once.translate(_ESCAPED_BY_GO)


def _said_in_texts(secret: str) -> Iterator[str]:
    """As it is, in Python, in HTML and in an address."""
    yield secret
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    in_address = quote(secret, safe=""), quote(secret), quote_plus(secret)
    for address in in_address:
        yield address
        yield address.lower()


def _packed(secret: str) -> Iterator[str]:
    data = secret.encode(errors="surrogateescape")
    for form in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        text = form.decode().rstrip("=")
        if len(text) >= _SHORTEST:
            yield from (text, quote(text, safe=""))


def _foldable(form: str) -> str:
    """A pattern for a text whose spaces somebody may have folded or broken into lines."""
    words = re.split(r"\s+", form)
    return r"\s+".join(map(re.escape, words))
