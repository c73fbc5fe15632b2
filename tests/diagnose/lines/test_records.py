"""What a program printed is found in a record, and what the record says of it."""

import json

import pytest

from generator.diagnose.lines.line import Line
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import AT, NOW, TEXT


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"LogMessage": TEXT}, Line(TEXT)),
        ({"textPayload": TEXT, "timestamp": "2026-01-02T03:04:05Z"}, Line(TEXT, AT)),
        ({"anything": {"of": [{"whatever": TEXT}]}}, Line(TEXT)),
        (
            {
                "_source": {
                    "message": TEXT,
                    "host": {"name": "n"},
                    "@timestamp": "2026-01-02T03:04:05Z",
                }
            },
            Line(TEXT, AT, "n"),
        ),
        (
            {
                "attributes": {"message": TEXT},
                "resource": {"k8s.node.name": "n", "k8s.pod.name": "p"},
            },
            Line(TEXT, None, "n", "p"),
        ),
        (
            {"jsonPayload": {"message": TEXT}, "resource": {"labels": {"container_name": "weave"}}},
            Line(TEXT, program="weave"),
        ),
        (
            {
                "kubernetes": {"node": {"name": "n"}, "container": {"name": "kube-proxy"}},
                "message": "a b",
            },
            Line("a b", None, "n", None, "kube-proxy"),
        ),
        (
            {"id": "x", "what": "no known key but words", "level": "error"},
            Line("no known key but words"),
        ),
        (
            {"SYSLOG_IDENTIFIER": "kubelet", "MESSAGE": "a b", "_HOSTNAME": "n"},
            Line("a b", None, "n", None, "kubelet"),
        ),
        (
            {"log": {"ts": 1767323045000.5, "caller": "a.go:1", "msg": "m", "err": "e"}},
            Line('{"ts":1767323045000.5,"caller":"a.go:1","msg":"m","err":"e"}'),
        ),
        ({"log": "half of a pair: \ud800"}, Line("half of a pair: ?")),
        ({"time": 10**400, "log": "a"}, Line("a")),
        ({"a": 1}, None),
    ],
)
def test_the_text_is_found_in_any_record(record: dict[str, object], expected: Line | None) -> None:
    line = json.dumps(record)
    assert unwrap(line, NOW) == (expected or Line(line))
