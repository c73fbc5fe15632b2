"""`explain`: the runbook of an alert."""

import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from generator.commands.shared import (
    FOUND,
    colour_option,
    compile_or_stop,
    examples,
    inputs,
    meant,
    on_terminal,
    printable,
    say,
    tell,
)
from generator.names import TOOL

_FENCE = re.compile(r"\s*```")
_NODE, _POD = re.compile(r"^NODE=.*\n", re.MULTILINE), re.compile(r"^POD=name-of.*\n", re.MULTILINE)


@click.command(
    short_help="Print the runbook of an alert.",
    epilog=examples(
        "explain KubeProxyIptablesBackendMismatch",
        "explain iptables-backend-mismatch --node worker-3 --section mitigation",
        "explain sync-slow | less",
    ),
)
@click.argument("name", metavar="ALERT")
@click.option("--node", metavar="NAME", help="The node that has the failure; the commands then name it.")
@click.option("--section", metavar="HEADING", help="This section only, such as diagnosis or mitigation.")
@colour_option
@inputs
def command(
    name: str, node: str | None, section: str | None, colour: bool, catalogs: tuple[Path, ...], profile: Path | None
) -> None:
    """Print the runbook of an alert; the id of its entry will do too."""
    from generator.deployment import find_pod
    from generator.names import runbook_file

    read, rules, files = compile_or_stop(catalogs, profile)
    alerts = {alert.rule.alert: alert.rule.alert for alert in rules.alerts}
    by_id = {entry.id: entry.alert for entry in read.catalog.entries if entry.alert in alerts}
    alert = meant(name, by_id | alerts)
    page = next(file.text for file in files if file.path == f"runbooks/{runbook_file(alert)}")
    text = page.partition("\n")[2].lstrip("\n")  # the first line says who generated it, which a reader knows
    if node is not None:
        text = _on_node(text, node, find_pod(read.profile.kube_proxy, 'spec.nodeName="$NODE"'))
    if section is not None:
        text = _section(text, section)
    if colour or on_terminal(sys.stdout):
        _print(printable(text), colour)
    else:
        tell(text, nl=False)


def _on_node(text: str, node: str, find_pod: str) -> str:
    """The page with the node filled in; the Pod is then found by it."""
    text = _NODE.sub(lambda _: f"NODE={shlex.quote(node)}\n", text)
    found = _POD.search(text)
    if found is None:
        return text
    text = _POD.sub("", text)
    return _NODE.sub(lambda line: f"{line[0]}{find_pod}\n", text, count=1)


def _section(text: str, wanted: str) -> str:
    """The section whose heading is, or else begins so, with all below it; ends the command if there is none."""
    begins = list(re.finditer(r"^(##+) (.+)$", _without_code(text), re.MULTILINE))
    word = wanted.strip("# ").casefold()
    fitting = [one for one in begins if one[2].casefold() == word] or [
        one for one in begins if word and word in one[2].casefold()
    ]
    if not fitting:
        say(f"{TOOL}: the page has no section {wanted!r}; its sections: {', '.join(one[2] for one in begins)}")
        raise click.exceptions.Exit(FOUND)
    begin = fitting[0]
    after = (one.start() for one in begins if one.start() > begin.start() and len(one[1]) <= len(begin[1]))
    return text[begin.start() : next(after, len(text))].rstrip("\n") + "\n"


def _without_code(text: str) -> str:
    """With spaces in place of code, whose comments look like headings."""
    parts = [(" " * (len(part) - 1) + "\n") if is_code else part for is_code, part in _parts(text, fences=True)]
    return "".join(parts)


def _parts(text: str, fences: bool = False) -> Iterator[tuple[bool, str]]:
    """Prose and code in turn, and whether it is code; with the fences of the code, if they are asked for."""
    kept: list[str] = []
    in_code = False
    for line in text.splitlines(keepends=True):
        is_fence = bool(_FENCE.match(line))
        if is_fence and not in_code:
            yield False, "".join(kept)
            kept, in_code = ([line] if fences else []), True
        elif is_fence:
            yield True, "".join([*kept, line] if fences else kept)
            kept, in_code = [], False
        else:
            kept.append(line)
    yield in_code, "".join(kept)


def _print(text: str, colour: bool) -> None:
    """Prose in the width of the screen; code as it is, so that it can be copied whole."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(emoji=False, force_terminal=colour or None)
    for is_code, part in _parts(text):
        if is_code:
            for line in textwrap.dedent(part).splitlines():
                console.print(line, style="bold cyan", markup=False, highlight=False, soft_wrap=True)
            console.print()
        elif part.strip():
            console.print(Markdown(part, hyperlinks=False))
            console.print()
