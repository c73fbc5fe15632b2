"""A release is whole, the same bytes each time, and what is installed from it does what the checkout does."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Collection
from copy import deepcopy
from email import message_from_bytes
from importlib import resources
from pathlib import Path
from zipfile import ZipFile

import jsonschema_rs
import pytest
from uv import find_uv_bin

from generator import __version__
from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.cli import COMMANDS
from tests.conftest import ROOT, Repository, Run, made_once
from tests.documents import parsed
from tests.release import SUMS, Commit, man_pages, out_of_step, release

NAME = f"kube-proxy-alerts-{__version__}"
PRESETS = sorted(path.stem for path in (ROOT / "catalog" / "presets").glob("*.yaml"))
SOME_PRESETS = ("tke", "opentelemetry")  # where all would take long
NEWEST = 20  # of the minor releases of Python 3 that are looked for
PERMISSIVE = re.compile(
    r"MIT|Apache|BSD|PSF-2\.0|Mozilla Public License 2\.0"  # the last one is certifi's, weak copyleft
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The files here as one commit, of whatever state they are."""

    def commit() -> str:
        return str(committed(tmp_path_factory.mktemp("repository")).folder)

    return Repository(Path(made_once(tmp_path_factory, "committed", commit)))


def committed(folder: Path) -> Repository:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    repository = Repository(folder)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit(date="2026-11-27T06:00:00Z")
    return repository


@pytest.fixture(scope="module")
def dist(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make() -> str:
        folder = tmp_path_factory.mktemp("dist")
        release(repository.folder, folder)
        return str(folder)

    return Path(made_once(tmp_path_factory, "dist", make))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_everything_is_there_with_its_sum(dist: Path) -> None:
    module = NAME.replace("-", "_").replace(f"_{__version__}", f"-{__version__}")
    expected = {
        f"{module}-py3-none-any.whl",
        f"{module}.tar.gz",
        f"{NAME}-man.tar.gz",
        f"{NAME}-site.tar.gz",
        f"{NAME}.cdx.json",
        f"{NAME}-licences.txt",
        *(f"{NAME}-rules-{preset}.tar.gz" for preset in PRESETS),
    }
    assert set(contents(dist)) == {*expected, SUMS}
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=dist, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert {line.split("  ")[1] for line in (dist / SUMS).read_text().splitlines()} == expected


def test_made_again_elsewhere_it_is_the_same(
    repository: Repository, dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "a clone" / "of another name"
    repository.git("clone", "--quiet", str(repository.folder), str(clone))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    before = os.umask(0o077)
    try:
        release(clone, tmp_path / "dist", SOME_PRESETS)
    finally:
        os.umask(before)
    others = {f"{NAME}-rules-{preset}.tar.gz" for preset in PRESETS if preset not in SOME_PRESETS}
    first, second = contents(dist), contents(tmp_path / "dist")
    for files in first, second:
        files[SUMS] = b"".join(sums_without(others, files[SUMS]))
    again = {name: data for name, data in first.items() if name not in others}
    assert [name for name in again | second if again.get(name) != second.get(name)] == []


def sums_without(names: Collection[str], sums: bytes) -> list[bytes]:
    """The lines of SHA256SUMS for other files than these."""
    lines = sums.splitlines(keepends=True)
    return [line for line in lines if line.decode().strip().rpartition(" ")[2] not in names]


def test_what_is_not_committed_is_refused(repository: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.folder), str(clone))
    (clone / "mine.txt").write_text("not committed\n")
    with pytest.raises(ToolError, match=r"is not:\n\?\? mine\.txt"):
        release(clone, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def interpreters() -> list[str]:
    """Every Python from 3.11 on that this machine has: on PATH, and those that pyenv keeps."""
    found = {}
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for minor in range(11, NEWEST):
        name = f"python3.{minor}"
        # What pyenv puts on PATH takes ten times as long to try as what it keeps.
        programs = [*kept.glob(f"3.{minor}.*/bin/{name}"), shutil.which(name)]
        working = (str(program) for program in programs if program and works(str(program)))
        if program := next(working, None):
            found[minor] = program
    return [sys.executable, *(found[minor] for minor in found if minor != sys.version_info.minor)]


def works(program: str) -> bool:
    return subprocess.run([program, "-c", "import ensurepip"], check=False).returncode == 0


@pytest.mark.parametrize("python", interpreters())
def test_the_wheel_alone_compiles_the_same_output(python: str, dist: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = os.pathsep.join([str(tmp_path / "venv" / "bin"), os.environ["PATH"]])
    (wheel,) = dist.glob("*.whl")
    # A package that has the name of ours inside, in the folder that one works in and among those installed.
    decoy = tmp_path / "generator" / "__init__.py"
    decoy.parent.mkdir()
    decoy.write_text("raise SystemExit('this is another generator')\n")

    def run(*words: str | Path) -> str:
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(python, "-m", "venv", "--without-pip", "venv")
    pins = ROOT / "constraints.txt"
    run(find_uv_bin(), "pip", "install", "--python", "venv", "--constraint", pins, wheel)
    (packages,) = tmp_path.glob("venv/lib/python3.*/site-packages")
    assert not (packages / "generator").exists()
    shutil.copytree(decoy.parent, packages / "generator")

    assert run("kube-proxy-alerts", "--version") == f"kube-proxy-alerts, version {__version__}\n"
    generate = ("generate", "--all-outputs", "--no-validate")
    run("kube-proxy-alerts", *generate)
    assert contents(tmp_path / "output") == contents(ROOT / "output")
    shutil.rmtree(tmp_path / "output")
    run("venv/bin/python", "-m", "kube_proxy_alerts", *generate)
    assert contents(tmp_path / "output") == contents(ROOT / "output")


@pytest.mark.parametrize("preset", SOME_PRESETS)
def test_the_rules_of_a_preset_are_what_generate_gives(
    preset: str, dist: Path, tmp_path: Path, run: Run
) -> None:
    with tarfile.open(dist / f"{NAME}-rules-{preset}.tar.gz") as files:
        members = files.getmembers()
        files.extractall(tmp_path / "unpacked", filter="data")
    assert {(one.uid, one.gid, one.uname, one.mode) for one in members} == {(0, 0, "", 0o644)}
    (tmp_path / "site.yaml").write_text(f"extends: [{preset}]\n")
    words = ["--profile", str(tmp_path / "site.yaml"), "--output", str(tmp_path / "output")]
    assert run("generate", "--no-validate", *words).returncode == 0
    assert contents(tmp_path / "unpacked") == contents(tmp_path / "output")


def test_the_site_is_what_site_gives(dist: Path, tmp_path: Path, run: Run) -> None:
    with tarfile.open(dist / f"{NAME}-site.tar.gz") as files:
        files.extractall(tmp_path / "unpacked", filter="data")
    assert run("site", "--output", str(tmp_path / "site")).returncode == 0
    assert contents(tmp_path / "unpacked") == contents(tmp_path / "site")


def test_what_the_site_took_from_others_comes_with_its_licence(dist: Path) -> None:
    vendored = ROOT / "generator" / "pages" / "vendor"
    (wheel,) = dist.glob("*.whl")
    with ZipFile(wheel) as files:
        shipped = {Path(name).name: files.read(name) for name in files.namelist()}
    with tarfile.open(dist / f"{NAME}-site.tar.gz") as files:
        library = files.extractfile("re2js.js")
        assert library
        script = library.read()
    for path in vendored.iterdir():
        assert shipped[path.name] == path.read_bytes()
        assert path.read_bytes() in script


def test_the_sbom_lists_what_is_installed_and_nothing_else(dist: Path) -> None:
    bom = json.loads((dist / f"{NAME}.cdx.json").read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", TOOL)
    parts = {part["name"].lower().replace("_", "-"): part["version"] for part in bom["components"]}
    pinned = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    assert {"google-re2", "click", "httpcore"} <= parts.keys()
    assert {"pytest", "pip", "mypy"} & parts.keys() == set()
    assert parts == {name: pinned[name] for name in parts}


def test_the_sbom_is_what_its_standard_asks_for(dist: Path) -> None:
    bom = json.loads((dist / f"{NAME}.cdx.json").read_text())
    standard = cyclonedx(bom["specVersion"])
    assert [error.message for error in standard.iter_errors(bom)] == []
    serial, address, licence = deepcopy(bom), deepcopy(bom), deepcopy(bom)
    serial["serialNumber"] = "1"
    address["components"][0]["externalReferences"][0]["url"] = "https://host.test/a b"
    licence["components"][0]["licenses"] = [{"license": {"id": "Mine-1.0"}}]
    assert [standard.is_valid(spoiled) for spoiled in (serial, address, licence)] == [False] * 3


def cyclonedx(version: str) -> jsonschema_rs.Draft7Validator:
    """The standard's schema, as the tool that makes the SBOM brings it."""
    schemas = {}
    for path in (resources.files("cyclonedx") / "schema" / "_res").iterdir():
        if path.name.endswith(".schema.json"):
            schemas[path.name] = json.loads(path.read_text(encoding="utf-8"))
    known = [(f"http://cyclonedx.org/schema/{name}", schema) for name, schema in schemas.items()]
    return jsonschema_rs.Draft7Validator(
        schemas[f"bom-{version}.SNAPSHOT.schema.json"],
        registry=jsonschema_rs.Registry(known),
        validate_formats=True,
    )


def test_every_part_may_be_used_freely(dist: Path) -> None:
    text = (dist / f"{NAME}-licences.txt").read_text(encoding="utf-8")
    bom = json.loads((dist / f"{NAME}.cdx.json").read_text())
    for part in bom["components"]:
        lines = text.splitlines()
        place = lines.index(part["name"])
        assert lines[place + 1] == part["version"]
        in_metadata, heading = lines[place + 2 : place + 4]
        # Where the metadata of a part names none, the first line of the text that it brings does.
        said = heading if in_metadata == "UNKNOWN" else in_metadata
        assert PERMISSIVE.search(said), (part["name"], said)
    assert "Permission is hereby granted" in text  # the texts, not their names alone


def test_an_index_can_show_the_readme(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith("/METADATA"))
        metadata = message_from_bytes(files.read(name))
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Summary"]
    inline = [
        child for token in parsed(str(metadata.get_payload())) for child in token.children or ()
    ]
    targets = [child.attrGet("href") or child.attrGet("src") for child in inline]
    assert [one for one in targets if one and not str(one).startswith("https://")] == []
    assert "docs/sites.md" in str(metadata.get_payload())  # the link is gone, its text stays


@pytest.mark.parametrize(
    ("version", "changelog", "wrong"),
    [
        ("1.2.0", "# C\n\n## Unreleased\n\n## 1.2.0\n\n- x\n", ""),
        ("1.2.0", "# C\n\n## 1.2.0\n\n- x\n\n## 1.1.0\n", ""),
        ("1.3.0.dev0", "# C\n\n## Unreleased\n\n- y\n\n## 1.2.0\n", ""),
        ("1.1.0", "# C\n\n## 1.2.0\n\n- x\n", "the newest section of CHANGELOG.md 1.2.0"),
        ("1.2.0", "# C\n\n## Unreleased\n\n- y\n\n## 1.2.0\n", "has unreleased changes"),
        ("1.2.0.dev0", "# C\n\n## Unreleased\n\n- y\n\n## 1.2.0\n", "no development version"),
    ],
)
def test_version_and_changelog_go_together(version: str, changelog: str, wrong: str) -> None:
    found = out_of_step(version, changelog)
    assert wrong in found
    assert bool(wrong) == bool(found)


def test_this_version_is_the_changelogs() -> None:
    assert out_of_step(__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")) == ""


def test_man_knows_every_command_with_options_and_examples(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{NAME}-man.tar.gz") as files:
        files.extractall(tmp_path, filter="data")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("man1/*.1")}
    assert pages.keys() == {TOOL, *(f"{TOOL}-{verb}" for verb in COMMANDS)}
    page = pages[f"{TOOL}-explain"]
    assert page.startswith(f'.TH "KUBE-PROXY-ALERTS EXPLAIN" "1" "2026-11-27" "{__version__}" ')
    assert "\n\\fB\\-\\-section\\fP HEADING\n" in page
    assert "\n  kube-proxy-alerts explain sync-slow | less\n" in page
    assert f"{TOOL}-diagnose(1)" in pages[TOOL]


def test_man_pages_are_made_with_nothing_that_will_be_dropped(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        man_pages(Commit(ROOT, 0), "1", tmp_path)
    assert (tmp_path / "man1" / f"{TOOL}.1").is_file()


def test_no_sentence_of_a_man_page_is_taken_for_a_macro(dist: Path) -> None:
    with tarfile.open(dist / f"{NAME}-man.tar.gz") as files:
        texts = [io.TextIOWrapper(file).read() for file in map(files.extractfile, files) if file]
    lines = [line for text in texts for line in text.splitlines() if line.startswith((".", "'"))]
    assert {line.split(" ")[0] for line in lines} == {".TH", ".SH", ".B", ".PP", ".TP"}
