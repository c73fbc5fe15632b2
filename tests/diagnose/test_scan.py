"""Rule and diagnosis agree on every line, however it is wrapped; and nothing is lost between two windows."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from generator.catalog.wordings import signature
from generator.catalog.wrappings import DRESSES
from generator.diagnose.scan import Event, Scanner
from generator.diagnose.windows import AROUND, BLOCK, Window, windows
from generator.query.signature import Signature
from tests import once
from tests.catalog.test_lines import apart_from_times
from tests.conftest import ROOT

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CATALOG = once.inputs().catalog
SIGNATURES = {entry.id: signature(entry.logs) for entry in CATALOG.entries if entry.logs}
LINES = [line for entry in CATALOG.entries for sample in entry.samples for line in sample.lines] + [
    line
    for path in sorted((ROOT / "tests" / "captures").rglob("*.log"))
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
]


def journald_json(line: str) -> str:
    return json.dumps(
        {"__REALTIME_TIMESTAMP": "1767323045678901", "_HOSTNAME": "node-1", "MESSAGE": line}
    )


def journald_numbers(line: str) -> str:
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": "1767323045678901",
            "_HOSTNAME": "node-1",
            "MESSAGE": [*line.encode()],
        }
    )


def logcli_jsonl(line: str) -> str:
    return json.dumps(
        {
            "labels": {"node_name": "node-1"},
            "line": line,
            "timestamp": "2026-01-02T03:04:05.678901Z",
        }
    )


def docker_in_loki(line: str) -> str:
    return logcli_jsonl(docker(line))


MORE: tuple[Callable[[str], str], ...] = (
    journald_json,
    journald_numbers,
    logcli_jsonl,
    docker_in_loki,
    lambda line: (
        f"__CURSOR=s\n__REALTIME_TIMESTAMP=1767323045678901\n_HOSTNAME=node-1\nMESSAGE={line}\n_PID=7\n"
    ),
    lambda line: f'2026-01-02T03:04:05Z {{node_name="node-1", pod="kube-proxy-x7k2p"}} {line}',
    lambda line: f"2026-01-02T03:04:05+0000 node-1 kube-proxy[1234]: {line}",
    lambda line: f"2026-01-02T03:04:05.678901234Z {line}",
    lambda line: f"[pod/kube-proxy-x7k2p/kube-proxy] 2026-01-02T03:04:05.678901234Z {line}",
    lambda line: f"\x1b[32mkube-proxy-x7k2p\x1b[0m \x1b[32mkube-proxy\x1b[0m {line}",
)
docker = next(dress for dress in DRESSES if dress.__name__ == "docker")


@cache  # asked for each dress
def owners(line: str) -> set[str]:
    """The entries whose rules match a line."""
    return {owner for owner, one in SIGNATURES.items() if one.matches(line)}


def events(data: bytes, scanner: Scanner | None = None) -> list[Event]:
    return list((scanner or Scanner(SIGNATURES)).events(Window(data, 0, len(data)), NOW))


@pytest.mark.parametrize("dress", [*DRESSES, *MORE], ids=lambda dress: dress.__name__)
def test_rule_and_diagnosis_agree_on_every_sample_line_in_every_dress(
    dress: Callable[[str], str],
) -> None:
    scanner = Scanner(SIGNATURES)
    different = []
    for line in apart_from_times(LINES):
        rule = owners(line)
        found = set().union(
            *(event.owners for event in events(f"{dress(line)}\n".encode(), scanner))
        )
        if found != rule:
            different.append((line, found, rule))
    assert different == []


def test_the_lines_of_a_whole_log_are_all_found() -> None:
    """As the lines follow each other, no line hides its neighbour."""
    for dress in DRESSES:
        data = "".join(f"{dress(line)}\n" for line in LINES).encode()
        found = [
            owner for event in events(data) for owner in event.owners for _ in range(event.count)
        ]
        rule = [owner for line in LINES for owner in owners(line)]
        assert sorted(found) == sorted(rule)


def test_a_line_that_the_container_runtime_cut_is_put_together() -> None:
    line = "E1124 04:22:45.950907       1 proxier.go:1545] Chain 'KUBE-MARK-DROP' does not exist"
    parts = [line[:70], line[70:75], line[75:]]
    cri = "".join(
        f"2026-01-02T03:04:05Z stderr {tag} {part}\n"
        for tag, part in zip("PPF", parts, strict=True)
    )
    (event,) = events(cri.encode())
    assert event.owners == {"iptables-backend-mismatch"}
    assert event.line.text == line


HEAD = "E1124 03:12:44.118273       1 proxier.go:1406] "


def test_the_lines_of_an_error_belong_to_it() -> None:
    log = f'{HEAD}"Failed" err=<\n\texit status 2\n >\nI1124 03:12:45.118273       1 proxier.go:1] fine\n'
    (event,) = events(log.encode())
    assert (event.error, event.rest) == (True, ("\texit status 2", " >"))


def test_errors_that_differ_in_numbers_are_one_event_for_the_first_and_one_for_the_others() -> None:
    log = "".join(
        f"E1124 03:12:{n}.118273       1 a.go:7] no route to 10.0.0.{n}\n" for n in range(10, 20)
    )
    first, others = events(log.encode())
    assert (first.count, others.count) == (1, 9)
    assert others.line.time == datetime(2026, 11, 24, 3, 12, 19, 118273, tzinfo=UTC)


@pytest.mark.parametrize(
    "front",
    [
        "",
        "[pod/kube-proxy-a/kube-proxy] ",
        "2026-01-02T03:04:{n}Z stderr F ",
        "Jan  2 03:04:{n} n1 kube-proxy[1]: ",
    ],
)
def test_a_line_that_comes_again_and_again_is_judged_once_and_counted(front: str) -> None:
    text = "Failed to ensure: Another app is currently holding the xtables lock. Stopped waiting after 5s."
    lines = [
        f"{front.format(n=n)}E0102 03:04:{n}.118273       1 a.go:7] {text}\n" for n in range(10, 40)
    ]
    other = lines[0].replace("a.go:7", "a.go:8")
    found = events("".join([*lines, other]).encode())
    assert sum(event.count for event in found) == 31
    assert [event.count for event in found if event.line.text] == [1, 1, 0, 0]
    assert max(event.line.time.second for event in found if event.line.time) == 39
    assert all(event.owners == {"iptables-lock-held-too-long"} for event in found)
    scanner = Scanner(SIGNATURES, each=True)
    assert [event.count for event in events("".join(lines).encode(), scanner)] == [1] * 30


def test_a_line_without_a_time_has_that_of_its_message() -> None:
    log = f"{HEAD}Failed to execute iptables-restore: exit status 2 (\nChain 'KUBE-MARK-DROP' does not exist\n"
    event = next(one for one in events(log.encode()) if one.owners)
    assert event.line.time == datetime(2026, 11, 24, 3, 12, 44, 118273, tzinfo=UTC)


def test_a_message_of_journald_has_its_time_and_node_whatever_the_order_of_the_fields() -> None:
    field = b"Chain 'KUBE-MARK-DROP' does not exist"
    text = b"MESSAGE=" + field
    numbered = b"MESSAGE\n" + len(field).to_bytes(8, "little") + field
    for message in (text, numbered):
        log = (
            b"_HOSTNAME=n1\n"
            + message
            + b"\n__REALTIME_TIMESTAMP=1767323045000000\n\n_HOSTNAME=n2\n"
        )
        (event,) = events(log)
        assert (event.line.node, event.line.time) == (
            "n1",
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        )


def test_an_entry_without_a_text_to_search_for_is_found_too() -> None:
    scanner = Scanner({"any": Signature((), (), "(?i)oh no", ())})
    assert [event.line.text for event in events(b"one\nOh No!\nthree\n", scanner)] == ["Oh No!"]


def test_a_text_that_overlaps_a_sign_of_an_error_is_found() -> None:
    scanner = Scanner({"own": Signature(("error creating", "chain"), (), None, ())})
    assert [event.owners for event in events(b'"error creating chain\n', scanner)] == [{"own"}]


# Windows


def joined(blocks: Iterator[bytes]) -> tuple[bytes, int]:
    """What is new in all windows together, and the size of the largest."""
    parts, largest = [], 0
    for window in windows(blocks):
        parts.append(window.data[window.begin : window.end])
        largest = max(largest, len(window.data))
    return b"".join(parts), largest


@pytest.mark.parametrize("size", [1000, AROUND - 1, AROUND + 1, BLOCK])
def test_each_byte_is_new_once_and_windows_are_bounded(size: int) -> None:
    text = b"".join(b"line %d of a log\n" % n for n in range(1_000_000))
    found, largest = joined(text[at : at + size] for at in range(0, len(text), size))
    assert found == text
    assert largest <= BLOCK + 4 * AROUND


def test_what_is_whole_is_handed_on_when_nothing_more_is_there() -> None:
    found = [
        window.data[window.begin : window.end]
        for window in windows(iter([b"one\ntw", b"", b"o\n", b""]))
    ]
    assert found == [b"one\n", b"two\n"]


def test_lines_across_the_borders_of_blocks_are_found_once() -> None:
    filler = b"I1124 03:12:44.118273       1 proxier.go:1] all is well here\n"
    wanted = b"E1124 03:12:44.118273       1 proxier.go:1] Chain 'KUBE-MARK-DROP' does not exist\n"
    text = (filler * 997 + wanted) * 200
    scanner = Scanner(SIGNATURES)
    for size in (100_003, BLOCK):
        blocks = (text[at : at + size] for at in range(0, len(text), size))
        found = [
            event
            for window in windows(blocks)
            for event in scanner.events(window, NOW)
            if event.owners
        ]
        assert sum(event.count for event in found) == 200
        assert {event.line.text for event in found if event.line.text} == {wanted.decode().strip()}


def test_a_line_of_100_megabytes_is_read_in_pieces() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"first\n"
        for _ in range(50):
            yield b"x" * (1 << 20)
        yield b" Chain 'KUBE-MARK-DROP' does not exist "
        for _ in range(50):
            yield b"x" * (1 << 20)
        yield b"\nlast: Chain 'KUBE-MARK-DROP' does not exist\n"

    scanner, largest, found, cut = Scanner(SIGNATURES), 0, 0, False
    for window in windows(blocks()):
        largest, cut = max(largest, len(window.data)), cut or window.cut
        found += sum(bool(event.owners) for event in scanner.events(window, NOW))
    assert (found, cut) == (2, True)
    assert largest <= BLOCK + 4 * AROUND
