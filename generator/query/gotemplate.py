"""Text for Go templates. Knows nothing of kube-proxy."""

import json
from collections.abc import Iterable


def string(text: str) -> str:
    """A string of a Go template."""
    return json.dumps(text, ensure_ascii=False)


def printf(template: str, arguments: Iterable[str]) -> str:
    """A call of printf with a format, and arguments that are written as a template writes them."""
    return " ".join(["printf", string(template), *arguments])


def verbatim(text: str) -> str:
    """Text as a part of a format of printf that prints it unchanged."""
    return text.replace("%", "%%")
