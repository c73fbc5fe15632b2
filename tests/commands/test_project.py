"""kube-proxy-alerts.yaml and the environment: what a project says once, for every command."""

import os
from importlib import import_module
from pathlib import Path

import pytest

from generator.catalog import project
from generator.catalog.package import shipped_catalog
from generator.cli import COMMANDS
from tests.conftest import Repository, Run

SITE = "alerts: {KubeProxyCPUHigh: {for: 20m}}\nrunbooks: {base_url: https://wiki.site.test/kp}\n"


@pytest.fixture
def site(repository: Repository) -> Path:
    """A repository with a profile and the project's file, which names it."""
    folder = repository.folder
    (folder / "site.yaml").write_text(SITE)
    (folder / "kube-proxy-alerts.yaml").write_text("profile: site.yaml\noutput: rules\n")
    (folder / "deep" / "below").mkdir(parents=True)
    return folder


def test_the_file_is_found_from_every_folder_of_its_repository(site: Path) -> None:
    assert project.nearest_file(site) == site / "kube-proxy-alerts.yaml"
    assert project.nearest_file(site / "deep" / "below") == site / "kube-proxy-alerts.yaml"


def test_the_nearest_file_counts(site: Path) -> None:
    (site / "deep" / "kube-proxy-alerts.yaml").write_text("output: other\n")
    assert project.nearest_file(site / "deep" / "below") == site / "deep" / "kube-proxy-alerts.yaml"


def test_a_file_above_the_repository_is_not_of_it(site: Path) -> None:
    (site / "kube-proxy-alerts.yaml").rename(site.parent / "kube-proxy-alerts.yaml")
    assert project.nearest_file(site / "deep") is None


def test_outside_of_a_repository_only_the_working_folder_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "kube-proxy-alerts.yaml").write_text("output: rules\n")
    (tmp_path / "below").mkdir()
    assert project.nearest_file(tmp_path) == tmp_path / "kube-proxy-alerts.yaml"
    assert project.nearest_file(tmp_path / "below") is None


BAD = {
    "profil: site.yaml\n": "1:1: unknown key 'profil'; did you mean 'profile'?",
    "output: x\nprofile: no.yaml\n": "2:1: there is no file no.yaml; a path is relative to the file it stands in",
    "profile: deep\n": "1:1: there is no file deep; a path is relative to the file it stands in",
    "catalog: [deep, gone]\n": "1:17: there is no folder gone; a path is relative to the file it stands in",
    "catalog: site.yaml\n": "1:1: there is no folder site.yaml; a path is relative to the file it stands in",
    "catalog: []\nprofile: 7\n": "2:1: profile must be text; put it in quotes",
    'profile: "\\0"\n': "1:1: there is no file \0; a path is relative to the file it stands in",
    "output: [\n": "2:1: not valid YAML: did not find expected node content",
}


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_what_is_wrong_is_said_at_its_place(
    site: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    Path("kube-proxy-alerts.yaml").write_text(text)
    _, problems = project.read_project(
        site / "kube-proxy-alerts.yaml", shipped_catalog(), ["profile", "catalog", "output"]
    )
    assert [str(problem) for problem in problems] == [f"kube-proxy-alerts.yaml:{BAD[text]}"]


def test_what_is_wrong_ends_the_command_in_the_form_asked_for(site: Path, run: Run) -> None:
    (site / "kube-proxy-alerts.yaml").write_text("profile: gone.yaml\n")
    said = "there is no file gone.yaml; a path is relative to the file it stands in"
    done = run("check", cwd=site)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"kube-proxy-alerts.yaml:1:1: {said}\n",
    )
    done = run("check", "--format", "github", cwd=site)
    assert (done.returncode, done.stdout) == (
        1,
        f"::error file=kube-proxy-alerts.yaml,line=1,col=1::{said}\n",
    )


def test_paths_lead_from_the_file_and_what_was_taken_is_said(site: Path, run: Run) -> None:
    done = run("generate", "--no-validate", cwd=site / "deep")
    assert done.returncode == 0, done.stderr
    file = site / "kube-proxy-alerts.yaml"
    assert (
        done.stderr.splitlines()[0]
        == f"kube-proxy-alerts: takes --profile ../site.yaml --output ../rules from {file}"
    )
    assert "for: 20m" in (site / "rules" / "prometheus" / "kube-proxy.rules.yaml").read_text()
    done = run("changelog", "--check", cwd=site)
    assert (
        done.stderr.splitlines()[0]
        == "kube-proxy-alerts: takes --output rules from kube-proxy-alerts.yaml"
    )


def test_entries_of_ones_own_come_from_it_too(site: Path, run: Run) -> None:
    assert run("new", "mine", "--catalog", "ours", cwd=site).returncode == 0
    for row in ("ours", "[ours]"):
        (site / "kube-proxy-alerts.yaml").write_text(f"catalog: {row}\n")
        done = run("list", cwd=site)
        assert (
            done.stderr == "kube-proxy-alerts: takes --catalog ours from kube-proxy-alerts.yaml\n"
        )
        assert "KubeProxyMine" in done.stdout


def test_the_command_line_counts_more_than_the_environment_and_that_more_than_the_file(
    site: Path, run: Run
) -> None:
    (site / "other.yaml").write_text("disabled: [cpu-high]\n")
    (site / "third.yaml").write_text("disabled: [sync-slow]\n")
    done = run("explain", "KubeProxyCPUHigh", cwd=site, KUBE_PROXY_ALERTS_PROFILE="other.yaml")
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[0]
        == "kube-proxy-alerts: takes --profile other.yaml from KUBE_PROXY_ALERTS_PROFILE"
    )
    done = run(
        "explain",
        "KubeProxyCPUHigh",
        "--profile",
        "third.yaml",
        cwd=site,
        KUBE_PROXY_ALERTS_PROFILE="other.yaml",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_is_not_read_where_all_is_given(site: Path, run: Run) -> None:
    (site / "kube-proxy-alerts.yaml").write_text("nonsense: 1\n")
    assert run("list", cwd=site).returncode == 1
    assert (
        run("list", "--profile", "site.yaml", cwd=site, KUBE_PROXY_ALERTS_CATALOG="").returncode
        == 1
    )
    assert run("new", "mine", "--catalog", "ours", cwd=site).returncode == 0
    assert run("list", "--profile", "site.yaml", "--catalog", "ours", cwd=site).returncode == 0


def test_several_catalogs_stand_in_the_environment_as_paths_do(site: Path, run: Run) -> None:
    for name in ("one", "two"):
        assert run("new", f"of-{name}", "--catalog", name, cwd=site).returncode == 0
    done = run("list", cwd=site, KUBE_PROXY_ALERTS_CATALOG=os.pathsep.join(["one", "two"]))
    assert {"KubeProxyOfOne", "KubeProxyOfTwo"} <= {
        word for row in done.stdout.splitlines() for word in row.split("\t")
    }


def test_a_bad_path_of_the_environment_is_said_with_its_variable(site: Path, run: Run) -> None:
    done = run("list", cwd=site, KUBE_PROXY_ALERTS_PROFILE="gone.yaml")
    assert done.returncode == 2
    assert "KUBE_PROXY_ALERTS_PROFILE" in done.stderr


def test_every_command_takes_them_in_the_same_way() -> None:
    commands = {verb: import_module(f"generator.commands.{verb}").command for verb in COMMANDS}
    options = {
        (verb, option.name): option
        for verb, command in commands.items()
        for option in command.params
        if option.name in ("profile", "catalogs") or (option.name == "output" and verb != "init")
    }
    assert len(options) > len(COMMANDS)
    for option in options.values():
        key = option.opts[0].removeprefix("--")
        assert option.envvar == f"KUBE_PROXY_ALERTS_{key.upper()}"
        assert "of kube-proxy-alerts.yaml" in option.help
    completed = {
        verb for verb, command in commands.items() if hasattr(command.callback, "__wrapped__")
    }
    assert {verb for verb, _ in options} <= completed


def test_help_names_the_variable(run: Run) -> None:
    assert "KUBE_PROXY_ALERTS_PROFILE" in run("check", "--help").stdout
