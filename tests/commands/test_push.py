"""push and diff, on real rulers."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from generator import outputs
from generator.base.file import File
from generator.cli import main
from generator.rulers import ruler as of_rulers
from tests.conftest import ROOT, Run, obtained
from tests.faulty import CUT, front
from tests.lab import programs, servers
from tests.lokis import StartLoki
from tests.plain import HTTP
from tests.waiting import until_evaluated

SECRET = "never-to-be-seen"  # noqa: S105
TENANT = "network"


@dataclass(frozen=True)
class Ruler:
    """A ruler with nothing in it: the options that name it, and how its groups are read without this tool."""

    name: str
    options: tuple[str, ...]
    url: str
    path: str
    headers: Mapping[str, str]

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        answer = HTTP.get(f"{self.url}{self.path}", headers=self.headers)
        return yaml.safe_load(answer.text) if answer.is_success else {}

    def clear(self) -> None:
        for namespace in self.groups():
            HTTP.delete(
                f"{self.url}{self.path}/{namespace}", headers=self.headers
            ).raise_for_status()

    def change(self, namespace: str, group: Mapping[str, Any]) -> None:
        """Change a group by hand."""
        HTTP.post(
            f"{self.url}{self.path}/{namespace}",
            content=yaml.safe_dump(dict(group)),
            headers=self.headers,
        ).raise_for_status()


@pytest.fixture(scope="module")
def empty_rulers(
    start_loki: StartLoki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Ruler]]:
    """A Loki and a Cortex, which keep their rules in one bucket."""
    work = tmp_path_factory.mktemp("rulers")
    wanted = (programs.CORTEX, programs.OBJECT_STORE)
    cortex, store = (obtained(tool, tool.pinned[0], tmp_path_factory) for tool in wanted)
    with ExitStack() as stack:
        bucket = stack.enter_context(servers.object_store(store, work))
        of_loki = stack.enter_context(start_loki(rule_store=servers.loki_store(bucket))).url
        of_cortex = stack.enter_context(servers.cortex(cortex, bucket, work))
        yield {
            "loki": Ruler("Loki", ("--loki", of_loki), of_loki, "/loki/api/v1/rules", {}),
            "cortex": Ruler(
                "Cortex",
                ("--cortex", of_cortex),
                of_cortex,
                "/api/v1/rules",
                {"X-Scope-OrgID": TENANT},
            ),
        }


@pytest.fixture
def rulers(empty_rulers: Mapping[str, Ruler]) -> Iterator[Mapping[str, Ruler]]:
    """Empty again after each test: rulers read all that they have every second."""
    yield empty_rulers
    for ruler in empty_rulers.values():
        ruler.clear()


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """The environment of one machine: who we are, and a place to keep what was pushed."""
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "KUBE_PROXY_ALERTS_CORTEX_TENANT": TENANT}


def up_to_date(run: Run, *where: str, **state: str) -> bool:
    """Whether `diff` finds nothing, and prints nothing."""
    done = run("diff", *where, **state)
    return (done.returncode, done.stdout) == (0, "")


@pytest.fixture(params=["loki", "cortex"])
def ruler(request: pytest.FixtureRequest, rulers: Mapping[str, Ruler]) -> Ruler:
    return rulers[request.param]


def test_what_is_pushed_is_there_and_pushed_once(
    ruler: Ruler, run: Run, state: dict[str, str]
) -> None:
    where = (*ruler.options, "--namespace", "once")
    before = run("diff", *where, **state)
    assert before.returncode == 1
    assert "  create kube-proxy." in before.stdout

    pushed = run("push", *where, "--no-validate", **state)
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout == before.stdout
    engine = "loki" if ruler.name == "Loki" else "prometheus"
    committed = yaml.safe_load((ROOT / "output" / engine / "kube-proxy.rules.yaml").read_text())
    assert {group["name"] for group in ruler.groups()["once"]} == {
        group["name"] for group in committed["groups"]
    }

    assert up_to_date(run, *where, **state)
    again = run("push", *where, "--no-validate", **state)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.endswith(", namespace once: up to date\n")


def test_a_difference_is_seen_without_the_files_of_an_output(
    ruler: Ruler,
    run_small: Run,
    state: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(outputs, "render_one")
    (tmp_path / "site.yaml").write_text("labels: {team: net}\n")
    done = run_small("diff", *ruler.options, "--profile", str(tmp_path / "site.yaml"), **state)
    assert done.returncode == 1
    assert "  create kube-proxy." in done.stdout


def test_a_rule_that_was_changed_by_hand_is_named_and_repaired(
    ruler: Ruler, run_small: Run, state: dict[str, str]
) -> None:
    where = (*ruler.options, "--namespace", "by-hand")
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    group = next(
        group
        for group in ruler.groups()["by-hand"]
        if any("alert" in rule for rule in group["rules"])
    )
    rule = next(rule for rule in group["rules"] if "alert" in rule)
    rule["labels"]["severity"] = "none of them"
    ruler.change("by-hand", group)

    found = run_small("diff", *where, **state)
    assert found.returncode == 1
    assert f"  update {group['name']}\n" in found.stdout
    assert "-    severity: none of them\n" in found.stdout
    as_json = json.loads(run_small("diff", *where, "--json", **state).stdout)
    assert [(change["group"], change["change"]) for change in as_json[0]["changes"]] == [
        (group["name"], "update")
    ]

    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    assert run_small("diff", *where, **state).returncode == 0


def test_a_dry_run_changes_nothing(ruler: Ruler, run_small: Run, state: dict[str, str]) -> None:
    done = run_small(
        "push", *ruler.options, "--namespace", "dry", "--no-validate", "--dry-run", **state
    )
    assert done.returncode == 0
    assert ", namespace dry: would change: " in done.stderr
    assert "dry" not in ruler.groups()


def test_rollback_brings_back_what_was_there(
    ruler: Ruler, run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    where = (*ruler.options, "--namespace", "back")
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    before = ruler.groups()["back"]
    (tmp_path / "site.yaml").write_text("disabled: [broken-gate, gate-slow]\nlabels: {team: net}\n")
    changed = run_small(
        "push", *where, "--no-validate", "--profile", str(tmp_path / "site.yaml"), **state
    )
    assert changed.returncode == 0
    assert ruler.groups().get("back") != before

    back = run_small("push", *where, "--rollback", **state)
    assert back.returncode == 0, back.stderr
    assert sorted(ruler.groups()["back"], key=str) == sorted(before, key=str)


def test_without_a_push_there_is_nothing_to_go_back_to(
    ruler: Ruler, run_small: Run, state: dict[str, str]
) -> None:
    done = run_small("push", *ruler.options, "--namespace", "never", "--rollback", **state)
    assert done.returncode == 2
    assert "namespace never: nothing was pushed there from here" in done.stderr


def test_what_was_kept_and_then_edited_is_not_pushed(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    ruler = rulers["loki"]
    where = (*ruler.options, "--namespace", "edited")
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    before = ruler.groups()["edited"]
    (kept,) = (tmp_path / "state").rglob("*.yaml")
    for text, said in (
        ("place: x\nunfinished: false\ngroups: null\n", "at groups: null; nothing was changed. "),
        ("groups: [\n", " (line 2, column 1); nothing was changed. "),
    ):
        kept.write_text(text, encoding="utf-8")
        done = run_small("push", *where, "--rollback", **state)
        assert done.returncode == 2
        assert done.stderr.startswith(f"kube-proxy-alerts: {kept}: is not what was kept: ")
        assert said in done.stderr
        assert ruler.groups()["edited"] == before


def test_a_namespace_of_others_is_not_touched(
    ruler: Ruler, run_small: Run, state: dict[str, str]
) -> None:
    theirs = {"name": "team.latency", "rules": [{"alert": "Theirs", "expr": "vector(1)"}]}
    if ruler.name == "Loki":
        theirs["rules"] = [{"alert": "Theirs", "expr": 'count_over_time({a="b"}[1m]) > 0'}]
    ruler.change("theirs", theirs)
    for verb in (("diff",), ("push", "--no-validate")):
        done = run_small(*verb, *ruler.options, "--namespace", "theirs", **state)
        assert done.returncode == 2
        assert (
            "holds groups that are not ours: team.latency; use another --namespace" in done.stderr
        )
    assert [group["name"] for group in ruler.groups()["theirs"]] == ["team.latency"]


def test_other_namespaces_stay_as_they_are(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str]
) -> None:
    ruler = rulers["loki"]
    theirs = {
        "name": "team.errors",
        "rules": [{"alert": "Theirs", "expr": 'count_over_time({a="b"}[1m]) > 0'}],
    }
    ruler.change("neighbour", theirs)
    assert (
        run_small(
            "push", *ruler.options, "--namespace", "ours", "--no-validate", **state
        ).returncode
        == 0
    )
    assert [group["name"] for group in ruler.groups()["neighbour"]] == ["team.errors"]


def test_a_push_that_breaks_off_says_how_far_it_came_and_goes_on_from_there(
    rulers: Mapping[str, Ruler], run: Run, state: dict[str, str]
) -> None:
    ruler = rulers["loki"]
    with front(ruler.url) as proxy:
        where = ("--loki", proxy.url, "--namespace", "broken")
        proxy.demanded = {"Authorization": "Bearer expired"}
        refused = run("push", *where, "--no-validate", **state)
        assert refused.returncode == 2
        assert "answers 401" in refused.stderr
        proxy.demanded = {}
        proxy.writes_left = 2
        half = run("push", *where, "--no-validate", **state)
        assert half.returncode == 2
        assert "answers 500 to POST" in half.stderr
        assert (
            "; 2 of 27 groups were changed before that; the same command goes on from there"
            in half.stderr
        )
        proxy.writes_left = None
        assert run("push", *where, "--no-validate", **state).returncode == 0
        assert run("diff", *where, **state).returncode == 0


def test_a_loki_that_reads_its_rules_from_a_folder_says_so(
    start_loki: StartLoki, run: Run, state: dict[str, str]
) -> None:
    said = (
        "reads its rules from a folder (ruler storage `local`), "
        "so they cannot be written over HTTP. Put the rule file"
    )
    shipped = (ROOT / "output" / "loki" / "kube-proxy.rules.yaml").read_text(encoding="utf-8")
    with start_loki() as empty:
        for verb in (("diff",), ("push", "--no-validate")):
            done = run(*verb, "--loki", empty.url, **state)
            assert (done.returncode, done.stdout) == (2, "")
            assert f"Loki at {empty.url} {said}" in done.stderr
    with start_loki([File("ours.yaml", shipped)]) as filled:
        where = ("--loki", filled.url, "--namespace", "ours.yaml")
        assert up_to_date(run, *where, **state)
        (Path(state["XDG_STATE_HOME"]).parent / "site.yaml").write_text("labels: {team: net}\n")
        site = str(Path(state["XDG_STATE_HOME"]).parent / "site.yaml")
        assert run("diff", *where, "--profile", site, **state).returncode == 1
        done = run("push", *where, "--profile", site, "--no-validate", **state)
        assert done.returncode == 2
        assert said in done.stderr


def test_a_loki_without_a_rules_api_says_so(
    start_loki: StartLoki, run_small: Run, state: dict[str, str]
) -> None:
    with start_loki(ruler=False) as without:
        done = run_small("push", "--loki", without.url, "--no-validate", **state)
    assert done.returncode == 2
    assert (
        "has no rules API at /loki/api/v1/rules/kube-proxy-alerts (404: 404 page not found); is this Loki"
        in done.stderr
    )


def test_a_ruler_that_may_only_be_read_says_so(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str]
) -> None:
    with front(rulers["loki"].url) as proxy:
        proxy.writes_left, proxy.refusal = 0, 405
        done = run_small(
            "push", "--loki", proxy.url, "--namespace", "read", "--no-validate", **state
        )
    assert done.returncode == 2
    assert "does not let its rules be written (405 to POST /loki/api/v1/rules/read)" in done.stderr


def test_servers_of_the_profile_can_be_left_out(
    prometheus: tuple[str, Path], run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    """A Loki that is fed by other means does not stand in the way of the rest."""
    url, rules = prometheus
    site = {"servers": {"loki": {"url": "http://127.0.0.1:1"}, "prometheus": {"url": url}}}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
    where = ("--profile", str(tmp_path / "site.yaml"), "--rules-dir", str(rules))
    assert run_small("push", *where, "--no-validate", **state).returncode == 2
    for verb in (("push", "--no-validate"), ("diff",), ("push", "--rollback")):
        done = run_small(*verb, *where, "--only", "prometheus", **state)
        assert done.returncode == 0, done.stderr
    refused = run_small("diff", *where, "--only", "prometheus,mimir", **state)
    assert refused.returncode == 2
    assert "--only names mimir, whose address nothing says; give --mimir URL" in refused.stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (CUT, "cuts its answers short"),
        (
            "<html>Sign in</html>",
            'but not as Loki does: at the beginning: "<html>Sign in</html>"; is this the address of Loki?',
        ),
        (
            404,
            "has no rules API at /loki/api/v1/rules/kube-proxy-alerts (404: 404 for Bearer ***); is this Loki, "
            "does its ruler run",
        ),
        (429, "it asks to be asked less often, and went on doing so"),
        (500, "it failed"),
    ],
)
def test_a_fault_on_the_way_is_could_not_run(
    fault: int | str, said: str, rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str]
) -> None:
    with front(rulers["loki"].url) as proxy:
        proxy.faults, proxy.headers = [fault] * 10, {"Retry-After": "0"}
        done = run_small("diff", "--loki", proxy.url, KUBE_PROXY_ALERTS_LOKI_TOKEN=SECRET, **state)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert SECRET not in done.stderr


def test_no_secret_is_kept_or_shown(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(SECRET)
    with front(rulers["loki"].url) as proxy:
        proxy.demanded = {"Authorization": f"Bearer {SECRET}"}
        site = {"servers": {"loki": {"url": proxy.url, "token_file": "token"}}}
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
        options = ("--profile", str(tmp_path / "site.yaml"), "--namespace", "secret")
        outputs = [
            run_small(verb, *options, *more, **state)
            for verb, *more in (["push", "--no-validate"], ["diff", "--json"])
        ]
        assert [done.returncode for done in outputs] == [0, 0]
        kept = [path.read_text() for path in (tmp_path / "state").rglob("*.yaml")]
        assert kept
        assert SECRET not in "".join([*kept, *(done.stdout + done.stderr for done in outputs)])


def test_an_empty_mimir_answers_with_an_empty_mapping(
    rulers: Mapping[str, Ruler], run: Run, state: dict[str, str]
) -> None:
    with front(rulers["cortex"].url) as proxy:
        proxy.faults = ["{}\n"]
        done = run("diff", "--mimir", proxy.url, **state)
        assert (done.returncode, proxy.paths) == (
            1,
            ["/prometheus/config/v1/rules/kube-proxy-alerts"],
        )
        groups = yaml.safe_load(
            (ROOT / "output" / "prometheus" / "kube-proxy.rules.yaml").read_text()
        )["groups"]
        assert done.stderr.endswith(f", namespace kube-proxy-alerts: {len(groups)} to create\n")


def test_a_push_that_broke_off_and_was_repeated_can_be_rolled_back(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    ruler = rulers["loki"]
    (tmp_path / "site.yaml").write_text("labels: {team: net}\n")
    with front(ruler.url) as proxy:
        where = ("--loki", proxy.url, "--namespace", "twice")
        second = ("push", *where, "--no-validate", "--profile", str(tmp_path / "site.yaml"))
        assert run_small("push", *where, "--no-validate", **state).returncode == 0
        before = ruler.groups()["twice"]
        proxy.writes_left = 1
        assert run_small(*second, **state).returncode == 2
        proxy.writes_left = None
        assert run_small(*second, **state).returncode == 0

        proxy.writes_left = 1
        assert run_small("push", *where, "--rollback", **state).returncode == 2
        proxy.writes_left = None
        back = run_small("push", *where, "--rollback", **state)
        assert back.returncode == 0, back.stderr
        assert sorted(ruler.groups()["twice"], key=str) == sorted(before, key=str)
        assert run_small("push", *where, "--rollback", **state).returncode == 2, (
            "it was brought back already"
        )


def test_a_rollback_needs_no_catalog_that_compiles(
    rulers: Mapping[str, Ruler], run_small: Run, state: dict[str, str], tmp_path: Path
) -> None:
    where = (*rulers["loki"].options, "--namespace", "night")
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    (tmp_path / "broken").mkdir()
    done = run_small("push", *where, "--rollback", "--catalog", str(tmp_path / "broken"), **state)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=programs.PROMETHEUS.pinned)
def prometheus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A Prometheus of each pinned version, and the empty folder that it reads rules from."""
    binary = obtained(programs.PROMETHEUS, request.param, tmp_path_factory)
    work = tmp_path_factory.mktemp("prometheus")
    rules = work / "rules"
    rules.mkdir()
    with servers.prometheus(binary, {"rule_files": [f"{rules}/*.rules.yaml"]}, work) as url:
        yield url, rules


def loaded(url: str) -> set[str]:
    groups = HTTP.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"]}


def test_prometheus_loads_the_file_and_goes_back(
    prometheus: tuple[str, Path], run: Run, state: dict[str, str]
) -> None:
    url, rules = prometheus
    where = ("--prometheus", url, "--rules-dir", str(rules))
    assert run("diff", *where, **state).returncode == 1
    done = run("push", *where, "--no-validate", **state)
    assert done.returncode == 0, done.stderr
    assert {"KubeProxySyncSlow", "KubeProxyMetricRulesWatchdog"} <= loaded(url)
    assert run("diff", *where, **state).returncode == 0
    file = rules / "kube-proxy-alerts.rules.yaml"
    written = file.read_bytes(), file.stat().st_mtime_ns
    assert run("push", *where, "--no-validate", **state).returncode == 0
    assert (file.read_bytes(), file.stat().st_mtime_ns) == written

    assert run("push", *where, "--rollback", **state).returncode == 0
    assert loaded(url) == set()
    assert not file.exists()


SITE = """
prometheus: {interval: 1s}
alerts:
  KubeProxyRestarting: {range: 60m, threshold: 1000000, for: 90s}
  KubeProxyIptablesRestoreFailing: {range: 90s, for: 60m}
  KubeProxyNeverSynced: {age: 0.0000001}
"""


def test_values_that_prometheus_prints_anew_are_pushed_and_verified(
    prometheus: tuple[str, Path], run: Run, state: dict[str, str], tmp_path: Path
) -> None:
    url, rules = prometheus
    (tmp_path / "site.yaml").write_text(SITE)
    ours = ("--profile", str(tmp_path / "site.yaml"), "--prometheus", url)
    where = (*ours, "--rules-dir", str(rules), "--namespace", "anew")
    pushed = run("push", *where, "--no-validate", **state)
    assert pushed.returncode == 0, pushed.stderr
    assert up_to_date(run, *where, **state)
    until_evaluated(url, 60)
    deadline = time.monotonic() + 60
    while True:
        done = run("verify", *ours, "--no-runbooks", "--json", **state)
        rows = [
            row
            for row in json.loads(done.stdout)
            if row["check"] == "rules" and "Prometheus" in row["subject"]
        ]
        if [row["state"] for row in rows] == ["ok"]:
            break
        assert time.monotonic() < deadline, done.stdout
        time.sleep(1)
    assert run("push", *where, "--rollback", **state).returncode == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("for: 90s", "for: 91s"),
        ("4.25", "4.26"),
        ("severity: warning", "severity: info"),
        ("First", "1st"),
    ],
)
def test_a_rule_of_which_prometheus_shows_another_version_is_a_difference(
    old: str,
    new: str,
    prometheus: tuple[str, Path],
    run_small: Run,
    state: dict[str, str],
    tmp_path: Path,
) -> None:
    url, rules = prometheus
    (tmp_path / "site.yaml").write_text(
        "alerts: {KubeProxyGateSlow: {threshold: 4.25, for: 90s}}\n"
    )
    where = (
        "--profile",
        str(tmp_path / "site.yaml"),
        "--prometheus",
        url,
        "--rules-dir",
        str(rules),
        "--namespace",
        "shown",
    )
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    file = rules / "shown.rules.yaml"
    ours = file.read_text()
    file.write_text(ours.replace(old, new))
    HTTP.post(f"{url}/-/reload").raise_for_status()
    file.write_text(ours)  # as it should be, and not what is loaded
    assert ours != ours.replace(old, new)
    assert run_small("diff", *where, **state).returncode == 1
    assert run_small("push", *where, "--no-validate", **state).returncode == 0


def test_a_file_that_prometheus_has_not_loaded_is_a_difference(
    prometheus: tuple[str, Path], run_small: Run, state: dict[str, str]
) -> None:
    url, rules = prometheus
    where = ("--prometheus", url, "--rules-dir", str(rules), "--namespace", "unseen")
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    file = rules / "unseen.rules.yaml"
    file.write_text(file.read_text().replace("severity: warning", "severity: critical"))
    assert run_small("diff", *where, **state).returncode == 1
    assert run_small("push", *where, "--no-validate", **state).returncode == 0
    assert run_small("diff", *where, **state).returncode == 0
    done = run_small("diff", "--prometheus", "http://127.0.0.1:1", *where[2:], **state)
    assert done.returncode == 2
    assert run_small("push", *where, "--rollback", **state).returncode == 0


def test_a_file_of_others_is_not_touched(
    prometheus: tuple[str, Path], run_small: Run, state: dict[str, str]
) -> None:
    url, rules = prometheus
    (rules / "mine.rules.yaml").write_text("groups: []\n")
    where = ("--prometheus", url, "--rules-dir", str(rules), "--namespace", "mine")
    done = run_small("push", *where, "--no-validate", **state)
    assert done.returncode == 2
    assert (
        "mine.rules.yaml: was not generated by kube-proxy-alerts and would be lost" in done.stderr
    )
    (rules / "mine.rules.yaml").unlink()


@pytest.fixture
def impatient(run_small: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, which gives a Prometheus three seconds to load what it will never load."""
    monkeypatch.setattr(of_rulers, "_LOAD_SECONDS", 3)
    return run_small


def test_a_folder_that_prometheus_does_not_read_is_said(
    prometheus: tuple[str, Path], impatient: Run, state: dict[str, str], tmp_path: Path
) -> None:
    url, _ = prometheus
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = ("--prometheus", url, "--rules-dir", str(elsewhere))
    done = impatient("push", *where, "--no-validate", **state)
    assert done.returncode == 2
    assert f"does its rule_files name {elsewhere}/*.rules.yaml?" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_prometheus_that_reads_another_file_of_this_name_is_said(
    prometheus: tuple[str, Path],
    run_small: Run,
    impatient: Run,
    state: dict[str, str],
    tmp_path: Path,
) -> None:
    url, rules = prometheus
    where = ("--prometheus", url, "--namespace", "twin")
    assert (
        run_small("push", *where, "--rules-dir", str(rules), "--no-validate", **state).returncode
        == 0
    )
    (tmp_path / "copy").mkdir()
    (tmp_path / "site.yaml").write_text("labels: {team: net}\n")
    site = ("--profile", str(tmp_path / "site.yaml"))
    copy = ("--rules-dir", str(tmp_path / "copy"))
    done = impatient("push", *where, *copy, *site, "--no-validate", **state)
    assert done.returncode == 2
    assert (
        f"shows other rules than those of {tmp_path / 'copy'}/twin.rules.yaml, in kube-proxy."
        in done.stderr
    )
    assert (
        run_small("push", *where, "--rules-dir", str(rules), "--rollback", **state).returncode == 0
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no ruler is named; give --loki URL and the like, or `servers:` in the profile"),
        (["--prometheus", "http://127.0.0.1:1"], "name the folder that it reads with --rules-dir"),
        (
            ["--rules-dir", "."],
            "--rules-dir needs the address of the Prometheus that reads it: --prometheus URL",
        ),
        (["--loki", "http://127.0.0.1:1"], "Loki at http://127.0.0.1:1 cannot be reached: "),
    ],
)
def test_what_is_missing_is_said(options: list[str], said: str, run_small: Run) -> None:
    clean = {name: "" for name in os.environ if name.startswith("KUBE_PROXY_ALERTS_")}
    done = run_small("diff", *options, **clean)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\nb"])
@pytest.mark.parametrize("command", ["push", "diff"])
def test_a_namespace_does_not_lead_elsewhere(command: str, name: str) -> None:
    """`..` would be folded out of an address, and an empty one asks for the groups of all."""
    done = CliRunner().invoke(main, [command, "--loki", "http://127.0.0.1:9", "--namespace", name])
    assert (done.exit_code, "is no name of a namespace" in done.output) == (2, True)
