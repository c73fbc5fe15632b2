"""The line in the alert, as the rulers of Loki 2 and Loki 3 and vmalert on VictoriaLogs hand it to Alertmanager."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from generator.base.disk import populate
from generator.base.file import File
from generator.prove import local_victorialogs, tools
from generator.servers.loki import Loki
from generator.servers.victorialogs import VictoriaLogs
from tests import posts
from tests.conftest import compiled_for, obtained
from tests.lab import programs, servers
from tests.lokis import RELEASES
from tests.waiting import until

T = TypeVar("T")
ALERT = "KubeProxyIptablesBackendMismatch"
PROOF = "Couldn't load target `KUBE-MARK-DROP':No such file or directory"
SAFE = PROOF.replace("`", "'")
KERNEL_ALERT = "KubeProxyConntrackTableFull"
KERNEL = "[12345.678901] nf_conntrack: nf_conntrack: table full, dropping packet"
SECONDS = 180
SITES = {
    "default": "grafana: {url: 'https://grafana.test/at/', loki: logs-eu}",
    "without_pod": "loki: {selector: '{unit=\"kube-proxy\"}', labels: {pod: null, namespace: null, node: host}}",
    "without_node": "loki: {selector: '{app=\"kube-proxy\"}', labels: {node: null, cluster: null}}",
}
# Of each pod: its lines, and what the alert says.
LINES = {
    "verbatim": ([f'E0102 03:04:05.678901       1 proxier.go:746] "Failed" err="{PROOF}" 100% {{{{ . }}}} é \\d'],
                 f'"Failed" err="{SAFE}" 100% {{{{ . }}}} é \\d'),
    "most-frequent": ([f"{PROOF} once", f"{PROOF} often", f"{PROOF} often"], f"{SAFE} often"),
    "heads-differ": (
        [f"E0102 03:04:0{n}.678901       {n} proxier.go:74{n}] {PROOF} b" for n in range(3)] + [f"{PROOF} a"] * 2,
        f"{SAFE} b",
    ),
    "same-number": ([f"{PROOF} b", f"{PROOF} a", f"{PROOF} c"], f"{SAFE} a"),
    "terminal": ([f"\x1b[31m{PROOF}\x1b[0m\x00\x07\x9b\u202e\u2028\tend"], f" {SAFE} end"),
    "chat": (
        [f"{PROOF} <!channel> <@U1> <http://x|y> @everyone ![a](http://x) [b][c] ```"],
        f"{SAFE} ‹!channel› ‹＠U1› ‹http://x|y› ＠everyone ![a] (http://x) [b] [c] '''",
    ),
    "long": ([f"{PROOF} {'x' * 4000}"], f"{SAFE} {'x' * (499 - len(PROOF))}"),
    "unreadable": ([f"�� {PROOF} � rest"], f" {SAFE} "),
    "docker": (
        [json.dumps({"log": f"E0102 03:04:05.6 1 a.go:1] {PROOF}\n", "stream": "stderr", "time": f"{n}"})
         for n in range(3)],
        SAFE,
    ),
    "many": ([f"{PROOF} {n:03}" for n in range(900)], None),
}  # fmt: skip
ODD = 'kube+"proxy"(`[\\'
OLD = (
    40 * 10**9
)  # nanoseconds; vmalert looks at nothing of the last 30 seconds, which may not be complete


class Ruler:
    """What a Loki sends, as to an Alertmanager: the annotations by the labels of the place."""

    def __init__(self) -> None:
        self.sent: dict[tuple[str, str], set[str]] = {}
        self.labels: list[dict[str, str]] = []
        self.links: dict[tuple[str, str], str] = {}

    def take(self, alerts: Any) -> None:
        for alert in alerts:
            labels = alert["labels"]
            place = labels.get("pod") or labels.get("host") or labels.get("instance") or ""
            self.sent.setdefault((labels["alertname"], place), set()).add(
                alert["annotations"]["line"]
            )
            self.labels.append(labels)
            if link := alert["annotations"].get("logs_url"):
                self.links[labels["alertname"], place] = link

    def line(self, alert: str, place: str) -> str:
        """What the alert of a place has said, which must not change."""
        (line,) = self._waited_for(self.sent, alert, place)
        return line

    def link(self, alert: str, place: str) -> str:
        """Where the alert of a place leads; that of another site with the same place leads nowhere."""
        return self._waited_for(self.links, alert, place)

    def _waited_for(self, sent: Mapping[tuple[str, str], T], alert: str, place: str) -> T:
        deadline = time.monotonic() + SECONDS
        while (alert, place) not in sent:
            assert time.monotonic() < deadline, (alert, place, sent)
            time.sleep(0.1)
        return sent[alert, place]


def rules(profile: str, site: str, folder: Path, engine: str) -> File:
    """The two alerts of the test as a site gets them, under group names of their own, evaluated each second."""
    folder.mkdir()
    text = compiled_for(profile, folder)[f"{engine}/kube-proxy.rules.yaml"]
    groups = yaml.safe_load(text)["groups"]
    kept = [
        rule
        for group in groups
        for rule in group["rules"]
        if rule.get("alert") in (ALERT, KERNEL_ALERT)
    ]
    chosen = [{key: value for key, value in rule.items() if key != "for"} for rule in kept]
    kind = {"type": "vlogs"} if engine == "victorialogs" else {}
    group = {"name": site, "interval": "1s", **kind, "rules": chosen}
    return File(f"{site}.yaml", yaml.safe_dump({"groups": [group]}))


@pytest.fixture(scope="module", params=[*RELEASES, "VictoriaLogs"])
def ruled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Loki | VictoriaLogs, Ruler]]:
    """Where the lines below are, and what is sent of them."""
    work = tmp_path_factory.mktemp("sites")
    found = Ruler()
    start = on_victoria_logs if request.param == "VictoriaLogs" else on_loki
    with (
        posts.taking(found.take) as url,
        start(request.param, url, work, tmp_path_factory) as store,
    ):
        push(store)
        yield store, found


@pytest.fixture
def ruler(ruled: tuple[Loki | VictoriaLogs, Ruler]) -> Ruler:
    return ruled[1]


@contextmanager
def on_loki(name: str, url: str, work: Path, factory: pytest.TempPathFactory) -> Iterator[Loki]:
    release = RELEASES[name]
    binary = obtained(release.tool, release.tool.pinned[0], factory)
    files = [rules(profile, site, work / site, "loki") for site, profile in SITES.items()]
    with release.start(binary)(files, url) as loki:
        yield loki


@contextmanager
def on_victoria_logs(
    _: str, url: str, work: Path, factory: pytest.TempPathFactory
) -> Iterator[VictoriaLogs]:
    logs, vmalert = (
        obtained(tool, tool.pinned[0], factory) for tool in (tools.VICTORIA_LOGS, programs.VMALERT)
    )
    (work / "rules").mkdir()
    files = [rules(profile, site, work / site, "victorialogs") for site, profile in SITES.items()]
    populate(work / "rules", files)
    with (
        local_victorialogs.running(logs) as victoria_logs,
        servers.vmalert(vmalert, work / "rules" / "*.yaml", victoria_logs.url, url, work),
    ):
        yield victoria_logs


def push(store: Loki | VictoriaLogs) -> None:
    streams = [
        (
            {
                "container": "kube-proxy",
                "namespace": "kube-system",
                "pod": pod,
                "node_name": f"node-{pod}",
            },
            lines,
        )
        for pod, (lines, _) in LINES.items()
    ]
    streams += [
        (
            {"container": "kube-proxy", "namespace": "kube-system", "pod": ODD, "node_name": "n"},
            [PROOF],
        ),
        ({"container": "kube-proxy", "pod": "no-node"}, [f"{PROOF} without a node"]),
        (
            {"unit": "kube-proxy", "host": "h1"},
            [f"Jan 02 03:04:05 h1 kube-proxy[1234]: {PROOF} h1"],
        ),
        ({"unit": "kube-proxy", "host": "h1.example"}, [f"{PROOF} other host"]),
        ({"app": "kube-proxy", "namespace": "kube-system", "pod": "p1"}, [f"{PROOF} p1"]),
        ({"transport": "kernel", "instance": "k1"}, [KERNEL]),
    ]
    for labels, lines in streams:
        begin = time.time_ns() - OLD - len(lines)
        store.push(
            [{"stream": labels, "values": [[str(begin + n), line] for n, line in enumerate(lines)]}]
        )


@pytest.mark.parametrize("pod", [pod for pod, (_, said) in LINES.items() if said is not None])
def test_the_alert_says_the_line(pod: str, ruler: Ruler) -> None:
    assert ruler.line(ALERT, pod) == LINES[pod][1]


def test_many_different_lines_give_one_alert_with_one_of_them(ruler: Ruler) -> None:
    assert until(lambda: (ALERT, "many") in ruler.sent, SECONDS)
    assert all(line.startswith(f"{SAFE} ") for line in ruler.sent[ALERT, "many"])


@pytest.mark.parametrize(
    ("alert", "place", "said"),
    [
        (ALERT, ODD, SAFE),
        (ALERT, "no-node", f"{SAFE} without a node"),
        (ALERT, "h1", f"{SAFE} h1"),
        (ALERT, "h1.example", f"{SAFE} other host"),
        (ALERT, "p1", f"{SAFE} p1"),
        (KERNEL_ALERT, "k1", "nf_conntrack: nf_conntrack: table full, dropping packet"),
    ],
)
def test_it_is_the_line_of_the_place_whatever_labels_the_site_has(
    alert: str, place: str, said: str, ruler: Ruler
) -> None:
    assert ruler.line(alert, place) == said


@pytest.mark.parametrize("ruled", list(RELEASES), indirect=True)
@pytest.mark.parametrize(
    ("alert", "place", "lines"),
    [
        (ALERT, "most-frequent", LINES["most-frequent"][0]),
        (ALERT, ODD, [PROOF]),
        (ALERT, "no-node", [f"{PROOF} without a node"]),
        (KERNEL_ALERT, "k1", [KERNEL]),
    ],
)
def test_the_link_to_explore_finds_the_lines_of_the_place_and_no_others(
    alert: str, place: str, lines: list[str], ruled: tuple[Loki, Ruler]
) -> None:
    """As the ruler sends it, with the labels of the alert; its query is put to the same Loki."""
    loki, ruler = ruled
    link = ruler.link(alert, place)
    assert re.fullmatch(r"[!-~]+", link)
    assert not set(link) & set('+<>|"`{} ')
    address = urlsplit(link)
    assert (address.netloc, address.path) == ("grafana.test", "/at/explore")
    parameters = parse_qs(address.query)
    assert parameters["schemaVersion"] == ["1"]
    (pane,) = json.loads(parameters["panes"][0]).values()
    assert pane["datasource"] == "logs-eu"
    assert pane["range"] == {"from": "now-3h", "to": "now"}
    (query,) = pane["queries"]
    assert query["datasource"] == {"type": "loki", "uid": "logs-eu"}
    now = time.time_ns()
    assert [line for _, line in loki.lines(query["expr"], now - 600 * 10**9, now)] == lines


def test_no_label_comes_from_a_line(ruler: Ruler) -> None:
    assert ruler.line(ALERT, "verbatim")
    known = {
        "alertname",
        "failure",
        "severity",
        "namespace",
        "pod",
        "node_name",
        "host",
        "instance",
        "cluster",
        "node",
        "alertgroup",  # this and the next one by vmalert
        "stats_result",
    }
    assert {name for labels in ruler.labels for name in labels} <= known
