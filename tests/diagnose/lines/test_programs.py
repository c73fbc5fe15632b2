"""Which program printed a line."""

import pytest

from generator.diagnose.lines.programs import other_program
from generator.diagnose.lines.unwrap import unwrap
from tests.diagnose.lines.example import NOW, TEXT


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
