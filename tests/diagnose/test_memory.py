"""Lines that are known again: what came before is counted without being judged, and nothing else is taken for it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from generator.diagnose import scan
from generator.diagnose.diagnosis import Diagnosis
from generator.diagnose.findings import Findings
from generator.diagnose.lines.line import Line
from generator.diagnose.lines.unwrap import unwrap
from generator.diagnose.windows import Window
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 25, tzinfo=UTC)
LOCK = (
    "Failed to ensure: Another app is currently holding the xtables lock. Stopped waiting after 5s."
)


def diagnosis(*lines: str) -> Diagnosis:
    findings = Findings(CATALOG, NOW)
    data = "".join(f"{line}\n" for line in lines).encode()
    findings.read(Window(data, 0, len(data)), "log")
    return findings.diagnosis()


def docker(pod: int, second: int, text: str) -> str:
    return json.dumps(
        {"log": f"{text}\n", "stream": "stderr", "time": f"2026-01-02T03:04:{second}.118273Z"}
    )


def journald(pod: int, second: int, text: str) -> str:
    return json.dumps(
        {
            "__CURSOR": f"s=ab;i={second:x};b=cd;m={second * 7:x};t={second * 9:x};x={second * 77:x}",
            "__REALTIME_TIMESTAMP": f"17673230{second}000000",
            "_HOSTNAME": f"node-{pod}",
            "SYSLOG_IDENTIFIER": "kube-proxy",
            "MESSAGE": text,
        }
    )


def loki(pod: int, second: int, text: str) -> str:
    labels = {"pod": f"kube-proxy-{pod}", "container": "kube-proxy"}
    return json.dumps({"labels": labels, "line": text, "timestamp": f"2026-01-02T03:04:{second}Z"})


WRAPPINGS: dict[str, Callable[[int, int, str], str]] = {
    "none": lambda pod, second, text: text,
    "kubectl": lambda pod, second, text: f"[pod/kube-proxy-{pod}/kube-proxy] {text}",
    "timestamps": lambda pod, second, text: (
        f"[pod/kube-proxy-{pod}/kube-proxy] 2026-01-02T03:04:{second}.1Z {text}"
    ),
    "stern": lambda pod, second, text: f"kube-proxy-{pod} kube-proxy {text}",
    "containerd": lambda pod, second, text: f"2026-01-02T03:04:{second}.118273Z stderr F {text}",
    "journalctl": lambda pod, second, text: (
        f"Jan  2 03:04:{second} node-{pod} kube-proxy[7]: {text}"
    ),
    "grep -n": lambda pod, second, text: f"kube-proxy-{pod}.log:{second}:{text}",
    "docker": docker,
    "journalctl -o json": journald,
    "Loki": loki,
}


@pytest.fixture
def unwrapped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were unwrapped, as often as they were."""
    found: list[str] = []

    def counted(line: str, now: datetime) -> Line:
        found.append(line)
        return unwrap(line, now)

    monkeypatch.setattr(scan, "unwrap", counted)
    return found


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize(
    ("head", "message"),
    [(True, LOCK), (False, LOCK), (True, "no idea")],
    ids=["message", "continuation", "unexplained"],
)
def test_what_came_before_in_whatever_wrapping_is_unwrapped_a_few_times_only(
    wrapping: str, head: bool, message: str, unwrapped: list[str]
) -> None:
    lines = []
    for number in range(400):
        pod, second = number % 4, 10 + number // 10
        text = f"E0102 03:04:{second}.118273       1 a.go:7] {message}" if head else f"\t{message}"
        lines.append(WRAPPINGS[wrapping](pod, second, text))
    made = diagnosis(*lines)
    counts = (
        [found.count for found in made.found]
        if message == LOCK
        else [one.count for one in made.unexplained]
    )
    assert counts == [400]
    assert len(unwrapped) < 120


def test_the_same_message_is_counted_for_the_pod_that_prints_it() -> None:
    heads = [f"E0102 03:04:{second}.118273       1 a.go:7] {LOCK}" for second in range(10, 40)]
    made = diagnosis(
        *(
            f"[pod/kube-proxy-{'ab'[number % 3 == 0]}/kube-proxy] {row}"
            for number, row in enumerate(heads)
        )
    )
    assert made.found[0].places == {"kube-proxy-a": 20, "kube-proxy-b": 10}


def test_the_same_message_of_another_program_is_not_counted() -> None:
    head = f"E0102 03:04:10.118273       1 a.go:7] {LOCK}"
    made = diagnosis(
        *[f"[pod/kube-proxy-a/kube-proxy] {head}", f"[pod/weave-net-x/weave] {head}"] * 5
    )
    assert [found.count for found in made.found] == [5]
    assert [(one.program, one.count) for one in made.elsewhere] == [("weave", 5)]


def test_an_error_is_told_although_the_same_words_came_as_information_before() -> None:
    words = "a.go:7] Stream error http2.StreamError{} may be caused by closed connection"
    made = diagnosis(
        *[f"I0102 03:04:10.118273       1 {words}"] * 3, f"E0102 03:04:11.118273       1 {words}"
    )
    assert [(one.example, one.count) for one in made.unexplained] == [
        (f"E0102 03:04:11.118273 1 {words}", 1)
    ]


def test_the_times_of_pods_one_after_the_other_are_those_of_all() -> None:
    lines = [
        f"[pod/kube-proxy-{pod}/kube-proxy] E0102 {hour:02}:04:{second}.118273       1 a.go:7] {LOCK}"
        for pod, hours in (("a", (4, 9)), ("b", (3, 5)))
        for hour in range(*hours)
        for second in range(10, 20)
    ]
    found = diagnosis(*lines, *lines).found[0]
    assert (found.count, found.first, found.last) == (
        2 * len(lines),
        datetime(2026, 1, 2, 3, 4, 10, 118273, tzinfo=UTC),
        datetime(2026, 1, 2, 8, 4, 19, 118273, tzinfo=UTC),
    )


def test_times_around_new_year_are_in_their_order() -> None:
    heads = [
        f"E{day} 03:04:{second}.118273       1 a.go:7] {LOCK}"
        for day in ("1231", "0101")
        for second in range(10, 20)
    ]
    found = diagnosis(*heads, *heads).found[0]
    assert found.first == datetime(2025, 12, 31, 3, 4, 10, 118273, tzinfo=UTC)
    assert found.last == datetime(2026, 1, 1, 3, 4, 19, 118273, tzinfo=UTC)


NODE = (
    '{"_HOSTNAME":"n%s","SYSLOG_IDENTIFIER":"%s","__REALTIME_TIMESTAMP":"1795%012d","MESSAGE":%s}'
)


def record(number: int, message: str, program: str = "kube-proxy") -> str:
    return NODE % (
        number,
        program,
        number,
        json.dumps(f"E0102 03:04:05.118273       1 a.go:7] {message}"),
    )


def test_each_message_of_each_node_is_not_judged_anew_in_records(
    unwrapped: list[str],
) -> None:
    letters = "abcdefghijklmnopqrst"
    made = diagnosis(
        *(record(node, f"{LOCK} {letter}") for letter in letters for node in range(40))
    )
    assert {place: count for found in made.found for place, count in found.places.items()} == {
        f"n{node}": 20 for node in range(40)
    }
    assert len(unwrapped) < 400  # of 800 lines; each message and each node is met once


def test_lines_of_other_nodes_behind_a_known_wrapping_are_not_unwrapped_for_an_error_in_text_or_json(
    unwrapped: list[str],
) -> None:
    front = "Jan  2 03:04:10 node-{} kube-proxy[7]: "
    known = [f"{front.format(node)}E0102 03:04:10.1       1 a.go:7] {LOCK}" for node in "abc"]
    in_json = '{"ts":1767323050000.1,"caller":"a.go:8","msg":"fine","v":2}'
    errors = [
        row
        for number in range(10)
        for row in (
            f"{front.format('a')}E0102 03:04:11.1       1 a.go:7] {chr(ord('k') + number)}",
            *[front.format(node) + in_json for node in "bc" * 10],
            f"{front.format('a')}\tits second line",
        )
    ]
    made = diagnosis(*known, *errors)
    assert sum(one.count for one in made.unexplained) == 10
    assert len([line for line in unwrapped if in_json in line]) < 10  # of 200


def test_the_line_before_a_whole_one_of_docker_is_not_unwrapped_again(
    unwrapped: list[str],
) -> None:
    lines = [
        docker(0, 10, f"E0102 03:04:{10 + number}.1       1 a.go:7] {chr(ord('k') + number)}")
        for number in range(8)
    ]
    made = diagnosis(*[row for line in lines for row in (docker(0, 10, "nothing"), line)])
    assert sum(one.count for one in made.unexplained) == len(lines)
    nothing = [line for line in unwrapped if "nothing" in line]
    assert len(nothing) <= len(lines)  # once, as what follows an error


@pytest.mark.parametrize("end", ["", "\\n", "\\", '"', "\\\\n"])
def test_docker_cuts_a_line_after_any_character_but_its_newline(end: str) -> None:
    head = f"E0102 03:04:10.1       1 a.go:7] {end}"
    cut = json.dumps({"log": head, "stream": "stderr", "time": "2026-01-02T03:04:10.1Z"})
    made = diagnosis(docker(0, 9, "before"), cut, docker(0, 10, LOCK))
    assert [found.proofs[0].text for found in made.found] == [f"{head}{LOCK}"]


def test_what_stands_around_the_text_of_a_record_tells_who_printed_it() -> None:
    made = diagnosis(
        record(1, LOCK), record(1, LOCK, "kubelet"), record(1, LOCK), record(1, LOCK, "kubelet")
    )
    assert [found.count for found in made.found] == [2]
    assert [(one.program, one.count) for one in made.elsewhere] == [("kubelet", 2)]


def test_of_several_texts_in_a_record_the_one_with_a_head_counts_whatever_came_before() -> None:
    """`message` comes first in one record and is only a label in the other, around which all else is the same."""
    head = f"E0102 03:04:05.118273       1 a.go:7] {LOCK}"
    rows = [
        json.dumps({"text": text, "log": "all is well"})
        for text in (head, "no head", head, "no head")
    ]
    made = diagnosis(*rows)
    assert [found.count for found in made.found] == [2]
