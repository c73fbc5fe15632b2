"""Shared by all tests: the command as a user runs it, a small catalog, and both promtools."""

import contextlib
import functools
import gc
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest
import yaml
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import settings
from hypothesis.errors import HypothesisException
from uv import find_uv_bin

from generator.catalog.load import Inputs, load
from generator.cli import main
from generator.compile.rules import compile_rules
from generator.outputs import OUTPUTS, render_one
from generator.prove import local_victorialogs, tools
from generator.prove.tools import Tool
from generator.servers.loki import Loki
from generator.servers.victorialogs import VictoriaLogs
from tests import once
from tests.forked import Forking
from tests.lab import programs
from tests.lokis import RELEASES, StartLoki

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "golden" / "catalog"

# A deadline would make a busy machine fail a test.
settings.register_profile("short", deadline=None)
settings.load_profile("short")
settings.register_profile("long", max_examples=10_000, deadline=None)  # of `make fuzz`
FUZZ_SECONDS = (
    40  # of each test in `make fuzz`: what tries a whole catalog at once gets fewer examples
)

# Where the tests run in the background of a script, SIGINT is ignored, and so it would be by all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Most of what is started is written in Go: collecting garbage less often takes a tenth off its time.
os.environ.setdefault("GOGC", "400")

# `make fast` leaves out what starts programs or waits for servers: tests with one of these fixtures or calls, and
# modules that import one of these names.
FIXTURES_THAT_START = {
    "forking",  # and so "run"
    "wheel",
    "operator",
    "pinned_promtool",
    "promtools",
    "pinned_loki",
    "start_loki",
    "vmalert",
    "repository",
}
NAMES_THAT_START = {
    "subprocess",
    "obtained",
    "local_loki",
    "programs",
    "front",
    "answering",
    "serve",
}
CALLS_THAT_START = {"completed", "measure", "subprocesses"}  # what a test itself names


# The modules that take longest: those with which processes begin, in rows of four. The first two of a row wait for
# programs and clocks most of the time; beside them, the others have the processors to themselves.
SLOW = (
    *("tests.test_lab", "tests.test_lab_steps"),
    *("tests.test_release", "tests.pages.test_in_browser"),
    *("tests.prove.test_shared_loki", "tests.prove.test_matched_line"),
    *("tests.commands.test_push", "tests.test_ci"),
    *("tests.commands.test_verify_vmalert", "tests.prove.test_options"),
    *("tests.commands.test_cli", "tests.commands.test_verify"),
)


class OutOfTime(BaseException):
    """Ends a test with made-up inputs; what hypothesis takes for a failure is an Exception, this is none."""


def for_seconds(test: Callable[..., None], seconds: float) -> Callable[..., None]:
    """A test that raises OutOfTime after its time, unless an example failed: that one is made smaller first.

    It does so at the end of an example: what draws while it runs has then drawn what hypothesis expects.
    """
    end = math.inf
    failed = False

    @functools.wraps(test)
    def bounded(*values: object, **named: object) -> None:
        nonlocal end, failed
        end = min(end, time.monotonic() + seconds)
        try:
            test(*values, **named)
        except HypothesisException:
            raise
        except Exception:
            failed = True
            raise
        if time.monotonic() > end and not failed:
            raise OutOfTime

    return bounded


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Iterator[None]:
    made_up = getattr(getattr(item, "obj", None), "hypothesis", None)
    if made_up is None or item.config.getoption("--hypothesis-profile") != "long":
        return (yield)
    whole = made_up.inner_test
    made_up.inner_test = for_seconds(whole, FUZZ_SECONDS)  # each set of parameters has its own time
    try:
        return (yield)
    except OutOfTime:
        return None
    finally:
        made_up.inner_test = whole


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is read here stays. To look for garbage in it would take a fifth of the time, and some of every test's."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    for item in items:
        fixtures = FIXTURES_THAT_START.intersection(item.fixturenames)
        calls = CALLS_THAT_START.intersection(item.function.__code__.co_names)
        if fixtures or calls or NAMES_THAT_START.intersection(vars(item.module)):
            item.add_marker(pytest.mark.starts)
    if config.getoption("loki") == "2":
        items[:] = [item for item in items if not item.get_closest_marker("loki3")]
    else:  # what starts no Loki would only be run again
        items[:] = [item for item in items if "start_loki" in item.fixturenames]
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = slow_ones_first(items, processes)


def slow_ones_first(items: Sequence[pytest.Function], processes: int) -> list[pytest.Function]:
    """The tests in an order in which each process begins with its share of the slow modules.

    Each process gets a part of the list, and one that is done takes over from the end of another's part. A slow module
    that is left for the end would be waited for by all the others.
    """
    shares: list[list[pytest.Function]] = [[] for _ in range(processes)]
    for number, name in enumerate(SLOW):
        shares[number % processes] += [item for item in items if item.module.__name__ == name]
    others = [item for item in items if item.module.__name__ not in SLOW]
    ordered = []
    for number, share in enumerate(shares):
        left = processes - number
        wanted = (len(others) + sum(map(len, shares[number:]))) // left - len(share)
        ordered += share + others[: max(wanted, 0)]
        del others[: max(wanted, 0)]
    return ordered + others


Completed: TypeAlias = "subprocess.CompletedProcess[str]"
Run = Callable[..., Completed]


def completed(
    words: Sequence[str], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, in its own process; what it imports of us is this checkout."""
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=300,
        check=False,
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Of `-n auto`: more than processors, as much of the time of many tests is that of a server or a clock.

    Not so of `make fast`, where the time that each process takes to read the tests counts.
    """
    processors = os.cpu_count() or 1
    return processors if config.option.markexpr == "not starts" else 2 * processors


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """Starts the command in less time: most of that of a short run goes into imports."""
    with closing(Forking(ROOT)) as found:
        yield found


@pytest.fixture(scope="session")
def run(forking: Forking) -> Run:
    """Run the command in a folder, in its own process; environment variables can be added."""

    def command(
        *arguments: str, cwd: Path = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        if forking.can_give(cwd, environment):
            return forking.run(arguments, cwd, {**os.environ, **environment})
        return completed([sys.executable, "-m", "generator", *arguments], cwd, **environment)

    return command


@pytest.fixture
def run_small(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command for the small catalog, in this process: where it does not matter how many entries there are."""
    monkeypatch.setattr("generator.catalog.load.load", partial(load, base=TINY))

    def command(
        *arguments: str, cwd: Path = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        with contextlib.chdir(cwd):
            done = CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return command


class Repository:
    """A git repository; its commits depend on no configuration of the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str, **environment: str) -> str:
        identity = {
            f"GIT_{who}_{what}": "a@b.example"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **identity, **alone, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def commit(self, files: Mapping[str, str] | None = None, date: str | None = None) -> str:
        """Write files and commit everything; the commit's id."""
        for name, text in (files or {}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change", **dates)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "repository")
    found.folder.mkdir()
    found.git("init", "--quiet", "--initial-branch=main")
    return found


def say(message: str) -> None:
    print(message, file=sys.stderr)


def alone(factory: pytest.TempPathFactory, name: str) -> FileLock:
    """Test processes run side by side; one builds what is called so, the others wait."""
    return FileLock(factory.getbasetemp().parent / f"{name}.lock")


def of_all_processes(factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of the tests, whichever of its processes asks."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


Plain = TypeVar("Plain")  # what JSON can hold


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Plain]) -> Plain:
    """What is made takes long: one process of this run of the tests makes it, all have it."""
    path = of_all_processes(factory) / f"{name}.json"
    with alone(factory, name):
        if not path.exists():
            path.write_text(json.dumps(make()), encoding="utf-8")
    made: Plain = json.loads(path.read_text(encoding="utf-8"))
    return made


def obtained(tool: Tool, version: str, factory: pytest.TempPathFactory) -> Path:
    with alone(factory, f"{tool.name}-{version}"):
        return tools.pinned_program(tool, version, say)


def annotations_in(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Of files that were compiled: what each alert of the two rulers says."""
    groups = [
        group
        for engine in ("loki", "prometheus")
        for group in yaml.load(texts[f"{engine}/kube-proxy.rules.yaml"], Loader=yaml.CSafeLoader)[
            "groups"
        ]
    ]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: rule["annotations"] for rule in rules}


# By profile and outputs: many tests ask for the same ones.
_COMPILED: dict[tuple[str, Sequence[str]], dict[str, str]] = {}


def compiled_for(profile: str, folder: Path, *outputs: str) -> dict[str, str]:
    """The shipped catalog compiled for a profile that is written into a folder: text by path.

    Of all outputs, or of those that are named, which takes half the time.
    """
    path = folder / "site.yaml"
    path.write_text(profile, encoding="utf-8")
    if (profile, outputs) not in _COMPILED:
        _COMPILED[profile, outputs] = _compiled(once.for_site(path), outputs or OUTPUTS)
    return dict(_COMPILED[profile, outputs])


def _compiled(inputs: Inputs, outputs: Sequence[str]) -> dict[str, str]:
    """Without the checks, which take half of the time: who tests these asks for them."""
    assert inputs.problems == ()
    rules = compile_rules(inputs.catalog, inputs.profile)
    texts = {}
    for output in outputs:
        for file in render_one(output, rules, inputs.catalog, inputs.profile):
            texts[file.path] = file.text
    return texts


def metric_rules_for(profile: str, folder: Path) -> str:
    """The rules for Prometheus alone, as compiled_for gives them."""
    return compiled_for(profile, folder, "prometheus")["prometheus/kube-proxy.rules.yaml"]


@pytest.fixture(scope="session", params=tools.PROMTOOL.pinned)
def pinned_promtool(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """promtool of each pinned version. Never skipped: a version that cannot be had fails the tests that need it."""
    return obtained(tools.PROMTOOL, request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def promtools(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """promtool of all pinned versions, where what they are given takes long to get."""
    versions = tools.PROMTOOL.pinned
    return [obtained(tools.PROMTOOL, version, tmp_path_factory) for version in versions]


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Prometheus operator's own code for the objects that it reads."""
    return obtained(programs.OPERATOR, programs.OPERATOR.pinned[0], tmp_path_factory)


@pytest.fixture(scope="session")
def tested(run: Run, pinned_loki: Path, tmp_path_factory: pytest.TempPathFactory) -> Completed:
    """What `test` said when it ran the catalog's unit tests on a real Loki, which takes longer than any other run."""

    def test() -> list[str]:
        path = os.pathsep.join([str(pinned_loki.parent), os.environ["PATH"]])
        done = run("test", PATH=path)
        return [str(done.returncode), done.stdout, done.stderr]

    code, stdout, stderr = made_once(tmp_path_factory, "tested", test)
    return subprocess.CompletedProcess(["test"], int(code), stdout, stderr)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""

    def make() -> str:
        return str(wheel_of(ROOT, tmp_path_factory.mktemp("wheel")))

    return Path(made_once(tmp_path_factory, "wheel", make))


def wheel_of(source: Path, folder: Path) -> Path:
    """The wheel that is built of a source, in a folder without another."""
    done = completed([find_uv_bin(), "build", "--wheel", "--out-dir", str(folder)], source)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@dataclass(frozen=True)
class Proven:
    """What `check` said when promtool was asked for the first time, and the cache that remembers the answers."""

    said: str
    cache: Path
    path: str

    def again(self, folder: Path) -> dict[str, str]:
        """The environment of a run that remembers the same, in a cache of its own."""
        shutil.copytree(self.cache, folder / "cache")
        return {"XDG_CACHE_HOME": str(folder / "cache"), "PATH": self.path}


@pytest.fixture(scope="session")
def proven(run: Run, pinned_promtool: Path, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    """All that is shipped, proven by a promtool once; tests of what is added to it ask about that alone."""
    return proven_by(pinned_promtool, run, tmp_path_factory)


def proven_by(promtool: Path, run: Run, factory: pytest.TempPathFactory) -> Proven:
    name = f"proven-{promtool.parent.name}"
    cache = of_all_processes(factory) / name
    path = os.pathsep.join([str(promtool.parent), os.environ["PATH"]])

    def check() -> str:
        done = run("check", XDG_CACHE_HOME=str(cache), PATH=path)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return Proven(made_once(factory, name, check), cache, path)


@pytest.fixture(scope="session")
def pinned_loki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loki of the pinned version. Never skipped: if it cannot be had, the tests that need it fail."""
    return obtained(tools.LOKI, tools.LOKI.pinned[0], tmp_path_factory)


def pytest_addoption(parser: pytest.Parser) -> None:
    said = "the major release of Loki to test on; all but 2 runs only the tests that start a Loki"
    parser.addoption("--loki", choices=list(RELEASES), default="2", help=said)


@pytest.fixture(scope="session")
def start_loki(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> StartLoki:
    """Starts a Loki of the release that --loki names."""
    release = RELEASES[pytestconfig.getoption("loki")]
    binary = obtained(release.tool, release.tool.pinned[0], tmp_path_factory)
    return release.start(binary)


@pytest.fixture(scope="session")
def real_loki(start_loki: StartLoki) -> Iterator[Loki]:
    """A real Loki, one for all tests of a process."""
    with start_loki() as running:
        yield running


@pytest.fixture(scope="session")
def pinned_victoria_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VictoriaLogs of the pinned version. Never skipped."""
    return obtained(tools.VICTORIA_LOGS, tools.VICTORIA_LOGS.pinned[0], tmp_path_factory)


@pytest.fixture(scope="session")
def real_victoria_logs(pinned_victoria_logs: Path) -> Iterator[VictoriaLogs]:
    """A real VictoriaLogs, one for all tests of a process."""
    with local_victorialogs.running(pinned_victoria_logs) as running:
        yield running


@pytest.fixture(scope="session")
def vmalert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """vmalert of the pinned version. Never skipped."""
    return obtained(programs.VMALERT, programs.VMALERT.pinned[0], tmp_path_factory)
