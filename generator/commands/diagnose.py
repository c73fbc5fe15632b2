"""`diagnose`: the documented failures that are in logs."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.base.names import COULD_NOT_RUN, FOUND, TOOL
from generator.base.problems import ToolError, errors
from generator.commands.compiling import rules_or_stop, stop_on_errors
from generator.commands.options import (
    colour_option,
    examples,
    inputs,
    json_option,
    mode_option,
    server_options,
    version_of,
)
from generator.commands.printing import (
    client_of,
    console,
    masked,
    on_terminal,
    printable,
    say,
    tell,
    tell_json,
)

if TYPE_CHECKING:
    from datetime import datetime

    from generator.catalog.load import Inputs
    from generator.compile.rule import Rules
    from generator.diagnose.findings import Findings, Period
    from generator.diagnose.sources import Log

_PIPE_COLUMNS = 110
_NOTES = 100
_STYLE_OF_SEVERITY: Mapping[str, dict[str, Any]] = {
    "critical": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "info": {"fg": "cyan", "bold": True},
}
_SERVERS = ("loki", "victorialogs", "prometheus")
_IN_SERVERS = timedelta(hours=1)  # how far back, if nothing is said
_PROGRESS_BYTES = 64 << 20  # less is read before a bar is seen


@click.command(
    epilog=examples(
        "diagnose kube-proxy.log kube-proxy-previous.log.gz",
        "diagnose support-bundle.tar.gz --kube-proxy-version v1.18.4-tke.20",
        "diagnose --kubectl --since 2h",
        "diagnose --loki http://loki.example:3100 --prometheus http://prometheus.example:9090 --since 2h",
    )
    + "\n\nAlso: kubectl -n kube-system logs -l k8s-app=kube-proxy --prefix --tail=-1 | "
    f"{TOOL} diagnose -",
)
@click.argument("paths", metavar="[FILE…|-]", nargs=-1)
@click.option(
    "--cluster-version", metavar="VERSION", help="Of the cluster, such as 1.14; decides the fix."
)
@click.option(
    "--kube-proxy-version", metavar="VERSION", help="Of kube-proxy, if the log does not say it."
)
@click.option("--os", "system", help="The nodes' operating system, such as 'CentOS 8'.")
@mode_option
@click.option(
    "--follow",
    is_flag=True,
    help="Keep reading what is added to the file (or comes through the pipe).",
)
@click.option(
    "--kubectl",
    "with_kubectl",
    is_flag=True,
    help="Read the logs of the kube-proxy pods with kubectl.",
)
@click.option("--context", help="kubectl's context.")
@click.option("--namespace", default="kube-system", show_default=True, help="Of the pods.")
@click.option(
    "--selector", default="k8s-app=kube-proxy", show_default=True, help="Labels of the pods."
)
@server_options(*_SERVERS)
@click.option(
    "--since",
    metavar="TIME",
    help="Only what came later: 30m ago, or 2026-01-02T03:04:05Z (Loki and VictoriaLogs: 1h ago).",
)
@click.option("--until", metavar="TIME", help="Only what came earlier, given in the same way.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also the lines that prove it, causes, and what to rule out.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 for errors that no entry explains, too.")
@colour_option
@inputs
@click.option("--markdown", "as_markdown", is_flag=True, help="For an incident ticket.")
@json_option(f"For programs; `{TOOL} schema diagnosis` describes it.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    cluster_version: str | None,
    kube_proxy_version: str | None,
    system: str | None,
    mode: str | None,
    follow: bool,
    with_kubectl: bool,
    context: str | None,
    namespace: str,
    selector: str,
    loki: str | None,
    victorialogs: str | None,
    prometheus: str | None,
    since: str | None,
    until: str | None,
    verbose: bool,
    strict: bool,
    colour: bool,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    as_markdown: bool,
    as_json: bool,
) -> None:
    """Say which documented failures are in logs: since when, on which nodes, what to do first, the fix, the proof.

    Reads what kubectl logs, containerd, docker, journald, Loki and collectors write, tables and JSON that log stores
    export, .gz, .zst, .xz, .bz2, folders, .tar and .zip. Exit code 1: at least one failure is there; 0: none is
    recognised, which is no all-clear where errors are listed that no entry explains (--strict: 1 then, too); 2: it
    could not run, or cannot tell, as no line of kube-proxy's was read.
    """
    from datetime import UTC, datetime

    from generator.catalog.load import load
    from generator.diagnose import pods, sources
    from generator.diagnose.findings import Findings, Period
    from generator.diagnose.report.data import as_data
    from generator.diagnose.report.text import as_text
    from generator.diagnose.report.ticket import as_ticket
    from generator.fixes.advice import Facts

    urls = {"loki": loki, "victorialogs": victorialogs, "prometheus": prometheus}
    servers = {kind: url for kind, url in urls.items() if url}
    if follow and (len(paths) > 1 or with_kubectl or servers or any(map(os.path.isdir, paths))):
        raise click.UsageError(
            "--follow reads one file, or -, as it grows; for several files: "
            f"`tail -qF FILE… | {TOOL} diagnose --follow -`; for a cluster: "
            f"`kubectl -n {namespace} logs -f --prefix --max-log-requests 100 -l {selector} "
            f"| {TOOL} diagnose --follow -`"
        )
    given = Facts(version_of(cluster_version), version_of(kube_proxy_version), system, mode)
    read = load(catalogs, profile, samples=bool(catalogs))  # what is wrong with one's own is said
    stop_on_errors(errors(read.problems))
    notes = _Notes()
    now = datetime.now(UTC)
    span = Period(_time("--since", since, now), _time("--until", until, now))
    findings = Findings(read.catalog, now, span)
    seen: dict[str, Any] = {"bytes": 0, "sources": [], "servers": []}
    logs: Iterator[Log] = iter(())
    failed: Sequence[ToolError] = ()
    if paths or not (with_kubectl or servers):
        if not paths and on_terminal(sys.stdin):
            named = ", ".join(f"--{kind} URL" for kind in _SERVERS)
            raise click.UsageError(f"give files, - for standard input, --kubectl, or {named}")
        logs = sources.sources(paths, notes.add, follow)
    if with_kubectl:
        seconds = f"{max(1, round((now - span.begin).total_seconds()))}s" if span.begin else None
        logs = _chained(
            logs, pods.logs(pods.Pods(namespace, selector, context, seconds), notes.add)
        )
    if follow:
        name = paths[0] if paths and paths[0] != "-" else "standard input"
        say(f"following {name}; Ctrl-C ends it and prints the report")
    _read_logs(logs, findings, seen, notes, _follower(findings, seen) if follow else None)
    if servers:
        read, rules = rules_or_stop(catalogs, profile)
        asked = Period(span.begin or now - _IN_SERVERS, span.end or now)
        seen["servers"], failed = _ask_servers(read, rules, findings, servers, asked)
        if not (seen["sources"] or seen["servers"]):
            raise failed[0]
    for error in failed:
        notes.add(f"{error}; what is said comes from the rest")

    diagnosis = findings.diagnosis()
    if diagnosis.undated:
        notes.add(
            f"{diagnosis.undated:,} lines bear no time; they are counted whatever time is asked for"
        )
    for name, versions in diagnosis.versions.items():
        notes.add(
            f"{name}: several versions of kube-proxy were seen ({', '.join(versions)}); the fix is for the last"
        )
    data = as_data(diagnosis, read.catalog, read.profile, given, seen, notes.all)
    data = json.loads(masked(json.dumps(data)))  # before lines are folded and cut
    if as_json:
        tell_json(data)
    elif as_markdown:
        tell(as_ticket(data), nl=False)
    else:
        # What goes through a pipe is the same everywhere.
        width = (
            min(shutil.get_terminal_size().columns, 140)
            if on_terminal(sys.stdout)
            else _PIPE_COLUMNS
        )
        _print_styled(list(as_text(data, width, verbose)), colour, paged=not follow)
    if not as_json and not as_markdown:
        for note in data["notes"]:
            say(f"{TOOL}: {note}")
    if diagnosis.found or (strict and data["verdict"] == "unexplained"):
        ctx.exit(FOUND)
    if failed or data["verdict"] == "cannot tell":
        ctx.exit(COULD_NOT_RUN)


class _Notes:
    """What was noticed while reading, each once; of very many the first, and how many there were."""

    def __init__(self) -> None:
        self._kept: dict[str, None] = {}
        self._more = 0

    def add(self, note: str) -> None:
        if len(self._kept) < _NOTES:
            self._kept[note] = None
        elif note not in self._kept:
            self._more += 1

    @property
    def all(self) -> list[str]:
        return [*self._kept, *([f"and {self._more:,} more notes"] if self._more else [])]


def _chained(first: Iterator["Log"], second: Iterator["Log"]) -> Iterator["Log"]:
    yield from first
    yield from second


def _read_logs(
    logs: Iterator["Log"],
    findings: "Findings",
    seen: dict[str, Any],
    notes: "_Notes",
    look: Callable[[], None] | None,
) -> None:
    """Read all logs; in what is followed, until Ctrl-C."""
    from generator.diagnose.hints import Hints
    from generator.diagnose.windows import windows

    try:
        for source in logs:
            seen["sources"].append(source.name)
            place = source.node or source.pod or source.name
            if source.version:
                findings.told(place, Hints(version=source.version))
            with _reading_progress(source) as advance:
                for window in windows(_watched(source.blocks, look) if look else source.blocks):
                    findings.read(window, source.name, source.pod, source.node, source.numbered)
                    seen["bytes"] += window.end - window.begin
                    advance(window.end - window.begin)
                    if window.cut:
                        notes.add(
                            f"{source.name}: a line is so long that it is looked at in pieces"
                        )
    except KeyboardInterrupt:
        if look is None:
            raise


@contextmanager
def _reading_progress(source: "Log") -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, for what takes its time."""
    if not on_terminal(sys.stderr) or (source.size or 0) < _PROGRESS_BYTES:
        yield lambda count: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(Path(source.name).name, total=source.size)
        yield lambda count: progress.update(task, advance=count)


def _watched(blocks: Iterator[bytes], look: Callable[[], None]) -> Iterator[bytes]:
    """The blocks; whenever there is no more for now, and all before was read, somebody looks at what was found."""
    for block in blocks:
        yield block
        if not block:
            look()


def _follower(findings: "Findings", seen: Mapping[str, Any]) -> Callable[[], None]:
    """Tells what was there when the reading began, and then what changes."""
    from datetime import UTC, datetime

    from generator.diagnose.news import Watch, announcement
    from generator.diagnose.phrases import plural, readable_size

    watch, columns = (
        Watch(),
        shutil.get_terminal_size().columns if on_terminal(sys.stderr) else _PIPE_COLUMNS,
    )
    began = False

    def look() -> None:
        nonlocal began
        if not began:
            count = sum(1 for _ in findings.found)
            failures = f"{count or 'no'} {plural(count, 'documented failure')}"
            say(f"read {readable_size(seen['bytes'])} that were there: {failures}")
            began = True
        for news in watch.news(findings.found, datetime.now(UTC)):
            grave = _STYLE_OF_SEVERITY[news.severity] if news.kind != "ends" else {}
            for line in announcement(news, columns):
                say(line, **grave)

    return look


def _ask_servers(
    read: "Inputs",
    rules: "Rules",
    findings: "Findings",
    servers: Mapping[str, str],
    span: "Period",
) -> tuple[list[str], list[ToolError]]:
    """Ask the servers that are named by an option, credentials come as for the other commands.

    What those are called that answered, and why others did not: what is known by then is not lost.
    """
    from generator.diagnose import asking
    from generator.servers import access

    names: list[str] = []
    failed: list[ToolError] = []
    for kind, url in servers.items():
        endpoint = access.endpoint(kind, url, read.profile.servers, os.environ)
        if endpoint is None:
            continue
        client = client_of(endpoint)
        try:
            match kind:
                case "loki":
                    asking.in_logs(asking.InLoki(client), rules, span, findings)
                case "victorialogs":
                    asking.in_logs(asking.InVictoriaLogs(client), rules, span, findings)
                case _:
                    asking.in_prometheus(client, rules, read.profile, findings)
        except ToolError as error:
            failed.append(error)
        else:
            names.append(client.name)
    return names, failed


def _print_styled(lines: Sequence[tuple[str, str]], colour: bool, paged: bool) -> None:
    """On a terminal in colour, and page by page where it is longer than the screen, as git does it."""
    if not (colour or on_terminal(sys.stdout)):
        for _, line in lines:
            tell(line)
        return
    screen = console(colour)

    def show() -> None:
        for style, line in lines:
            screen.print(printable(line), style=style or None, markup=False, soft_wrap=True)

    if not paged or len(lines) < screen.height or not on_terminal(sys.stdout):
        show()
        return
    os.environ.setdefault("LESS", "FRX")  # colours, and no page where the text fits
    with screen.capture() as captured:
        show()
    click.echo_via_pager(captured.get(), color=True)


def _time(option: str, text: str | None, now: "datetime") -> "datetime | None":
    """A moment: a duration before now, or a time as RFC 3339 has it."""
    from generator.base.durations import seconds
    from generator.diagnose.lines.moments import moment

    if text is None:
        return None
    try:
        return now - timedelta(seconds=seconds(text))
    except (ValueError, OverflowError) as error:
        found = None if text.isdigit() else moment(text)
        if found is None:
            raise ToolError(
                f"{option} {text}: {error}, nor a time such as 2026-01-02T03:04:05Z"
            ) from error
        return found
