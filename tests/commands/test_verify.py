"""verify, on real servers: all is well, and each of the things that can be wrong."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from generator.compile.rule import AlertRule, RecordingRule, RuleGroup
from generator.servers.loki import Loki
from generator.verify import judgement
from tests.conftest import Run, compiled_for, obtained
from tests.documents import SERVED, commands
from tests.faulty import CUT, front
from tests.lab import programs, servers
from tests.lokis import StartLoki
from tests.metrics import KUBE_PROXY_1_22
from tests.terminal import shown
from tests.waiting import until_arrived

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RULE = AlertRule(
    "A",
    'sum by (pod) (count_over_time({a="b"} |= `c"d` [10m])) > 3\n',
    "1m",
    {"failure": "a"},
    {"s": "x"},
)
GROUP = RuleGroup("kube-proxy.a", "30s", (RULE,))
QUERY = '(sum by(pod)(count_over_time({a="b"} |= "c\\"d"[10m])) > 3)'
LOADED = {
    "name": "A",
    "query": QUERY,
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
    return [
        str(finding) for finding in judgement.rules_are_live("loki", "Loki", [GROUP], groups, NOW)
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Loki: 1 rules are loaded, healthy and evaluated"),
        (
            {"query": QUERY.replace("> 3", "> 4")},
            "A: loaded in Loki in another version: its expression; ",
        ),
        (
            {"query": QUERY.replace("10m", "5m")},
            "A: loaded in Loki in another version: its expression; ",
        ),
        (
            {"labels": {}, "duration": 0},
            "A: loaded in Loki in another version: its labels and `for`; ",
        ),
        ({"annotations": {"s": "y"}}, "A: loaded in Loki in another version: its annotations; "),
        (
            {"health": "err", "lastError": "too many series"},
            "A: failing in Loki: too many series; ",
        ),
        ({"lastEvaluation": "0001-01-01T00:00:00Z"}, "A: not evaluated by Loki yet; "),
        (
            {"lastEvaluation": "2026-01-02T02:04:05+00:00"},
            "A: not evaluated by Loki for more than 180 s, though the interval is 30s; ",
        ),
        (
            {"lastEvaluation": "2026-01-02T05:03:50.5+02:00"},
            "Loki: 1 rules are loaded, healthy and evaluated",
        ),
        ({"name": "B"}, "A: not loaded in Loki; "),
    ],
)
def test_what_is_said_of_a_rule(changes: dict[str, Any], expected: str) -> None:
    (finding,) = said({**LOADED, **changes})
    assert finding.startswith(expected)


def test_a_group_that_is_evaluated_at_another_interval_is_another_version() -> None:
    for interval, expected in (
        (30, "1 rules are loaded, healthy and evaluated"),
        (60, "another version: its interval"),
    ):
        groups = [{"name": "kube-proxy.a", "interval": interval, "rules": [LOADED]}]
        (finding,) = judgement.rules_are_live("loki", "Loki", [GROUP], groups, NOW)
        assert finding.said.endswith(expected)


def test_a_rule_that_is_loaded_twice_fires_twice() -> None:
    (finding,) = said(LOADED, LOADED)
    assert finding.startswith("A: loaded 2 times in Loki, firing as often (kube-proxy.a of f); ")


def test_a_ruler_that_loads_nothing_and_none_at_all() -> None:
    (nothing,) = judgement.rules_are_live("loki", "Loki", [GROUP], [], NOW)
    (none,) = judgement.rules_are_live("loki", "Loki", [GROUP], None, NOW)
    assert (nothing.state, nothing.said) == (
        "fault",
        "its ruler runs and has loaded no rule at all",
    )
    assert (none.state, none.said) == ("fault", "no ruler runs there, or its rules API is off")


def test_a_recording_rule_has_no_annotations() -> None:
    group = RuleGroup("g", "30s", (RecordingRule("r:x", "sum(up)"),))
    loaded = {
        **LOADED,
        "name": "r:x",
        "query": "sum(up)",
        "labels": None,
        "annotations": None,
        "duration": None,
    }
    (finding,) = judgement.rules_are_live(
        "prometheus", "Prometheus", [group], [{"name": "g", "rules": [loaded]}], NOW
    )
    assert finding.state == "ok"


class Pages:
    """Serves texts by path; what is not there is a 404."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.server = HTTPServer("127.0.0.1", threaded=True)
        self.server.expect_request(re.compile(".*")).respond_with_handler(self._answer)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"

    def _answer(self, request: Request) -> Response:
        text = self.texts.get(request.path)
        return Response(text, 404 if text is None else 200, content_type="text/plain")


def stream(labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "stream": dict(labels),
        "values": [[str(time.time_ns()), "I0102 03:04:05.678901 1 proxier.go:1] fine"]],
    }


@dataclass
class Site:
    """A site at which all is well: the options that name its servers, and what can be broken."""

    profile: Path
    options: dict[str, str]
    pages: Pages
    work: Path
    alertmanager_binary: Path
    config: dict[str, Any]
    loki: Loki

    def words(self, **changes: str) -> list[str]:
        return [
            word for name, url in {**self.options, **changes}.items() for word in (f"--{name}", url)
        ]


@pytest.fixture(scope="module")
def site(
    start_loki: StartLoki, tmp_path_factory: pytest.TempPathFactory, run: Run
) -> Iterator[Site]:
    """Loki, Prometheus and Alertmanager with our rules and routes, which have been evaluated and have notified."""
    wanted = (programs.PROMETHEUS, programs.ALERTMANAGER)
    prometheus_binary, alertmanager_binary = [
        obtained(tool, tool.pinned[0], tmp_path_factory) for tool in wanted
    ]
    work = tmp_path_factory.mktemp("site")
    pages = Pages()
    profile: dict[str, Any] = {
        "runbooks": {"base_url": f"{pages.url}/runbooks"},
        "loki": {"interval": "5s"},
        "prometheus": {"interval": "5s"},
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
        stack.callback(pages.server.stop)
        pages.texts["/metrics"] = KUBE_PROXY_1_22
        alertmanager = stack.enter_context(
            servers.alertmanager(alertmanager_binary, work / "alertmanager.yaml", work)
        )
        scraping = {
            "global": {"scrape_interval": "1s"},
            "rule_files": [f"{rules}/*.rules.yaml"],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}
                ]
            },
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
        prometheus = stack.enter_context(servers.prometheus(prometheus_binary, scraping, work))
        bucket = stack.enter_context(
            servers.object_store(
                obtained(programs.OBJECT_STORE, programs.OBJECT_STORE.pinned[0], tmp_path_factory),
                work,
            )
        )
        running = stack.enter_context(
            start_loki(alertmanager=alertmanager, rule_store=servers.loki_store(bucket))
        )
        options = {"loki": running.url, "prometheus": prometheus, "alertmanager": alertmanager}
        profile["servers"] = {name: {"url": url} for name, url in options.items()}
        (work / "site.yaml").write_text(yaml.safe_dump(profile))
        # The commands of the page, in their order; verify is the last and needs that the rules have been evaluated.
        for words in commands(SERVED)[:-1]:
            done = run(*words[1:], cwd=work, XDG_STATE_HOME=str(work / "state"))
            assert done.returncode == 0, (words, done.stderr)
        running.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        found = Site(work / "site.yaml", options, pages, work, alertmanager_binary, config, running)
        watchdogs = ("KubeProxyLogRulesWatchdog", "KubeProxyMetricRulesWatchdog")
        until_arrived(alertmanager, watchdogs, 180)  # Loki sends a first alert again after a minute
        deadline = time.monotonic() + 60
        while (done := run(*commands(SERVED)[-1][1:], cwd=work)).returncode:
            assert time.monotonic() < deadline, done.stdout
            time.sleep(1)
        yield found


def verified(
    run: Run, site: Site, *more: str, profile: str = "", runbooks: bool = False, **changes: str
) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings; a profile can be laid over that of the site, and a server be another.

    The runbooks take half of a run, and are read where they are the subject.
    """
    path = site.profile
    if profile:
        path = site.profile.with_name("other.yaml")
        path.write_text(f"extends: ./site.yaml\n{profile}")
    left_out = [] if runbooks else ["--no-runbooks"]
    words = ["--profile", str(path), *site.words(**changes), *left_out, *more]
    done = run("verify", *words, "--json")
    assert done.returncode < 2, done.stderr
    return done.returncode, json.loads(done.stdout)


def faults(findings: list[dict[str, Any]]) -> list[str]:
    return [
        f"{row['check']}: {row['subject']}: {row['said']}"
        for row in findings
        if row["state"] == "fault"
    ]


def test_all_is_well(run: Run, site: Site) -> None:
    code, findings = verified(run, site, runbooks=True)
    assert code == 0
    assert {(row["check"], row["state"]) for row in findings if row["state"] != "warning"} == {
        (check, "ok") for check in ("rules", "watchdogs", "selectors", "routes", "runbooks")
    }


def test_a_terminal_gets_a_line_for_each_check_and_a_pipe_the_same(run: Run, site: Site) -> None:
    done = run("verify", "--profile", str(site.profile), *site.words())
    lines = done.stdout.splitlines()
    assert "ok\trules\tLoki: 28 rules are loaded, healthy and evaluated" in lines
    both = "KubeProxyLogRulesWatchdog, KubeProxyMetricRulesWatchdog"
    assert f"ok\twatchdogs\t{both}: arrived in Alertmanager" in lines
    assert done.stderr.splitlines()[-1] == "6 ok (of 8 subjects), 5 warning"


def test_a_rule_that_is_missing_is_named(run: Run, site: Site) -> None:
    own = site.work / "own"
    assert run("new", "door-open", "--catalog", str(own)).returncode == 0
    code, findings = verified(run, site, "--catalog", str(own))
    assert code == 1
    assert "rules: KubeProxyDoorOpen: not loaded in Loki" in faults(findings)


def test_a_rule_that_is_an_old_version_is_named(run: Run, site: Site) -> None:
    code, findings = verified(
        run, site, profile="alerts: {KubeProxySyncSlow: {threshold: 2.048}}\n"
    )
    assert code == 1
    assert faults(findings) == [
        "rules: KubeProxySyncSlow: loaded in Prometheus in another version: its expression"
    ]


def test_a_ruler_that_does_not_run_is_named(run: Run, site: Site, start_loki: StartLoki) -> None:
    with start_loki(ruler=False) as without:
        without.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        code, findings = verified(run, site, loki=without.url)
    assert code == 1
    assert faults(findings) == ["rules: Loki: no ruler runs there, or its rules API is off"]


def test_a_ruler_that_has_loaded_nothing_is_named(
    run: Run, site: Site, start_loki: StartLoki
) -> None:
    with start_loki() as empty:
        empty.push([stream({"container": "kube-proxy", "pod": "p1", "node_name": "n1"})])
        code, findings = verified(run, site, loki=empty.url)
    assert code == 1
    assert faults(findings) == ["rules: Loki: its ruler runs and has loaded no rule at all"]


def test_a_selector_that_matches_no_stream_is_named_and_one_that_would_is_told(
    run: Run, site: Site
) -> None:
    code, findings = verified(run, site, profile="loki: {selector: '{app=\"kube-proxy\"}'}\n")
    assert code == 1
    (finding,) = [
        row for row in findings if row["check"] == "selectors" and row["state"] == "fault"
    ]
    assert finding["subject"] == 'Loki has no stream {app="kube-proxy"}'
    assert finding["said"].startswith("blind: KubeProxy")
    assert finding["fix"].endswith('; perhaps {container="kube-proxy"}, which has streams')


def test_targets_that_are_not_there_are_named(run: Run, site: Site) -> None:
    _, findings = verified(
        run, site, profile="prometheus: {selector: '{job=\"kubernetes-kube-proxy\"}'}\n"
    )
    finding = next(
        row for row in findings if row["check"] == "selectors" and row["state"] == "fault"
    )
    assert finding["subject"] == 'Prometheus has no target up{job="kubernetes-kube-proxy"}'
    assert "--metrics-bind-address=0.0.0.0:10249" in finding["fix"]


@pytest.mark.parametrize(
    ("receiver", "said"),
    [
        ({"name": "kube-proxy-critical"}, "receiver kube-proxy-critical notifies nobody"),
        (
            {"name": "kube-proxy-critical", "webhook_configs": []},
            "receiver kube-proxy-critical notifies nobody",
        ),
    ],
)
def test_a_route_to_nowhere_is_named(
    run: Run, site: Site, tmp_path: Path, receiver: dict[str, Any], said: str
) -> None:
    others = [row for row in site.config["receivers"] if row["name"] != receiver["name"]]
    (tmp_path / "alertmanager.yaml").write_text(
        yaml.safe_dump({**site.config, "receivers": [*others, receiver]})
    )
    with servers.alertmanager(
        site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path
    ) as other:
        code, findings = verified(run, site, alertmanager=other)
    assert code == 1
    routes = [line for line in faults(findings) if line.startswith("routes: ")]
    (line,) = routes
    assert line.endswith(f": is routed to nowhere: {said}")
    names = next(
        row["names"] for row in findings if row["state"] == "fault" and row["check"] == "routes"
    )
    assert "KubeProxyIptablesBackendMismatch" in names
    assert "KubeProxySyncSlow" not in names


def test_what_nobody_must_act_on_may_be_dropped(run: Run, site: Site, tmp_path: Path) -> None:
    others = [
        row
        for row in site.config["receivers"]
        if row["name"] not in ("kube-proxy-info", "kube-proxy-watchdog")
    ]
    dropped = [{"name": "kube-proxy-info"}, {"name": "kube-proxy-watchdog"}]
    (tmp_path / "alertmanager.yaml").write_text(
        yaml.safe_dump({**site.config, "receivers": [*others, *dropped]})
    )
    with servers.alertmanager(
        site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path
    ) as other:
        _, findings = verified(run, site, alertmanager=other)
    assert [line for line in faults(findings) if line.startswith("routes: ")] == []
    warned = [
        name
        for row in findings
        if row["said"].startswith("is routed to nowhere")
        for name in row["names"]
    ]
    assert "KubeProxyLogRulesWatchdog" in warned
    assert "KubeProxyServiceChurn" in warned
    assert "KubeProxySyncSlow" not in warned


def test_watchdogs_that_do_not_arrive_and_inhibitions_that_are_missing_are_named(
    run: Run, site: Site, tmp_path: Path
) -> None:
    bare = {
        "route": {"receiver": "all"},
        "receivers": [{"name": "all", "webhook_configs": [{"url": site.pages.url}]}],
    }
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(bare))
    with servers.alertmanager(
        site.alertmanager_binary, tmp_path / "alertmanager.yaml", tmp_path
    ) as other:
        code, findings = verified(run, site, alertmanager=other)
    assert code == 1
    assert faults(findings) == [
        "watchdogs: KubeProxyLogRulesWatchdog: always firing, and not arrived in Alertmanager",
        "watchdogs: KubeProxyMetricRulesWatchdog: always firing, and not arrived in Alertmanager",
    ]
    (missed,) = [
        row
        for row in findings
        if row["said"] == "the symptom is not held back while its cause fires"
    ]
    assert "KubeProxyIPVSFrequentSync → KubeProxyCPUHigh" in missed["names"]
    assert missed["count"] == len(missed["names"])


def test_dead_links_and_pages_of_something_else_are_named(run: Run, site: Site) -> None:
    base = "/runbooks/"
    dead, login = (f"{base}{name}.md" for name in ("KubeProxySyncSlow", "KubeProxyRulesStale"))
    kept = dict(site.pages.texts)
    try:
        del site.pages.texts[dead]
        site.pages.texts[login] = "<html><h1>Sign in</h1></html>"
        code, findings = verified(run, site, runbooks=True)
    finally:
        site.pages.texts.update(kept)
    assert code == 1
    assert faults(findings) == [
        f"runbooks: KubeProxyRulesStale: {site.pages.url}{base} answers, but with no page that has the alert as its "
        "heading",
        f"runbooks: KubeProxySyncSlow: the runbook in {site.pages.url}{base} is dead: 404",
    ]


def test_the_dead_links_of_one_host_are_one_line(run: Run, site: Site) -> None:
    code, findings = verified(
        run, site, runbooks=True, profile="runbooks: {base_url: 'http://127.0.0.1:1/books'}\n"
    )
    assert code == 1
    (dead,) = [row for row in findings if row["check"] == "runbooks"]
    assert dead["said"].startswith("the runbook in http://127.0.0.1:1/books/ is dead: ")
    assert dead["count"] == len(dead["names"]) > 20
    assert dead["subject"] == f"{', '.join(dead['names'][:3])} and {dead['count'] - 3} more"


def test_a_page_that_fails_once_is_asked_for_again(run: Run, site: Site) -> None:
    with front(site.pages.url) as proxy:
        proxy.faults = [503, CUT]
        _, findings = verified(
            run, site, runbooks=True, profile=f"runbooks: {{base_url: '{proxy.url}/runbooks'}}\n"
        )
    assert [row["state"] for row in findings if row["check"] == "runbooks"] == ["ok"]


def test_a_server_that_is_down_hides_nothing_of_the_others(run: Run, site: Site) -> None:
    code, findings = verified(run, site, runbooks=True, loki="http://127.0.0.1:1")
    assert code == 1
    (down,) = [row for row in findings if row["state"] == "fault"]
    assert (down["check"], down["subject"]) == ("rules", "Loki at http://127.0.0.1:1")
    assert down["said"].startswith("cannot be reached: ")
    rest = {
        (row["check"], row["subject"], row["state"], row["said"])
        for row in findings
        if row["state"] != "warning"
    }
    assert ("selectors", "loki", "not checked", "Loki does not answer") in rest
    assert {(check, state) for check, _, state, _ in rest if state == "ok"} == {
        (check, "ok") for check in ("rules", "watchdogs", "selectors", "routes", "runbooks")
    }


@pytest.mark.parametrize(
    ("fault", "said"),
    [(500, "answers 500 to GET /api/v1/rules"), ("<html>", "but not as Loki does")],
)
def test_a_server_that_answers_wrongly_is_asked_the_rest(
    fault: int | str, said: str, run: Run, site: Site
) -> None:
    with front(site.options["loki"]) as proxy:
        proxy.faults = [fault] * (4 if fault == 500 else 1)
        code, findings = verified(run, site, loki=proxy.url)
    assert code == 1
    (wrong,) = [row for row in findings if row["state"] == "fault"]
    assert (wrong["check"], wrong["subject"]) == ("rules", f"Loki at {proxy.url}")
    assert said in wrong["said"]
    assert (
        "Loki"
        in next(row for row in findings if row["check"] == "selectors" and row["state"] == "ok")[
            "names"
        ]
    )


def test_where_no_server_answers_it_cannot_run(run: Run) -> None:
    done = run("verify", "--loki", "http://127.0.0.1:1", "--no-runbooks")
    assert done.returncode == 2
    assert "Loki at http://127.0.0.1:1: cannot be reached: " in done.stdout


def test_marks_have_their_colour_on_a_terminal() -> None:
    words = ["verify", "--loki", "http://127.0.0.1:1", "--no-runbooks"]
    code, text = shown(200, *words, NO_COLOR="")
    assert code == 2
    assert (
        "\n\x1b[31mFAULT\x1b[0m\trules\tLoki at http://127.0.0.1:1: cannot be reached: "
        in "\n" + text
    )
    assert "\x1b[33mNOT CHECKED\x1b[0m\trunbooks\t" in text
    _, plain = shown(200, *words, NO_COLOR="1")
    assert "\n" + re.sub(r"\x1b\[[0-9;]*m", "", text) == "\n" + plain
    assert "\x1b" not in plain


def test_servers_of_the_profile_can_be_left_out(run: Run, site: Site) -> None:
    done = run(
        "verify",
        "--profile",
        str(site.profile),
        "--only",
        "loki,alertmanager",
        "--no-runbooks",
        "--json",
    )
    rows = {
        (row["check"], row["subject"])
        for row in json.loads(done.stdout)
        if row["state"] == "not checked"
    }
    assert rows == {("rules", "prometheus"), ("selectors", "prometheus"), ("runbooks", "all")}
    both = run("verify", "--only", "loki", *site.words())
    assert both.returncode == 2
    assert "--prometheus names a server that --only leaves out" in both.stderr
    wrong = run("verify", "--only", "grafana", *site.words())
    assert wrong.returncode == 2
    assert (
        "'grafana' is not one of loki, victorialogs, vmalert, mimir, cortex, prometheus, alertmanager"
        in wrong.stderr
    )


def test_a_label_that_the_streams_lack_is_named(run: Run, site: Site) -> None:
    _, findings = verified(run, site, profile="loki: {labels: {node: node, cluster: k8s}}\n")
    (warning,) = [
        row for row in findings if row["state"] == "warning" and "have no label" in row["subject"]
    ]
    assert warning["names"] == [
        '1 of 1 streams {container="kube-proxy"} have no label k8s for the cluster',
        '1 of 1 streams {container="kube-proxy"} have no label node for the node',
    ]


def test_what_was_not_asked_is_said(run: Run, site: Site) -> None:
    done = run("verify", "--loki", site.options["loki"], "--no-runbooks", "--json")
    rows = [
        (row["check"], row["subject"])
        for row in json.loads(done.stdout)
        if row["state"] == "not checked"
    ]
    assert rows == [
        ("rules", "prometheus"),
        ("watchdogs", "alertmanager"),
        ("selectors", "prometheus"),
        ("routes", "alertmanager"),
        ("runbooks", "all"),
    ]


def test_with_alertmanager_alone_nothing_is_said_of_rules_and_selectors(
    run: Run, site: Site
) -> None:
    done = run("verify", "--alertmanager", site.options["alertmanager"], "--no-runbooks", "--json")
    rows = [(row["check"], row["state"], row["names"]) for row in json.loads(done.stdout)]
    assert rows[:3] == [
        ("rules", "not checked", ["loki", "prometheus"]),
        ("watchdogs", "ok", ["KubeProxyLogRulesWatchdog", "KubeProxyMetricRulesWatchdog"]),
        ("selectors", "not checked", ["loki", "prometheus"]),
    ]


def test_without_any_server_it_cannot_run(run: Run) -> None:
    done = run("verify")
    assert done.returncode == 2
    assert "no server is named; give --loki URL" in done.stderr
