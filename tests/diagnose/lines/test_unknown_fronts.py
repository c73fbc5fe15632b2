"""A head is found behind what is not known, too."""

import pytest

from generator.diagnose.lines.klog import is_error
from generator.diagnose.lines.line import Line
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import AT, NOW, TEXT


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
