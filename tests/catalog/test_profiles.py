"""A profile on top of presets and files: what holds, and where a problem of it is said to stand."""

from datetime import date
from pathlib import Path

import pytest

from generator.base.reader import Reader
from generator.catalog import profiles
from generator.catalog.load import Inputs, load
from generator.catalog.package import shipped_catalog
from generator.catalog.profile import Disabled, Profile
from generator.pipeline import compile_catalog
from tests.conftest import TINY


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def site(**files: str) -> Inputs:
    """The profile site.yaml among files that are written with these texts."""
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    return load(profile=Path("site.yaml"), base=TINY)


def test_a_preset_gives_what_the_profile_does_not_say() -> None:
    profile = site(site="extends: fluent-bit\nloki: {labels: {node: host}}\n").profile
    assert profile.loki.selector == '{kubernetes_container_name="kube-proxy"}'
    assert (profile.loki.labels.pod, profile.loki.labels.node) == ("kubernetes_pod_name", "host")
    assert profile.loki.interval == "30s"


def test_of_several_the_later_one_wins_and_the_profile_over_all() -> None:
    files = {
        "low": "loki: {range: 1h, interval: 1m, ingest_delay: 2m}\n",
        "high": "loki: {range: 2h, interval: 2m}\n",
        "site": "extends: [low.yaml, high.yaml]\nloki: {range: 3h}\n",
    }
    loki = site(**files).profile.loki
    assert (loki.range, loki.interval, loki.ingest_delay) == ("3h", "2m", "2m")


def test_a_file_may_extend_another_and_paths_are_relative_to_it() -> None:
    Path("base").mkdir()
    Path("base/all.yaml").write_text("extends: [promtail, more.yaml]\n")
    Path("base/more.yaml").write_text("loki: {range: 1h}\n")
    loki = site(site="extends: base/all.yaml\n").profile.loki
    assert (loki.labels.node, loki.range) == ("node_name", "1h")


def test_lists_are_joined_and_null_is_a_value() -> None:
    files = {
        "low": "disabled: [gate-slow]\nloki: {labels: {node: node}}\n",
        "site": "extends: ./low.yaml\ndisabled: [broken-gate]\nloki: {labels: {node: null}}\n",
    }
    profile = site(**files).profile
    assert profile.disabled == {"gate-slow", "broken-gate"}
    assert profile.loki.labels.node is None


def test_a_file_that_several_extend_is_laid_once_and_where_it_counts_most() -> None:
    files = {
        "all": "loki: {range: 1h, interval: 1m, ingest_delay: 2m}\n",
        "left": "extends: ./all.yaml\nloki: {range: 2h, interval: 2m}\n",
        "right": "extends: ./all.yaml\nloki: {range: 3h}\n",
        "site": "extends: [left.yaml, right.yaml]\n",
    }
    loki = site(**files).profile.loki
    assert (loki.range, loki.interval, loki.ingest_delay) == ("3h", "1m", "2m")
    assert [path.name for path in profiles.files(shipped_catalog(), Path("site.yaml"))] == [
        "site.yaml", "right.yaml", "all.yaml", "left.yaml",
    ]  # fmt: skip


def test_files_that_all_extend_both_of_the_next_level_are_read_once() -> None:
    """Thirty levels of two files, which are 2^30 ways down."""
    levels = {
        f"{side}{level}": f"extends: [a{level + 1}.yaml, b{level + 1}.yaml]\n"
        for level in range(30)
        for side in "ab"
    }
    last = {
        "a30": "loki: {range: 1h}\n",
        "b30": "loki: {interval: 2m}\n",
        "site": "extends: ./a0.yaml\n",
    }
    loki = site(**levels, **last).profile.loki
    assert (loki.range, loki.interval) == ("1h", "2m")


def test_files_that_extend_one_another_have_an_end() -> None:
    levels = {f"a{level}": f"extends: ./a{level + 1}.yaml\n" for level in range(1200)}
    (problem,) = site(**levels, site="extends: ./a0.yaml\n").problems
    assert (
        str(problem)
        == "a99.yaml:1:1: more than 100 files extend one another; name what is needed in one of them"
    )


@pytest.mark.parametrize(
    ("low", "said"),
    [
        ("loki: {interval: 0s}\n", "low.yaml:1:8: the interval must be longer than 0"),
        ("disabled: [no-such]\n", "low.yaml:1:12: there is no entry 'no-such'"),
        (
            "alerts: {KubeProxyGateSlow: {threshold: 99}}\n",
            "low.yaml:1:30: KubeProxyGateSlow: threshold 99",
        ),
        ("labels: {failure: x}\n", "low.yaml:1:10: every alert has a label 'failure'"),
        ("loky: {}\n", "low.yaml:1:1: unknown key 'loky'; did you mean 'loki'?"),
        ("extends: ./site.yaml\n", "low.yaml:1:1: ./site.yaml extends this file in turn"),
        (
            "extends: nothing-like-it\n",
            "low.yaml:1:1: there is no preset 'nothing-like-it'; there are aks, alloy,",
        ),
    ],
)
def test_a_problem_of_what_is_extended_is_said_where_it_stands(low: str, said: str) -> None:
    mine = "extends: ./low.yaml\nloki: {labels: {node: node}}\nrunbooks: {base_url: https://runbooks.test/kp}\n"
    problems = [
        str(problem) for problem in compile_catalog(site(low=low, site=mine), "output").problems
    ]
    assert len(problems) == 1
    assert problems[0].startswith(said)


def test_the_files_of_a_profile_are_those_it_is_made_of() -> None:
    site(low="extends: rke2\n", site="extends: low.yaml\n")
    found = profiles.files(shipped_catalog(), Path("site.yaml"))
    assert [path.name for path in found[:2]] == ["site.yaml", "low.yaml"]
    assert {path.name for path in found[2:]} == {
        "rke2.yaml",
        "promtail.yaml",
        "kube-prometheus-stack.yaml",
    }
    assert all(path.is_file() for path in found)


def test_a_broken_profile_has_the_files_that_can_be_known() -> None:
    Path("site.yaml").write_text("extends: [low.yaml\n")
    assert profiles.files(shipped_catalog(), Path("site.yaml")) == [Path("site.yaml")]


@pytest.mark.parametrize(
    ("style", "page", "index"),
    [
        ("markdown", "https://r.test/kp/KubeProxySyncSlow.md", "https://r.test/kp/README.md"),
        ("site", "https://r.test/kp/KubeProxySyncSlow.html", "https://r.test/kp/index.html"),
    ],
)
def test_links_end_as_the_published_pages_do(
    style: str, page: str, index: str, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(
        f"runbooks: {{base_url: https://r.test/kp/, style: {style}}}\n"
    )
    profile = load(profile=tmp_path / "site.yaml").profile
    assert profile.runbook_url("KubeProxySyncSlow") == page
    assert profile.page_url("README.md") == index


def test_what_is_disabled_until_a_day_is_back_on_the_next(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "disabled: [gate-watchdog, {id: gate-slow, reason: noisy, until: 2027-03-31}, "
        "{id: broken-gate, reason: of another team}]\n",
        encoding="utf-8",
    )

    def on(day: date) -> Profile:
        reader = Reader()
        found = profiles.read_profile(reader, shipped_catalog(), site, day)
        assert reader.problems == []
        return found

    assert on(date(2027, 3, 31)).disabled == {"gate-watchdog", "gate-slow", "broken-gate"}
    assert on(date(2027, 3, 31)).lapsed == ()
    assert on(date(2027, 4, 1)).disabled == {"gate-watchdog", "broken-gate"}
    assert on(date(2027, 4, 1)).lapsed == (Disabled("gate-slow", "noisy", "2027-03-31"),)
