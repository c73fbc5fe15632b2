"""What a line's wrapping tells, and what is inside."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from generator.catalog.wrappings import DRESSES
from generator.diagnose.unwrap import (
    Line,
    is_error,
    other_program,
    printed_at,
    unwrap,
    wrapping_patterns,
)
from generator.query.signature import compile_re2

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = 'E1124 05:02:22.318010   18053 proxier.go:473] Failed "x" <a>\tü'
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("dress", DRESSES)
def test_every_dress_comes_off(dress: object) -> None:
    assert callable(dress)
    assert unwrap(dress(TEXT), NOW).text == TEXT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (TEXT, Line(TEXT)),
        (f"2026-01-02T03:04:05Z stderr F {TEXT}", Line(TEXT, AT)),
        (f"2026-01-02T03:04:05Z stderr P {TEXT}", Line(TEXT, AT, partial=True)),
        (
            '{"log":"half","stream":"stderr","time":"2026-01-02T03:04:05Z"}',
            Line("half", AT, partial=True),
        ),
        (
            f"Jan  2 03:04:05 node-1 kube-proxy[12]: {TEXT}",
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        (
            f"Dec  2 03:04:05 node-1 k3s[12]: {TEXT}",
            Line(TEXT, AT.replace(2025, 12), "node-1", program="k3s"),
        ),
        (
            f"2026-01-02T04:04:05+0100 node-1 kube-proxy[12]: {TEXT}",
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        (f'2026-01-02T03:04:05Z {{node_name="n", pod="p"}} {TEXT}', Line(TEXT, AT, "n", "p")),
        (
            f"[pod/kube-proxy-x7k2p/kube-proxy] {TEXT}",
            Line(TEXT, pod="kube-proxy-x7k2p", program="kube-proxy"),
        ),
        (
            f"kube-proxy-x7k2p kube-proxy {TEXT}",
            Line(TEXT, pod="kube-proxy-x7k2p", program="kube-proxy"),
        ),
        (f"MESSAGE={TEXT}", Line(TEXT)),
        (
            '{"MESSAGE":[97,9,98],"_HOSTNAME":"n","__REALTIME_TIMESTAMP":"1767323045000000"}',
            Line("a\tb", AT, "n"),
        ),
        (
            '{"message":"a","kubernetes":{"pod_node_name":"n","pod_name":"p"}}',
            Line("a", None, "n", "p"),
        ),
        ('{"log": "cut off', Line('{"log": "cut off')),
        ("{" * 100_000, Line("{" * 100_000)),
        ("[" * 100_000, Line("[" * 100_000)),
    ],
)
def test_what_a_wrapping_tells(line: str, expected: Line) -> None:
    assert unwrap(line, NOW) == expected


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("   ", Line(TEXT)),
        ("\t", Line(TEXT)),
        ("> ", Line(TEXT)),
        ("* ", Line(TEXT)),
        ("│ ", Line(TEXT)),
        ("we see this since noon: ", Line(TEXT)),
        ("kube-proxy.log:12:", Line(TEXT)),
        ("var/log/kube-proxy.log-", Line(TEXT)),
        ("1767323045678\t", Line(TEXT)),
        ("1/2/26, 3:04:05.678 PM", Line(TEXT)),
        ("k3s[1533]: ", Line(TEXT, program="k3s")),
        (
            "feb 11 03:04:05 node-1 kube-proxy[12]: ",
            Line(TEXT, node="node-1", program="kube-proxy"),
        ),
        (
            "Mai 11 03:04:05 node-1 kube-proxy[12]: ",
            Line(TEXT, node="node-1", program="kube-proxy"),
        ),
        (
            "6月 29 03:04:05 node-1 kube-proxy[12]: ",
            Line(TEXT, node="node-1", program="kube-proxy"),
        ),
        (
            "1767323045.000000 node-1 kube-proxy[12]: ",
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        (
            "Fri 2026-01-02 03:04:05 UTC node-1 kube-proxy[12]: ",
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        (
            "<27>1 2026-01-02T03:04:05Z node-1 kube-proxy 12 - - ",
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        (
            '<27>1 2026-01-02T03:04:05Z node-1 kube-proxy 12 - [a b="c"] ',
            Line(TEXT, AT, "node-1", program="kube-proxy"),
        ),
        ("[kube-proxy-x7k2p] ", Line(TEXT, pod="kube-proxy-x7k2p")),
        ("kube-proxy-x7k2p:kube-proxy ", Line(TEXT, pod="kube-proxy-x7k2p", program="kube-proxy")),
        ("proxy_1  | ", Line(TEXT, program="proxy")),
        ("2026-01-02T03:04:05Z,node-1,", Line(TEXT, AT)),
    ],
)
def test_the_head_of_a_message_is_found_behind_any_front(front: str, expected: Line) -> None:
    assert unwrap(front + TEXT, NOW) == expected


@pytest.mark.parametrize("text", [TEXT, "panic: oh", '{"ts":1767323045000,"msg":"a","err":"b"}'])
@pytest.mark.parametrize("front", ["  ", "> ", "some words: ", "app[3]: ", "x | "])
def test_every_kind_of_head_is_found(front: str, text: str) -> None:
    line = unwrap(front + text, NOW)
    assert (line.text, is_error(line.text)) == (text, True)


def test_a_message_that_quotes_another_is_not_cut() -> None:
    line = TEXT.replace("E1124", "I1124") + TEXT
    assert unwrap(line, NOW).text == line
    assert not is_error(unwrap(line, NOW).text)


def test_quotes_of_a_csv_field_are_undone() -> None:
    line = '2026-01-02T03:04:05Z,"E1124 05:02:22.318010   18053 a.go:1] ""Failed"" err=""x, y""",node-1'
    assert unwrap(line, NOW).text == 'E1124 05:02:22.318010   18053 a.go:1] "Failed" err="x, y"'


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


@pytest.mark.parametrize(
    "time", ["1e999", "Infinity", "NaN", '"' + "9" * 400 + '"', "true", "[]", '"nonsense"', "-1"]
)
def test_a_time_that_is_none_is_not_known(time: str) -> None:
    assert unwrap(f'{{"time":{time},"log":"a"}}', NOW) == Line("a")


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("Nov 02 23:38:04 node-1 antrea-agent[631]: Another app", "antrea-agent"),
        ("[pod/weave-net-x/weave] Another app", "weave"),
        ("kube-system weave-net-x weave Another app", None),
        ("weave-net-x › weave Another app", None),
        ("+ weave-net-x › weave Another app", None),
        ('2026-01-02T03:04:05Z {container="weave", pod="weave-net-x"} Another app', "weave"),
        ('{"log":"Another app","kubernetes":{"container_name":"weave"}}', "weave"),
        ('{"MESSAGE":"Another app","SYSLOG_IDENTIFIER":"kubelet"}', "kubelet"),
        ("[weave-net-x] " + TEXT, "weave-net-x"),
        ("Nov 02 23:38:04 node-1 kube-proxy[631]: Another app", None),
        ("Nov 02 23:38:04 node-1 k3s[631]: Another app", None),
        ("Nov 02 23:38:04 node-1 hyperkube[631]: Another app", None),
        ("Nov 02 23:38:04 node-1 0123456789ab[631]: Another app", None),
        ("[pod/kube-proxy-x/kube-proxy] Another app", None),
        ("Another app", None),
    ],
)
def test_what_another_program_printed_is_told_by_its_wrapping(
    line: str, program: str | None
) -> None:
    assert other_program(unwrap(line, NOW)) == program


def test_klogs_json_is_what_the_program_printed() -> None:
    line = '{"ts":1795489964118.2734,"caller":"a.go:1","msg":"Failed","err":"why"}'
    assert unwrap(line, NOW).text == line
    assert printed_at(line, NOW) == datetime(2026, 11, 24, 3, 12, 44, 118273, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "year"),
    [
        ("E1124 05:02:22.3", 2026),
        ("E1125 20:00:00.0", 2026),
        ("E1127 05:02:22.3", 2025),
        ("E0229 05:02:22.3", 2024),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_is_not_in_the_future(
    head: str, year: int
) -> None:
    found = printed_at(f"{head}       1 a.go:1] x", NOW)
    assert found is not None
    assert found.year == year


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (TEXT, True),
        (TEXT.replace("E", "F", 1), True),
        (TEXT.replace("E", "W", 1), False),
        ("panic: oh", True),
        ("no panic: oh", False),
        ('{"ts":1.5,"msg":"a","err":"b"}', True),
        ('{"ts":1.5,"msg":"a","v":0,"err":"b"}', False),
    ],
)
def test_what_is_an_error(line: str, error: bool) -> None:
    assert is_error(line) is error


def patterns(value: Any, name: str = "") -> Iterator[str]:
    """The patterns in the rules, wherever they stand: a list has the name of what it is a list of."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from patterns(child, f"{name} {key}")
    elif isinstance(value, list):
        for child in value:
            yield from patterns(child, name)
    elif any(word in name for word in ("pattern", "word", "named_in_front", "of_program")):
        yield value


def test_every_pattern_of_the_rules_is_one_of_re2() -> None:
    given = list(patterns(wrapping_patterns()))
    assert len(given) > 40
    for pattern in given:
        compile_re2(pattern)


def test_what_re2_cannot_read_is_refused() -> None:
    for pattern in (r"(?<![a-z])x", r"x(?![a-z])", r"(?P<word>x)(?P=word)", r"(?:x{1,252}){1,20}"):
        with pytest.raises(ValueError, match=r"\w"):
            compile_re2(pattern)


@pytest.mark.parametrize(
    ("line", "program"),
    [
        (f"calico-node-x7k2p calico-node {TEXT}", "calico-node"),
        (f"kube-system calico-node-x7k2p calico-node {TEXT}", "calico-node"),
        (f"calico-node-x7k2p calico {TEXT}", "calico"),
        (f"calico-node-x7k2p upgrade {TEXT}", None),  # another first word: a sentence
        (f"kube-proxy.log/stderr: {TEXT}", None),
        (f"kube-proxy.log:stdout: {TEXT}", None),
        (f"a weave-net-x7k2p:weave {TEXT}", "weave"),
    ],
)
def test_two_names_in_front_belong_together(line: str, program: str | None) -> None:
    assert other_program(unwrap(line, NOW)) == program
