"""What the documents say is true: their commands run, their examples work, their links lead somewhere."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from generator.cli import COMMANDS
from generator.prove import tools
from tests.conftest import (
    ROOT,
    Completed,
    Repository,
    Run,
    completed,
    made_once,
    obtained,
    proven_by,
)
from tests.documents import DOCUMENTS, SERVED, blocks, commands, complaints, named_blocks, tokens


@pytest.fixture(scope="module")
def original(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as it was before somebody did what CONTRIBUTING.md says, in a commit with a tag."""

    def make() -> str:
        folder = tmp_path_factory.mktemp("original")
        for name in ("catalog", "docs", "generator", "output"):
            hidden = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=hidden)
        for page in ROOT.glob("*.md"):
            shutil.copy2(page, folder)
        if done_already(folder):
            assert run("generate", "--no-validate", cwd=folder).returncode == 0
        repository = Repository(folder)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit()
        repository.git("tag", "v0.1.0")
        return str(folder)

    return Path(made_once(tmp_path_factory, "original", make))


@pytest.fixture
def checkout(original: Path, tmp_path: Path) -> Path:
    """A copy of it to work in, whose history is that of the original: nobody commits."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    (tmp_path / ".git").write_text(f"gitdir: {original / '.git'}\n", encoding="utf-8")
    return tmp_path


def done_already(folder: Path) -> bool:
    """Take back what the guide adds, where it is there."""
    (entry,) = {
        Path(name).parts[1]
        for name in named_blocks("CONTRIBUTING.md")
        if name.startswith("catalog/")
    }
    (module,) = (folder / name for name in named_blocks("CONTRIBUTING.md") if name.endswith(".py"))
    there = module.exists() or (folder / "catalog" / entry).exists()
    shutil.rmtree(folder / "catalog" / entry, ignore_errors=True)
    module.unlink(missing_ok=True)
    targets = folder / "generator" / "outputs" / "__init__.py"
    targets.write_text(
        targets.read_text(encoding="utf-8").replace(f'    "{module.stem}",\n', ""), encoding="utf-8"
    )
    return there


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.fixture
def remembering(
    run: Run, pinned_loki: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """An environment with Loki and a promtool on the PATH that has run the catalog's unit tests already."""
    promtool = obtained(tools.PROMTOOL, tools.PROMTOOL.pinned[0], tmp_path_factory)
    environment = proven_by(promtool, run, tmp_path_factory).again(tmp_path / "home")
    path = os.pathsep.join([str(pinned_loki.parent), environment["PATH"]])
    return {**environment, "PATH": path}


@pytest.mark.parametrize(
    "document", [name for name in DOCUMENTS if commands(name) and name != SERVED]
)
def test_every_command_runs(
    document: str,
    checkout: Path,
    run: Run,
    remembering: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> None:
    (checkout / "site.yaml").write_text(blocks("README.md", "yaml")[0], encoding="utf-8")
    if document != "CONTRIBUTING.md":  # others are for those who have the program, not its source
        shutil.rmtree(checkout / "generator")
    for words in commands(document):
        match words:
            case ["kube-proxy-alerts", "test"]:
                tested: Completed = request.getfixturevalue("tested")
                assert tested.returncode == 0, (words, tested.stdout, tested.stderr)
            case ["kube-proxy-alerts", *arguments]:
                if arguments[0] == "serve":
                    arguments += ["--port", "0", "--minutes", "0.02"]  # a short look
                done = run(*arguments, cwd=checkout, **remembering)
                assert done.returncode == 0, (words, done.stdout, done.stderr)
            case ["uvx", "--from", ".", "kube-proxy-alerts", *arguments]:
                program = Path(sys.executable).with_name("uvx")
                once = [str(program), "--from", str(ROOT), "kube-proxy-alerts", *arguments]
                alone = completed(once, checkout, PYTHONPATH="")
                found = int(arguments[0] == "diagnose")  # of a log with a failure in it
                assert alone.returncode == found, (words, alone.stdout, alone.stderr)
            case ["make", target]:
                # Run for real by CI; here it would run these tests again.
                plan = subprocess.run(
                    ["make", "-n", target], cwd=ROOT, capture_output=True, check=False
                )
                assert plan.returncode == 0, words
            case _:
                pytest.fail(f"{document}: nobody runs {words}")


def test_uvx_runs_the_checkout_as_it_is_now(checkout: Path) -> None:
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy2(ROOT / name, checkout)
    program = Path(sys.executable).with_name("uvx")

    def shown(page: str) -> str:
        words = [str(program), "--from", ".", "kube-proxy-alerts", "docs", page]
        return completed(words, checkout, PYTHONPATH="").stdout

    assert "# " in shown("site")
    for name in ("docs/site.md", "SECURITY.md"):
        page = checkout / name
        text = page.read_text(encoding="utf-8")
        page.write_text(f"{text}\nSaid in {name} since.\n", encoding="utf-8")
        assert f"Said in {name} since." in shown(page.stem.lower())


def test_the_first_screen_shows_what_was_seen() -> None:
    line, message = blocks("README.md", "text")[:2]
    sample = next(words[-1] for words in commands("README.md") if words[0] == "uvx")
    assert line in (ROOT / sample).read_text(encoding="utf-8")
    assert message in blocks("docs/evidence.md", "text")[0]
    alert = message.split()[1]
    assert f"(output/runbooks/{alert}.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_what_the_readme_tells_a_user_to_run() -> None:
    makes = (block for block in blocks("README.md", "sh") if block.startswith("make "))
    first = next(makes).splitlines()
    wanted = [" ".join(shlex.split(line, comments=True)) for line in first]
    assert wanted == ["make generate", "make test"]
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in script if line in wanted] == wanted


def test_the_documents_show_every_verb() -> None:
    documented = [
        words
        for document in DOCUMENTS
        for words in commands(document)
        if words[0] == "kube-proxy-alerts"
    ]
    assert {words[1] for words in documented} == set(COMMANDS)


def test_a_new_failure_is_one_folder(checkout: Path, run: Run, pinned_loki: Path) -> None:
    before = snapshot(checkout)
    new = next(words for words in commands("CONTRIBUTING.md") if words[1] == "new")
    assert run(*new[1:], cwd=checkout).returncode == 0
    entry = checkout / "catalog" / new[2]
    for name, text in named_blocks("CONTRIBUTING.md").items():
        if name.startswith("catalog/"):
            assert (checkout / name).is_file()
            (checkout / name).write_text(text, encoding="utf-8")
    scaffold = (entry / "failure.yaml").read_text(encoding="utf-8")
    signals = blocks("CONTRIBUTING.md", "yaml")[0]
    path = os.pathsep.join([str(pinned_loki.parent), os.environ["PATH"]])
    (entry / "failure.yaml").write_text(
        scaffold[: scaffold.index("samples:")] + signals, encoding="utf-8"
    )

    done = run("test", "--only", new[2], cwd=checkout, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok\t") == 1
    done = run("generate", "--no-validate", cwd=checkout)
    assert done.returncode == 0, done.stderr
    sources = {
        path for path in changed(before, snapshot(checkout)) if not path.startswith("output/")
    }
    assert {path.split("/")[:2] == ["catalog", new[2]] for path in sources} == {True}
    rules = yaml.safe_load(
        (checkout / "output" / "loki" / "kube-proxy.rules.yaml").read_text(encoding="utf-8")
    )
    alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    assert "|= `endpoint connections`" in alerts["KubeProxyConntrackCleanupFailing"]
    assert (checkout / "output" / "runbooks" / "KubeProxyConntrackCleanupFailing.md").is_file()


def test_a_new_output_is_one_module_and_one_line(checkout: Path, run: Run) -> None:
    before = snapshot(checkout)
    module, line = blocks("CONTRIBUTING.md", "python")
    (name,) = (name for name in named_blocks("CONTRIBUTING.md") if name.endswith(".py"))
    (checkout / name).write_text(module, encoding="utf-8")
    table = checkout / "generator" / "outputs" / "__init__.py"
    text = table.read_text(encoding="utf-8")
    assert line.count("\n") == 1
    table.write_text(
        text.replace('    "runbooks",\n', f'    "runbooks",\n{line}'), encoding="utf-8"
    )

    done = run("generate", "--all-outputs", "--no-validate", cwd=checkout)
    assert done.returncode == 0, done.stderr
    assert changed(before, snapshot(checkout)) == {
        name,
        "generator/outputs/__init__.py",
        "output/.generated",
        "output/alerts.json",
    }
    index = yaml.safe_load((checkout / "output" / "alerts.json").read_text(encoding="utf-8"))[
        "alerts"
    ]
    assert index["KubeProxySyncSlow"] == {
        "severity": "warning",
        "runbook": "https://runbooks.example.com/kube-proxy/KubeProxySyncSlow.md",
    }


def test_the_example_of_a_log_test_passes(run: Run, tmp_path: Path, pinned_loki: Path) -> None:
    expr = 'sum by (house) (count_over_time({app="door"} |= "open" [2m])) > 1'
    rule = {
        "alert": "DoorOpen",
        "expr": expr,
        "annotations": {"summary": "{{ $value }} times at {{ $labels.house }}"},
    }
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]})
    )
    (tmp_path / "tests.yaml").write_text(blocks("docs/unit-tests.md", "yaml")[0])
    path = os.pathsep.join([str(pinned_loki.parent), os.environ["PATH"]])
    done = run("test", "tests.yaml", cwd=tmp_path, PATH=path)
    assert (done.returncode, done.stdout) == (0, "ok\ttests.yaml: two lines within two minutes\n")


SCHEMAS = {
    ".github/workflows/rules.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_examples_for_ci_are_valid(name: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yml"
    path.write_text(named_blocks("docs/ci.md")[name], encoding="utf-8")
    assert complaints(SCHEMAS[name], path) == ""


def test_the_examples_for_ci_name_what_there_is(tmp_path: Path) -> None:
    examples = {name: yaml.safe_load(text) for name, text in named_blocks("docs/ci.md").items()}
    step = examples[".github/workflows/rules.yml"]["jobs"]["rules"]["steps"][1]
    assert step["with"].keys() <= yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].keys()
    include = examples[".gitlab-ci.yml"]["include"][0]
    template = yaml.safe_load((ROOT / include["file"]).read_text())
    assert examples[".gitlab-ci.yml"]["variables"].keys() <= template["variables"].keys()
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {
        hook["id"] for hook in examples[".pre-commit-config.yaml"]["repos"][0]["hooks"]
    } <= hooks
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(named_blocks("docs/ci.md")[path.name], encoding="utf-8")
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(path)]
    assert subprocess.run(command, check=False).returncode == 0


def links(document: str) -> Iterator[str]:
    for token in tokens(document):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrGet("href"))


def test_links_are_found() -> None:
    assert {"CONTRIBUTING.md", "docs/diagnose.md"} <= set(links("README.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    files = [target for target in links(document) if not target.startswith("https://")]
    folder = (ROOT / document).parent
    assert [target for target in files if not (folder / target.partition("#")[0]).exists()] == []
