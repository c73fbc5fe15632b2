"""`schema`: the JSON Schemas of what is written by hand and of what is printed for programs."""

import json

import click

from generator.commands.completion import one_of, schema_names
from generator.commands.options import examples
from generator.commands.printing import table, tell
from generator.commands.typed_names import exactly


@click.command(
    epilog=examples("schema", "schema profile > profile.schema.json", "schema diagnosis"),
)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=one_of(schema_names))
def command(name: str | None) -> None:
    """Print a JSON Schema; without a name, list them.

    An editor with a YAML language server completes from the one that a file names in its first line:

    # yaml-language-server: $schema=profile.schema.json
    """
    from generator.catalog import shipped

    paths = shipped.schemas()
    if name is not None:
        wanted = exactly(name, paths, "schema")
        tell(wanted.read_text(encoding="utf-8"), nl=False)
        return
    rows = []
    for known, path in paths.items():
        schema = json.loads(path.read_text(encoding="utf-8"))
        rows.append({"name": known, "of": schema["title"]})
    table(["name", "of"], rows)
