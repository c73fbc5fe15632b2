"""Records of collectors and stores: what the program printed, and what stands around it. No IO."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.diagnose.lines.keys import MOST_FIELDS, NODES, PODS, TEXTS, TIMES, value_at_key
from generator.diagnose.lines.klog import begins, is_record_of_klog
from generator.diagnose.lines.line import FRONT_CHARACTERS, Line
from generator.diagnose.lines.moments import moment
from generator.diagnose.lines.pod_names import FILES_OF_PODS
from generator.diagnose.lines.programs import program_in

DOCKER_KEYS = {"log", "stream", "time", "attrs"}
# A field as a text of a list, or several in one text.
TAG = re.compile(r"[A-Za-z_][\w.-]{0,99}:[^\s,]{1,253}")
TAGS_BYTES = 4000


def line_of_record(whole: str, record: Mapping[str, Any]) -> Line | None:
    """The line that a record holds, with what the record says of it; None if there is none, or only the whole."""
    values_by_path = list(fields(record))
    text = message(values_by_path)
    if text is None or text == whole:
        return None
    values = {name: value for name, value in reversed(values_by_path) if value}
    pod, program = value_at_key(values, PODS), program_in(values)
    if program is None:
        of_pod = _file_of_pod(values)
        pod, program = pod or of_pod.get("pod"), of_pod.get("program")
    times = (
        moment(value)
        for key in TIMES
        for name, value in values.items()
        if name.rpartition(".")[2] == key
    )
    return Line(
        text,
        next((time for time in times if time), None),
        value_at_key(values, NODES),
        pod,
        program,
        # docker's driver cuts what is longer than 16 KiB, and ends a whole line with its newline.
        {"log", "stream"} <= record.keys() <= DOCKER_KEYS and not text.endswith("\n"),
    )


def _file_of_pod(values: Mapping[str, Any]) -> Mapping[str, str | None]:
    """The pod and the container whose log a record says that it is from, by the name of a file."""
    for value in values.values():
        named = isinstance(value, str) and "_" in value and len(value) < FRONT_CHARACTERS
        for pattern in FILES_OF_PODS if named else ():
            found = pattern.fullmatch(value)
            if found:
                return found.groupdict()
    return {}


def names_a_text(record: Mapping[str, Any]) -> bool:
    """Whether a record has a text under a key for messages, and not only texts of any kind."""
    keys = (key.lower() for key, value in record.items() if isinstance(value, str))
    return any(key in TEXTS for key in keys)


def message(values: Sequence[tuple[str, Any]]) -> str | None:
    """What a program printed, among the values of a record: with a head, else under a known key, else the longest."""
    texts: list[tuple[str, str]] = []
    for path, value in values:
        if isinstance(value, dict) and is_record_of_klog(value):
            ordered = {"ts": value["ts"], **value}
            return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
        text = _message_text(value)
        if text is not None:
            texts.append((path, text))
    stripped = (text.lstrip() for _, text in texts)
    headed = [text for text in stripped if begins(text)]
    if headed:
        return max(headed, key=len)  # a record may have a short and a full message
    for key in TEXTS:
        for path, text in texts:
            if path.rpartition(".")[2] == key:
                return text
    return max((text for _, text in texts if " " in text), key=len, default=None)


def _message_text(value: Any) -> str | None:
    """journald's JSON gives the bytes of a message that cannot be printed as numbers."""
    if isinstance(value, list):
        try:
            return bytes(value).decode(errors="replace")
        except (TypeError, ValueError):
            return None
    # JSON can hold half a pair of surrogates, which is no text.
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


def fields(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a record by their path of keys, in lower case, those on top first; klog's own records whole."""
    waiting: list[tuple[str, Any]] = [("", record)]
    for path, value in waiting:
        if isinstance(value, dict) and not is_record_of_klog(value):
            waiting += [
                (f"{path}.{key}".lower().lstrip("."), child) for key, child in value.items()
            ]
        elif isinstance(value, list) and not (value and isinstance(value[0], int)):
            waiting += [(path, child) for child in value]
        elif path.endswith("tags") and isinstance(value, str) and _is_tags(value):
            tags = [tag.partition(":") for tag in value.split(",")]
            waiting += [(f"{path}.{key}".lower().lstrip("."), child) for key, _, child in tags]
        else:
            yield path, value
        if len(waiting) > MOST_FIELDS:
            return


def _is_tags(text: str) -> bool:
    """Whether a text is made of fields alone: names before values, as stores write them for what they call tags."""
    if ":" not in text or " " in text or len(text) > TAGS_BYTES:
        return False
    return all(map(TAG.fullmatch, text.split(",")))
