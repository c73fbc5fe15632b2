"""`new`, and `test` of single entries: what a user writes outside of a checkout, and how it is tested alone."""

import json
import os
import re
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from generator.catalog.shipped import schemas
from generator.prove import tools
from tests.conftest import Run, completed


@pytest.fixture
def with_tools(pinned_loki: Path, pinned_promtool: Path) -> str:
    return os.pathsep.join(
        [str(pinned_loki.parent), str(pinned_promtool.parent), os.environ["PATH"]]
    )


FAILURE = [
    "ok\tours/my-failure/tests.yaml: the first line fires, and the alert ends when the window has passed",
    "ok\tours/my-failure/tests.yaml: lines that look like it stay silent",
]
SYMPTOM = ["ok\tours/my-symptom/tests.yaml: promtool"]


@pytest.fixture
def new_entries(run: Run, tmp_path: Path) -> Path:
    """A folder whose catalog has a new entry of each kind."""
    for kind in ("failure", "symptom"):
        done = run("new", f"my-{kind}", "--kind", kind, "--catalog", "ours", cwd=tmp_path)
        assert done.returncode == 0
    return tmp_path


def test_the_tests_of_a_new_entry_run_as_they_stand(
    run: Run, new_entries: Path, with_tools: str
) -> None:
    both = ("--catalog", "ours", "--only", "KubeProxyMySymptom,my-failure")
    done = run("test", *both, cwd=new_entries, PATH=with_tools)
    assert (done.returncode, done.stdout.splitlines()) == (0, [*SYMPTOM, *FAILURE]), done.stderr


@pytest.mark.parametrize("pinned_promtool", tools.PROMTOOL.pinned[:1], indirect=True)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ours/my-failure/tests.yaml"], FAILURE),
        (["ours/my-symptom/tests.yaml"], SYMPTOM),
        (["--catalog", "ours", "--only", "my-failure"], FAILURE),
    ],
)
def test_one_entry_is_tested_by_its_file_or_its_name(
    run: Run, new_entries: Path, with_tools: str, words: list[str], expected: list[str]
) -> None:
    done = run("test", *words, cwd=new_entries, PATH=with_tools)
    assert (done.returncode, done.stdout.splitlines()) == (0, expected), done.stderr


def test_a_test_of_an_entry_that_fails_is_said(run: Run, tmp_path: Path, with_tools: str) -> None:
    assert run("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    tests = tmp_path / "ours" / "mine" / "tests.yaml"
    tests.write_text(tests.read_text().replace("{eval_time: 11m,", "{eval_time: 10m,"))
    done = run("test", "--catalog", "ours", "--only", "mine", cwd=tmp_path, PATH=with_tools)
    assert done.returncode == 1
    assert done.stdout.startswith("FAILED\tours/mine/tests.yaml: the first line fires")
    assert done.stderr.endswith("1 tests pass, 1 fail\n")


@pytest.mark.parametrize("name", ["cpu-hihg", "kubeproxycpuhihg", "cpu-high,cpu-hihg"])
def test_only_of_an_unknown_name_runs_nothing(run: Run, name: str) -> None:
    done = run("test", "--only", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "did you mean cpu-high?" in done.stderr or "did you mean KubeProxyCPUHigh?" in done.stderr
    )


def test_only_of_an_entry_without_tests_is_a_problem(run: Run, tmp_path: Path) -> None:
    assert run("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    (tmp_path / "ours" / "mine" / "tests.yaml").unlink()
    done = run("test", "--catalog", "ours", "--only", "mine", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "mine has no unit tests; write them into ours/mine/tests.yaml" in done.stderr


def test_tests_of_nothing_name_their_rules(run: Run, tmp_path: Path) -> None:
    streams = "input_streams: [{stream: '{a=\"b\"}', lines: [{at: 1m, line: x}]}]"
    test = f"{{name: t, {streams}, alert_rule_test: [{{eval_time: 1m, alertname: A}}]}}"
    (tmp_path / "tests.yaml").write_text(f"tests: [{test}]\n")
    done = run("test", "tests.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "tests.yaml:1:1: key 'rule_files' is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cpu-high"], "cpu-high is the id of "),
        (
            ["my-own", "--alert", "KubeProxyCPUHigh"],
            "KubeProxyCPUHigh is an alert of cpu-high already",
        ),
        (["other", "--alert", "KubeProxyMine"], "KubeProxyMine is an alert of mine already"),
    ],
)
def test_a_new_entry_takes_no_name_that_is_taken(
    run: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert run("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    done = run("new", *arguments, "--catalog", "ours", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert not (tmp_path / "ours" / arguments[0]).exists()


def test_a_new_entry_goes_into_the_catalog_of_the_project(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "kube-proxy-alerts.yaml").write_text("catalog: ours\n")
    assert run("new", "mine", cwd=tmp_path).stdout.startswith("ours/mine/failure.yaml\n")
    (tmp_path / "kube-proxy-alerts.yaml").write_text("catalog: [ours, more]\n")
    done = run("new", "another", cwd=tmp_path)
    assert done.returncode == 2
    assert "name the one to put it in with --catalog" in done.stderr


def test_an_entry_of_ones_own_reads_metrics_of_ones_own(run: Run, tmp_path: Path) -> None:
    assert (
        run("new", "mine", "--kind", "symptom", "--catalog", "ours", cwd=tmp_path).returncode == 0
    )
    entry = tmp_path / "ours" / "mine" / "failure.yaml"
    entry.write_text(entry.read_text().replace("process_start_time_seconds", "door_opened_seconds"))
    done = run("check", "--catalog", "ours", "--no-validate", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "unknown metric 'door_opened_seconds'; if it exists, add it to metrics.yaml, beside"
        in done.stderr
    )
    (tmp_path / "ours" / "metrics.yaml").write_text(
        "door_opened_seconds: {type: gauge, labels: []}\n"
    )
    done = run("check", "--catalog", "ours", "--no-validate", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "ours" / "metrics.yaml").write_text("door_opened_seconds: {type: gate}\n")
    done = run("check", "--catalog", "ours", "--no-validate", cwd=tmp_path)
    assert done.returncode == 1
    assert "ours/metrics.yaml:1:23: type: 'gate' is not one of" in done.stderr


def led_to(file: Path) -> Path:
    """The schema that a file leads editors to, as the YAML language server finds it."""
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text(encoding="utf-8"))
    assert found, file
    return file.parent / found[1]


def test_editors_are_led_to_a_schema_that_is_there(run: Run, tmp_path: Path) -> None:
    assert run("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    assert run("init", "--output", "sites/east.yaml", cwd=tmp_path).returncode == 0
    for name in ("ours/mine/failure.yaml", "ours/mine/tests.yaml", "sites/east.yaml"):
        schema = json.loads(led_to(tmp_path / name).read_text(encoding="utf-8"))
        data = yaml.safe_load((tmp_path / name).read_text(encoding="utf-8"))
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(data)
        assert not jsonschema_rs.Draft202012Validator(schema).is_valid({"nonsense": 1})


def test_a_schema_of_an_older_release_is_renewed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "profile.schema.json"
    ours = json.loads(schemas()["profile"].read_text(encoding="utf-8"))
    path.write_text(json.dumps({"title": ours["title"], "properties": {}}))
    assert run("init", cwd=tmp_path).returncode == 0
    assert json.loads(path.read_text(encoding="utf-8")) == ours


@pytest.mark.parametrize("text", ['{"title": "mine"}', "not JSON", "[1]", "\udcff"])
def test_a_file_of_somebody_else_is_left_alone(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "ours").mkdir()
    files = [tmp_path / "profile.schema.json", tmp_path / "ours" / "tests.schema.json"]
    for file in files:
        file.write_bytes(text.encode(errors="surrogateescape"))
    assert run("init", cwd=tmp_path).returncode == 0
    assert run("new", "mine", "--catalog", "ours", cwd=tmp_path).returncode == 0
    assert {file.read_bytes() for file in files} == {text.encode(errors="surrogateescape")}
    for name in ("site.yaml", "ours/mine/failure.yaml", "ours/mine/tests.yaml"):
        assert "yaml-language-server" not in (tmp_path / name).read_text()
    assert not (tmp_path / "ours" / "schema.json").exists()


def test_a_profile_on_standard_output_writes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("init", "--output", "-", cwd=tmp_path)
    assert done.returncode == 0
    assert "yaml-language-server" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_where_a_schema_cannot_be_written_there_is_no_entry(tmp_path: Path) -> None:
    """Else the second try, on a disk that is no longer full, says that the entry exists already."""
    new = [sys.executable, "-m", "generator", "new", "mine", "--catalog", "ours"]
    full = 'ulimit -f 8; exec "$@"'  # KiB: an entry has room, a schema has none
    done = completed(["bash", "-c", full, "bash", *new], tmp_path)
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert not (tmp_path / "ours" / "mine").exists()
