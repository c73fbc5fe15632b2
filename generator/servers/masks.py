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


@dataclass(frozen=True)
class Mask:
    """`secrets` as they are, and `pairs` such as user:password, which are sent in base64 only."""

    secrets: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        return self._pattern.sub("***", text) if self._pattern else text

    def __add__(self, other: "Mask") -> "Mask":
        return Mask((*self.secrets, *other.secrets), (*self.pairs, *other.pairs))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = {form for secret in self.secrets for form in _forms(secret)}
        forms |= {form for secret in (*self.secrets, *self.pairs) for form in _packed(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return re.compile("|".join(_foldable(form) for form in longest_first)) if forms else None


def _forms(secret: str) -> Iterator[str]:
    """As text, in JSON, in Python, in HTML, in an address; each also written into JSON once more."""
    plain = (secret, repr(secret)[1:-1], html.escape(secret), html.escape(secret, quote=False))
    in_address = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    for form in (*plain, *in_address, *(address.lower() for address in in_address)):
        yield form
        for ascii_only in (True, False):
            once = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            yield once
            yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
            yield (
                once.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
            )  # as Go writes it


def _packed(secret: str) -> Iterator[str]:
    data = secret.encode(errors="surrogateescape")
    for form in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        text = form.decode().rstrip("=")
        if len(text) >= _SHORTEST:
            yield from (text, quote(text, safe=""))


def _foldable(form: str) -> str:
    """A pattern for a text whose spaces somebody may have folded or broken into lines."""
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", form))
