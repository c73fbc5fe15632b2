"""The GitHub action, the GitLab template and the pre-commit hooks, step by step as those programs run them.

A site keeps a profile and what it gives in a repository; a clone of depth one holds a change of it.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import yaml
from junitparser import Failure, JUnitXml

from generator.base.names import TOOL
from generator.prove import tools
from tests.conftest import ROOT, Repository, Run, alone, completed, made_once, obtained, proven_by
from tests.documents import complaints

DOCUMENTS = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "docs")
SHIPPED = (
    *DOCUMENTS,
    "action.yml",
    "catalog",
    "ci",
    "constraints.txt",
    "generator",
    "pyproject.toml",
)
HOOKS = ".pre-commit-hooks.yaml"
TEMPLATE = "ci/kube-proxy-alerts.gitlab-ci.yml"
PROFILE = "runbooks:\n  base_url: https://wiki.site.test/kube-proxy\n"
SLOWER = f"{PROFILE}alerts:\n  KubeProxyCPUHigh: {{for: 20m}}\n"
CHANGELOG = "# Changelog\n\n## Unreleased\n\n"
NAMED = f"{CHANGELOG}- KubeProxyCPUHigh waits 20 minutes.\n"
UNNAMED = "names KubeProxyCPUHigh; say why, for example:"
DRIFT = "is not what the catalog gives; run `generate` and commit what it writes"


def yaml_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))


def test_github_accepts_the_action() -> None:
    assert complaints("vendor.github-actions", ROOT / "action.yml") == ""
    assert "Additional properties" in complaints("vendor.github-actions", ROOT / TEMPLATE)


def test_gitlab_accepts_the_template() -> None:
    assert complaints("vendor.gitlab-ci", ROOT / TEMPLATE) == ""
    assert "Additional properties" in complaints("vendor.gitlab-ci", ROOT / "action.yml")


def test_no_input_becomes_part_of_a_script() -> None:
    assert [
        step["name"] for step in yaml_of("action.yml")["runs"]["steps"] if "${{" in step["run"]
    ] == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This project as others get it: a repository."""

    def copy() -> str:
        return str(project_in(tmp_path_factory.mktemp("project")).folder)

    return Repository(Path(made_once(tmp_path_factory, "project", copy)))


def project_in(folder: Path) -> Repository:
    for name in (*SHIPPED, HOOKS):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(ROOT / name, folder / name)
    repository = Repository(folder)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit()
    return repository


@dataclass
class Site:
    """A site's repository, its change checked out in a clone of depth one, and the commit it is compared with."""

    origin: Repository
    clone: Path
    base: str
    generated: "Generated"

    def changed(self, files: Mapping[str, str], page: str | None = None) -> "Site":
        """The change: files written, the profile compiled; then a generated page edited by hand."""
        self.origin.git("switch", "--quiet", "--force-create", "mine", "main")
        for name, text in files.items():
            (self.origin.folder / name).write_text(text, encoding="utf-8")
        self.generated.into(self.origin.folder)
        if page:
            (self.origin.folder / page).write_text(
                edited((self.origin.folder / page).read_text(encoding="utf-8"))
            )
        self.origin.commit()
        url = f"file://{self.origin.folder}"
        self.origin.git("clone", "--quiet", "--depth=1", "--branch=mine", url, str(self.clone))
        return self


def edited(text: str) -> str:
    return text.replace("interval: 30s", "interval: 1m", 1)


class Generated:
    """What the command writes for a profile, which it is asked once."""

    def __init__(self, run: Run, work: Path) -> None:
        self._run = run
        self._work = work
        self._outputs: dict[str, Path] = {}

    def into(self, folder: Path) -> None:
        """Write the output of a folder's profile into it."""
        output = folder / "output"
        shutil.rmtree(output, ignore_errors=True)
        generated = self._output((folder / "site.yaml").read_text())
        # With the times of now: git takes two files for one if they are as long and of one second that is past.
        shutil.copytree(generated, output, copy_function=shutil.copyfile)

    def _output(self, profile: str) -> Path:
        if profile not in self._outputs:
            folder = self._work / str(len(self._outputs))
            folder.mkdir()
            (folder / "site.yaml").write_text(profile)
            done = self._run("generate", "--no-validate", "--profile", "site.yaml", cwd=folder)
            assert done.returncode == 0, done.stderr
            self._outputs[profile] = folder / "output"
        return self._outputs[profile]


@pytest.fixture(scope="module")
def generated(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return Generated(run, tmp_path_factory.mktemp("generated"))


@pytest.fixture
def site(generated: Generated, tmp_path: Path) -> Site:
    return site_in(tmp_path, generated)


def site_in(folder: Path, generated: Generated) -> Site:
    origin = Repository(folder / "repository")
    origin.folder.mkdir()
    origin.git("init", "--quiet", "--initial-branch=main")
    (origin.folder / "site.yaml").write_text(PROFILE)
    generated.into(origin.folder)
    base = origin.commit({"CHANGELOG.md": CHANGELOG})
    return Site(origin, folder / "clone", base, generated)


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(tools.PROMTOOL, tools.PROMTOOL.pinned[0], tmp_path_factory)


@pytest.fixture(scope="module")
def remembering(
    promtool: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of a runner that remembers how promtool ran the catalog's unit tests, and has it on its PATH."""
    proven = proven_by(promtool, run, tmp_path_factory)
    return proven.again(tmp_path_factory.mktemp("remembering"))


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@dataclass(frozen=True)
class Ran:
    """How each step ended, what the steps printed, and the files that they handed on."""

    ended: Mapping[str, int]
    said: str
    outputs: Mapping[str, str]


class Action:
    """Runs the steps of action.yml as GitHub does: conditions, inputs, environment files."""

    def __init__(self, project: Path, temp: Path, environment: Mapping[str, str]) -> None:
        own = {"GITHUB_ACTION_PATH": str(project), "RUNNER_TEMP": str(temp)}
        self.environment = {**environment, **own}
        self.path = temp / "path"
        self.path.touch()
        self.outputs_file = temp / "outputs"
        self.outputs_file.touch()
        self.first, *self.steps = yaml_of("action.yml")["runs"]["steps"]

    def install(self) -> None:
        done = self.step(self.first, Path(self.environment["GITHUB_ACTION_PATH"]), {})
        assert done.returncode == 0, done.stdout + done.stderr

    def in_folder(self, temp: Path, environment: Mapping[str, str]) -> "Action":
        """What is installed, in the hands of another runner."""
        other = Action(Path(self.environment["GITHUB_ACTION_PATH"]), temp, environment)
        other.path.write_text(self.path.read_text())
        return other

    def __call__(self, folder: Path, event: Mapping[str, str], **inputs: str) -> "Ran":
        given = {
            f"inputs.{key}": value["default"]
            for key, value in yaml_of("action.yml")["inputs"].items()
        }
        values = {**given, **{f"inputs.{key}": value for key, value in inputs.items()}, **event}
        ended: dict[str, int] = {}
        said = ""
        self.outputs_file.write_text("")
        for step in self.steps:
            runs = {
                None: not any(ended.values()),
                "${{ !cancelled() }}": True,
                "${{ !cancelled() && inputs.loki != '' }}": values["inputs.loki"] != "",
            }
            if runs[step.get("if")]:
                done = self.step(step, folder, values)
                ended[step["name"]] = done.returncode
                said += done.stdout + done.stderr
        return Ran(ended, said, self.outputs())

    def step(self, step: Mapping[str, Any], folder: Path, values: Mapping[str, str]) -> Any:
        own = {key: expression(text, values) for key, text in step.get("env", {}).items()}
        path = [*self.path.read_text().splitlines(), self.environment["PATH"]]
        of_this_step = {
            "PATH": os.pathsep.join(path),
            "GITHUB_PATH": str(self.path),
            "GITHUB_OUTPUT": str(self.outputs_file),
        }
        return bash(step["run"], folder, **{**self.environment, **own, **of_this_step})

    def outputs(self) -> dict[str, str]:
        """The files that the steps of the last run handed on, by the names that action.yml gives them."""
        steps = {f"steps.{step['id']}.outputs": step for step in self.steps if "id" in step}
        written = dict(line.split("=", 1) for line in self.outputs_file.read_text().splitlines())
        found = {}
        for name, output in yaml_of("action.yml")["outputs"].items():
            source, _, key = (
                output["value"].removeprefix("${{ ").removesuffix(" }}").rpartition(".")
            )
            assert source in steps
            if key in written:
                found[name] = Path(written[key]).read_text(encoding="utf-8")
        return found


def expression(text: str, values: Mapping[str, str]) -> str:
    """What `${{ a || b }}` gives."""
    inside = re.fullmatch(r"\$\{\{ (.*) \}\}", text)
    names = inside[1].split(" || ") if inside else pytest.fail(text)
    return next((values[name] for name in names if values.get(name)), "")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For pip, in place of an index: the wheels of all that is installed with ours, and of what builds it.

    To look through the pages of an index takes pip longer than all else. So they are kept, as programs are.
    """
    pins = ROOT / "constraints.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = project["build-system"]["requires"]
    dependencies = project["project"]["dependencies"]
    asked = f"{sys.version} {pins.read_text(encoding='utf-8')} {build} {dependencies}"
    name = f"wheels-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    kept = platformdirs.user_cache_path(TOOL) / name
    with alone(tmp_path_factory, name):
        if not kept.is_dir():
            part = kept.with_name(f"{name}.part")
            shutil.rmtree(part, ignore_errors=True)
            options = ["--quiet", "--wheel-dir", str(part), "--constraint", str(pins)]
            words = [sys.executable, "-m", "pip", "wheel", *options, str(ROOT), *build]
            done = completed(words, ROOT)
            assert done.returncode == 0, done.stderr
            for built in part.glob("kube_proxy_alerts-*.whl"):
                built.unlink()
            part.rename(kept)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(kept)}


@pytest.fixture(scope="module")
def installed(
    project: Repository,
    wheels: Mapping[str, str],
    remembering: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Action:
    """What the first step of the action installs; nobody changes it."""

    def install() -> str:
        temp = tmp_path_factory.mktemp("installed")
        python = str(Path(sys.executable).parent)  # whose wheels these are
        path = os.pathsep.join([python, remembering["PATH"]])
        Action(project.folder, temp, {**wheels, "PATH": path}).install()
        return str(temp)

    temp = Path(made_once(tmp_path_factory, "installed", install))
    return Action(project.folder, temp, remembering)


@pytest.fixture(scope="module")
def action(
    installed: Action, remembering: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Action:
    return installed.in_folder(tmp_path_factory.mktemp("runner"), remembering)


@pytest.fixture(scope="module")
def passed(action: Action, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A change that the changelog names."""

    def run_steps() -> dict[str, Any]:
        site = site_in(tmp_path_factory.mktemp("passed"), generated)
        site.changed({"site.yaml": SLOWER, "CHANGELOG.md": NAMED})
        event = {"github.event.pull_request.base.sha": site.base}
        ran = action(site.clone, event, profile="site.yaml")
        return asdict(replace(ran, said=ran.said.replace(site.base, "BASE")))

    return Ran(**made_once(tmp_path_factory, "passed", run_steps))


@pytest.fixture(scope="module")
def unsound(action: Action, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A change after which the profile cannot be read, where a Loki is named too, which nobody asks then."""

    def run_steps() -> dict[str, Any]:
        site = site_in(tmp_path_factory.mktemp("unsound"), generated)
        site.changed({})
        (site.clone / "site.yaml").write_text(PROFILE + "labls: {}\n")
        event = {"github.event.before": "0" * 40}
        return asdict(action(site.clone, event, profile="site.yaml", loki="http://127.0.0.1:9"))

    return Ran(**made_once(tmp_path_factory, "unsound", run_steps))


def test_github_passes_a_change_that_the_changelog_names(passed: Ran) -> None:
    assert passed.ended == {"Rules and generated files": 0, "Changelog": 0}, passed.said
    assert "::error" not in passed.said
    assert "promtool accepts" in passed.said
    named = "1 rule changed from BASE to the files here; CHANGELOG.md names what it must"
    assert named in passed.said


def test_github_needs_no_inputs_where_the_project_says_them(action: Action, site: Site) -> None:
    project = {"kube-proxy-alerts.yaml": "profile: site.yaml\n"}
    site.changed({"site.yaml": SLOWER, "CHANGELOG.md": NAMED, **project})
    ran = action(site.clone, {"github.event.pull_request.base.sha": site.base})
    assert ran.ended == {"Rules and generated files": 0, "Changelog": 0}, ran.said
    assert "kube-proxy-alerts: takes --profile site.yaml from kube-proxy-alerts.yaml" in ran.said


def test_github_marks_what_is_wrong_and_goes_on_to_the_next_step(
    action: Action, site: Site
) -> None:
    rules = "output/prometheus/kube-proxy.rules.yaml"
    site.changed({"site.yaml": SLOWER}, page=rules)
    ran = action(site.clone, {"github.event.before": site.base}, profile="site.yaml")
    assert ran.ended == {"Rules and generated files": 1, "Changelog": 1}, ran.said
    assert f"::error file={rules},line=4,col=1::{DRIFT}\n" in ran.said
    unnamed = f"::error file=CHANGELOG.md,line=3,col=1::no line added since {site.base} {UNNAMED}"
    assert f"{unnamed}%0A" in ran.said


def test_github_marks_the_line_of_an_unsound_profile(unsound: Ran) -> None:
    assert unsound.ended["Rules and generated files"] == 1
    assert unsound.ended["Changelog"] == 0
    unknown = "::error file=site.yaml,line=3,col=1::unknown key 'labls'; did you mean 'labels'?"
    assert unknown in unsound.said
    assert "(HEAD; this clone has no commit before it)" in unsound.said


def test_github_gets_the_problems_for_code_scanning(unsound: Ran) -> None:
    (found,) = json.loads(unsound.outputs["sarif"])["runs"][0]["results"]
    assert found["message"]["text"] == "unknown key 'labls'; did you mean 'labels'?"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "site.yaml"
    assert place["region"]["startLine"] == 3


def test_github_gets_a_log_without_problems_too(passed: Ran) -> None:
    """Which closes what an earlier one opened."""
    assert list(passed.outputs) == ["sarif"]  # no Loki, so no tests
    assert json.loads(passed.outputs["sarif"])["runs"][0]["results"] == []


def test_github_gets_how_each_test_ended(unsound: Ran) -> None:
    """An unsound profile keeps the tests from running, which stands there too; no Loki is asked."""
    assert unsound.ended["Unit tests of the log rules"] == 1, unsound.said
    ((case,),) = JUnitXml.fromstring(unsound.outputs["junit"].encode())
    assert case.name == "site.yaml:3:1"
    assert isinstance(case.result[0], Failure)


def test_github_cannot_compare_with_what_nobody_has(action: Action, site: Site) -> None:
    site.changed({})
    (site.clone / "site.yaml").write_text("labls: {}\n")
    ran = action(site.clone, {}, profile="site.yaml", base="v9")
    assert ran.ended["Changelog"] == 2
    assert "git knows no commit v9 here; this clone is shallow, fetch it" in ran.said


def test_gitlab_shows_how_each_test_ended(runner: dict[str, str], site: Site) -> None:
    site.changed({})
    (site.clone / "site.yaml").write_text(PROFILE + "labls: {}\n")
    loki = {"KUBE_PROXY_ALERTS_LOKI": "http://127.0.0.1:9"}
    code, said, report = job("kube-proxy-alerts-tests", site.clone, **runner, **loki)
    assert code == 1, said
    assert [issue["location"]["path"] for issue in report] == ["site.yaml"]
    reports = yaml_of(TEMPLATE)["kube-proxy-alerts-tests"]["artifacts"]["reports"]
    ((case,),) = JUnitXml.fromfile(str(site.clone / reports["junit"]))
    assert case.name == "site.yaml:3:1"


def job(name: str, folder: Path, **variables: str) -> tuple[int, str, Any]:
    """Run a job of the template as a runner does; its exit code, its log, its report."""
    template = yaml_of(TEMPLATE)
    parts = {**template[template[name]["extends"]], **template[name]}
    lines = [*parts["before_script"], *parts["script"]]
    done = bash("\n".join(lines), folder, **{**template["variables"], **variables})
    report = folder / parts["artifacts"]["reports"]["codequality"]
    found = (
        json.loads(report.read_text(encoding="utf-8"))
        if report.is_file() and report.stat().st_size
        else None
    )
    return done.returncode, done.stdout + done.stderr, found


@pytest.fixture(scope="module")
def runner(installed: Action, wheel: Path, remembering: Mapping[str, str]) -> dict[str, str]:
    """A runner with a Python of its own. What pip shall install there is what it finds installed."""
    python = Path(installed.environment["RUNNER_TEMP"]) / "kube-proxy-alerts" / "bin"
    return {
        **remembering,
        "PATH": os.pathsep.join([str(python), remembering["PATH"]]),
        "KUBE_PROXY_ALERTS_SOURCE": str(wheel),
        "KUBE_PROXY_ALERTS_INPUTS": "--profile site.yaml",
        "CI_COMMIT_BEFORE_SHA": "0" * 40,
    }


def test_gitlab_shows_what_is_wrong(runner: dict[str, str], site: Site) -> None:
    rules = "output/loki/kube-proxy.rules.yaml"
    site.changed({"site.yaml": SLOWER}, page=rules)
    code, said, report = job("kube-proxy-alerts-rules", site.clone, **runner)
    assert code == 1, said
    assert [(issue["location"], issue["description"]) for issue in report] == [
        ({"path": rules, "lines": {"begin": 4}}, DRIFT)
    ]
    code, said, report = job(
        "kube-proxy-alerts-changelog",
        site.clone,
        **runner,
        CI_MERGE_REQUEST_DIFF_BASE_SHA=site.base,
    )
    assert code == 1, said
    assert [issue["location"] for issue in report] == [
        {"path": "CHANGELOG.md", "lines": {"begin": 3}}
    ]
    assert UNNAMED in report[0]["description"]


def test_gitlab_passes_what_is_right(runner: dict[str, str], site: Site) -> None:
    site.changed({"site.yaml": SLOWER, "CHANGELOG.md": NAMED})
    for name in ("kube-proxy-alerts-rules", "kube-proxy-alerts-changelog"):
        code, said, report = job(
            name, site.clone, **runner, CI_MERGE_REQUEST_DIFF_BASE_SHA=site.base
        )
        assert (code, report) == (0, []), said


def test_gitlab_says_what_must_be_set(runner: dict[str, str], site: Site) -> None:
    site.changed({})
    code, said, report = job(
        "kube-proxy-alerts-rules", site.clone, **{**runner, "KUBE_PROXY_ALERTS_SOURCE": ""}
    )
    assert (code, report) == (2, None)
    assert said == "set KUBE_PROXY_ALERTS_SOURCE to what pip installs\n"


def test_pre_commit_runs_the_hooks(
    project: Repository,
    wheels: Mapping[str, str],
    remembering: Mapping[str, str],
    site: Site,
    tmp_path: Path,
) -> None:
    profile = ["--profile", "site.yaml"]
    hooks = [
        {"id": "kube-proxy-alerts-check", "args": profile},
        {"id": "kube-proxy-alerts-generate", "args": profile},
        {"id": "kube-proxy-alerts-changelog"},
    ]
    source = {"repo": str(project.folder), "rev": project.git("rev-parse", "HEAD"), "hooks": hooks}
    folder = site.origin.folder
    site.origin.commit({".pre-commit-config.yaml": yaml.safe_dump({"repos": [source]})})

    def pre_commit(words: str, **environment: str) -> tuple[int, str]:
        command = f"{sys.executable} -m pre_commit {words}"
        done = bash(command, folder, PRE_COMMIT_HOME=str(tmp_path / "hooks"), **environment)
        return done.returncode, done.stdout + done.stderr

    def commit(hook: str = "") -> tuple[int, str]:
        site.origin.git("add", "--all")
        return pre_commit(f"run {hook} --all-files --verbose", **remembering)

    # "0" means that pip compiles nothing: few of the modules are imported.
    code, said = pre_commit("install-hooks", **wheels, PIP_NO_COMPILE="0")
    assert code == 0, said
    code, said = commit()
    assert (code, said.count("Passed")) == (0, 3), said
    (folder / "site.yaml").write_text(SLOWER)
    code, said = commit("kube-proxy-alerts-generate")
    assert code == 1
    assert "repair it with:\n  kube-proxy-alerts generate --profile site.yaml\n" in said
    site.generated.into(folder)
    code, said = commit()
    assert code == 1
    assert UNNAMED in said
    assert (said.count("Passed"), said.count("Failed")) == (2, 1)
    (folder / "CHANGELOG.md").write_text(NAMED)
    code, said = commit("kube-proxy-alerts-changelog")
    assert (code, said.count("Passed")) == (0, 1), said
