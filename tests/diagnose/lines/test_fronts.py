"""What stands in front of a line tells its Pod and its program."""

import pytest

from generator.diagnose.lines.programs import other_program
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import NOW, TEXT


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
