"""What a line's wrapping tells, and what is inside."""

import pytest

from generator.catalog.wrappings import DRESSES
from generator.diagnose.lines.klog import is_error
from generator.diagnose.lines.line import Line
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import AT, NOW, TEXT


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


def test_a_message_that_quotes_another_is_not_cut() -> None:
    line = TEXT.replace("E1124", "I1124") + TEXT
    assert unwrap(line, NOW).text == line
    assert not is_error(unwrap(line, NOW).text)
