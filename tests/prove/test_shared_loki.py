"""`test --loki` on a Loki that a site uses: nobody is paged, and nothing of the tests is taken for the site's."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from generator.base.file import File, yaml_file
from generator.base.names import TEST_LABEL
from generator.catalog.wordings import signature
from generator.servers.loki import Loki
from tests import once, posts
from tests.conftest import ROOT, Run, obtained
from tests.lab import programs, servers
from tests.lokis import StartLoki
from tests.waiting import until

_SECONDS = 180
# Rules of others that take whatever comes.
OTHERS = {
    "AnyContainer": 'sum by (container) (count_over_time({container=~".+"}[1h])) > 0',
    "AnyPod": 'count_over_time({pod=~".*p.*"}[1h]) > 0',
    "NotOurs": 'count_over_time({namespace!="ours", node_name=~".+"}[1h]) > 0',
}


class Receiver:
    """The labels of the alerts that Alertmanager sends."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, str]] = []

    def take(self, notification: Any) -> None:
        self.alerts += [alert["labels"] for alert in notification["alerts"]]

    @property
    def names(self) -> set[str]:
        return {alert["alertname"] for alert in self.alerts}


@dataclass(frozen=True)
class Site:
    loki: Loki
    receiver: Receiver

    def evaluated(self) -> None:
        """Wait until every rule has been evaluated again, and its alerts have been sent."""
        began = time.time()
        assert until(lambda: all(at > began for at in self._evaluations()), _SECONDS)
        time.sleep(2)  # the ruler's queue and Alertmanager's group_wait

    def _evaluations(self) -> list[float]:
        groups = (
            httpx.get(f"{self.loki.url}/prometheus/api/v1/rules")
            .raise_for_status()
            .json()["data"]["groups"]
        )
        times = [rule["lastEvaluation"][:19] for group in groups for rule in group["rules"]]
        return [
            time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%S")) - time.timezone for at in times
        ] or [0]


def failing_line() -> str:
    """A line of KubeProxyIptablesBackendMismatch."""
    entry = next(
        entry for entry in once.inputs().catalog.entries if entry.id == "iptables-backend-mismatch"
    )
    assert entry.logs
    lines = (line for sample in entry.samples for line in sample.lines)
    return next(line for line in lines if signature(entry.logs).matches(line))


@pytest.fixture(scope="module")
def site(start_loki: StartLoki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Loki whose ruler has the default rules, without `for`, and those of others; what they send is received."""
    work = tmp_path_factory.mktemp("shared")
    ours = yaml.safe_load(
        (ROOT / "output" / "loki" / "kube-proxy.rules.yaml").read_text(encoding="utf-8")
    )["groups"]
    theirs = {
        "name": "others",
        "rules": [{"alert": name, "expr": expr} for name, expr in OTHERS.items()],
    }
    groups = [
        {
            **group,
            "interval": "1s",
            "rules": [{k: v for k, v in rule.items() if k != "for"} for rule in group["rules"]],
        }
        for group in [*ours, theirs]
    ]
    receiver = Receiver()
    route = {"receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    with ExitStack() as stack:
        hook = {
            "name": "all",
            "webhook_configs": [{"url": stack.enter_context(posts.taking(receiver.take))}],
        }
        (work / "alertmanager.yaml").write_text(
            yaml.safe_dump({"route": route, "receivers": [hook]}), encoding="utf-8"
        )
        alertmanager = stack.enter_context(
            servers.alertmanager(
                obtained(programs.ALERTMANAGER, programs.ALERTMANAGER.pinned[0], tmp_path_factory),
                work / "alertmanager.yaml",
                work,
            )
        )
        rules = [yaml_file("rules.yaml", {"groups": groups})]
        running = stack.enter_context(start_loki(rules, alertmanager))
        yield Site(running, receiver)


def test_nobody_is_paged_and_nothing_is_taken_for_the_site(
    site: Site, run: Run, tmp_path: Path
) -> None:
    assert until(lambda: site.receiver.names == {"KubeProxyLogRulesWatchdog"}, _SECONDS)
    done = run("test", "--loki", site.loki.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Loki sees" in done.stderr
    site.evaluated()
    assert site.receiver.names == {"KubeProxyLogRulesWatchdog"}

    diagnosed = run("diagnose", "--loki", site.loki.url, "--json")
    assert (diagnosed.returncode, json.loads(diagnosed.stdout)["found"]) == (0, [])
    begun = run(
        "init", "--loki", site.loki.url, "--output", str(tmp_path / "site.yaml"), cwd=tmp_path
    )
    assert "kube_proxy_alerts_test" not in begun.stdout + begun.stderr
    assert "has no stream" in begun.stderr + begun.stdout

    # A line of the site does all of this, so it would have been seen.
    stream = {"container": "kube-proxy", "namespace": "kube-system", "pod": "p1", "node_name": "n1"}
    site.loki.push([{"stream": stream, "values": [[str(time.time_ns()), failing_line()]]}])
    assert until(
        lambda: {"KubeProxyIptablesBackendMismatch", *OTHERS} <= site.receiver.names, _SECONDS
    )
    assert run("diagnose", "--loki", site.loki.url).returncode == 1


def test_what_an_older_version_has_pushed_is_not_taken_for_the_site_either(
    run: Run, start_loki: StartLoki
) -> None:
    stream = {"container": "kube-proxy", "pod": "p1", "node_name": "n1", TEST_LABEL: "an older run"}
    with start_loki() as running:
        running.push([{"stream": stream, "values": [[str(time.time_ns()), failing_line()]]}])
        verified = run("verify", "--loki", running.url, "--no-runbooks", "--json")
        diagnosed = run("diagnose", "--loki", running.url, "--json")
    assert (diagnosed.returncode, json.loads(diagnosed.stdout)["found"]) == (0, [])
    said = [row["subject"] for row in json.loads(verified.stdout) if row["check"] == "selectors"]
    assert 'Loki has no stream {container="kube-proxy"}' in said


def test_a_rule_that_would_see_the_tests_stops_them_before_anything_is_pushed(
    run: Run, start_loki: StartLoki
) -> None:
    rules = {
        "groups": [
            {
                "name": "all",
                "rules": [{"alert": "Any", "expr": 'rate({service_name=~".+"}[1m]) > 0'}],
            }
        ]
    }
    with start_loki([File("rules.yaml", yaml.safe_dump(rules))]) as running:
        assert until(
            lambda: "Any" in httpx.get(f"{running.url}/prometheus/api/v1/rules").text, _SECONDS
        )
        done = run("test", "catalog/iptables-backend-mismatch/tests.yaml", "--loki", running.url)
        labels = httpx.get(f"{running.url}/loki/api/v1/labels").json()["data"]
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "has rules that would see the lines of the tests, and might alert: Any; leave --loki out"
        in done.stderr
    )
    assert not any(label.startswith(TEST_LABEL) for label in labels)
