"""What undoes wrappings, as data for the browser. No IO."""

import re
from typing import Any

from generator.diagnose.lines.fronts import FRONTS, LABEL_IN_TEXT, MONTHS
from generator.diagnose.lines.json_and_csv import (
    JSON_TEXT,
    JSON_VALUE,
    QUOTED_IN_CSV,
    QUOTED_IN_JSON,
)
from generator.diagnose.lines.keys import (
    MOST_FIELDS,
    NODES,
    PERHAPS_PROGRAMS,
    PODS,
    PROGRAMS,
    TEXTS,
    TIMES,
)
from generator.diagnose.lines.klog import HEADS, KLOG, KUBELET
from generator.diagnose.lines.line import FRONT_CHARACTERS
from generator.diagnose.lines.moments import TIME_IN_FRONT
from generator.diagnose.lines.pod_names import FILES_OF_PODS, POD_IN_FRONT
from generator.diagnose.lines.programs import CARRIERS, NEIGHBOURS, OF_PROGRAM
from generator.diagnose.lines.re2_dialect import for_re2, letters_for_re2
from generator.diagnose.lines.records import DOCKER_KEYS, TAG, TAGS_BYTES
from generator.diagnose.lines.unknown_fronts import (
    LETTER,
    LINE_NUMBERS,
    NAMED_IN_FRONT,
    RECORD_BEGIN,
    WORD_CHARACTERS,
    WORDS,
)
from generator.diagnose.lines.unwrap import COLOUR_ESCAPE, MOST_WRAPPINGS

# By the names that another program knows them by.
_PATTERNS = {
    "colours": COLOUR_ESCAPE,
    "label": LABEL_IN_TEXT,
    "timeInFront": TIME_IN_FRONT,
    "heads": re.compile("|".join(f"(?:{head.pattern})" for head in HEADS)),
    "klog": KLOG,
    "kubelet": KUBELET,
    "podInFront": POD_IN_FRONT,
    "carriers": CARRIERS,
    "neighbours": NEIGHBOURS,
    "jsonValue": JSON_VALUE,
    "jsonText": JSON_TEXT,
    "quotedInJson": QUOTED_IN_JSON,
    "quotedInCsv": QUOTED_IN_CSV,
    "lineNumbers": LINE_NUMBERS,
    "tag": re.compile(rf"\A(?:{TAG.pattern})\Z"),
    "letter": LETTER,
    "words": WORDS,
    "record": RECORD_BEGIN,
}


def wrapping_patterns() -> dict[str, Any]:
    """What undoes wrappings, as data for another program that does the same; its patterns are RE2's too."""
    return {
        "depth": MOST_WRAPPINGS,
        "fields": MOST_FIELDS,
        "front": FRONT_CHARACTERS,
        "fronts": [
            {"begin": "".join(sorted(begin)), "pattern": for_re2(pattern)}
            for begin, pattern in FRONTS
        ],
        "files": [rf"\A(?:{for_re2(pattern)})\z" for pattern in FILES_OF_PODS],
        "tags_bytes": TAGS_BYTES,
        "named_in_front": [for_re2(pattern) for pattern in NAMED_IN_FRONT],
        "of_program": [for_re2(pattern) for pattern in OF_PROGRAM],
        "patterns": {name: for_re2(pattern) for name, pattern in _PATTERNS.items()},
        "word": letters_for_re2(WORD_CHARACTERS),
        "months": MONTHS,
        "nodes": NODES,
        "pods": PODS,
        "programs": PROGRAMS,
        "perhaps_programs": PERHAPS_PROGRAMS,
        "texts": TEXTS,
        "times": TIMES,
        "docker": sorted(DOCKER_KEYS),
    }
