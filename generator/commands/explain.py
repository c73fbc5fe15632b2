"""`explain`: the runbook of an alert."""

import sys
from pathlib import Path

import click

from generator.commands.shared import compile_or_stop, examples, inputs, on_terminal, printable, tell, unknown


@click.command(epilog=examples("explain KubeProxyIptablesBackendMismatch", "explain KubeProxySyncSlow | less"))
@click.argument("alert")
@inputs
@click.pass_context
def command(ctx: click.Context, alert: str, catalogs: tuple[Path, ...], profile: Path | None) -> None:
    """Print the runbook of an alert."""
    from generator.names import runbook_file

    _, rules, files = compile_or_stop(catalogs, profile)
    pages = {file.path: file.text for file in files}
    text = pages.get(f"runbooks/{runbook_file(alert)}")
    if text is None:
        unknown(alert, [row.rule.alert for row in rules.alerts])
    elif on_terminal(sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console(emoji=False).print(Markdown(printable(text).partition("\n")[2]))
    else:
        tell(text, nl=False)
