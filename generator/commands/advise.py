"""`advise`: which failures a version can have, and the smallest upgrade that ends them."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from generator.base.names import FOUND, TOOL
from generator.base.problems import ToolError, errors
from generator.catalog.model import SEVERITIES
from generator.commands.compiling import stop_on_errors
from generator.commands.options import examples, inputs, json_option, mode_option, version_of
from generator.commands.printing import say, tell, tell_json

if TYPE_CHECKING:
    from generator.catalog.model import Entry, KnownBug
    from generator.cluster.objects import Writer
    from generator.fixes.advice import Advice, BugAdvice, Facts

_HEADINGS = {"affected": "can happen", "unknown": "not known", "not affected": "cannot happen"}
_SHOWN_NODES = 5  # names of nodes
_LARGEST = 1 << 30  # bytes of what kubectl prints, of ten thousands of nodes
Read = TypeVar("Read")


@click.command(
    epilog=examples(
        "advise --cluster-version 1.14 --kube-proxy-version v1.14.3-tke.20 --os 'CentOS 8'",
        "advise --kube-proxy-version v1.18.4 --mode ipvs --flags '--ipvs-sync-period=5s'",
        "advise --from-cluster --json",
        "advise --matrix csv",
    ),
)
@click.option(
    "--cluster-version", metavar="VERSION", help="Of the cluster, such as 1.14 or v1.18.4-tke.26."
)
@click.option(
    "--kube-proxy-version", metavar="VERSION", help="Of kube-proxy; the tag of its image."
)
@click.option("--os", "system", help="The node's operating system, such as 'CentOS 8'.")
@mode_option
@click.option("--flags", help="kube-proxy's flags, and its environment variables as NAME=value.")
@click.option(
    "--binary", is_flag=True, help="kube-proxy is a program on the node, not a DaemonSet."
)
@click.option("--from-cluster", is_flag=True, help="Ask the cluster, through kubectl.")
@click.option("--context", help="kubectl's context, with --from-cluster.")
@click.option(
    "files",
    "--cluster-file",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="What `kubectl get nodes,daemonsets,pods,configmaps -A -o json` printed; - is standard input. "
    "Can be given several times.",
)
@click.option(
    "--matrix",
    is_flag=False,
    flag_value="markdown",
    type=click.Choice(["markdown", "csv", "json"]),
    help="Print all the fix tables, version by failure.",
)
@inputs
@json_option()
@click.pass_context
def command(
    ctx: click.Context,
    cluster_version: str | None,
    kube_proxy_version: str | None,
    system: str | None,
    mode: str | None,
    flags: str | None,
    binary: bool,
    from_cluster: bool,
    context: str | None,
    files: tuple[Path, ...],
    matrix: str | None,
    catalogs: tuple[Path, ...],
    profile: Path | None,
    as_json: bool,
) -> None:
    """Say which documented failures can happen with a version of kube-proxy, why, and the smallest upgrade.

    Exit code 0: none is known to; 1: at least one can.
    """
    from generator.cluster import objects
    from generator.fixes.advice import Facts, notes

    entries, known_bugs = _failures(catalogs, profile)
    if matrix:
        _print_matrix(entries, matrix)
        return
    if from_cluster or files:
        documents = [_cluster_document(path) for path in files] if files else _ask_cluster(context)
        cluster = _understood(objects.cluster_in, documents)
        if not cluster.kube_proxies:
            raise ToolError(
                "there is neither a node nor a kube-proxy in it; read nodes, daemonsets, pods, configmaps"
            )
    elif cluster_version or kube_proxy_version:
        facts = Facts(
            cluster=version_of(cluster_version),
            kube_proxy=version_of(kube_proxy_version),
            os=system,
            mode=mode,
            settings=None if flags is None else objects.settings_of(_split_flags(flags)),
            binary=binary,
        )
        cluster = objects.Cluster((objects.Alike(facts, ()),), (), ())
    else:
        raise click.UsageError(
            "give --cluster-version or --kube-proxy-version, --from-cluster, or --matrix"
        )
    report = []
    remarks = dict.fromkeys(cluster.notes)
    for alike in cluster.kube_proxies:
        report.append(_advice_report(entries, known_bugs, alike.facts, alike.nodes))
        remarks |= dict.fromkeys(notes(entries, alike.facts))
    doubtful = [writer for writer in cluster.writers if writer.wrong and not writer.known]
    if as_json:
        data = {
            "kube_proxies": report,
            "may_write_without_lock": [str(writer) for writer in doubtful],
            "notes": list(remarks),
        }
        tell_json(data)
    else:
        _print_report(report, doubtful, list(remarks))
    if any(_is_affected(kube_proxy) for kube_proxy in report):
        ctx.exit(FOUND)


def _is_affected(kube_proxy: Mapping[str, Any]) -> bool:
    """Whether a failure can happen, by what is reported of a kube-proxy."""
    return any(failure["verdict"] == "affected" for failure in kube_proxy["failures"])


def _failures(
    catalogs: Sequence[Path], profile: Path | None
) -> tuple[list["Entry"], Sequence["KnownBug"]]:
    """The failures and the known bugs; ends the command with the problems if their fix tables cannot be used."""
    from generator.catalog.load import load
    from generator.check.entries import fix_rows_are_complete, what_decides_can_be_looked_at

    read = load(catalogs, profile)
    problems = [*read.problems]
    for check in (fix_rows_are_complete, what_decides_can_be_looked_at):
        problems += check(read.catalog, read.profile)
    stop_on_errors(errors(problems))
    failures = [entry for entry in read.catalog.entries if entry.kind == "failure"]
    return failures, read.catalog.known_bugs


def _print_matrix(entries: Sequence["Entry"], style: str) -> None:
    from generator.fixes import matrix

    writers = {"markdown": matrix.as_table, "csv": matrix.as_csv, "json": matrix.as_json}
    tell(writers[style](entries), nl=False)


def _cluster_document(path: Path) -> Any:
    from generator.base.reader import contents, unreadable_input

    try:
        if str(path) == "-":
            text = sys.stdin.buffer.read(_LARGEST)
        else:
            text = contents(path, _LARGEST)
    except OSError as error:
        raise unreadable_input(error) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ToolError(
            f"{path} is not JSON ({error}); save it with `kubectl get … -o json`"
        ) from error


def _split_flags(flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise ToolError(
            f"--flags {flags!r} cannot be split into words: {error}; close the quotes"
        ) from error


def _ask_cluster(context: str | None) -> list[Any]:
    """All that is read of a cluster: nodes, DaemonSets, Pods, kube-proxy's own ConfigMaps, the version."""
    from generator.cluster import kubectl, objects

    documents = [
        kubectl.ask(context, "get", "nodes,daemonsets.apps,pods", "--all-namespaces"),
        kubectl.ask(context, "version"),
    ]
    for namespace, name in _understood(objects.config_maps, documents[:1]):
        named = ["configmap", name, "--namespace", namespace]
        documents.append(kubectl.ask(context, "get", *named, "--ignore-not-found"))
    return [document for document in documents if document]


def _understood(read: Callable[[list[Any]], Read], documents: list[Any]) -> Read:
    """What a function reads of documents that need not be what kubectl prints."""
    try:
        return read(documents)
    except ValueError as error:
        raise ToolError(f"this is {error}") from error


def _advice_report(
    entries: Sequence["Entry"],
    known_bugs: Sequence["KnownBug"],
    facts: "Facts",
    nodes: Sequence[str],
) -> dict[str, Any]:
    """All that is said of kube-proxies that are alike, in the order it is read."""
    from generator.fixes.advice import advise, bugs, upgrade_for_all

    advised = [advise(entry, facts) for entry in entries]
    return {
        "nodes": list(nodes),
        "cluster": str(facts.cluster) if facts.cluster else None,
        "kube_proxy": str(facts.kube_proxy) if facts.kube_proxy else None,
        "os": facts.os,
        "mode": facts.mode,
        "failures": [_advice_row(advice) for advice in sorted(advised, key=_gravest_first)],
        "upgrade_for_all": upgrade_for_all(advised, facts),
        "known_bugs": [_bug(advice) for advice in bugs(known_bugs, facts)],
    }


def _gravest_first(advice: "Advice") -> tuple[int, int]:
    """What can happen first, and of that the gravest."""
    verdicts = [*_HEADINGS]
    return verdicts.index(advice.verdict), SEVERITIES.index(advice.entry.severity.level)


def _bug(advice: "BugAdvice") -> dict[str, Any]:
    return {
        "id": advice.bug.id,
        "title": advice.bug.title,
        "effect": advice.bug.effect,
        "verdict": advice.verdict,
        "reasons": list(advice.reasons),
        "instead": advice.bug.instead,
        "upgrade": advice.upgrade,
        "sources": [{"title": row.title, "url": row.url} for row in advice.bug.sources],
    }


def _advice_row(advice: "Advice") -> dict[str, Any]:
    by_key = advice.entry.sources
    sources = []
    for key in advice.sources:
        sources.append({"title": by_key[key].title, "url": by_key[key].url})
    return {
        "id": advice.entry.id,
        "title": advice.entry.title,
        "severity": advice.entry.severity.level,
        "verdict": advice.verdict,
        "why": advice.why,
        "reasons": list(advice.reasons),
        "editions": [claim.as_row() for claim in advice.claims if claim.edition],
        "upgrade": advice.upgrade,
        "sources": sources,
    }


def _print_report(
    report: Sequence[dict[str, Any]], doubtful: Sequence["Writer"], remarks: Sequence[str]
) -> None:
    for kube_proxy in report:
        tell(_kube_proxy_told(kube_proxy))
        for verdict, heading in _HEADINGS.items():
            failures = [row for row in kube_proxy["failures"] if row["verdict"] == verdict]
            if failures:
                tell(f"  {heading}:")
            for failure in failures:
                for line in _verdict_lines(failure):
                    tell(f"    {line}")
        if kube_proxy["known_bugs"]:
            tell("  bugs that no line and no metric shows:")
        for bug in kube_proxy["known_bugs"]:
            for line in _lines_of_bug(bug):
                tell(f"    {line}")
        if kube_proxy["upgrade_for_all"]:
            tell(f"  all that a version can end, ends with: {kube_proxy['upgrade_for_all']}")
        tell("")
    if doubtful:
        tell("These may change iptables and do not share the lock; see whether they call iptables:")
        for writer in doubtful:
            tell(f"  {writer}")
    for remark in remarks:
        say(f"{TOOL}: {remark}")


def _verdict_lines(failure: dict[str, Any]) -> Iterator[str]:
    """What is said of one failure, a fact a line; of one that cannot happen why not is enough."""
    if failure["verdict"] == "not affected":
        yield f"{failure['id']}: {failure['why']}"
        return
    yield f"{failure['id']}: {failure['title']}"
    facts = {"why": failure["reasons"]}
    if failure["upgrade"]:
        facts["ends with"] = [failure["upgrade"]]
    if failure["verdict"] == "affected":
        facts["source"] = [source["title"] for source in failure["sources"]]
    yield from _fact_lines(facts)


def _fact_lines(facts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, texts in facts.items():
        for index, text in enumerate(texts):
            yield f"  {name if index == 0 else '':9}  {text}"


def _lines_of_bug(bug: dict[str, Any]) -> Iterator[str]:
    yield f"{bug['id']}: {bug['title']}"
    facts = {
        "effect": [bug["effect"]],
        "why" if bug["verdict"] == "affected" else "perhaps": bug["reasons"],
        "ends with": [bug["upgrade"] or bug["instead"]],
        "source": [source["title"] for source in bug["sources"]],
    }
    yield from _fact_lines(facts)


def _kube_proxy_told(kube_proxy: dict[str, Any]) -> str:
    version = kube_proxy["kube_proxy"] or "of unknown version"
    parts = [f"kube-proxy {version}"]
    if kube_proxy["cluster"]:
        parts.append(f"cluster {kube_proxy['cluster']}")
    for key in ("os", "mode"):
        if kube_proxy[key]:
            parts.append(kube_proxy[key])
    text = ", ".join(parts)
    nodes = kube_proxy["nodes"]
    if not nodes:
        return text
    names = nodes[:_SHOWN_NODES]
    if len(nodes) > _SHOWN_NODES:
        names.append("…")
    noun = "node" if len(nodes) == 1 else "nodes"
    return f"{text}: {len(nodes)} {noun} ({', '.join(names)})"
