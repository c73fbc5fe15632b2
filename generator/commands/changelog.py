"""`changelog`: which rules changed between two versions, and whether CHANGELOG.md names them."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.base.names import LOCK
from generator.base.problems import Location, ToolError
from generator.commands.compiling import report, stop_on_errors
from generator.commands.options import (
    examples,
    format_option,
    from_project,
    json_option,
    output_option,
)
from generator.commands.printing import say, table, tell, tell_json

if TYPE_CHECKING:
    from generator.history.changes import RuleChange
    from generator.history.rule_lock import Locked

_HERE = Path()


@click.command(
    epilog=examples(
        "changelog v0.1.0..HEAD --markdown", "changelog --check", "changelog --check origin/main"
    ),
)
@click.argument("span", metavar="[A..B]", required=False)
@click.option(
    "--check",
    is_flag=True,
    help="Fail if a rule changed that no line added to the changelog names.",
)
@output_option(f"Folder that holds {LOCK}", file_okay=False)
@click.option(
    "--changelog",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("CHANGELOG.md"),
    show_default=True,
    help="The changelog.",
)
@json_option()
@click.option("--markdown", is_flag=True, help="As a section of release notes.")
@format_option
@from_project
def command(
    span: str | None,
    check: bool,
    output: Path,
    changelog: Path,
    as_json: bool,
    markdown: bool,
    style: str,
) -> None:
    """Print which rules are new, changed, deprecated or removed between the versions A and B.

    A version is a commit, branch or tag of git, or a lock file. With A alone B is the files as they are here. Without
    A it is the commit in which this left the default branch, or on that branch the commit before.
    A change is one of behaviour (expr, for, interval, labels, status) or one of text, the annotations; --check asks for
    no line about the latter.
    """
    from generator.history import changes

    if check and (as_json or markdown):
        raise click.UsageError("--check prints problems; choose how with --format")
    before, after = _compared_versions(span)
    lock = output / LOCK
    new = after.lock(lock)
    if new is None:
        raise ToolError(_no_lock(after, lock))
    old = before.lock(lock) if before else None
    if before is None or old is None:
        why = (
            _no_lock(before, lock)
            if before
            else "nothing is committed here that the rules could be compared with"
        )
        if span or not check:
            raise ToolError(why)
        report((), style)
        say(f"the changelog was NOT checked: {why}")
        return
    changed = changes.compare(old, new)
    if check:
        _check(changed, before, after, changelog, style)
    elif as_json:
        tell_json([_change_data(change) for change in changed])
    elif markdown:
        tell(changes.markdown(changed), nl=False)
    else:
        rows = [
            {"change": row.kind, "rule": row.name, "what": ", ".join(row.what())} for row in changed
        ]
        table(["change", "rule", "what"], rows)
    rules = "1 rule" if len(changed) == 1 else f"{len(changed) or 'no'} rules"
    verdict = f"; {changelog} names what it must" if check else ""
    say(f"{rules} changed from {before.name} to {after.name}{verdict}")


@dataclass(frozen=True)
class _Version:
    """Where a lock and a changelog are read: in a commit, in a lock file, or else from the files here."""

    name: str
    commit: str | None = None
    file: Path | None = None

    def lock(self, path: Path) -> list["Locked"] | None:
        from generator.history import rule_lock

        text = self.text(self.file or path)
        if text is None:
            return None
        try:
            return rule_lock.rows_in(text)
        except (ValueError, RecursionError) as error:
            place = self.file or f"{path} of {self.name}"
            raise ToolError(f"{place} is not a lock file: {error}") from error

    def text(self, path: Path) -> str | None:
        from generator.history import git

        if self.commit:
            return git.file_at(self.commit, path, _HERE)
        from generator.base.reader import contents

        if not os.path.lexists(path):
            return None
        try:
            return contents(path).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ToolError(f"{path}: not UTF-8 text; save the file as UTF-8") from error


def _compared_versions(span: str | None) -> tuple[_Version | None, _Version]:
    """The two to compare; the first is None where git has nothing to offer and nobody named it."""
    from generator.base.reader import is_file
    from generator.history import git

    here = _Version("the files here")
    if span is None:
        base = git.base(_HERE)
        if not base:
            return None, here
        commit, name = base
        return _Version(name, commit), here
    if is_file(Path(span)):
        return _version(span), here
    first, dots, last = span.partition("..")
    if last.startswith("."):
        raise ToolError(f"{span} has three dots; write {first}..{last[1:]}")
    before = _version(first or "HEAD")
    after = _version(last or "HEAD") if dots else here
    return before, after


def _version(name: str) -> _Version:
    from generator.base.reader import is_file
    from generator.history import git

    if is_file(Path(name)):
        return _Version(name, file=Path(name))
    commit = git.commit(name, _HERE)
    if commit is None:
        shallow = "this clone is shallow, " if git.is_shallow(_HERE) else ""
        raise ToolError(
            f"git knows no commit {name} here; {shallow}fetch it, or name another one or a lock file"
        )
    return _Version(name, commit)


def _no_lock(version: _Version, lock: Path) -> str:
    from generator.history import git

    if not version.commit:
        return f"{lock} is not there; `generate` writes it, --output says where"
    first = git.first_with(lock, _HERE)
    since = f"the first commit known to have it is {first}" if first else "no commit has it yet"
    return f"{version.name} has no {lock}; {since}"


def _check(
    changed: Sequence["RuleChange"], before: _Version, after: _Version, path: Path, style: str
) -> None:
    """End the command if a rule changed that no added line names.

    Of a lock file no older changelog is known: there the newest section must name the rule.
    """
    from generator.history import changes

    text = after.text(path)
    where = Location(path.as_posix())
    line, lines = changes.newest_section(text or "")
    if text is not None:
        where = Location(path.as_posix(), line, 1)
    if not before.file:
        lines = changes.added(before.text(path) or "", text or "")
    stop_on_errors(changes.unnamed(changed, lines, where, before.name), style)


def _change_data(change: "RuleChange") -> dict[str, object]:
    return {
        "change": change.kind,
        "rule": change.name,
        "failure": change.failure,
        "parts": [asdict(part) for part in change.parts],
    }
