"""`changelog` as its users meet it, in real repositories."""

import json

import pytest
from msgspec.structs import replace

from generator.history.rule_lock import dump
from tests.conftest import Repository, Run
from tests.locked import SLOW

SLOWER = replace(SLOW, hold="15m")
LOCK = "output/rules.lock.json"
EMPTY = "# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- GateSlow: new.\n"
NAMED = EMPTY.replace("## Unreleased\n", "## Unreleased\n\n- GateSlow waits 15 minutes.\n")


@pytest.fixture
def site(repository: Repository) -> Repository:
    """A repository with one rule, tagged v1, and a branch beside it."""
    repository.commit({LOCK: dump([SLOW]), "CHANGELOG.md": EMPTY})
    repository.git("tag", "v1")
    repository.git("switch", "--quiet", "--create", "mine")
    return repository


def test_a_rule_that_changed_and_is_named_by_no_added_line_fails(
    site: Repository, run: Run
) -> None:
    fork = site.git("rev-parse", "--short=8", "v1")
    site.commit({LOCK: dump([SLOWER])})
    done = run("changelog", "--check", cwd=site.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"CHANGELOG.md:3:1: no line added since {fork} (where this left main) names GateSlow; say why, for example:\n"
        "- GateSlow: for 10m → 15m, because …\n"
    )


def test_the_line_it_asks_for_makes_it_pass(site: Repository, run: Run) -> None:
    site.commit({LOCK: dump([SLOWER]), "CHANGELOG.md": NAMED})
    done = run("changelog", "--check", cwd=site.folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(" to the files here; CHANGELOG.md names what it must\n")


def test_what_is_not_committed_yet_counts(site: Repository, run: Run) -> None:
    (site.folder / LOCK).write_text(dump([SLOWER]))
    assert run("changelog", "--check", "v1", cwd=site.folder).returncode == 1
    (site.folder / "CHANGELOG.md").write_text(NAMED)
    assert run("changelog", "--check", "v1", cwd=site.folder).returncode == 0


def test_between_two_commits_the_changelog_is_theirs(site: Repository, run: Run) -> None:
    site.commit({LOCK: dump([SLOWER]), "CHANGELOG.md": NAMED})
    site.git("tag", "v2")
    site.commit({"CHANGELOG.md": EMPTY})
    assert run("changelog", "--check", "v1..v2", cwd=site.folder).returncode == 0
    assert run("changelog", "--check", "v1..", cwd=site.folder).returncode == 1


def test_a_prose_change_needs_no_line(site: Repository, run: Run) -> None:
    site.commit({LOCK: dump([replace(SLOW, text="cc")])})
    assert run("changelog", "--check", cwd=site.folder).returncode == 0
    assert run("changelog", cwd=site.folder).stdout == "text\tGateSlow\t\n"


def test_a_lock_file_as_the_base_asks_the_newest_section(site: Repository, run: Run) -> None:
    (site.folder / "old.json").write_text(dump([SLOWER]))
    done = run("changelog", "--check", "old.json", cwd=site.folder)
    assert done.returncode == 1
    assert "CHANGELOG.md:3:1: no line added since old.json names GateSlow" in done.stderr
    (site.folder / "CHANGELOG.md").write_text(NAMED)
    assert run("changelog", "--check", "old.json", cwd=site.folder).returncode == 0


def test_a_changelog_that_is_not_there(site: Repository, run: Run) -> None:
    (site.folder / "CHANGELOG.md").unlink()
    (site.folder / LOCK).write_text(dump([SLOWER]))
    done = run("changelog", "--check", "v1", "--format", "github", cwd=site.folder)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "::error file=CHANGELOG.md::no line added since v1 names GateSlow;"
    )


def test_it_prints_what_changed(site: Repository, run: Run) -> None:
    site.commit({LOCK: dump([SLOWER, replace(SLOW, name="GateShut")])})
    done = run("changelog", "v1..HEAD", cwd=site.folder)
    assert (done.returncode, done.stdout) == (
        0,
        "new\tGateShut\t\nchanged\tGateSlow\tfor 10m → 15m\n",
    )
    assert done.stderr == "2 rules changed from v1 to HEAD\n"
    notes = run("changelog", "v1..HEAD", "--markdown", cwd=site.folder).stdout
    assert (
        notes
        == "### New rules\n\n- `GateShut`\n\n### Changed rules\n\n- `GateSlow`: for 10m → 15m\n"
    )
    assert json.loads(run("changelog", "v1..HEAD", "--json", cwd=site.folder).stdout) == [
        {"change": "new", "rule": "GateShut", "failure": "gate-slow", "parts": []},
        {
            "change": "changed",
            "rule": "GateSlow",
            "failure": "gate-slow",
            "parts": [{"name": "for", "before": "10m", "after": "15m"}],
        },
    ]


def test_nothing_changed(site: Repository, run: Run) -> None:
    done = run("changelog", "v1..HEAD", cwd=site.folder)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "",
        "no rules changed from v1 to HEAD\n",
    )


def test_a_check_that_had_nothing_to_compare_with_says_so(repository: Repository, run: Run) -> None:
    repository.commit({"README.md": "a site before it had rules\n"})
    (repository.folder / "output").mkdir()
    (repository.folder / LOCK).write_text(dump([SLOW]))
    done = run("changelog", "--check", "--format", "gitlab", cwd=repository.folder)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert "the changelog was NOT checked: " in done.stderr
    assert f"has no {LOCK}; no commit has it yet" in done.stderr
    done = run("changelog", "--check", "HEAD", cwd=repository.folder)
    assert done.returncode == 2


def test_outside_a_repository_nothing_is_checked(run: Run, site: Repository) -> None:
    loose = site.folder.parent / "loose"
    (loose / "output").mkdir(parents=True)
    (loose / LOCK).write_text(dump([SLOW]))
    done = run("changelog", "--check", cwd=loose)
    assert done.returncode == 0
    assert done.stderr == (
        "the changelog was NOT checked: nothing is committed here that the rules could be compared with\n"
    )
    done = run("changelog", "v1..v2", cwd=loose)
    assert done.returncode == 2
    assert "git can read no repository here" in done.stderr


def test_a_commit_before_there_was_a_lock(repository: Repository, run: Run) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "v0")
    repository.commit({LOCK: dump([SLOW])}, date="2026-01-02T03:04:05Z")
    done = run("changelog", "v0..HEAD", cwd=repository.folder)
    assert done.returncode == 2
    assert f"v0 has no {LOCK}; the first commit known to have it is " in done.stderr
    assert done.stderr.endswith(" of 2026-01-02\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["v9"], "git knows no commit v9 here; fetch it, or name another one or a lock file"),
        (["v1...HEAD"], "v1...HEAD has three dots; write v1..HEAD"),
        (
            ["v1", "--output", "rules"],
            "rules/rules.lock.json is not there; `generate` writes it, --output says where",
        ),
        (["CHANGELOG.md"], "CHANGELOG.md is not a lock file: "),
        (["v1", "--check", "--json"], "--check prints problems; choose how with --format"),
    ],
)
def test_what_cannot_be_compared_is_said(
    arguments: list[str], said: str, site: Repository, run: Run
) -> None:
    done = run("changelog", *arguments, cwd=site.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (b"\xff\xfe{\x00}\x00", "output/rules.lock.json: not UTF-8 text; save the file as UTF-8"),
        (b'{"rules": "\xff"}', "output/rules.lock.json: not UTF-8 text; save the file as UTF-8"),
        (
            b"[" * 100_000,
            "output/rules.lock.json of the files here is not a lock file: it is too deep",
        ),
        (
            b'{"rules": null}',
            "output/rules.lock.json of the files here is not a lock file: at rules: null",
        ),
        (b'{"rules": [{"name": 5}]}', "is not a lock file: at rules[0].name: 5"),
        (b'{"rules": [{"name": "x"}]}', 'is not a lock file: at rules[0]: no "engine"'),
    ],
)
def test_a_lock_that_is_none_is_said(site: Repository, run: Run, lock: bytes, said: str) -> None:
    (site.folder / LOCK).write_bytes(lock)
    done = run("changelog", "v1", cwd=site.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_half_a_character_in_a_lock_is_printed_as_a_sign(site: Repository, run: Run) -> None:
    (site.folder / LOCK).write_text(
        dump([replace(SLOW, hold="HOLD")]).replace("HOLD", r"\ud800"), encoding="utf-8"
    )
    for style in ([], ["--json"], ["--markdown"]):
        done = run("changelog", "v1", *style, cwd=site.folder)
        assert done.returncode == 0, done.stderr
        assert "\N{REPLACEMENT CHARACTER}" in done.stdout


def test_a_changelog_that_is_not_utf_8_is_said(site: Repository, run: Run) -> None:
    site.commit({LOCK: dump([SLOWER])})
    (site.folder / "CHANGELOG.md").write_bytes(NAMED.encode("utf-16"))
    done = run("changelog", "--check", cwd=site.folder)
    assert (done.returncode, done.stderr) == (
        2,
        "kube-proxy-alerts: CHANGELOG.md: not UTF-8 text; save the file as UTF-8\n",
    )


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000])
def test_a_name_that_no_file_can_have_is_no_file(site: Repository, run: Run, name: str) -> None:
    done = run("changelog", name, cwd=site.folder)
    assert done.returncode == 2
    assert f"git knows no commit {name[:20]}" in done.stderr
