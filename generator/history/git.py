"""What a git repository knows of earlier versions. Raises ToolError where there is no git or no repository."""

from pathlib import Path

from generator.base import subprocesses
from generator.base.problems import ToolError

_DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def commit(name: str, folder: Path) -> str | None:
    """The full id of the commit that is called so."""
    refusal = _refusal(folder)
    if refusal:
        raise ToolError(f"git can read no repository here: {refusal}")
    return _git_line(
        folder, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"
    )


def file_at(commit: str, path: Path, folder: Path) -> str | None:
    """A file as it was in a commit; None if it was not there."""
    command = ["git", "show", f"{commit}:./{path.as_posix()}"]
    is_there, content = subprocesses.run(command, folder)
    return content if is_there else None


def is_shallow(folder: Path) -> bool:
    """Whether the clone lacks the past."""
    return _git_line(folder, "rev-parse", "--is-shallow-repository") == "true"


def first_with(path: Path, folder: Path) -> str | None:
    """The oldest commit known that has this file, with its date."""
    history = _git_line(
        folder, "log", "--diff-filter=A", "--format=%h of %cs", "--", path.as_posix()
    )
    return history.splitlines()[-1] if history else None


def base(folder: Path) -> tuple[str, str] | None:
    """What a change is compared with where nobody says it, and how that is called. None where nothing was committed.

    Where HEAD left the default branch; on that branch itself the commit before; HEAD if this clone has none before.
    """
    if "not a git repository" in _refusal(folder):
        return None
    head = commit("HEAD", folder)
    if head is None:
        return None
    for branch in _DEFAULT_BRANCHES:
        fork = _git_line(folder, "merge-base", "HEAD", branch)
        if fork and fork != head:
            return fork, f"{fork[:8]} (where this left {branch})"
    before = commit("HEAD^", folder)
    if before:
        return before, f"{before[:8]} (the commit before HEAD)"
    return head, f"{head[:8]} (HEAD; this clone has no commit before it)"


def _refusal(folder: Path) -> str:
    """Why git will not work here; empty if it does."""
    command = ["env", "LC_ALL=C", "git", "rev-parse", "--git-dir"]
    is_inside, printed = subprocesses.run(command, folder)
    return "" if is_inside else printed.strip()


def _git_line(folder: Path, *arguments: str) -> str | None:
    worked, printed = subprocesses.run(["git", *arguments], folder)
    return (printed.strip() or None) if worked else None
