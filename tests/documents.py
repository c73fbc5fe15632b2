"""Reads the documents: their blocks, commands and files."""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT

SERVED = "docs/servers.md"  # its commands are run by tests/commands/test_verify.py, which has the servers
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *PAGES)


def tokens(document: str) -> list[Token]:
    return parsed((ROOT / document).read_text(encoding="utf-8"))


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def block_tokens(text: str) -> list[Token]:
    """Without what stands within a line, which takes most of the time."""
    return MarkdownIt("commonmark").enable("table").disable("inline").parse(text)


def blocks(document: str, language: str) -> list[str]:
    return fenced((ROOT / document).read_text(encoding="utf-8"), language)


def fenced(text: str, language: str) -> list[str]:
    return [
        token.content
        for token in block_tokens(text)
        if token.type == "fence" and token.info == language
    ]


def complaints(schema: str, file: Path) -> str:
    """What check-jsonschema says of a file by one of the schemas that it brings; nothing if the file is right."""
    from check_jsonschema import main  # which takes a second, and is needed by two modules

    done = CliRunner().invoke(main, ["--builtin-schema", schema, str(file)])
    return done.output if done.exit_code else ""


def commands(document: str) -> list[list[str]]:
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def named_blocks(document: str) -> dict[str, str]:
    """The fenced blocks that stand below a paragraph which is nothing but a file's name."""
    found, name = {}, None
    for token in block_tokens((ROOT / document).read_text(encoding="utf-8")):
        if token.type == "inline":
            only = re.fullmatch(r"`([^`]*[/.][^`]+)`", token.content)
            name = only[1] if only else None
        elif token.type == "fence" and name:
            found[name], name = token.content, None
    return found
