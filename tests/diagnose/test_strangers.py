"""Logs as people who are not known here pass them on: nothing is lost, and nothing is blamed on kube-proxy."""

import csv
import html
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from generator.diagnose import sources
from generator.diagnose.diagnosis import Diagnosis
from generator.diagnose.findings import Findings
from generator.diagnose.windows import windows
from tests import once

CATALOG = once.inputs().catalog
NOW = datetime(2026, 11, 27, tzinfo=UTC)
APP = "Another app is currently holding the xtables lock. Stopped waiting after 5s."
BLOCK = (
    "E1124 04:55:07.330008       1 proxier.go:1545] Failed to execute iptables-restore: exit status 4 (",
    f"\t{APP}",
    ")",
)
LINES = (
    "I1124 04:54:58.000001       1 server.go:583] Version: v1.18.4",
    'E1124 04:55:01.693781       1 proxier.go:647] Failed to create chain "KUBE-SERVICES": exit status 4: '
    + APP,
    *BLOCK,
    'F1124 04:55:09.942577       1 server.go:361] unable to create proxier: no "x" at 10.0.0.1',
)
TEXT = "\n".join(LINES)
MESSAGES = (*LINES[:2], "\n".join(BLOCK), LINES[-1])
CRASH = 'E1124 04:55:01.693781       1 a.go:17] "It failed" err="signal: segmentation fault (core dumped)"'
KUBELET = f"E1124 04:55:01.693781     812 kubelet_network_linux.go:111] exit status 4: {APP}"
SCHEDULER = "E1124 04:55:03.693781       1 leaderelection.go:330] error retrieving resource lock"
CONTAINER_ID = "0b5d8e3b4c1d" * 5 + "0b5d"
NODE, POD, FILE = "node-7", "kube-proxy-x7k2p", None
TIME = "2026-11-24T04:55:01.123456789Z"


def diagnosis(data: str | bytes, folder: Path) -> Diagnosis:
    path = folder / "log"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    findings = Findings(CATALOG, NOW)
    for source in sources.sources([str(path)], lambda note: None):
        for window in windows(source.blocks):
            findings.read(window, source.name, source.pod, source.node, source.numbered)
    return findings.diagnosis()


def told(made: Diagnosis) -> tuple[dict[str, int], int]:
    """The failures with their number of lines, and the number of errors that no entry explains."""
    unexplained = sum(one.count for one in made.unexplained) + made.others
    return {one.entry.id: one.count for one in made.found}, unexplained


def each(front: str) -> str:
    return "".join(f"{front}{line}\n" for line in LINES)


def table(heading: Sequence[str], row: Callable[[str], Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([heading, *map(row, MESSAGES)])
    return text.getvalue()


def records(record: Callable[[str], Any], between: str = "\n") -> str:
    return between.join(json.dumps(record(message)) for message in MESSAGES)


def insights(message: str) -> list[dict[str, str]]:
    fields = {"@timestamp": "2026-11-24 04:55:01.000", "@message": message, "kubernetes.host": NODE}
    return [{"field": name, "value": value} for name, value in fields.items()]


def verbose(program: str, *lines: str, node: str = NODE) -> str:
    """As journalctl -o verbose shows records."""
    fields = f"    _HOSTNAME={node}\n    SYSLOG_IDENTIFIER={program}\n"
    return "".join(
        f"Tue 2026-11-24 04:55:01.123456 UTC [s=ab;i={number}]\n{fields}    MESSAGE={line}\n    _PID=8\n"
        for number, line in enumerate(lines)
    )


def export(program: str, *lines: str, node: str = NODE) -> str:
    fields = f"__REALTIME_TIMESTAMP=1795496101000000\n_HOSTNAME={node}\n"
    return "".join(
        f"__CURSOR=s=1\n{fields}MESSAGE={line}\nSYSLOG_IDENTIFIER={program}\n\n" for line in lines
    )


def below(*logs: tuple[str, str]) -> str:
    """Logs below headings."""
    return "\n\n".join(f"{heading}\n{log}" for heading, log in logs) + "\n"


OF_CONTAINER = "==== START logs for container {} of pod kube-system/{} ===="
AUDIT = "|---------|------|\n| Command | Args |"
MINIKUBE = below(
    ("==> Audit <==", AUDIT),
    ("==> Last Start <==", SCHEDULER.replace("leaderelection", "out")),
    (f"==> kube-scheduler [{CONTAINER_ID[:12]}] <==", SCHEDULER),
    (f"==> kube-proxy [{CONTAINER_ID[:12]}] <==", TEXT),
    ("==> kubelet <==", f"Nov 24 04:55:01 minikube kubelet[812]: {SCHEDULER}\n{SCHEDULER}"),
)
DUMP = below(
    (OF_CONTAINER.format("etcd", "etcd-node-7"), SCHEDULER),
    ("==== END logs for container etcd of pod kube-system/etcd-node-7 ====", ""),
    (OF_CONTAINER.format("kube-proxy", POD), TEXT),
)


SHAPES: dict[str, tuple[str | bytes, str | None]] = {
    "kubetail": (each(f"[{POD}] "), POD),
    "kubetail with the container": (each(f"[{POD} kube-proxy] "), POD),
    "kubetail with a colon": (each(f"[{POD}:kube-proxy] "), POD),
    "kail": (each(f"kube-system/{POD}[kube-proxy]: "), POD),
    "stern with the namespace": (each(f"kube-system {POD} kube-proxy "), POD),
    "a box with the pod": (each(f"│ {POD} kube-proxy "), POD),
    "journalctl -o short-monotonic": (each(f"[12345.123456] {NODE} kube-proxy[8]: "), NODE),
    "journalctl -o short-delta": (
        each(f"[ 123.123456 <    0.100000 >] {NODE} kube-proxy[8]: "),
        NODE,
    ),
    "journalctl -o verbose": (verbose("kube-proxy", *LINES), NODE),
    "journalctl -o export": (export("kube-proxy", *LINES), NODE),
    "journalctl -o json-sse": (
        records(
            lambda text: {"_HOSTNAME": NODE, "SYSLOG_IDENTIFIER": "kube-proxy", "MESSAGE": text}
        )
        .replace("{", "data: {")
        .replace("\n", "\n\n"),
        NODE,
    ),
    "a message of the journal in several lines": (
        "".join(
            f"Nov 24 04:55:01 {NODE} kube-proxy[8]: {line}\n"
            if line[0] in "IEF"
            else f"{' ' * 38}{line}\n"
            for line in LINES
        ),
        NODE,
    ),
    "docker service logs": (each(f"kp.1.x7k2pabc@{NODE}    | "), NODE),
    "a level in brackets": (each("[error] "), FILE),
    "a build's log": (each(f"{TIME} ##[error]"), FILE),
    "records without a line break": (
        records(lambda text: {"host": NODE, "event": {"log": text}}, between=""),
        NODE,
    ),
    "a record behind a tag": (
        "".join(f"{TIME} kube.kp: {json.dumps({'log': line, 'host': NODE})}\n" for line in LINES),
        NODE,
    ),
    "rows of named fields": (json.dumps({"results": [*map(insights, MESSAGES)]}), NODE),
    "a short and a full message": (
        records(
            lambda text: {"host": NODE, "short_message": text.split("\n")[0], "full_message": text}
        ),
        NODE,
    ),
    "a short and a full message in a table": (
        table(["host", "message", "full_message"], lambda text: [NODE, text.split("\n")[0], text]),
        NODE,
    ),
    "Computer": (records(lambda text: {"Computer": NODE, "LogMessage": text}), NODE),
    "a table with semicolons": (
        "\ufeff" + table(["Zeit", "Host", "Message"], lambda text: [TIME, NODE, text], ";"),
        NODE,
    ),
    "a table whose heading is in no list": (
        table(["when", "node", "what happened"], lambda text: [TIME, NODE, text]),
        NODE,
    ),
    "a list within a text": (
        '    "stdout_lines": [\n'
        + ",\n".join(f"        {json.dumps(line)}" for line in LINES)
        + "\n    ]\n",
        FILE,
    ),
    "a text within a text": (
        f'ok: [x] => {{\n    "msg": {json.dumps(TEXT)}\n}}\n',
        FILE,
    ),
    "minikube logs": (MINIKUBE, FILE),
    "minikube logs, starred": ("".join(f"* {line}\n" for line in MINIKUBE.split("\n")), FILE),
    "minikube logs in a mail": ("".join(f"> {line}\r\n" for line in MINIKUBE.split("\n")), FILE),
    "kubectl cluster-info dump": (DUMP, POD),
    "kubectl cluster-info dump behind a document": (
        json.dumps({"kind": "NodeList", "items": [{"kind": "Node", "name": "a b"}]}, indent=4)
        + f"\n{DUMP}",
        POD,
    ),
    "tail of the files of containers": (
        below(
            (f"==> /var/log/containers/etcd-a_kube-system_etcd-{CONTAINER_ID}.log <==", SCHEDULER),
            (f"==> /var/log/pods/kube-system_{POD}_8d2a-0b5d/kube-proxy/0.log <==", TEXT),
        ),
        POD,
    ),
    "tail of files that are called after programs": (
        below(("==> /tmp/kubelet.log <==", SCHEDULER), ("==> /tmp/kube-proxy.log.1 <==", TEXT)),
        FILE,
    ),
    "a loop of a shell": (
        below(("===== calico-node-x7k2p =====", SCHEDULER), (f"===== {POD} =====", TEXT)),
        POD,
    ),
    "headings of Markdown": (
        below(
            ("## kubelet logs:", SCHEDULER),
            ("## kube-proxy logs:", TEXT),
            ("## containerd", "v1.7"),
            ("## What else is known?", ""),
        ),
        FILE,
    ),
    "a heading that names nothing after one that does": (
        below(("## kubelet", SCHEDULER), ("## All the rest", TEXT)),
        FILE,
    ),
    "ansible": (
        below(("node-6 | FAILED | rc=1 >>", ""), (f"{NODE} | CHANGED | rc=0 >>", TEXT)),
        NODE,
    ),
    "pssh": (
        below(
            ("[1] 04:55:01 [FAILURE] node-6 Exited", ""), (f"[2] 04:55:01 [SUCCESS] {NODE}", TEXT)
        ),
        NODE,
    ),
    "a numbered list": (
        "".join(f"{number}. {line}\n" for number, line in enumerate(LINES)),
        FILE,
    ),
    "times of a kind that nobody knows": (
        "".join(f"Nov 24 04:55:0{at}.123 {NODE} kp {line}\n" for at, line in enumerate(LINES)),
        FILE,
    ),
    "a serial console": (
        "".join(f"[  123.45678{at}] kube-proxy[812]: {line}\n" for at, line in enumerate(LINES)),
        FILE,
    ),
    "BusyBox' syslog": (each(f"Nov 24 04:55:01 {NODE} daemon.err kube-proxy[812]: "), NODE),
    "OpenWrt's syslog": (each("Tue Nov 24 04:55:01 2026 daemon.err kube-proxy[812]: "), FILE),
    "docker's driver for syslog": (
        each(f"Nov 24 04:55:01 {NODE} {CONTAINER_ID[:12]}[812]: "),
        NODE,
    ),
    "a stream named after the file of a container": (
        each(f"{TIME} {POD}_kube-system_kube-proxy-{CONTAINER_ID}.log "),
        POD,
    ),
    "grep over the files of containers": (
        each(f"/var/log/pods/kube-system_{POD}_8d2a-0b5d/kube-proxy/0.log:17:{TIME} stderr F "),
        POD,
    ),
    "a record with the name of its file": (
        records(
            lambda text: {
                "path": f"/var/log/containers/{POD}_kube-system_kube-proxy-{CONTAINER_ID}.log",
                "message": text,
            }
        ),
        POD,
    ),
    "a record with tags": (
        records(lambda text: {"ddtags": f"env:x,host:{NODE},pod_name:{POD}", "message": text}),
        NODE,
    ),
    "blocks of HTML": ("".join(f"<div>{html.escape(line)}</div>" for line in LINES), FILE),
    "a table of HTML": (
        "".join(f"<tr><td>04:55</td><td>{html.escape(line)}</td></tr>" for line in LINES),
        FILE,
    ),
    "line breaks of HTML": ("<br>".join(map(html.escape, LINES)), FILE),
    "carriage returns alone": ("\r".join(LINES), FILE),
    "UTF-32": ("\n".join(LINES).encode("utf-32"), FILE),
    "a table in UTF-16": (
        table(["Time", "Host", "Message"], lambda text: [TIME, NODE, text]).encode("utf-16"),
        NODE,
    ),
    "a document in UTF-16": (
        json.dumps({"hits": [{"host": NODE, "message": text} for text in MESSAGES]}).encode(
            "utf-16"
        ),
        NODE,
    ),
}


@pytest.mark.parametrize(("data", "place"), SHAPES.values(), ids=SHAPES)
def test_every_failure_and_error_is_told_once_with_its_place_and_time(
    data: str | bytes, place: str | None, tmp_path: Path
) -> None:
    made = diagnosis(data, tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 2}, 1)
    assert made.found[0].places == {place or str(tmp_path / "log"): 2}
    assert made.found[0].first
    assert made.elsewhere == ()


OF_OTHERS: list[tuple[str, str]] = [
    (f"[calico-node-x7k2p] {APP}", "calico-node-x7k2p"),
    (f"[calico-node-x7k2p calico-node] {APP}", "calico-node"),
    (f"kube-system/calico-node-x7k2p[calico-node]: {APP}", "calico-node"),
    (f"calico-node-x7k2p calico-node {APP}", "calico-node"),
    (f"kube-system calico-node-x7k2p calico-node {APP}", "calico-node"),
    (f"weave-1  | {APP}", "weave"),
    (f"weave.1.x7k2pabc@node-7    | {APP}", "weave"),
    (f"[12345.123456] node-7 dockerd[8]: {APP}", "dockerd"),
    (verbose("weave", APP), "weave"),
    (export("weave", APP), "weave"),
    (f"Nov 24 04:55:01 node-7 haproxy[8]: {APP}", "haproxy"),
    (f"Nov 24 04:55:01 node-7 kube-rbac-proxy[8]: {APP}", "kube-rbac-proxy"),
    (f"Nov 24 04:55:01 node-7 kubelet[8]: {BLOCK[0]}\n{' ' * 35}{APP}", "kubelet"),
    (json.dumps({"_COMM": "dockerd", "MESSAGE": APP}), "dockerd"),
    (json.dumps({"_SYSTEMD_UNIT": "docker.service", "MESSAGE": APP}), "docker"),
    (json.dumps([{"attributes": {"service": "weave", "message": APP}}]), "weave"),
    (json.dumps([{"logName": "projects/p/logs/containerd", "textPayload": APP}]), "containerd"),
    (json.dumps([{"logStreamName": "x-calico-node.service", "message": APP}]), "calico"),
    (f'{TIME} {{app="weave"}} {APP}', "weave"),
    ("data: " + json.dumps({"SYSLOG_IDENTIFIER": "weave", "MESSAGE": APP}), "weave"),
    (f"==> kindnet-cni [{CONTAINER_ID[:12]}] <==\n{APP}", "kindnet-cni"),
    (f"==> dmesg <==\n{APP}", "kernel"),
    (f"==> Last Start <==\n{APP}", "minikube"),
    (f"> ==> Docker <==\n> {APP}", "Docker"),
    (f"==> /var/log/kubelet.log <==\n{CRASH}\n{APP}", "kubelet"),
    (f"{OF_CONTAINER.format('kindnet-cni', 'kindnet-x7k2p')}\n{APP}", "kindnet-cni"),
    (f"{OF_CONTAINER.format('weave', 'a')}\n## kube-proxy\n=== kube-proxy ===\n{APP}", "weave"),
    (f"### Pod: weave-net-x7k2p\n{APP}", "weave-net-x7k2p"),
    (f"weave-net-x7k2p:weave {APP}", "weave"),
    (f"{TIME} weave-net-x7k2p_kube-system_weave-{CONTAINER_ID}.log {APP}", "weave"),
    (f"Nov 24 04:55:01 node-7 kubelet/{CONTAINER_ID[:12]}[812]: {APP}", "kubelet/0b5d8e3b4c1d"),
    (f"Nov 24 04:55:01 node-7 daemon.err kubelet: {APP}", "kubelet"),
    (json.dumps({"tags": ["kube_container_name:weave", "a:b"], "message": APP}), "weave"),
    (json.dumps({"log": APP, "tag": f"k.containers.a-b_x_weave-{CONTAINER_ID}.log"}), "weave"),
    (KUBELET, "kubelet"),
    (f"> {KUBELET}", "kubelet"),
    (f"Nov 24 04:55:01 node-7 k3s[8]: {KUBELET}", "kubelet"),
]


@pytest.mark.parametrize(("data", "program"), OF_OTHERS)
def test_a_line_of_another_program_is_said_and_not_counted(
    data: str, program: str, tmp_path: Path
) -> None:
    made = diagnosis(f"{data}\n", tmp_path)
    assert told(made) == ({}, 0)
    assert [one.program for one in made.elsewhere] == [program]
    assert not made.speaks


FRONTS = [
    "[error] ",
    "[stderr] ",
    "[node-7] ",
    "error | ",
    "node-7 | ",
    "logs/errors: ",
    "kube-proxy.log:stderr: ",
    "[pod/sdn-x7k2p/sdn] ",
    "Nov 24 04:55:01 node-7 kubernetes-worker.kube-proxy[8]: ",
    "k8s_kube-proxy_kube-proxy-x7k2p_kube-system_0[8]: ",
]


@pytest.mark.parametrize("front", FRONTS)
def test_no_word_in_front_is_taken_for_another_program(front: str, tmp_path: Path) -> None:
    assert told(diagnosis(f"{front}{CRASH}\n", tmp_path)) == ({}, 1)


PLACES = [
    ("[kube-proxy-a] ", "[kube-proxy-b] "),
    ("[kube-proxy-a kube-proxy] ", "[kube-proxy-b kube-proxy] "),
    ("node-1: ", "node-2: "),
    ("10.0.0.1 ", "10.0.0.2 "),
    ("kp.1.abc@a    | ", "kp.1.def@b    | "),
    ("anna> ", "bob> "),
]


@pytest.mark.parametrize(("one", "other"), PLACES)
def test_a_line_of_another_place_continues_no_error(one: str, other: str, tmp_path: Path) -> None:
    made = diagnosis(f"{one}{CRASH}\n{other}{APP}\n", tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 1}, 1)
    assert made.found[0].first is None
    made = diagnosis(f"{one}{CRASH}\n{one}{APP}\n", tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 1}, 0)


def test_which_pods_lines_follow_tells_errors_apart(tmp_path: Path) -> None:
    one, other = "[pod/kube-proxy-a/kube-proxy] ", "[pod/kube-proxy-b/kube-proxy] "
    ends = f"{one}{LINES[0]}\n{other}{LINES[0]}\n"
    continued = f"{one}{CRASH}\n{one}{APP}\n{ends}"
    interleaved = f"{other}{CRASH}\n{one}{APP}\n{ends}"
    alone = f"{one}{CRASH}\n{other}{APP}\n{ends}"
    made = diagnosis(continued + interleaved + alone + interleaved + continued, tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 5}, 3)


@pytest.mark.parametrize("record", [verbose, export])
def test_a_record_of_another_node_or_program_continues_no_error(
    record: Callable[..., str], tmp_path: Path
) -> None:
    other_node = record("kube-proxy", CRASH) + record("kube-proxy", APP, node="node-8")
    made = diagnosis(other_node, tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 1}, 1)
    assert made.found[0].places == {"node-8": 1}
    other_program = record("kube-proxy", CRASH) + record("weave", APP)
    assert told(diagnosis(other_program, tmp_path)) == ({}, 1)


def test_alike_errors_of_other_programs_in_the_journal_are_not_counted(tmp_path: Path) -> None:
    log = (
        export("kube-proxy", CRASH)
        + export("containerd", *(3 * [CRASH]))
        + export("kube-proxy", CRASH)
    )
    assert told(diagnosis(log, tmp_path)) == ({}, 2)


BORDERS = [
    "==> kube-proxy-b.log <==",
    "==== START logs for container kube-proxy of pod kube-system/kube-proxy-b ====",
    "--",
    "-- Reboot --",
]


@pytest.mark.parametrize("border", BORDERS)
def test_a_border_between_logs_ends_a_message(border: str, tmp_path: Path) -> None:
    made = diagnosis(f"{CRASH}\n{border}\n{APP}\n", tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 1}, 1)
    assert made.found[0].first is None


def test_a_heading_holds_until_the_next_one_however_far_that_is(tmp_path: Path) -> None:
    lines = f"{SCHEDULER}\n" * (6_000_000 // len(SCHEDULER))
    sections = below(
        (f"==> etcd [{CONTAINER_ID}] <==", f"{lines}{APP}"), ("==> out.txt <==", CRASH)
    )
    made = diagnosis(sections, tmp_path)
    assert told(made) == ({}, 1)
    assert [(one.program, one.count) for one in made.elsewhere] == [("etcd", 1)]


def test_a_line_of_kubelets_files_says_nothing_of_the_lines_around_it(tmp_path: Path) -> None:
    own = f"E1124 04:55:01.693781       1 proxier.go:17] x: {APP}"
    made = diagnosis("".join(f"{line}\n" for line in (own, KUBELET, own, KUBELET, own)), tmp_path)
    assert told(made) == ({"iptables-lock-held-too-long": 3}, 0)
    assert [(one.program, one.count) for one in made.elsewhere] == [("kubelet", 2)]


def test_a_heading_says_nothing_of_the_next_log() -> None:
    findings = Findings(CATALOG, NOW)
    for text in (f"==> kubelet <==\n{CRASH}\n", f"{CRASH}\n"):
        for window in windows([text.encode()]):
            findings.read(window, "log")
    assert told(findings.diagnosis()) == ({}, 1)


def test_the_first_time_is_that_of_kube_proxys_lines(tmp_path: Path) -> None:
    line = "E1124 {}       1 a.go:17] x: " + APP
    log = below(
        ("==> kubelet <==", "\n".join(line.format(f"04:00:0{at}.1") for at in range(4))),
        ("==> kube-proxy.log <==", "\n".join(line.format(f"05:00:0{at}.1") for at in range(4))),
        ("==> kubelet <==", "\n".join(line.format(f"06:00:0{at}.1") for at in range(4))),
    )
    (found,) = diagnosis(log, tmp_path).found
    assert found.count == 4
    assert [str(found.first)[11:19], str(found.last)[11:19]] == ["05:00:00", "05:00:03"]


def test_lines_that_only_follow_a_front_of_many_words_still_belong_to_it(tmp_path: Path) -> None:
    log = "we see this since noon: " + "\n".join(BLOCK) + "\n"
    assert told(diagnosis(log, tmp_path)) == ({"iptables-lock-held-too-long": 1}, 0)
