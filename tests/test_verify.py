"""verify, on real servers: all is well, and each of the things that can be wrong."""

import json
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
from tests.documents import SERVED, commands
from tests.lab import programs, servers
from tests.metrics import KUBE_PROXY_1_22

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
    return [str(finding) for finding in verify.rules_are_live("loki", "Loki", [GROUP], groups, NOW)]


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
    (nothing,) = verify.rules_are_live("loki", "Loki", [GROUP], [], NOW)
    (none,) = verify.rules_are_live("loki", "Loki", [GROUP], None, NOW)
    assert (nothing.state, nothing.said) == ("fault", "its ruler runs and has loaded no rule at all")
    assert (none.state, none.said) == ("fault", "no ruler runs there, or its rules API is off")


def test_a_recording_rule_has_no_annotations() -> None:
    group = RuleGroup("g", "30s", (RecordingRule("r:x", "sum(up)"),))
    loaded = {**LOADED, "name": "r:x", "query": "sum(up)", "labels": None, "annotations": None, "duration": None}
    (finding,) = verify.rules_are_live("prometheus", "Prometheus", [group], [{"name": "g", "rules": [loaded]}], NOW)
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


PLACE = {"node": "n1", "pod": "p1", "namespace": "kube-system"}


class Pages:
    """Serves texts by path; what is not there is a 404."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = pages.texts.get(self.path)
                self.send_response(404 if text is None else 200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"


def stream(labels: Mapping[str, str]) -> dict[str, Any]:
    return {"stream": dict(labels), "values": [[str(time.time_ns()), "I0102 03:04:05.678901 1 proxier.go:1] fine"]]}


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
    profile: dict[str, Any] = {
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
    rules = work / "rules"
    rules.mkdir()
    with ExitStack() as stack:
        pages.texts["/metrics"] = KUBE_PROXY_1_22
        alertmanager = stack.enter_context(servers.alertmanager(binaries[2], work / "alertmanager.yaml", work))
        scraping = {
            "global": {"scrape_interval": "1s"},
            "rule_files": [f"{rules}/*.rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]},
            "scrape_configs": [
                {
                    "job_name": "kube-proxy",
                    "static_configs": [
                        {
                            "targets": [pages.url.removeprefix("http://")],
                            "labels": {"node": "n1", "pod": "p1", "namespace": "kube-system"},
                        }
                    ],
                }
            ],
        }
        prometheus = stack.enter_context(servers.prometheus(binaries[1], scraping, work))
        bucket = stack.enter_context(
            servers.object_store(
                obtained(programs.OBJECT_STORE, programs.OBJECT_STORE.pinned[0], tmp_path_factory), work
            )
        )
        running = stack.enter_context(
            loki.local(binaries[0], alertmanager=alertmanager, rule_store=servers.loki_store(bucket))
        )
        options = {"loki": running.url, "prometheus": prometheus, "alertmanager": alertmanager}
        profile["servers"] = {name: {"url": url} for name, url in options.items()}
        (work / "site.yaml").write_text(yaml.safe_dump(profile))
        # The commands of the page, in their order; verify is the last and needs that the rules have been evaluated.
        for words in commands(SERVED)[:-1]:
            done = run(*words[1:], cwd=work, XDG_STATE_HOME=str(work / "state"))
            assert done.returncode == 0, (words, done.stderr)
        running.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        found = Site(work / "site.yaml", options, pages, work, binaries[0], binaries[2], config, running)
        deadline = time.monotonic() + 120
        while (done := run(*commands(SERVED)[-1][1:], cwd=work)).returncode:
            assert time.monotonic() < deadline, done.stdout
            time.sleep(1)
        yield found


def verified(run: Run, site: Site, *more: str, profile: str = "", **changes: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings; a profile can be laid over that of the site, and a server be another."""
    path = site.profile
    if profile:
        path = site.profile.with_name("other.yaml")
        path.write_text(f"extends: ./site.yaml\n{profile}")
    done = run("verify", "--profile", str(path), *site.words(**changes), "--json", *more)
    assert done.returncode < 2, done.stderr
    return done.returncode, json.loads(done.stdout)


def faults(findings: list[dict[str, str]]) -> list[str]:
    return [f"{row['check']}: {row['subject']}: {row['said']}" for row in findings if row["state"] == "fault"]


def test_all_is_well(run: Run, site: Site) -> None:
    code, findings = verified(run, site)
    assert code == 0
    assert {(row["check"], row["state"]) for row in findings if row["state"] != "warning"} == {
        (check, "ok") for check in ("rules", "watchdogs", "selectors", "routes", "runbooks")
    }


def test_a_terminal_gets_a_line_for_each_check_and_a_pipe_the_same(run: Run, site: Site) -> None:
    done = run("verify", "--profile", str(site.profile), *site.words())
    lines = done.stdout.splitlines()
    assert "ok\trules\tLoki: 8 rules are loaded, healthy and evaluated" in lines
    assert "ok\twatchdogs\tKubeProxyLogRulesWatchdog: has arrived in Alertmanager" in lines
    assert done.stderr.splitlines()[-1].endswith(" ok, 2 warning") or done.stderr.splitlines()[-1].endswith(" ok")


def test_a_rule_that_is_missing_is_named(run: Run, site: Site) -> None:
    own = site.work / "own"
    assert run("new", "door-open", "--catalog", str(own)).returncode == 0
    code, findings = verified(run, site, "--catalog", str(own))
    assert code == 1
    assert "rules: KubeProxyDoorOpen: is not loaded in Loki" in faults(findings)


def test_a_rule_that_is_an_old_version_is_named(run: Run, site: Site) -> None:
    code, findings = verified(run, site, profile="alerts: {KubeProxySyncSlow: {threshold: 2.048}}\n")
    assert code == 1
    assert faults(findings) == ["rules: KubeProxySyncSlow: is loaded in Prometheus in another version: its expression"]


def test_a_ruler_that_does_not_run_is_named(run: Run, site: Site) -> None:
    with loki.local(site.loki_binary, ruler=False) as without:
        without.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        code, findings = verified(run, site, loki=without.url)
    assert code == 1
    assert faults(findings) == ["rules: Loki: no ruler runs there, or its rules API is off"]


def test_a_ruler_that_has_loaded_nothing_is_named(run: Run, site: Site) -> None:
    with loki.local(site.loki_binary) as empty:
        empty.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        code, findings = verified(run, site, loki=empty.url)
    assert code == 1
    assert faults(findings) == ["rules: Loki: its ruler runs and has loaded no rule at all"]


def test_a_selector_that_matches_no_stream_is_named_and_one_that_would_is_told(run: Run, site: Site) -> None:
    code, findings = verified(run, site, profile="loki: {selector: '{app=\"kube-proxy\"}'}\n")
    assert code == 1
    (finding,) = [row for row in findings if row["check"] == "selectors" and row["state"] == "fault"]
    assert finding["subject"] == 'Loki has no stream {app="kube-proxy"}'
    assert finding["said"].startswith("blind: KubeProxy")
    assert finding["fix"].endswith('; perhaps {container="kube-proxy"}, which has streams')


def test_targets_that_are_not_there_are_named(run: Run, site: Site) -> None:
    _, findings = verified(run, site, profile="prometheus: {selector: '{job=\"kubernetes-kube-proxy\"}'}\n")
    finding = next(row for row in findings if row["check"] == "selectors" and row["state"] == "fault")
    assert finding["subject"] == 'Prometheus has no target up{job="kubernetes-kube-proxy"}'
    assert "--metrics-bind-address=0.0.0.0:10249" in finding["fix"]


@pytest.mark.parametrize(
    ("receiver", "said"),
    [
        ({"name": "kube-proxy-critical"}, "receiver kube-proxy-critical notifies nobody"),
        ({"name": "kube-proxy-critical", "webhook_configs": []}, "receiver kube-proxy-critical notifies nobody"),
    ],
)
def test_a_route_to_nowhere_is_named(run: Run, site: Site, tmp_path: Path, receiver: dict[str, Any], said: str) -> None:
    others = [row for row in site.config["receivers"] if row["name"] != receiver["name"]]
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump({**site.config, "receivers": [*others, receiver]}))
    with servers.alertmanager(site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path) as other:
        code, findings = verified(run, site, alertmanager=other)
    assert code == 1
    routes = [line for line in faults(findings) if line.startswith("routes: ")]
    assert f"routes: KubeProxyIptablesBackendMismatch: is routed to nowhere: {said}" in routes
    assert not any("KubeProxySyncSlow" in line for line in routes)


def test_what_nobody_must_act_on_may_be_dropped(run: Run, site: Site, tmp_path: Path) -> None:
    others = [row for row in site.config["receivers"] if row["name"] not in ("kube-proxy-info", "kube-proxy-watchdog")]
    dropped = [{"name": "kube-proxy-info"}, {"name": "kube-proxy-watchdog"}]
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump({**site.config, "receivers": [*others, *dropped]}))
    with servers.alertmanager(site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path) as other:
        _, findings = verified(run, site, alertmanager=other)
    assert [line for line in faults(findings) if line.startswith("routes: ")] == []
    warned = [row["subject"] for row in findings if row["said"].startswith("is routed to nowhere")]
    assert "KubeProxyLogRulesWatchdog" in warned
    assert "KubeProxyServiceChurn" in warned
    assert "KubeProxySyncSlow" not in warned


def test_watchdogs_that_do_not_arrive_and_inhibitions_that_are_missing_are_named(
    run: Run, site: Site, tmp_path: Path
) -> None:
    bare = {"route": {"receiver": "all"}, "receivers": [{"name": "all", "webhook_configs": [{"url": site.pages.url}]}]}
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(bare))
    with servers.alertmanager(site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path) as other:
        code, findings = verified(run, site, alertmanager=other)
    assert code == 1
    assert faults(findings) == [
        "watchdogs: KubeProxyLogRulesWatchdog: always fires, and has not arrived in Alertmanager",
        "watchdogs: KubeProxyMetricRulesWatchdog: always fires, and has not arrived in Alertmanager",
    ]
    said = [row["said"] for row in findings if row["subject"] == "KubeProxyIPVSFrequentSync"]
    assert said == ["does not hold back its symptoms: KubeProxyCPUHigh"]


def test_dead_links_and_pages_of_something_else_are_named(run: Run, site: Site) -> None:
    base = "/runbooks/"
    dead, login = (f"{base}{name}.md" for name in ("KubeProxySyncSlow", "KubeProxyRulesStale"))
    kept = dict(site.pages.texts)
    try:
        del site.pages.texts[dead]
        site.pages.texts[login] = "<html><h1>Sign in</h1></html>"
        code, findings = verified(run, site)
    finally:
        site.pages.texts.update(kept)
    assert code == 1
    assert faults(findings) == [
        f"runbooks: KubeProxyRulesStale: {site.pages.url}{login} answers, but with no page that has the heading "
        "KubeProxyRulesStale",
        f"runbooks: KubeProxySyncSlow: its runbook {site.pages.url}{dead} is dead: 404",
    ]


def test_what_was_not_asked_is_said(run: Run, site: Site) -> None:
    done = run("verify", "--loki", site.options["loki"], "--no-runbooks", "--json")
    rows = [(row["check"], row["subject"]) for row in json.loads(done.stdout) if row["state"] == "not checked"]
    assert rows == [
        ("rules", "prometheus"),
        ("watchdogs", "Alertmanager"),
        ("routes", "Alertmanager"),
        ("runbooks", "all"),
    ]


def test_without_any_server_it_cannot_run(run: Run) -> None:
    done = run("verify")
    assert done.returncode == 2
    assert "no server is named; give --loki URL" in done.stderr
