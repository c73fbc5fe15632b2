"""Finds promtool, or gets it into the user's cache without root; runs it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import platformdirs

from generator.names import TOOL
from generator.problems import ToolError

PINNED = ("3.16", "2.42")  # the newest we know, and the oldest that users still have
_MODULE = "github.com/prometheus/prometheus/cmd/promtool"
_PACKAGE = "prometheus"
_DOWNLOAD_SECONDS = 300
_BUILD_SECONDS = 3600
_RUN_SECONDS = 600

Say = Callable[[str], None]


def find(say: Say) -> Path:
    """promtool from PATH, else from the cache, else obtained into the cache. Raises ToolError if all that fails."""
    on_path = shutil.which("promtool")
    if on_path:
        return Path(on_path)
    cached = _newest_cached()
    if cached:
        return cached
    try:
        return _from_package(None, say)
    except ToolError as no_package:
        try:
            return _from_source(PINNED[0], say)
        except ToolError as no_build:
            raise ToolError(_HELP.format(reasons=f"{no_package}; {no_build}")) from no_build


def pinned(version: str, say: Say) -> Path:
    """promtool of exactly this pinned version, from the cache or obtained into it. Raises ToolError."""
    cached = _cached(version)
    if cached.is_file():
        return cached
    try:
        return _from_package(version, say)
    except ToolError:
        return _from_source(version, say)


def run(promtool: Path, arguments: Sequence[str], folder: Path) -> tuple[bool, str]:
    """Run promtool in a folder; whether it was content, and all it printed. Raises ToolError if it could not run."""
    return _run([str(promtool), *arguments], folder, _RUN_SECONDS)


_HELP = (
    "promtool is not on PATH and could not be obtained ({reasons}). Either install it (Debian, Ubuntu: the package "
    "`prometheus`), or install Go so that the pinned version can be built, or put a promtool binary on PATH; "
    "--no-validate does without it and leaves the rules unproven"
)


def _cached(version: str) -> Path:
    return platformdirs.user_cache_path(TOOL) / f"promtool-{version}" / "promtool"


def _newest_cached() -> Path | None:
    """The newest promtool in the cache; a distribution's package may have brought a version that is not pinned."""
    found = [path for path in _cached("x").parent.parent.glob("promtool-*/promtool") if path.is_file()]
    return max(found, key=lambda path: [int(part) for part in re.findall("[0-9]+", path.parent.name)], default=None)


def _from_package(version: str | None, say: Say) -> Path:
    """Unpack promtool from the distribution's package, of any pinned version or of the one wanted."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolError("no apt-get here")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        candidate = _run(["apt-cache", "show", "--no-all-versions", _PACKAGE], work, _DOWNLOAD_SECONDS)[1]
        found = next((line.split()[1] for line in candidate.splitlines() if line.startswith("Version:")), "")
        release = ".".join(found.split("+")[0].split("-")[0].split(".")[:2])
        if not release or (version and release != version):
            raise ToolError(f"apt offers {_PACKAGE} {found or '(nothing; run apt-get update)'}")
        say(f"getting promtool {release} from the package {_PACKAGE} {found}")
        ok, output = _run(["apt-get", "download", _PACKAGE], work, _DOWNLOAD_SECONDS)
        package = next(work.glob("*.deb"), None)
        if not ok or package is None:
            raise ToolError(f"apt-get download {_PACKAGE} failed: {_last_line(output)}")
        ok, output = _run(["dpkg-deb", "-x", str(package), "unpacked"], work, _DOWNLOAD_SECONDS)
        binary = work / "unpacked" / "usr" / "bin" / "promtool"
        if not ok or not binary.is_file():
            raise ToolError(f"the package {_PACKAGE} holds no promtool: {_last_line(output)}")
        return _keep(binary, release)


def _from_source(version: str, say: Say) -> Path:
    """Build the pinned version with Go; its go.mod and go.sum are part of this program."""
    if not shutil.which("go"):
        raise ToolError("no Go here")
    pin = resources.files("generator") / "pins" / f"promtool-{version}"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("go.mod", "go.sum"):
            (work / name).write_bytes((pin / name).read_bytes())
        say(f"building promtool {version} with Go; this takes some minutes")
        flags = ["-trimpath", "-ldflags", f"-X github.com/prometheus/common/version.Version={version}.0"]
        ok, output = _run(["go", "build", *flags, "-o", "promtool", _MODULE], work, _BUILD_SECONDS)
        if not ok:
            raise ToolError(f"building promtool {version} failed: {_last_line(output)}")
        return _keep(work / "promtool", version)


def _keep(binary: Path, version: str) -> Path:
    """Move a binary into the cache in one step, so that no other run meets half of it."""
    _, output = _run([str(binary), "--version"], binary.parent, _DOWNLOAD_SECONDS)
    if "promtool" not in output:
        raise ToolError(f"the promtool obtained does not run here: {_last_line(output)}")
    target = _cached(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"promtool.{os.getpid()}")
    shutil.copy2(binary, partial)
    partial.replace(target)
    return target


def _run(command: Sequence[str], folder: Path, limit: int) -> tuple[bool, str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} did not end within {limit} s") from error
    return done.returncode == 0, done.stdout.decode("utf-8", errors="replace")


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
