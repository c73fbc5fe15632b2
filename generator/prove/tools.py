"""Finds the real programs this tool works with, or gets them into the user's cache without root."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import platformdirs

from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.base.subprocesses import run

_DOWNLOAD_SECONDS = 300
_BUILD_SECONDS = 3600

Say = Callable[[str], None]


@dataclass(frozen=True)
class Tool:
    """A program, its pinned versions (newest first), and how each is built: Go package and linker flags."""

    name: str
    pinned: tuple[str, ...]
    go: str
    ldflags: str
    package: str | None = None  # of Debian and Ubuntu
    # A folder for each version, with its go.mod and go.sum.
    pins: Traversable = resources.files("generator.prove") / "pins"
    module: str | None = None  # what those folders are called after, if not the program
    tags: str = ""  # build tags
    # An argument with which it ends at once and well, if it has one.
    proof: str | None = "--version"


# Rules need no targets, and what finds them in clouds and clusters is half of a build of Prometheus 3.
WITHOUT_DISCOVERY = "remove_all_sd"
PROMTOOL = Tool(
    "promtool",
    ("3.16", "2.42"),  # the newest we know, and the oldest that users still have
    "github.com/prometheus/prometheus/cmd/promtool",
    "-X github.com/prometheus/common/version.Version={version}.0",
    "prometheus",
    tags=WITHOUT_DISCOVERY,
)
LOKI = Tool(
    "loki",
    # The last release under the Apache licence; the rules stay within what it understands.
    ("2.2.1",),
    "github.com/grafana/loki/cmd/loki",
    "-X github.com/grafana/loki/pkg/build.Version={version}",
)
VICTORIA_LOGS = Tool(
    "victoria-logs",
    ("1.52",),
    "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",
    "-X github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=victoria-logs-v{version}.1",
)


def find(tool: Tool, say: Say) -> Path:
    """The program from PATH, else from the cache, else obtained into the cache. Raises ToolError if all that fails."""
    on_path = shutil.which(tool.name)
    if on_path:
        return Path(on_path)
    cached = _newest_cached(tool)
    if cached:
        return cached
    try:
        return _from_package(tool, None, say)
    except ToolError as no_package:
        try:
            return _from_source(tool, tool.pinned[0], say)
        except ToolError as no_build:
            package = "a package of that name, if there is one"
            if tool.package:
                package = f"the package `{tool.package}`"
            raise ToolError(
                f"{tool.name} is not on PATH and could not be obtained ({no_package}; {no_build}). Either install it "
                f"(Debian, Ubuntu: {package}), or install Go so that the pinned version can be built, or put a "
                f"{tool.name} binary on PATH (the project that makes it releases binaries)"
            ) from no_build


def pinned_program(tool: Tool, version: str, say: Say) -> Path:
    """The program in exactly this pinned version, from the cache or obtained into it. Raises ToolError."""
    cached = _cached(tool, version)
    if cached.is_file():
        return cached
    try:
        return _from_package(tool, version, say)
    except ToolError:
        return _from_source(tool, version, say)


def _cached(tool: Tool, version: str) -> Path:
    cache = platformdirs.user_cache_path(TOOL)
    return cache / f"{tool.name}-{version}" / tool.name


def _newest_cached(tool: Tool) -> Path | None:
    """The newest in the cache; a distribution's package may have brought a version that is not pinned."""
    cache = platformdirs.user_cache_path(TOOL)
    named_so = cache.glob(f"{tool.name}-*/{tool.name}")
    binaries = [path for path in named_so if path.is_file()]
    return max(binaries, key=_version_of_cached, default=None)


def _version_of_cached(binary: Path) -> list[int]:
    numbers = re.findall("[0-9]+", binary.parent.name)
    return [int(number) for number in numbers]


def _from_package(tool: Tool, version: str | None, say: Say) -> Path:
    """Unpack the program from the distribution's package, of any version or of the one wanted."""
    if not tool.package:
        raise ToolError("no package is known to hold it")
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolError("no apt-get here")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        offered = _version_offered(tool.package, work)
        upstream, *_ = re.split("[+-]", offered)
        release = ".".join(upstream.split(".")[:2])
        if not release or (version and release != version):
            what = offered or "(nothing; run apt-get update)"
            raise ToolError(f"apt offers {tool.package} {what}")
        say(f"getting {tool.name} {release} from the package {tool.package} {offered}")
        ok, output = run(["apt-get", "download", tool.package], work, _DOWNLOAD_SECONDS)
        package = next(work.glob("*.deb"), None)
        if not ok or package is None:
            raise ToolError(f"apt-get download {tool.package} failed: {_last_line(output)}")
        ok, output = run(["dpkg-deb", "-x", str(package), "unpacked"], work, _DOWNLOAD_SECONDS)
        binary = work / "unpacked" / "usr" / "bin" / tool.name
        if not ok or not binary.is_file():
            raise ToolError(
                f"the package {tool.package} holds no {tool.name}: {_last_line(output)}"
            )
        return _keep(tool, binary, release)


def _version_offered(package: str, folder: Path) -> str:
    """The version of a package that apt would install; empty where it knows none."""
    command = ["apt-cache", "show", "--no-all-versions", package]
    _, description = run(command, folder, _DOWNLOAD_SECONDS)
    for line in description.splitlines():
        if line.startswith("Version:"):
            return line.split()[1]
    return ""


def _from_source(tool: Tool, version: str, say: Say) -> Path:
    """Build the pinned version with Go, without a C compiler."""
    if not shutil.which("go"):
        raise ToolError("no Go here")
    module = tool.module or tool.name
    pin = tool.pins / f"{module}-{version}"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for file in pin.iterdir():
            (work / file.name).write_bytes(file.read_bytes())
        say(f"building {tool.name} {version} with Go; this takes some minutes")
        ldflags = tool.ldflags.format(version=version)
        # The compiler ends before its garbage matters; to collect less of it takes a fifth off its time.
        environment = ["CGO_ENABLED=0", "GOGC=400"]
        # What only a debugger reads is left out, as in releases.
        flags = ["-trimpath", "-tags", tool.tags, "-gcflags", "all=-dwarf=false"]
        linked = ["-ldflags", f"-s -w {ldflags}", "-o", tool.name, tool.go]
        command = ["env", *environment, "go", "build", *flags, *linked]
        ok, output = run(command, work, _BUILD_SECONDS)
        if not ok:
            raise ToolError(f"building {tool.name} {version} failed: {_last_line(output)}")
        return _keep(tool, work / tool.name, version)


def _keep(tool: Tool, binary: Path, version: str) -> Path:
    """Move a binary into the cache in one step, so that no other run meets half of it."""
    if tool.proof:
        command = [str(binary), tool.proof]
        ok, output = run(command, binary.parent, _DOWNLOAD_SECONDS)
        if not ok:
            raise ToolError(f"the {tool.name} obtained does not run here: {_last_line(output)}")
    target = _cached(tool, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{tool.name}.{os.getpid()}")
    shutil.copy2(binary, partial)
    partial.replace(target)
    return target


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
