"""`serve`: the web site on this machine, for a look."""

from pathlib import Path

import click

from generator.commands.compiling import compile_or_stop
from generator.commands.options import examples, inputs
from generator.commands.printing import say


@click.command(epilog=examples("serve", "serve --profile site.yaml --port 9000 --minutes 5"))
@inputs
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 1440, min_open=True),
    default=60,
    show_default=True,
    help="When to stop, if nobody does so before.",
)
def command(catalogs: tuple[Path, ...], profile: Path | None, port: int, minutes: float) -> None:
    """Show the web site on this machine: what `site` would write, from memory, until ^C.

    Links of notifications open here with `runbooks: {base_url: http://127.0.0.1:8080}` in the
    profile, whichever style it names.
    """
    from generator.catalog import shipped
    from generator.pages import website
    from generator.servers.local_pages import PageServer

    server = PageServer({}, port)  # a port that is taken is said at once
    read, rules, files = compile_or_stop(catalogs, profile)
    written = website.files(files, rules, read.catalog, shipped.documents())
    server.show({file.path: file.text for file in written})
    say(f"{server.url}/ shows the site; ^C ends it, or {minutes:g} minutes")
    server.serve(minutes * 60)
