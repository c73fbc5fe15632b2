"""Lines behind fronts of which only the place is known: a program's head, or a record, ends them. No IO."""

import json
import re
from dataclasses import replace

from generator.diagnose.lines.json_and_csv import without_quotes
from generator.diagnose.lines.klog import HEADS
from generator.diagnose.lines.line import FRONT_CHARACTERS, Line
from generator.diagnose.lines.moments import TIME_IN_FRONT, time_in
from generator.diagnose.lines.pod_names import CONTAINER_NAME, POD_IN_FRONT, POD_NAME
from generator.diagnose.lines.programs import with_uncertain_names
from generator.diagnose.lines.records import line_of_record, names_a_text

# The first one found counts; the second is a file and a stream, which name nothing.
NAMED_IN_FRONT = (
    re.compile(rf"\[(?P<perhaps_pod>{POD_NAME})\]\s*\Z"),
    re.compile(rf"(?:\A|\s){POD_NAME}[:/]std(?:out|err)[:\s]*\Z"),
    re.compile(
        rf"(?:\A|\s)(?P<perhaps_pod>{POD_NAME})[:/](?P<perhaps_program>{CONTAINER_NAME})[:\s]*\Z"
    ),
)
# Any but klog's own, which begin with ts.
RECORD_BEGIN = re.compile(r'\{ ?"(?:[^t]|t[^s]|ts[^"]|ts"[^:])')
_DECODER = json.JSONDecoder()
# Numbers of lines, of lists and of clocks; of an address each part stands before another one.
LINE_NUMBERS = re.compile(r"(\A|[\s:\[])(?:\d+(?:[.,]\d+)?\.?[:\s\])])+")
LETTER = re.compile(r"[^\W_]")
WORDS = re.compile(r"[^\W_][\w.-]*|.", re.DOTALL)
WORD_CHARACTERS = r"[\w.-]+"


def line_behind_unknown(text: str) -> Line | None:
    """The line from the first head of a program on, and what the text before it tells."""
    record = _record_behind(text)
    if record:
        return record
    near = text[: FRONT_CHARACTERS * 2]
    heads = (pattern.search(near) for pattern in HEADS)
    at = min((head.start() for head in heads if head), default=0)
    if not at or at > FRONT_CHARACTERS:
        return None
    front = text[:at]
    line = Line(without_quotes(front, text[at:]), time_in(front), front=front)
    pod = POD_IN_FRONT.search(front)
    for pattern in NAMED_IN_FRONT:
        named = pattern.search(front)
        if named:
            line = with_uncertain_names(line, named.groupdict())
            break
    return replace(line, pod=pod["pod"]) if pod else line


def _record_behind(text: str) -> Line | None:
    """The message of a record in JSON behind a front that is not known."""
    begin = RECORD_BEGIN.search(text[:FRONT_CHARACTERS])
    if begin is None:
        return None
    try:
        record, _ = _DECODER.raw_decode(text, begin.start())
    except (ValueError, RecursionError):
        return None
    line = line_of_record(text, record) if names_a_text(record) else None
    if line is None or line.time:
        return line
    return replace(line, time=time_in(text[: begin.start()]))


def apart(headed: Line, line: str) -> bool:
    """Whether a line has the front of another origin than one with a head: of the same form, with another name."""
    front = _unnumbered(headed.front)
    if not LETTER.search(front):
        return False
    form = "".join(
        WORD_CHARACTERS if LETTER.match(part) else re.escape(part) for part in WORDS.findall(front)
    )
    here = re.match(form, _unnumbered(line))
    return here is not None and here[0] != front


def _unnumbered(text: str) -> str:
    """Without the times and the numbers of lines that stand before a message."""
    return LINE_NUMBERS.sub(r"\1", TIME_IN_FRONT.sub("", text[:FRONT_CHARACTERS]))
