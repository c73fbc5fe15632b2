"""What is made of the lines: places, versions, groups of errors."""

from datetime import UTC, datetime

import pytest

from generator.diagnose.diagnosis import Diagnosis
from generator.diagnose.findings import Findings
from generator.diagnose.hints import Hints
from generator.diagnose.windows import Window
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 25, tzinfo=UTC)
MISMATCH = "E1124 04:55:01.693781   11948 proxier.go:1285] Chain 'KUBE-MARK-DROP' does not exist\n"


def diagnosed(log: str, source: str = "log") -> Diagnosis:
    findings = Findings(CATALOG, NOW)
    data = log.encode()
    findings.read(Window(data, 0, len(data)), source)
    return findings.diagnosis()


def test_lines_are_counted_by_node() -> None:
    wrapped = "".join(f"Nov 24 04:55:0{n} node-{n % 2} kube-proxy[1]: {MISMATCH}" for n in range(5))
    (found,) = diagnosed(wrapped).found
    assert (found.count, found.places) == (5, {"node-0": 3, "node-1": 2})
    assert (found.first, found.last) == (
        datetime(2026, 11, 24, 4, 55, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 4, 55, 4, tzinfo=UTC),
    )
    assert [proof.place for proof in found.proofs] == ["node-0", "node-1"]


REFUSED = (
    'E1127 02:03:51.483664    1109 reflector.go:227] "Failed to watch" err="failed to list *v1.{0}: '
    '{1} is forbidden: User \\"u\\" cannot list resource"\n'
)
SERVICE_CIDRS = REFUSED.format("ServiceCIDR", "servicecidrs.networking.k8s.io")


def test_what_kube_proxy_can_live_without_is_less_grave() -> None:
    (found,) = diagnosed(SERVICE_CIDRS * 5).found
    assert (found.entry.id, found.alert, found.severity, found.count) == (
        "apiserver-forbidden",
        "KubeProxyApiserverForbiddenServiceCIDR",
        "warning",
        5,
    )


def test_one_line_of_what_it_needs_makes_the_failure_grave() -> None:
    (found,) = diagnosed(SERVICE_CIDRS * 5 + REFUSED.format("Node", "nodes")).found
    assert (found.alert, found.severity, found.count) == (
        "KubeProxyApiserverForbidden",
        "critical",
        6,
    )


def test_a_log_that_names_its_node_is_that_nodes() -> None:
    head = 'I1124 04:50:00.0       1 flags.go:33] FLAG: --hostname-override="n1"\n'
    version = "I1124 04:50:00.0       1 server.go:562] Version: v1.14.3\n"
    (found,) = diagnosed(head + version + MISMATCH).found
    assert found.places == {"n1": 1}
    assert found.known == (Hints(version="v1.14.3", node="n1"),)


def test_what_was_not_looked_for_is_not_said_to_be_missing() -> None:
    found = diagnosed("fine\n")
    assert "iptables-backend-mismatch" in [entry.id for entry in found.not_found]
    assert "sync-slow" in [entry.id for entry in found.not_sought]
    assert [*found.not_found, *found.not_sought] == [
        *(entry for entry in CATALOG.entries if entry.logs),
        *(entry for entry in CATALOG.entries if not entry.logs and entry.kind != "watchdog"),
    ]


def test_what_only_builds_tell_is_not_sought() -> None:
    found = diagnosed("fine\n")
    assert [entry.id for entry in found.not_sought if entry.by_builds_alone] == [
        "iptables-backend-switch"
    ]


def test_errors_that_no_entry_explains_are_grouped() -> None:
    log = "".join(
        f"E1124 04:55:01.0       1 a.go:{n}] no route to 10.0.0.{n}: peer {word}\n"
        for n, word in enumerate("abcab")
    )
    first, second = diagnosed(log + "F1124 04:55:09.0       1 b.go:1] the end\n").unexplained
    assert (first.text, first.count) == ("E a.go] no route to <*>: peer <*>", 5)
    assert (second.text, second.count) == ("F b.go] the end", 1)


def test_an_error_that_a_later_line_of_it_explains_is_not_listed() -> None:
    log = "E1124 04:55:01.0       1 proxier.go:1] \"Failed\" err=<\n\tChain 'KUBE-MARK-DROP' does not exist\n >\n"
    found = diagnosed(log)
    assert [one.count for one in found.found] == [1]
    assert found.unexplained == ()


def test_several_versions_under_the_name_of_one_node_are_known() -> None:
    lines = [
        f"I1124 04:5{n}:00.0       1 server.go:583] Version: v1.{minor}.0\n"
        for n, minor in enumerate((18, 22))
    ]
    wrapped = "".join(
        f"Nov 24 04:55:00 {node} kube-proxy[1]: {line}"
        for node in ("n1", "n2")
        for line in lines[: int(node[1])]
    )
    assert diagnosed(wrapped).versions == {"n2": ("v1.18.0", "v1.22.0")}


def test_the_same_line_is_no_second_proof() -> None:
    (found,) = diagnosed(MISMATCH * 3 + MISMATCH.replace("11948", "11949")).found
    assert found.count == 4
    assert [proof.text.split()[2] for proof in found.proofs] == [
        "11948"
    ]  # another process says the same


FULL = "nf_conntrack: nf_conntrack: table full in netns 4026532177, dropping packet"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (FULL, "dmesg"),
        (f"[ 1764.151234] {FULL}", "dmesg"),
        (f"kern  :warn  : [ 1764.151234] {FULL}", "dmesg"),
        (f"[Fri Nov  7 01:22:30 2025] {FULL}", "dmesg"),
        (f"2026-01-02T03:04:05,053007+00:00 {FULL}", "dmesg"),
        (f"Jan  2 03:04:05 node-1 kernel: {FULL}", "node-1"),
        (f"Jan  2 03:04:05 node-1 kernel: [ 1764.151234] {FULL}", "node-1"),
        (f"2026-01-02T03:04:05.053007+00:00 node-1 kernel: {FULL}", "node-1"),
        (
            f'{{"_TRANSPORT":"kernel","SYSLOG_IDENTIFIER":"kernel","_HOSTNAME":"node-1","MESSAGE":"{FULL}"}}',
            "node-1",
        ),
        (
            f'{{"_TRANSPORT":"kernel","host":"node-1","message":"{FULL}","source_type":"journald"}}',
            "node-1",
        ),
        (f"172.20.1.2: kern: warning: [2026-01-02T03:04:05.662764956Z]: {FULL}", "dmesg"),
        (
            f'{{"clock":1,"facility":"kern","msg":"{FULL}","priority":"warning","talos-level":"warn"}}',
            "dmesg",
        ),
    ],
)
def test_a_line_of_the_kernel_is_the_kernels_in_whatever_it_is_wrapped(
    line: str, place: str
) -> None:
    found = diagnosed(line + "\n", "dmesg")
    assert [(row.entry.id, dict(row.places)) for row in found.found] == [
        ("conntrack-table-full", {place: 1})
    ]
    assert found.elsewhere == ()


def test_what_another_program_says_of_a_full_table_is_not_the_kernels_line() -> None:
    found = diagnosed(f"Jan  2 03:04:05 node-1 antrea-agent[7]: dmesg said {FULL}\n")
    assert found.found == ()
    assert [(row.program, row.entry.id) for row in found.elsewhere] == [
        ("antrea-agent", "conntrack-table-full")
    ]


def test_the_kernel_prints_no_line_of_kube_proxys() -> None:
    said = "Another app is currently holding the xtables lock. Stopped waiting after 5s."
    found = diagnosed(f"Jan  2 03:04:05 node-1 kernel: {said}\n")
    assert found.found == ()
    assert [row.program for row in found.elsewhere] == ["kernel"]


def test_what_a_line_of_another_program_looks_like_comes_in_one_order() -> None:
    """A set of texts has another order in each run of Python."""
    messages = (
        "Chain 'KUBE-MARK-DROP' does not exist",
        "Another app is currently holding the xtables lock. Stopped waiting after 5s.",
        FULL,
        "Failed to watch: failed to list *v1.Node: nodes is forbidden: User u cannot list resource",
        "Failed to watch: failed to list *v1.Service: x509: certificate signed by unknown authority",
    )
    line = f"E1124 04:55:01.693781   11948 proxier.go:1285] {'; '.join(messages)}"
    found = diagnosed(f"Jan  2 03:04:05 node-1 antrea-agent[7]: {line}\n")
    assert [row.entry.alert for row in found.elsewhere] == [
        "KubeProxyApiserverCertificateInvalid",
        "KubeProxyApiserverForbidden",
        "KubeProxyConntrackTableFull",
        "KubeProxyIptablesBackendMismatch",
        "KubeProxyIptablesLockHeldTooLong",
    ]
