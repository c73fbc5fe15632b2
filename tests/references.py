"""The reference pages, made of what they are about: the commands of click's, the keys of a profile of its schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from click.testing import CliRunner

from generator.base.names import TOOL
from generator.catalog import shipped
from generator.cli import COMMANDS, main

COLUMNS = 100


def commands() -> str:
    """docs/commands.md."""
    parts = [f"# Commands\n\nWhat `{TOOL} --help` says, and `--help` of each command.\n"]
    parts += [f"\n```text\n{helped()}```\n"]
    parts += [f"\n## {verb}\n\n```text\n{helped(verb)}```\n" for verb in COMMANDS]
    return "".join(parts)


def helped(*verb: str) -> str:
    runner = CliRunner(env={"NO_COLOR": "1"})
    words = [*verb, "--help"]
    return runner.invoke(main, words, prog_name=TOOL, terminal_width=COLUMNS).output


def profile() -> str:
    """docs/profile.md."""
    return reference(
        "profile",
        "# Profile\n\nEvery key of a profile, with what counts where it is left out. [sites.md](sites.md) tells\n"
        f"how they are used, and `{TOOL} schema profile` prints the schema for editors.\n",
    )


def entry() -> str:
    """docs/entry.md."""
    return reference(
        "failure",
        "# Entry\n\nEvery key of an entry's failure.yaml; `[]` stands for each of a list.\n"
        f"[start.md](start.md) tells how one is written, and `{TOOL} schema failure` prints the schema for editors.\n",
    )


def reference(name: str, head: str) -> str:
    """A table of the keys that a schema knows."""
    schema = json.loads(shipped.schemas()[name].read_text(encoding="utf-8"))
    rows = (
        f"| `{key}` | {values(node, schema)} | {default(node)} | {cell(node.get('description', ''))} |\n"
        for key, node in keys(schema, schema)
    )
    return f"{head}\n| Key | Value | Left out | What it says |\n|---|---|---|---|\n" + "".join(rows)


def keys(
    node: Mapping[str, Any], root: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Each key with what the schema says of it, in its order; NAME stands for a key that one chooses oneself."""
    children = dict(node.get("properties", {}))
    if isinstance(node.get("additionalProperties"), dict):
        children["NAME"] = node["additionalProperties"]
    for key, child in children.items():
        found = resolved(child, root)
        yield above + key, found
        if "items" in found:
            yield from keys(resolved(found["items"], root), root, f"{above}{key}[].")
        yield from keys(found, root, f"{above}{key}.")


def resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    return {**root["$defs"][node["$ref"].rpartition("/")[2]], **node}


WORDS = {"object": "mapping", "array": "list"}


def values(node: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a key may hold."""
    if "anyOf" in node:
        return " or ".join(values(resolved(one, root), root) for one in node["anyOf"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(one)}`" for one in node["enum"])
    kinds = [node["type"]] if isinstance(node["type"], str) else node["type"]
    return " or ".join(WORDS.get(kind, kind) for kind in kinds)


def default(node: Mapping[str, Any]) -> str:
    return cell(f"`{json.dumps(node['default'], ensure_ascii=False)}`") if "default" in node else ""


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {"docs/commands.md": commands, "docs/profile.md": profile, "docs/entry.md": entry}
