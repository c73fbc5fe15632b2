"""verify, on real servers: all is well, and each of the things that can be wrong."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from generator import loki, tools, verify
from generator.loki import Loki
from generator.rules import AlertRule, RecordingRule, RuleGroup
from tests.conftest import Run, compiled_for, obtained
from tests.lab import programs, servers

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RULE = AlertRule(
    "A", 'sum by (pod) (count_over_time({a="b"} |= `c"d` [10m])) > 3\n', "1m", {"failure": "a"}, {"s": "x"}
)
GROUP = RuleGroup("kube-proxy.a", "30s", (RULE,))
LOADED = {
    "name": "A",
    "query": '(sum by(pod)(count_over_time({a="b"} |= "c\\"d"[10m])) > 3)',
    "duration": 60,
    "labels": {"failure": "a"},
    "annotations": {"s": "x"},
    "health": "ok",
    "lastError": "",
    "lastEvaluation": "2026-01-02T03:03:50.6523772Z",
}


def said(*loaded: Mapping[str, Any]) -> list[str]:
    """What is said of RULE where these rules are loaded."""
    groups = [{"name": "kube-proxy.a", "file": "f", "rules": list(loaded)}]
    return [str(finding) for finding in verify.rules_are_live("Loki", [GROUP], groups, NOW)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Loki: 1 rules are loaded, healthy and evaluated"),
        ({"query": LOADED["query"].replace("> 3", "> 4")}, "A: is loaded in Loki in another version: its expression; "),  # type: ignore[attr-defined]
        ({"query": LOADED["query"].replace("10m", "5m")}, "A: is loaded in Loki in another version: its expression; "),  # type: ignore[attr-defined]
        ({"labels": {}, "duration": 0}, "A: is loaded in Loki in another version: its labels and `for`; "),
        ({"annotations": {"s": "y"}}, "A: is loaded in Loki in another version: its annotations; "),
        ({"health": "err", "lastError": "too many series"}, "A: fails in Loki: too many series; "),
        ({"lastEvaluation": "0001-01-01T00:00:00Z"}, "A: has not been evaluated by Loki yet; "),
        (
            {"lastEvaluation": "2026-01-02T02:04:05+00:00"},
            "A: was last evaluated by Loki 3600 s ago, though its interval is 30s; ",
        ),
        ({"lastEvaluation": "2026-01-02T05:03:50.5+02:00"}, "Loki: 1 rules are loaded, healthy and evaluated"),
        ({"name": "B"}, "A: is not loaded in Loki; "),
    ],
)
def test_what_is_said_of_a_rule(changes: dict[str, Any], expected: str) -> None:
    (finding,) = said({**LOADED, **changes})
    assert finding.startswith(expected)


def test_a_rule_that_is_loaded_twice_fires_twice() -> None:
    (finding,) = said(LOADED, LOADED)
    assert finding.startswith("A: is loaded 2 times in Loki and fires as often (kube-proxy.a of f); ")


def test_a_ruler_that_loads_nothing_and_none_at_all() -> None:
    (nothing,) = verify.rules_are_live("Loki", [GROUP], [], NOW)
    (none,) = verify.rules_are_live("Loki", [GROUP], None, NOW)
    assert (nothing.state, nothing.said) == ("fault", "its ruler runs and has loaded no rule at all")
    assert (none.state, none.said) == ("fault", "no ruler runs there, or its rules API is off")


def test_a_recording_rule_has_no_annotations() -> None:
    group = RuleGroup("g", "30s", (RecordingRule("r:x", "sum(up)"),))
    loaded = {**LOADED, "name": "r:x", "query": "sum(up)", "labels": None, "annotations": None, "duration": None}
    (finding,) = verify.rules_are_live("Prometheus", [group], [{"name": "g", "rules": [loaded]}], NOW)
    assert finding.state == "ok"


@pytest.mark.parametrize(
    ("page", "there"),
    [
        ("<!-- x -->\n\n# A\n\ntext", True),
        ('<h1 id="a">A</h1>', True),
        ('<h1 id="a">\n  A<a class="headerlink" href="#a">¶</a></h1>', True),
        ("# Ab\n", False),
        ("<title>A</title><p>A</p>", False),
        ("Sign in to see A", False),
    ],
)
def test_a_page_is_known_by_its_heading(page: str, there: bool) -> None:
    assert verify.has_heading(page, "A") is there


class Pages:
    """Serves texts by path; what is not there is a 404."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = pages.texts.get(self.path)
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"


@dataclass
class Site:
    """A site at which all is well: the options that name its servers, and what can be broken."""

    profile: Path
    options: dict[str, str]
    pages: Pages
    work: Path
    loki_binary: Path
    alertmanager_binary: Path
    config: dict[str, Any]
    loki: Loki

    def words(self, **changes: str) -> list[str]:
        return [word for name, url in {**self.options, **changes}.items() for word in (f"--{name}", url)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[Site]:
    """Loki, Prometheus and Alertmanager with our rules and routes, which have been evaluated and have notified."""
    wanted = (tools.LOKI, programs.PROMETHEUS, programs.ALERTMANAGER)
    binaries = [obtained(tool, tool.pinned[0], tmp_path_factory) for tool in wanted]
    work = tmp_path_factory.mktemp("site")
    pages = Pages()
    profile = {
        "runbooks": {"base_url": f"{pages.url}/runbooks"},
        "loki": {"interval": "2s"},
        "prometheus": {"interval": "2s"},
    }
    texts = compiled_for(yaml.safe_dump(profile), work)
    pages.texts = {f"/{path}": text for path, text in texts.items() if path.startswith("runbooks/")}
    config = yaml.safe_load(texts["alertmanager/kube-proxy.alertmanager.yaml"])
    for receiver in config["receivers"]:
        receiver.pop("slack_configs", None)
        receiver["webhook_configs"] = [{"url": f"{pages.url}/webhook"}]
    config.pop("templates")
    (work / "alertmanager.yaml").write_text(yaml.safe_dump(config))
    (work / "prometheus.rules.yaml").write_text(texts["prometheus/kube-proxy.rules.yaml"])
    metrics = work / "metrics"
    with ExitStack() as stack:
        target = stack.enter_context(kube_proxy())
        alertmanager = stack.enter_context(servers.alertmanager(binaries[2], work / "alertmanager.yaml", work))
        scraping = {
            "global": {"scrape_interval": "1s"},
            "rule_files": [str(work / "prometheus.rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]},
            "scrape_configs": [
                {
                    "job_name": "kube-proxy",
                    "static_configs": [
                        {"targets": [target], "labels": {"node": "n1", "pod": "p1", "namespace": "kube-system"}}
                    ],
                }
            ],
        }
        prometheus = stack.enter_context(servers.prometheus(binaries[1], scraping, work))
        rules = work / "loki.rules"
        rules.mkdir()
        bucket = stack.enter_context(
            servers.object_store(
                obtained(programs.OBJECT_STORE, programs.OBJECT_STORE.pinned[0], tmp_path_factory), work
            )
        )
        running = stack.enter_context(
            loki.local(binaries[0], alertmanager=alertmanager, rule_store=servers.loki_store(bucket))
        )
        state = {"XDG_STATE_HOME": str(work / "state")}
        done = run("push", "--loki", running.url, "--profile", str(work / "site.yaml"), "--no-validate", **state)
        assert done.returncode == 0, done.stderr
        running.push([stream({"container": "kube-proxy"})])
        options = {"loki": running.url, "prometheus": prometheus, "alertmanager": alertmanager}
        found = Site(work / "site.yaml", options, pages, work, binaries[0], binaries[2], config, running)
        deadline = time.monotonic() + 120
        while run("verify", "--profile", str(found.profile), *found.words()).returncode:
            assert time.monotonic() < deadline, run("verify", "--profile", str(found.profile), *found.words()).stdout
            time.sleep(1)
        yield found
