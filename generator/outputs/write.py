"""Puts generated files on disk, all of them or none. The only module that writes output.

The tree names its own files in MANIFEST; with the header at its place, that tells them from files of somebody else's,
which are never replaced or removed.
"""

import contextlib
import ctypes
import difflib
import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.base.disk import populate, refusals_told
from generator.base.file import File
from generator.base.names import GENERATED, TOOL
from generator.base.problems import Location, Problem, ToolError

if sys.platform != "win32":
    import fcntl

MANIFEST = ".generated"  # the generated files of the folder it stands in, a path a line

# In an output folder: where a run works that cannot exchange the folder as a whole.
_INSIDE = f".{TOOL}"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_BYTES_WITH_HEADER = 500  # bytes
# Files of somebody else's; a run that is pointed at a home folder need not read all of it.
_NAMED = 1000
_WAIT_SECONDS = 60
_TO_READ_OURS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_TO_LOCK = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# What the disk says where no file of ours can be.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
# What the disk says of a folder that cannot be exchanged: it is a mount point, or what holds it may not be written.
_FIXED = {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}
_HEADER = re.compile(
    rf'(# |<!-- |/\* |\{{\{{/\* |\s*"\w+": ")?{re.escape(GENERATED)}( -->| \*/| \*/\}}\}}|",?)?\s*'
)


class ForeignError(Exception):
    """Files of somebody else's are in the way; a problem for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(*problems)
        self.problems = problems


def not_generated(folder: Path, files: Iterable[File]) -> list[Problem]:
    """A problem for each thing in the output folder that was not generated: replacing the tree would lose it.

    Raises ToolError if the folder is none, or cannot be read.
    """
    with refusals_told(folder):
        return _look(_meant_folder(folder), files).foreign(folder)


def diff(folder: Path, files: Iterable[File]) -> str:
    """What writing would change, as a unified diff; empty if nothing."""
    old, new = _both(folder, files)
    text = ""
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        name = f"{folder.as_posix()}/{path}"
        hunks = difflib.unified_diff(
            old.get(path, "").splitlines(keepends=True),
            new.get(path, "").splitlines(keepends=True),
            name if path in old else "/dev/null",
            name if path in new else "/dev/null",
        )
        for line in hunks:
            text += line
            if not line.endswith("\n"):
                text += "\n\\ No newline at end of file\n"
    return text


def drift(folder: Path, files: Iterable[File]) -> list[Problem]:
    """A problem for each file that writing would change, at its first line that differs."""
    old, new = _both(folder, files)
    problems = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            line = _first_difference(old.get(path, ""), new.get(path, ""))
            where = Location(f"{folder.as_posix()}/{path}", line, 1)
            message = "is not what the catalog gives; run `generate` and commit what it writes"
            problems.append(Problem(where, message))
    return problems


def _first_difference(before: str, after: str) -> int:
    """The number of the first line of a text that the other has not there; of its last one if there is none."""
    lines = before.splitlines()
    pairs = zip(lines, after.splitlines(), strict=False)
    for number, (line, other) in enumerate(pairs, 1):
        if line != other:
            return number
    return len(lines)


def replace(folder: Path, files: Iterable[File]) -> bool:
    """Make the folder hold exactly these files, and the list of them; True if anything changed.

    A run that dies leaves the old tree or the new one; where the folder cannot be exchanged as a whole (a mount point,
    the folder that one works in) it may leave a mixture, which the next run makes whole.

    Raises ForeignError if something is there that was not generated, ToolError if the disk refuses.
    """
    files = list(files)
    new = _with_manifest(files)
    with refusals_told(folder):
        place = _meant_folder(folder)
        old, wanted = _both(place, files)
        if old == wanted and not _left(place):
            return False
        if _stays(place):
            _replace_inside(place, new)
            return True
        try:
            _replace_whole(place, new)
        except OSError as error:
            if error.errno not in _FIXED or not place.is_dir():
                raise
            _replace_inside(place, new)
    return True


def _text_by_path(files: Iterable[File]) -> dict[str, str]:
    return {file.path: file.text for file in files}


def create(folder: Path, files: Sequence[File]) -> None:
    """Make a new folder that holds these files, in one step. Raises ToolError if it is there, or the disk refuses."""
    with refusals_told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _one_run_at_a_time(_beside(folder)) as work:
            staged = work / "new"
            _remove(staged, files)
            try:
                populate(staged, _with_manifest(files))
                (staged / MANIFEST).unlink()
                if folder.exists():
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                staged.rename(folder)
            finally:
                _remove(staged, files)


def _meant_folder(folder: Path) -> Path:
    """The folder that is meant, links followed; it need not be there."""
    try:
        mode = folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return folder.resolve()
    if not stat.S_ISDIR(mode):
        raise ToolError(f"{folder}: is no folder; choose another one with --output")
    return folder.resolve()


@dataclass(frozen=True)
class _Tree:
    """What is in a folder: paths of files that were generated, and of all that was not with what it is."""

    ours: tuple[str, ...]
    others: Mapping[str, str]

    def foreign(self, folder: Path) -> list[Problem]:
        message = f"was not generated by {TOOL} and would be lost; move it, or choose another folder with --output"
        problems = []
        for path, kind in sorted(self.others.items()):
            where = Location(f"{folder.as_posix()}/{path}")
            problems.append(Problem(where, f"{kind}{message}"))
        return problems


def _look(folder: Path, files: Iterable[File], staged: bool = False) -> _Tree:
    """Tell generated files from all others. What a run of ours staged need not be whole, so has no header for sure."""
    known = {
        MANIFEST,
        *(file.path for file in files),
        *_manifest(folder),
        *_manifest(folder / _INSIDE / "ready"),
    }
    ancestors: set[str] = set()
    for path in known:
        ancestors.update(map(str, PurePosixPath(path).parents))
    ours: list[str] = []
    others: dict[str, str] = {}
    for path, state in _walk_folder(folder, folder):
        mode = state.st_mode
        listed = stat.S_ISREG(mode) and path in known
        if stat.S_ISDIR(mode):
            if path not in ancestors:
                others[path] = "a folder that "
        elif listed and (staged or _has_our_header(folder / path)):
            ours.append(path)
        else:
            others[path] = _kind(mode)
        if len(others) >= _NAMED:
            break
    return _Tree(tuple(ours), others)


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return "a link that " if stat.S_ISLNK(mode) else "no plain file; it "


def _walk_folder(top: Path, folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All files below a folder, and the folders that are empty or mounted; nothing is opened and no link followed."""
    device, children = _children(folder)
    for path, state in children:
        if path == top / _INSIDE:
            continue
        empty = True
        if stat.S_ISDIR(state.st_mode) and state.st_dev == device:
            for below in _walk_folder(top, path):
                empty = False
                yield below
        if empty:
            name = path.relative_to(top)
            yield name.as_posix(), state


def _children(folder: Path) -> tuple[int, list[tuple[Path, os.stat_result]]]:
    """The device of a folder, and what is in it; what another run takes away meanwhile is not."""
    children = []
    try:
        device = folder.stat().st_dev
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                children.append((Path(entry.path), state))
    except FileNotFoundError:
        return 0, []
    return device, children


def _manifest(folder: Path) -> list[str]:
    """The paths that a tree says were generated."""
    lines = _start(folder / MANIFEST, 1_000_000).splitlines()
    if lines and _HEADER.fullmatch(lines[0]):
        return lines[1:]
    return []


def _has_our_header(path: Path) -> bool:
    lines = _start(path, _BYTES_WITH_HEADER).splitlines()
    return any(_HEADER.fullmatch(line) for line in lines[:3])


def _start(path: Path, limit: int) -> str:
    """The text of the first bytes of a regular file; of anything else, none."""
    try:
        handle = os.open(path, _TO_READ_OURS)
    except OSError as error:
        if error.errno in _NO_FILE:
            return ""
        raise ToolError(f"{path}: cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ""
        return file.read(limit).decode("utf-8", errors="replace")


def _with_manifest(files: Iterable[File]) -> list[File]:
    """The files, after the one that lists them, which a staged tree has before any other."""
    files = list(files)
    text = f"# {GENERATED}\n"
    for path in sorted(file.path for file in files):
        text += f"{path}\n"
    return [File(MANIFEST, text), *files]


def _both(folder: Path, files: Iterable[File]) -> tuple[dict[str, str], dict[str, str]]:
    """The generated files as they are and as they would be."""
    new = _text_by_path(_with_manifest(files))
    # A file that grew beyond all that is generated differs in its first part already.
    longest = max(map(len, new.values()))
    limit = 4 * longest + 1
    old = {}
    for path in _look(folder, files).ours:
        old[path] = _start(folder / path, limit)
    return old, new


def _stays(folder: Path) -> bool:
    """Whether the folder itself must stay: it is a mount point, somebody works in it, or a run was killed in it."""
    if folder.is_mount() or (folder / _INSIDE).exists():
        return True
    here = Path.cwd()
    return folder in (here, *here.parents)


def _beside(folder: Path) -> Path:
    """Where a run works that exchanges the folder as a whole."""
    return folder.parent / f".{folder.name}.{TOOL}"


def _left(folder: Path) -> bool:
    """Whether a run was killed at the folder, or works at it."""
    if (folder / _INSIDE).exists():
        return True
    return _beside(folder).exists()


def _replace_whole(folder: Path, files: Sequence[File]) -> None:
    """Stage the tree beside the folder, and exchange the two."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_run_at_a_time(_beside(folder)) as work:
        staged = work / "new"
        aside = work / "old"
        if aside.exists() and not folder.exists():
            aside.rename(folder)  # a run died between two renames: the old tree comes back
        for left in (staged, aside):
            _remove(left, files)
        try:
            populate(staged, files)
            _swap(staged, folder, aside, files)
        finally:
            for left in (staged, aside):
                _remove(left, files)


def _swap(staged: Path, folder: Path, aside: Path, files: Sequence[File]) -> None:
    _refuse(folder, files)
    if not folder.exists():
        staged.rename(folder)
        return
    staged.chmod(stat.S_IMODE(folder.stat().st_mode))
    if _exchange(staged, folder):
        arrived = _look(staged, files).foreign(folder)
        if arrived:  # between the look and the exchange
            _exchange(staged, folder)
            raise ForeignError(arrived)
        return
    # Only where the kernel cannot exchange two names: between these two renames the folder is missing.
    folder.rename(aside)
    arrived = _look(aside, files).foreign(folder)
    if arrived:
        aside.rename(folder)
        raise ForeignError(arrived)
    staged.rename(folder)


def _replace_inside(folder: Path, files: Sequence[File]) -> None:
    """Stage the tree inside the folder, and move the files one by one; what is `ready` is moved by the next run too."""
    with _one_run_at_a_time(folder / _INSIDE) as work:
        staged = work / "new"
        ready = work / "ready"
        if ready.exists():
            _move(ready, folder, files)
        _remove(staged, files)
        try:
            populate(staged, files)
            _refuse(folder, files)
            staged.rename(ready)
        finally:
            _remove(staged, files)
        _move(ready, folder, files)


def _move(ready: Path, folder: Path, files: Sequence[File]) -> None:
    """Move what is ready into the folder, and remove what else was generated; the list of all comes last."""
    if not (ready / MANIFEST).exists():  # all was moved
        ready.rmdir()
        return
    wanted = _manifest(ready)
    ours = _look(folder, files).ours
    stale = set(ours) - {MANIFEST, *wanted}
    for path in wanted:
        source = ready / path
        target = folder / path
        if not source.exists():
            continue
        if os.path.lexists(target) and not _has_our_header(target):
            raise ForeignError(_Tree((), {path: ""}).foreign(folder))
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    for path in stale:
        (folder / path).unlink(missing_ok=True)
    _prune(folder, [*_manifest(folder), *stale])
    _prune(ready, wanted)
    (ready / MANIFEST).replace(folder / MANIFEST)
    ready.rmdir()


def _refuse(folder: Path, files: Sequence[File]) -> None:
    problems = _look(folder, files).foreign(folder)
    if problems:
        raise ForeignError(problems)


def _remove(tree: Path, files: Iterable[File]) -> None:
    """Remove a tree that was staged or put aside: what was generated, and nothing that somebody put there."""
    if not os.path.lexists(tree):
        return
    held = _look(tree, files, staged=True)
    if held.others:
        first = min(held.others)
        raise ToolError(
            f"{tree / first}: came while a run wrote; move it to where it belongs, then run this again"
        )
    listed = [*_manifest(tree), *held.ours]
    listed += [file.path for file in files]
    for path in sorted(held.ours, key=lambda path: path == MANIFEST):
        _prune(tree, listed if path == MANIFEST else ())
        (tree / path).unlink()
    _prune(tree, listed)
    tree.rmdir()


def _prune(folder: Path, paths: Iterable[str]) -> None:
    """Remove the folders of these paths that are empty now."""
    parents: set[PurePosixPath] = set()
    for path in paths:
        parents.update(PurePosixPath(path).parents[:-1])  # the last is the folder itself
    for parent in sorted(parents, key=lambda parent: len(parent.parts), reverse=True):
        with contextlib.suppress(OSError):
            (folder / parent).rmdir()


@contextlib.contextmanager
def _one_run_at_a_time(work: Path) -> Iterator[Path]:
    """A folder that one run at a time works in. The kernel forgets the lock of a run that was killed."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        with contextlib.suppress(FileExistsError):
            work.mkdir()
        try:
            handle = os.open(work, _TO_LOCK)
        except FileNotFoundError:
            continue  # the run before removed it
        try:
            if _locked(handle) and _same(handle, work):
                break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() > deadline:
            raise ToolError(
                f"{work}: another run has worked in it for {_WAIT_SECONDS} s; wait for it, or end it"
            )
        time.sleep(0.01)
    try:
        yield work
    finally:
        with contextlib.suppress(OSError):
            work.rmdir()
        os.close(handle)


def _locked(handle: int) -> bool:
    """Take the lock; False while another run has it. File systems without locks are used without."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True


def _same(handle: int, path: Path) -> bool:
    """Whether what was opened still has its name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (Linux renameat2); False where that does not exist."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        renameat2 = libc.renameat2
    except AttributeError:
        return False
    here = _AT_FDCWD
    refused = renameat2(here, os.fsencode(one), here, os.fsencode(other), _RENAME_EXCHANGE)
    if not refused:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(code, os.strerror(code))
