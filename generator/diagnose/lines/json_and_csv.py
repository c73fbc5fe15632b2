"""JSON and CSV in a line: records, and texts as they were before they were quoted. No IO."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

JSON_VALUE = re.compile(r'"\s*:\s*"\Z')
JSON_TEXT = re.compile(r'\A[^"\\]*(?:\\.[^"\\]*)+"[\s,\]}]*\Z')
QUOTED_IN_JSON = re.compile(r'\A(?:[^"\\]|\\.)*')
QUOTED_IN_CSV = re.compile(r'\A(?:[^"]|"")*')


def json_record(text: str) -> Mapping[str, Any] | None:
    """The record that a whole text is; None if it is none."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def without_quotes(front: str, text: str) -> str:
    """A text of JSON or a field of CSV as it was before it was quoted."""
    in_json = JSON_VALUE.search(front) or (front.endswith('"') and JSON_TEXT.match(text))
    if in_json:
        quoted = QUOTED_IN_JSON.match(text)
        with suppress(ValueError):
            return str(json.loads(f'"{quoted[0]}"')) if quoted else text
        return text
    if not front.endswith('"') or "{" in front:
        return text
    field = QUOTED_IN_CSV.match(text)
    return field[0].replace('""', '"') if field else text
