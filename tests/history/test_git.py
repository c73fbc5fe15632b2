"""What is compared with what, in real repositories."""

from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.history import git
from tests.conftest import Repository


def test_no_repository(tmp_path: Path) -> None:
    assert git.base(tmp_path) is None
    with pytest.raises(
        ToolError, match="git can read no repository here: fatal: not a git repository"
    ):
        git.commit("HEAD", tmp_path)


def test_nothing_committed(repository: Repository) -> None:
    assert git.base(repository.folder) is None


def test_the_first_commit_has_only_itself(repository: Repository) -> None:
    first = repository.commit({"a": "1"})
    assert git.base(repository.folder) == (
        first,
        f"{first[:8]} (HEAD; this clone has no commit before it)",
    )


def test_on_the_default_branch_it_is_the_commit_before(repository: Repository) -> None:
    first = repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    assert git.base(repository.folder) == (first, f"{first[:8]} (the commit before HEAD)")


def test_on_a_branch_it_is_where_the_branch_left(repository: Repository) -> None:
    repository.commit({"a": "1"})
    fork = repository.commit({"a": "2"})
    repository.git("switch", "--quiet", "--create", "mine")
    repository.commit({"a": "3"})
    repository.commit({"a": "4"})
    assert git.base(repository.folder) == (fork, f"{fork[:8]} (where this left main)")


def test_a_clone_goes_by_the_default_branch_of_its_origin(
    repository: Repository, tmp_path: Path
) -> None:
    repository.git("branch", "--move", "trunk")
    fork = repository.commit({"a": "1"})
    repository.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    clone.commit({"a": "2"})
    clone.commit({"a": "3"})
    assert git.base(clone.folder) == (fork, f"{fork[:8]} (where this left origin/HEAD)")


def test_a_shallow_clone_has_only_its_head(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a": "1"})
    head = repository.commit({"a": "2"})
    repository.git(
        "clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "clone")
    )
    assert git.base(tmp_path / "clone") == (
        head,
        f"{head[:8]} (HEAD; this clone has no commit before it)",
    )
    assert git.is_shallow(tmp_path / "clone")
    assert not git.is_shallow(repository.folder)


def test_names_of_commits(repository: Repository) -> None:
    first = repository.commit({"a": "1"})
    repository.git("tag", "v1")
    assert git.commit("v1", repository.folder) == first
    assert git.commit("v2", repository.folder) is None
    assert git.commit("--help", repository.folder) is None


def test_texts_of_commits(repository: Repository) -> None:
    first = repository.commit({"sub/a": "é\n"})
    assert git.file_at(first, Path("sub/a"), repository.folder) == "é\n"
    assert git.file_at(first, Path("a"), repository.folder / "sub") == "é\n"
    assert git.file_at(first, Path("b"), repository.folder) is None


def test_since_when_a_file_is_there(repository: Repository) -> None:
    repository.commit({"a": "1"})
    second = repository.commit({"b": "1"}, date="2026-01-02T03:04:05Z")
    repository.commit({"b": "2"})
    found = git.first_with(Path("b"), repository.folder) or ""
    assert found.endswith(" of 2026-01-02")
    assert second.startswith(found.split()[0])
    assert git.first_with(Path("c"), repository.folder) is None
