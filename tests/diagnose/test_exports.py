"""What log stores export, taken apart into one record for each line that a program printed."""

import json
from typing import Any

import pytest

from generator.diagnose import exports

ERROR = 'E1124 05:02:22.318010   18053 a.go:473] "Failed" err="x, y"'
BLOCK = 'E1124 05:02:22.318010   18053 a.go:473] "Failed" err=<\n\texit status 4\n >'


def records(data: bytes) -> list[Any]:
    form = exports.kind(data)
    assert form
    return [json.loads(line) for line in exports.as_lines(form, [data[:7], data[7:]])]


def said(data: bytes) -> list[str]:
    return [record["line"] for record in records(data)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([{"message": ERROR}, {"message": "b c"}], [ERROR, "b c"]),
        ([ERROR, "b c"], [ERROR, "b c"]),
        ({"events": [{"timestamp": 1, "message": ERROR}], "nextToken": "f/1 2"}, [ERROR]),
        (
            {"hits": {"hits": [{"_source": {"message": ERROR}}, {"_source": {"message": "b c"}}]}},
            [ERROR, "b c"],
        ),
        (
            {
                "data": {
                    "result": [{"stream": {"pod": "p"}, "values": [["1", ERROR], ["2", "b c"]]}]
                }
            },
            [ERROR, "b c"],
        ),
        (
            {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": ERROR}}]}]}]},
            [ERROR],
        ),
        ({"message": ERROR, "owners": [{"name": "a"}, {"name": "b"}]}, [ERROR]),
        ([{"log": BLOCK}], BLOCK.split("\n")),
    ],
)
def test_a_document_gives_each_line_once(document: Any, expected: list[str]) -> None:
    for indent in (None, 2):
        data = json.dumps(document, indent=indent).encode()
        if exports.kind(data):
            assert said(data) == expected
    assert exports.kind(json.dumps(document, indent=2).encode()) == "json"


def test_documents_that_follow_each_other_are_read_one_by_one() -> None:
    data = "\n".join(json.dumps({"log": text}, indent=2) for text in (ERROR, "b c")).encode()
    assert said(data) == [ERROR, "b c"]


def test_what_stands_beside_and_above_a_message_goes_with_it() -> None:
    attributes = [{"key": "k8s.node.name", "value": {"stringValue": "n"}}]
    document = {
        "resourceLogs": [
            {
                "resource": {"attributes": attributes},
                "scopeLogs": [
                    {
                        "logRecords": [
                            {"timeUnixNano": "1767323045000000000", "body": {"stringValue": "b c"}}
                        ]
                    }
                ],
            }
        ]
    }
    (record,) = records(json.dumps(document, indent=1).encode())
    assert record["fields"]["resource.attributes.k8s.node.name"] == "n"
    assert record["fields"]["timeunixnano"] == "1767323045000000000"


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_table_gives_each_line_of_its_texts(delimiter: str) -> None:
    quoted = BLOCK.replace('"', '""')
    head = delimiter.join(["@timestamp", "host", '"Message"'])
    row = delimiter.join(["2026-01-02T03:04:05Z", "n1", f'"{quoted}"'])
    found = records(f"\ufeff{head}\r\n{row}\r\n".encode())
    assert [record["line"] for record in found] == BLOCK.split("\n")
    assert found[1]["fields"]["host"] == "n1"


@pytest.mark.parametrize(
    "line",
    [
        ERROR,
        f"[pod/kube-proxy-a/kube-proxy] {ERROR}",
        json.dumps({"log": ERROR, "stream": "stderr"}),
        json.dumps({"ts": 1.5, "msg": "a", "err": "b"}),
        "a log, with words and a message",
        '{"log": "cut',
        "",
    ],
)
def test_lines_are_no_document(line: str) -> None:
    assert exports.kind(f"{line}\n{line}\n".encode()) is None


def test_a_broken_document_gives_what_came_before_and_the_rest_as_it_is() -> None:
    data = json.dumps([{"log": ERROR}]).encode()[:-1] + b', {"log": "cut'
    found = exports.as_lines("json", [data])
    assert json.loads(next(found))["line"] == ERROR
    with pytest.raises(exports.BrokenExportError) as broken:
        next(found)
    assert broken.value.rest == '{"log": "cut'


def test_a_document_that_is_nested_too_deeply_is_broken() -> None:
    with pytest.raises(exports.BrokenExportError):
        list(exports.as_lines("json", [b"[" * 9 + b'{"a":' * 100_000]))
