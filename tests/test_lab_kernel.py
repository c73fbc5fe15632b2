"""What the lab reads of the kernel's log, and which node a line of it is about."""

from pathlib import Path

import pytest

from generator.base.problems import ToolError
from tests.lab.kernel import KernelLog, is_about, message, network

FULL = "nf_conntrack: nf_conntrack: table full in netns 4026532252, dropping packet"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (f"4,1163,53895346809,-;{FULL}\n", FULL),
        ("6,339,5140900,-;NET: Registered; family 10\n", "NET: Registered; family 10"),
        (
            "6,801,7001000,-;veth0: link up\n SUBSYSTEM=net\n DEVICE=n2\n",
            "veth0: link up",
        ),
        ("12,1200,53900000000,-;a program says \\x0a\n", "a program says \\x0a"),
    ],
)
def test_a_record_is_its_text_without_its_head_and_its_properties(record: str, text: str) -> None:
    assert message(record.encode()) == text


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (FULL, True),
        (FULL.replace("4026532252", "40265322520"), False),
        (FULL.replace("4026532252", "402653225"), False),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", False),
    ],
)
def test_a_line_is_about_the_node_whose_network_it_names(text: str, about: bool) -> None:
    assert is_about(text, 4026532252) is about


def test_a_network_has_the_number_that_the_kernel_prints() -> None:
    own = Path("/proc/self/ns/net")
    assert str(own.readlink()) == f"net:[{network(own)}]"


def test_a_log_that_may_not_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "kmsg"
    with pytest.raises(ToolError) as raised:
        KernelLog(missing)
    assert str(raised.value) == (
        f"the kernel's log, {missing}, cannot be read: No such file or directory; run the lab as root"
    )
