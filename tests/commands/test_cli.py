"""The command as its users meet it: exit codes, messages, files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator import __version__
from generator.cli import COMMANDS, main
from tests.catalog.test_lines import FIRES
from tests.conftest import ROOT, TINY, Completed, Proven, Run, completed
from tests.terminal import shown


def test_help_shows_every_verb(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in COMMANDS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_examples(verb: str) -> None:
    done = CliRunner().invoke(main, [verb, "--help"])
    assert done.exit_code == 0
    assert f"Examples:\n    kube-proxy-alerts {verb}" in done.stdout


def test_the_committed_output_is_what_the_catalog_gives(run: Run) -> None:
    done = run("generate", "--all-outputs", "--check", "--no-validate")
    assert (done.returncode, done.stdout) == (0, "")
    assert "output: up to date" in done.stderr
    assert "NOT validated by promtool (--no-validate)" in done.stderr


def test_check_shows_the_drift_and_the_command_that_repairs_it(
    run_small: Run, tmp_path: Path
) -> None:
    assert run_small("generate", "--no-validate", cwd=tmp_path).returncode == 0
    page = tmp_path / "output" / "runbooks" / "KubeProxyGateSlow.md"
    page.write_text(page.read_text().replace("## Meaning", "## Sense"))
    before = page.read_bytes()
    done = run_small("generate", "--check", "--no-validate", cwd=tmp_path)
    assert done.returncode == 1
    assert "-## Sense\n+## Meaning\n" in done.stdout
    assert done.stderr.endswith(
        "output is not what the catalog gives; repair it with:\n  kube-proxy-alerts generate\n"
    )
    assert page.read_bytes() == before
    assert run_small("generate", "--no-validate", cwd=tmp_path).returncode == 0
    assert run_small("generate", "--check", "--no-validate", cwd=tmp_path).returncode == 0


def test_check_marks_the_drift_in_a_pull_request(run_small: Run, tmp_path: Path) -> None:
    assert run_small("generate", "--no-validate", cwd=tmp_path).returncode == 0
    rules = tmp_path / "output" / "loki" / "kube-proxy.rules.yaml"
    rules.write_text(rules.read_text().replace("interval: 30s", "interval: 31s", 1))
    done = run_small("generate", "--check", "--no-validate", "--format", "github", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "::error file=output/loki/kube-proxy.rules.yaml,line=4,col=1::"
        "is not what the catalog gives; run `generate` and commit what it writes"
    ) in done.stdout.splitlines()
    assert "-  interval: 31s\n+  interval: 30s\n" in done.stdout


UNCHANGED = re.compile(r"\((\d+) of (\d+) files are unchanged since they passed\)$", re.MULTILINE)


def asked_about(said: str) -> int:
    """The number of files that promtool was asked about, where it knew some."""
    found = UNCHANGED.search(said)
    assert found, said
    return int(found[2]) - int(found[1])


def test_generate_validates_writes_and_says_what_was_proven(
    run: Run, tmp_path: Path, proven: Proven
) -> None:
    done = run("generate", cwd=tmp_path, **proven.again(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "promtool accepts" in done.stderr
    assert asked_about(done.stderr) == 0
    assert {p.name for p in (tmp_path / "output").iterdir()} >= {"loki", "prometheus", "runbooks"}


def test_a_missing_promtool_is_exit_2_and_writes_nothing(run_small: Run, tmp_path: Path) -> None:
    done = run_small(
        "generate", cwd=tmp_path, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    assert done.returncode == 2
    assert "promtool is not on PATH and could not be obtained" in done.stderr
    assert not (tmp_path / "output").exists()


def test_a_failing_unit_test_is_a_problem_and_writes_nothing(
    run_small: Run, tmp_path: Path, pinned_promtool: Path
) -> None:
    own = tmp_path / "own"
    assert run_small("new", "door-slow", "--kind", "symptom", "--catalog", str(own)).returncode == 0
    tests = own / "door-slow" / "tests.yaml"
    tests.write_text(
        tests.read_text().replace(
            "exp_alerts: []", "exp_alerts: [{exp_labels: {severity: warning}}]", 1
        )
    )
    path = os.pathsep.join([str(pinned_promtool.parent), os.environ["PATH"]])
    done = run_small("generate", "--catalog", "own", cwd=tmp_path, PATH=path)
    assert done.returncode == 1
    assert "own/door-slow/tests.yaml: promtool's unit tests fail:" in done.stderr
    assert not (tmp_path / "output").exists()
    alone = run_small("generate", "--no-unit-tests", "--catalog", "own", cwd=tmp_path, PATH=path)
    assert alone.returncode == 0, alone.stderr
    assert " rules of Prometheus, the unit tests were NOT run (--no-unit-tests)" in alone.stderr


def bad_catalog(tmp_path: Path) -> Path:
    """A catalog of one's own with a typing error in it."""
    shutil.copytree(TINY / "gate-slow", tmp_path / "own" / "gate-slow")
    path = tmp_path / "own" / "gate-slow" / "failure.yaml"
    path.write_text(path.read_text().replace("\nfirst_step:", "\nfirst_stop:"))
    return tmp_path / "own"


def test_bad_input_changes_nothing_on_disk(run_small: Run, tmp_path: Path) -> None:
    bad_catalog(tmp_path)
    done = run_small("generate", "--catalog", "own", "--no-validate", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "own/gate-slow/failure.yaml:1:1: key 'first_step' is missing: The one thing to do first, as an instruction; "
        "stands in the notification and on top of the page.",
        "own/gate-slow/failure.yaml:8:1: unknown key 'first_stop'; did you mean 'first_step'?",
    ]
    assert not (tmp_path / "output").exists()


def test_problems_for_programs(run_small: Run, tmp_path: Path) -> None:
    bad_catalog(tmp_path)
    done = run_small("check", "--catalog", "own", "--no-validate", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert [(row["line"], row["column"]) for row in json.loads(done.stdout)["problems"]] == [
        (1, 1),
        (8, 1),
    ]
    done = run_small(
        "check", "--catalog", "own", "--no-validate", "--format", "github", cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == (
        "::error file=own/gate-slow/failure.yaml,line=8,col=1::unknown key 'first_stop'; did you mean 'first_step'?"
    )


def test_a_folder_with_foreign_files_is_refused(run_small: Run, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "mine.txt").write_text("precious")
    done = run_small("generate", "--no-validate", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "output/mine.txt: was not generated by kube-proxy-alerts and would be lost" in done.stderr
    )
    assert (tmp_path / "output" / "mine.txt").read_text() == "precious"


def test_promtool_is_not_asked_again_about_what_has_not_changed(
    run: Run, tmp_path: Path, proven: Proven
) -> None:
    assert "promtool accepts" in proven.said
    assert UNCHANGED.search(proven.said) is None
    done = run("check", **proven.again(tmp_path))
    assert asked_about(done.stderr) == 0


def test_promtool_is_asked_again_by_force(
    run_small: Run, tmp_path: Path, pinned_promtool: Path
) -> None:
    path = os.pathsep.join([str(pinned_promtool.parent), os.environ["PATH"]])
    for options, remembers in ([], False), ([], True), (["--force"], False):
        done = run_small("check", *options, PATH=path, XDG_CACHE_HOME=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "promtool accepts" in done.stderr
        assert bool(UNCHANGED.search(done.stderr)) == remembers


def test_a_proof_without_promtool_is_no_proof_with_it(run_small: Run, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert run_small("check", "--no-validate", **cache).returncode == 0
    done = run_small("check", PATH=str(tmp_path), **cache)
    assert done.returncode == 2
    assert "promtool" in done.stderr


def test_list_is_tab_separated_in_a_pipe_and_json_on_demand(run: Run) -> None:
    rows = [line.split("\t") for line in run("list").stdout.splitlines()]
    assert [
        "iptables-backend-mismatch",
        "failure",
        "critical",
        "KubeProxyIptablesBackendMismatch",
        "logs",
    ] in [row[:5] for row in rows]
    as_json = json.loads(run("list", "--json").stdout)
    assert [row["id"] for row in as_json] == [row[0] for row in rows]


def test_show_gives_the_rules_of_one_entry(run: Run) -> None:
    done = run("show", "iptables-backend-mismatch")
    assert done.returncode == 0
    assert "catalog/iptables-backend-mismatch/failure.yaml" in done.stdout
    assert (
        done.stdout.count("alert: ") == 2
    )  # in Loki, and in Prometheus for builds that are known to have it
    assert json.loads(run("show", "sync-slow", "--json").stdout)["alert"] == "KubeProxySyncSlow"


def test_explain_prints_the_committed_page(run: Run) -> None:
    done = run("explain", "KubeProxySyncSlow")
    assert done.returncode == 0
    page = (ROOT / "output" / "runbooks" / "KubeProxySyncSlow.md").read_text()
    assert done.stdout == page.partition("\n\n")[2]  # without the comment on who generated it
    for name in ("sync-slow", "SYNC-SLOW", "kubeproxysyncslow"):
        assert run("explain", name).stdout == done.stdout


def test_explain_names_the_node_in_the_commands(run: Run) -> None:
    done = run("explain", "iptables-restore-failing", "--node", "n 1", "--section", "find")
    assert done.stdout.splitlines()[:7] == [
        "## Find the node",
        "",
        "With kubectl:",
        "",
        "```sh",
        "NODE='n 1'",
        'POD=$(kubectl -n kube-system get pods -l k8s-app=kube-proxy --field-selector spec.nodeName="$NODE" '
        "-o jsonpath='{.items[0].metadata.name}')",
    ]
    assert "name-of-the-node" not in run("explain", "sync-slow", "--node", "n1").stdout


def test_explain_prints_a_section_or_says_which_there_are(run: Run) -> None:
    done = run("explain", "sync-slow", "--section", "MITIGATION")
    assert done.stdout.startswith("## Mitigation\n")
    assert done.stdout.count("\n## ") == 0
    done = run("explain", "sync-slow", "--section", "nonsense")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no section 'nonsense'; its sections: " in done.stderr
    assert "Mitigation" in done.stderr


def test_code_is_never_wrapped_on_a_terminal(run: Run) -> None:
    """What is longer than the screen the terminal breaks by itself, so that it is copied as one line."""
    shown = run(
        "explain", "iptables-backend-mismatch", "--color", "always", COLUMNS="60", TERM="xterm"
    ).stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    page = run("explain", "iptables-backend-mismatch").stdout
    code = [
        line
        for block in re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    assert max(map(len, code)) > 100
    assert {line.strip() for line in code} <= {line.strip() for line in plain.splitlines()}
    assert [line for line in plain.splitlines() if line.startswith("POD=")] == [
        'POD=$(kubectl -n kube-system get pods -l k8s-app=kube-proxy --field-selector spec.nodeName="$NODE" '
        "-o jsonpath='{.items[0].metadata.name}')"
    ]


@pytest.mark.parametrize(
    ("option", "environment", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "always"], {}, True),
    ],
)
def test_colours_are_forced_and_forbidden(
    run: Run, option: list[str], environment: dict[str, str], coloured: bool
) -> None:
    for command in (
        ["explain", "sync-slow"],
        ["diagnose", "tests/captures/iptables-restore-without-wait/fires"],
    ):
        done = run(*command, *option, TERM="xterm-256color", **environment)
        assert ("\x1b[" in done.stdout) == coloured, command


def on_screen(columns: int, *arguments: str) -> str:
    """What a terminal of so many columns shows."""
    code, text = shown(columns, *arguments, NO_COLOR="1")
    assert code == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_list_fits_80_columns(run: Run) -> None:
    lines = on_screen(80, "list").splitlines()
    assert lines[0].split() == ["alert", "severity", "title"]
    assert max(map(len, lines)) <= 80
    alerts = [row["alert"] for row in json.loads(run("list", "--json").stdout)]
    assert [line.split()[0] for line in lines[1:] if not line.startswith("  ")] == alerts
    assert "signals" in on_screen(200, "list", "--wide").splitlines()[0]


def test_list_begins_with_what_is_grave(run: Run) -> None:
    severities = [row["severity"] for row in json.loads(run("list", "--json").stdout)]
    assert severities == sorted(severities, key=["critical", "warning", "info"].index)


def test_one_close_name_is_it_and_is_said(run: Run) -> None:
    for name in ("sync-slo", "KubeProxySyncSlo"):
        done = run("show", name)
        assert done.returncode == 0
        assert done.stdout.startswith("sync-slow: ")
        assert done.stderr.startswith(f"kube-proxy-alerts: there is no {name}; this is ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["show", "sync-slack"],
            "kube-proxy-alerts: there is no sync-slack; did you mean sync-slow?\n",
        ),
        (
            ["explain", "sync-slack"],
            "kube-proxy-alerts: there is no sync-slack; did you mean sync-slow?\n",
        ),
        (
            ["show", "zzz"],
            "kube-proxy-alerts: there is no zzz; `kube-proxy-alerts list` shows what there is\n",
        ),
    ],
)
def test_an_unknown_name_gets_a_suggestion(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("failure", []),  # its rules and tests are Loki's
        ("symptom", ["the rules", "its unit tests"]),
    ],
)
def test_a_new_entry_is_complete_and_passes(
    run: Run, tmp_path: Path, kind: str, asked: list[str], proven: Proven
) -> None:
    done = run("new", "my-own", "--kind", kind, "--catalog", "own", cwd=tmp_path)
    assert done.returncode == 0
    assert all((tmp_path / line).is_file() for line in done.stdout.splitlines())
    assert "own/my-own/failure.yaml" in done.stdout
    done = run("check", "--catalog", "own", cwd=tmp_path, **proven.again(tmp_path))
    assert done.returncode == 0, done.stderr
    assert asked_about(done.stderr) == len(asked)
    assert re.search(
        r"own/my-own/failure\.yaml:7:1: warning: \d+ texts of my-own still say TODO", done.stderr
    )


def test_a_new_entry_never_overwrites(run: Run, tmp_path: Path) -> None:
    (tmp_path / "catalog" / "mine").mkdir(parents=True)
    done = run("new", "mine", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "kube-proxy-alerts: catalog/mine exists already; choose another id\n",
    )


@pytest.mark.parametrize("arguments", [["Mine"], ["a/b"], ["mine", "--alert", "Mine"]])
def test_a_new_entry_needs_a_proper_name(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    done = run("new", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "an id is like my-failure, an alert like KubeProxyMyFailure" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    command = [sys.executable, "-m", "generator", "list"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_usage_errors_are_exit_2(run: Run, tmp_path: Path) -> None:
    assert run("generate", "--profile", "no-such-file.yaml", cwd=tmp_path).returncode == 2
    assert run("nonsense").returncode == 2


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Tokyo"},
    ],
    ids=str,
)
def test_output_is_the_same_bytes_everywhere(
    run: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("generate", "--all-outputs", "--no-validate", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    made = {
        p.relative_to(tmp_path / "output"): p.read_bytes()
        for p in (tmp_path / "output").rglob("*")
        if p.is_file()
    }
    committed = {
        p.relative_to(ROOT / "output"): p.read_bytes()
        for p in (ROOT / "output").rglob("*")
        if p.is_file()
    }
    assert made == committed


def test_test_runs_the_catalogs_tests_on_a_real_loki(
    tested: Completed,
) -> None:
    assert tested.returncode == 0, tested.stdout
    assert "ok\tcatalog/iptables-backend-mismatch/tests.yaml: the first line fires" in tested.stdout
    assert re.search(
        r"\n1\d\d tests pass, 0 fail; Loki sees \d{4} sample lines as the checks do\n$",
        tested.stderr,
    )


def test_tests_of_entries_speak_of_the_default_whatever_a_site_changes(
    run: Run, tmp_path: Path, pinned_loki: Path
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("alerts: {KubeProxyIptablesLockHeldTooLong: {threshold: 50}}\n")
    path = os.pathsep.join([str(pinned_loki.parent), os.environ["PATH"]])
    only = ("--only", "iptables-lock-held-too-long")
    done = run("test", *only, "--profile", str(site), PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_test_of_a_file_fails_with_what_was_expected(
    run: Run, tmp_path: Path, pinned_loki: Path
) -> None:
    path = os.pathsep.join([str(pinned_loki.parent), os.environ["PATH"]])
    entry = tmp_path / "catalog" / "iptables-lock-held-too-long"
    shutil.copytree(ROOT / "catalog" / entry.name, entry)
    shutil.copytree(ROOT / "output", tmp_path / "output")
    tests = entry / "tests.yaml"
    assert run("test", str(tests), cwd=tmp_path, PATH=path).returncode == 0
    rules = tmp_path / "output" / "loki" / "kube-proxy.rules.yaml"
    rules.write_text(rules.read_text().replace("Stopped waiting after", "Stopped after"))
    done = run("test", str(tests), "--json", cwd=tmp_path, PATH=path)
    assert done.returncode == 1
    failed = [row for row in json.loads(done.stdout) if row["said"]]
    assert [row["test"] for row in failed] == [
        "the first line fires and the alert ends when the window has passed",
        "each node has an alert of its own, in whatever the collector wraps the lines",
    ]
    assert "no line matched" in failed[0]["said"]
    assert done.stderr.endswith("2 tests pass, 2 fail\n")


def test_promtools_own_tests_are_run_by_promtool(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "groups: [{name: g, rules: [{alert: A, expr: 'vector(1)'}]}]"
    )
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        "rule_files: [rules.yaml]\ntests: [{alert_rule_test: [{eval_time: 1m, alertname: A}]}]\n"
    )
    done = run("test", str(tests), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"FAILED\t{tests}: promtool\n")
    done = run("test", str(tests), "--format", "github", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"::error file={tests}::promtool: ")
    assert done.stdout.count("\n") == 1


def test_a_loki_that_is_not_there_is_could_not_run(run: Run) -> None:
    tests = "catalog/iptables-lock-held-too-long/tests.yaml"
    done = run("test", tests, "--loki", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "kube-proxy-alerts: Loki at http://127.0.0.1:1 cannot be reached: " in done.stderr


def test_the_evidence_of_each_wording_is_listed(run: Run) -> None:
    done = run("list", "--evidence")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert ["iptables-backend-mismatch", "reproduced", "nft backend"] in [row[:3] for row in rows]
    assert {row[1] for row in rows} == {"documented", "source", "reproduced"}
    assert all(len(row) == 4 for row in rows)


def test_a_fault_of_our_own_is_not_taken_for_a_problem_of_the_input(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import generator.catalog.load\ngenerator.catalog.load.load = None\n"
    )
    done = run("list", PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path)]))
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"kube-proxy-alerts: this is a fault of kube-proxy-alerts {__version__}, not of yours; please report "
        "it to whoever you have it from, who made the package, the image or the repository: with these lines, "
        "the command, and what it read, as far as others may see that\n"
    )


def test_a_page_gives_no_command_to_the_ci(run_small: Run, tmp_path: Path) -> None:
    """GitHub's runner trims a line before it looks for `::`, so a line of a diff can be one."""
    out = ("--output", "rules", "--no-validate")
    assert run_small("generate", *out, cwd=tmp_path).returncode == 0
    page = tmp_path / "rules" / "runbooks" / "KubeProxyGateSlow.md"
    page.write_text(page.read_text(encoding="utf-8") + "::error file=x::from a page\n")
    shown = run_small(
        "generate", *out, "--check", "--format", "github", cwd=tmp_path
    ).stdout.splitlines()
    (begin,) = (line for line in shown if line.startswith("::stop-commands::"))
    token = begin.removeprefix("::stop-commands::")
    assert len(token) >= 32
    literal = shown[shown.index(begin) + 1 : shown.index(f"::{token}::")]
    assert "-::error file=x::from a page" in literal
    before = shown[: shown.index(begin)]
    assert {line.partition("::")[2].split(" ")[0].partition("::")[0] for line in before} == {
        "warning",
        "error",
    }
    assert shown[-1] == f"::{token}::"
    text = run_small("generate", *out, "--check", cwd=tmp_path).stdout
    assert "stop-commands" not in text


COMMAND = "kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide"


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("colours", ["", "1"], ids=["coloured", "plain"])
def test_a_command_in_a_sentence_can_be_copied(columns: int, colours: str) -> None:
    """Where the terminal's line is shorter, the terminal folds it, and copies it as one."""
    code, text = shown(columns, "explain", "iptables-backend-mismatch", NO_COLOR=colours)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert COMMAND in plain
    assert not any(line.endswith(" ") for line in plain.splitlines())


LOG = str(FIRES[0].relative_to(ROOT))


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_diagnosis_breaks_no_command(columns: int) -> None:
    code, text = shown(columns, "diagnose", "-v", LOG, NO_COLOR="1", PAGER="cat")
    assert code == 1
    assert re.search(r"^ {3}runbook {4}kube-proxy-alerts explain KubeProxy\w+$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [("list",), ("explain", "sync-slow"), ("docs", "diagnose"), ("diagnose", "-v", LOG)],
    ids=lambda words: words[0],
)
def test_without_colours_there_is_no_escape_at_all(words: tuple[str, ...]) -> None:
    assert "\x1b" in shown(100, *words, PAGER="cat", NO_COLOR="")[1]
    assert "\x1b" not in shown(100, *words, PAGER="cat", NO_COLOR="1")[1]


def test_a_terminal_shows_what_the_log_says(tmp_path: Path) -> None:
    """`:a:`, `:100:` and the like are names of emoji, and parts of addresses."""
    said = "[fd00:a:b::1] h:100:x :smiley: [bold]x[/bold] [red]"
    held = (
        "Another app is currently holding the xtables lock. Perhaps you want to use the -w option?"
    )
    (tmp_path / "log").write_text(f"{HEAD} Failed to execute iptables-restore: {held} {said}\n")
    for words in (("-v",), ("--markdown",), ("--json",)):
        _, text = shown(200, "diagnose", *words, str(tmp_path / "log"), NO_COLOR="1", PAGER="cat")
        for word in said.split():
            assert word in text
    title = "Addresses such as fd00:a:b::1 and h:100:x"
    assert run_new(tmp_path, title)
    _, text = shown(200, "list", "--catalog", str(tmp_path / "ours"), NO_COLOR="1")
    assert title in text


HEAD = "E0102 03:04:05.678901       1 proxier.go:1507]"


def run_new(folder: Path, title: str) -> bool:
    """A catalog `ours` with an entry of this title."""
    done = completed(
        [sys.executable, "-m", "generator", "new", "mine", "--catalog", str(folder / "ours")], ROOT
    )
    file = folder / "ours" / "mine" / "failure.yaml"
    text = re.sub("^title: .*", f"title: '{title}'", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)
    return done.returncode == 0
