"""Text for Go templates. Knows nothing of kube-proxy."""

import json


def string(text: str) -> str:
    """A string of a Go template."""
    return json.dumps(text, ensure_ascii=False)
