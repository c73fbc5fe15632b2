"""What log stores export, JSON documents and tables, as one record a line. No IO."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from generator.diagnose.lines.keys import TEXTS
from generator.diagnose.lines.klog import KLOG, begins
from generator.diagnose.lines.records import fields, message

_VALUE_BYTES = 16 << 20  # a document is taken apart if each of its values is smaller
_FIELD_BYTES = 1 << 20
_BORDER_BYTES = 32  # bytes of a block that may be a part of an escape and a head
_LONGEST_LABEL = 300  # characters; what is longer says not where a line comes from
_DEEPEST_RECORD = 20
_TYPED = ("stringValue", "intValue", "doubleValue", "boolValue")
_BETWEEN = re.compile(r"[\s,\[\]]*")
_ARRAY = re.compile(rb"\s*\[\s*[\[{\"]")
# What stands for a new line before klog's head: as programming languages write it, the border of two texts of a list,
# HTML's, the end of one of its blocks before another one, or a carriage return alone.
_BLOCKS = r"(?:</(?:div|p|li|t[dhr]|pre)>(?:<[^<>]{1,200}>)+)"
_NEW_LINE = rf"""(?:\\+n|["'], ?b?["']|<br ?/?>|{_BLOCKS}|\r)"""
_ESCAPED_HEAD = r"[IWEF][01]\d[0-3]\d \d\d:\d\d:"
_ESCAPED_NEW_LINE = re.compile(f"{_NEW_LINE}(?={_ESCAPED_HEAD})".encode())
_ESCAPE_FORMS = (
    (re.compile(rb"\\+n|<br ?/?>|%s|\r(?!\n)" % _BLOCKS.encode()), b"\n"),
    (re.compile(rb"\\+t"), b"\t"),
    (re.compile(rb'\\+"'), b'"'),
)
_QUOTE_BEFORE_HEAD = re.compile(rf"(?m)^[ \t]*b?[\"'](?={_ESCAPED_HEAD})".encode())
_OBJECT = re.compile(rb"\s*\{")

_DELIMITERS = {"csv": ",", "tsv": "\t", "csv with semicolons": ";"}

ExportedRecord = Mapping[str, Any]


class BrokenExportError(ValueError):
    """It is not what it seemed; `rest` is what was not taken apart."""

    def __init__(self, reason: str, rest: str) -> None:
        super().__init__(reason)
        self.rest = rest


def kind(first: bytes) -> str | None:
    """Whether the first bytes of a file are those of a JSON document or of a table with a heading, and which.

    Or those of a text whose line breaks are written in another way: quoted.
    """
    if _ARRAY.match(first):
        return "json"
    if _OBJECT.match(first):
        line = first.lstrip().partition(b"\n")[0]
        is_json = _is_document(line.strip()) or _ESCAPED_NEW_LINE.search(first)
        return "json" if is_json else None
    text = first.decode(errors="replace").lstrip("\ufeff")
    for name, delimiter in _DELIMITERS.items():
        if _is_table(text, delimiter):
            return name
    return "quoted" if _ESCAPED_NEW_LINE.search(first) else None


def export_patterns() -> list[str]:
    """Patterns of RE2 for a program that takes nothing apart: what begins so may be what is taken apart here."""
    names = "|".join(map(re.escape, TEXTS))
    return [
        r"\A\s*\[\s*[\[{\"]",
        rf"{_NEW_LINE}{_ESCAPED_HEAD}",
        r"\A\s*\{[^\n]*[\[{,]?\s*\n\s*[\"}]",  # an object in several lines
        r"\A\s*\{[^\n]*\[\s*[\[{]",  # one with a list of records or of rows
        r"\A\s*\{[^\n]*\}[ ,]*\{",  # several in one line
        rf'(?i)\A\x{{FEFF}}?(?:[^\n]*[,;\t])?[" ]*(?:[\w.@-]*\.)?(?:{names})[" \r]*(?:[,;\t][^\n]*)?\n',
    ]


def _is_document(line: bytes) -> bool:
    """Whether a line that begins with an object is not one record of several lines of them."""
    text = line.decode(errors="replace")
    try:
        record, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return line.endswith((b"{", b"[", b","))
    if text[end:].lstrip().startswith("{"):
        return True  # records without a line break between them
    return isinstance(record, dict) and not _speaks(record) and _holds_records(record)


def _is_table(text: str, delimiter: str) -> bool:
    """Whether a text begins with a heading: it names a column of messages, or stands above a row with a message."""
    heading, _, rows = text.partition("\n")
    names = [cell.strip('" \r').lower() for cell in heading.split(delimiter)]
    if len(names) < 2 or KLOG.search(heading):
        return False
    ends = [name.rpartition(".")[2] for name in names]
    if any(end in TEXTS for end in ends):
        return True
    reader = csv.reader(io.StringIO(rows), delimiter=delimiter)
    try:
        row = next(reader, [])
    except csv.Error:
        return False
    return len(row) == len(names) and any(map(begins, row))


def as_lines(of_kind: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """A JSON record for each physical line of each message. Raises BrokenExportError where the form ends."""
    if of_kind == "quoted":
        yield from _of_quoted(blocks)
        return
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    texts = (decode(block) for block in blocks)
    if of_kind == "json":
        records = _of_json(texts)
    else:
        records = _of_table(texts, _DELIMITERS[of_kind])
    for record in records:
        yield from _lines_of_record(record)


def _of_quoted(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of texts in quotes, such as Python's repr and Go's %q."""
    left = b""
    for block in blocks:
        text = _QUOTE_BEFORE_HEAD.sub(b"", _ESCAPED_NEW_LINE.sub(b"\n", left + block))
        for escape, plain in _ESCAPE_FORMS:
            text = escape.sub(plain, text)
        border = max(0, len(text) - _BORDER_BYTES)
        end = text.rfind(b"\n", 0, border) + 1 or border
        yield text[:end]
        left = text[end:]
    yield left.rstrip(b"\"'] \r\n") + b"\n"


def _lines_of_record(record: ExportedRecord) -> Iterator[bytes]:
    values = list(fields(record))
    text = message(values)
    if text is None:
        return
    labels: dict[str, Any] = {}
    for path, value in values:
        if value != text and _is_label(value):
            labels[path] = value
    for line in text.rstrip("\n").split("\n"):
        record_of_line = json.dumps({"line": line, "fields": labels}, ensure_ascii=False)
        yield f"{record_of_line}\n".encode(errors="replace")


def _is_label(value: Any) -> bool:
    if not isinstance(value, str | int | float):
        return False
    text = str(value)
    return len(text) < _LONGEST_LABEL and not begins(text)  # a record may have its message twice


def _of_json(texts: Iterator[str]) -> Iterator[ExportedRecord]:
    """The records of a document, or of several, as they come; only one value is held at a time."""
    decoder = json.JSONDecoder()
    text, at = "", 0
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise BrokenExportError("it is nested too deeply", text[at:]) from error
        except ValueError as error:
            rest = text[at:]
            block = next(texts, None) if len(rest) < _VALUE_BYTES else None
            if block is not None:
                text, at = rest + block, 0
            elif rest:
                raise BrokenExportError(str(error), rest) from error
            else:
                return
        else:
            yield from _innermost_records(_without_otel_forms(value))


def _innermost_records(
    value: Any, above: ExportedRecord | None = None, depth: int = 0
) -> Iterator[ExportedRecord]:
    """The innermost records of a value, each with what stands beside and above it."""
    above = above or {}
    if depth > _DEEPEST_RECORD:
        return
    if isinstance(value, str):
        yield {**above, "line": value}
    elif isinstance(value, list):
        for child in value:
            yield from _innermost_records(child, above, depth + 1)
    elif isinstance(value, dict):
        if _has_kinds(value, stream=dict, values=list):
            yield from _of_loki(value, above)
        elif _has_kinds(value, columns=list, rows=list):
            yield from _of_columns(value, above)
        else:
            yield from _of_object(value, above, depth)


def _has_kinds(record: ExportedRecord, **kinds: type) -> bool:
    """Whether there are values of these kinds under these keys."""
    return all(isinstance(record.get(key), kind) for key, kind in kinds.items())


def _of_object(
    record: ExportedRecord, above: ExportedRecord, depth: int
) -> Iterator[ExportedRecord]:
    """A record, or those in the lists that it holds."""
    inner: list[Any] = []
    beside = dict(above)
    speaks = _speaks(record)
    for key, child in record.items():
        if not speaks and _holds_records(child):
            inner.append(child)
        else:
            beside[key] = child
    if not inner:
        yield beside
    for child in inner:
        yield from _innermost_records(child, beside, depth + 1)


def _speaks(record: ExportedRecord) -> bool:
    """Whether a record has the text of a message itself, whatever lists it has beside."""
    return any(_is_message(key, value) for key, value in record.items())


def _is_message(key: str, value: Any) -> bool:
    """Whether a value is a text under a key for messages, or begins as a program's message does."""
    return isinstance(value, str) and (key.lower() in TEXTS or begins(value))


def _of_loki(row: ExportedRecord, above: ExportedRecord) -> Iterator[ExportedRecord]:
    """A stream of Loki's API: its labels, and pairs of time and line."""
    for pair in row["values"]:
        if isinstance(pair, list) and len(pair) > 1:
            yield {**above, "stream": row["stream"], "timestamp": pair[0], "line": pair[1]}


def _of_columns(table: ExportedRecord, above: ExportedRecord) -> Iterator[ExportedRecord]:
    """A table whose columns are named once, and whose rows are lists, as query services answer."""
    names = [_column_name(column) for column in table["columns"]]
    for row in table["rows"]:
        if isinstance(row, list):
            yield {**above, **dict(zip(names, row, strict=False))}
        elif isinstance(row, dict):
            yield {**above, **row}


def _column_name(column: Any) -> str:
    return str(column.get("name") if isinstance(column, dict) else column)


def _without_otel_forms(value: Any, depth: int = 0) -> Any:
    """A value without forms of its own: lists of names and values, and values that name their type."""
    if depth > _DEEPEST_RECORD:
        return value
    if isinstance(value, dict):
        if len(value) == 1:
            ((kind_of_value, typed),) = value.items()
            if kind_of_value in _TYPED:
                return typed
        return {key: _without_otel_forms(child, depth + 1) for key, child in value.items()}
    if not isinstance(value, list):
        return value
    name = _name_of_pairs(value)
    if name is None:
        return [_without_otel_forms(child, depth + 1) for child in value]
    return {str(pair[name]): _without_otel_forms(pair["value"], depth + 1) for pair in value}


def _name_of_pairs(rows: Sequence[Any]) -> str | None:
    """The key of the names in a list of nothing but names and values; None of any other list."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    for name in ("key", "field", "name"):
        if all(row.keys() == {name, "value"} for row in rows):
            return name
    return None


def _holds_records(value: Any, depth: int = 0) -> bool:
    """Whether there is a list of records in a value."""
    if depth > _DEEPEST_RECORD:
        return False
    if isinstance(value, dict):
        return any(_holds_records(child, depth + 1) for child in value.values())
    if not isinstance(value, list):
        return False
    if any(isinstance(child, dict) for child in value):
        return True
    return any(_holds_records(child, depth + 1) for child in value)


def _of_table(texts: Iterator[str], delimiter: str) -> Iterator[ExportedRecord]:
    csv.field_size_limit(_FIELD_BYTES)
    rows = csv.DictReader(_physical(texts), delimiter=delimiter)
    try:
        for row in rows:
            yield {
                str(key).strip().lower(): value
                for key, value in row.items()
                if isinstance(value, str)
            }
    except csv.Error as error:
        raise BrokenExportError(str(error), "") from error


def _physical(texts: Iterator[str]) -> Iterator[str]:
    """Lines with their ends."""
    left = ""
    for text in texts:
        parts = (left + text).split("\n")
        left = parts.pop()
        yield from (f"{part}\n" for part in parts)
    if left:
        yield left
