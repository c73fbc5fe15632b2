"""What comes with the program besides the entries of the catalog: schemas and documentation, for a reader anywhere."""

import json
import re
from pathlib import Path, PurePosixPath

from generator.base import markdown
from generator.base.names import TOOL
from generator.catalog.package import PACKAGE, shipped_catalog

_LINK = re.compile(r"\[((?:[^\[\]]|\\.)*)\]\(([^()\s]+)\)")


def schemas() -> dict[str, Path]:
    """The JSON Schemas by name; that of an entry has the name failure."""
    return {
        _schema_name(path.name): path for path in sorted(shipped_catalog().glob("*schema.json"))
    }


def _schema_name(file: str) -> str:
    return file.removesuffix("schema.json").removesuffix(".") or "failure"


def is_schema(text: str, name: str) -> bool:
    """Whether a text is a schema of this name, as any release of the program wrote it."""
    ours = json.loads(schemas()[name].read_text(encoding="utf-8"))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("title") == ours["title"]


def pages() -> dict[str, Path]:
    """The pages of the documentation by name: inside the package where it is installed, else those of the checkout."""
    folders = [PACKAGE / "_docs"]
    if not folders[0].is_dir():
        folders = [PACKAGE.parent, PACKAGE.parent / "docs"]
    found: dict[str, Path] = {}
    for folder in folders:
        found |= {path.stem.lower(): path for path in folder.glob("*.md")}
    return dict(sorted(found.items()))


def documents() -> dict[str, str]:
    """The text of each page of the documentation by its file's name."""
    return {path.name: path.read_text(encoding="utf-8") for path in pages().values()}


def page_title(name: str) -> str:
    """The heading of a page."""
    return markdown.title(pages()[name].read_text(encoding="utf-8"))


def readable_page(name: str) -> str:
    """A page for a reader who has nothing but the program: a link to a file is said as the command that shows it."""
    text = pages()[name].read_text(encoding="utf-8")
    said = []
    for is_code, part in markdown.prose_and_code(text, fences=True):
        said.append(part if is_code else _LINK.sub(_link_as_command, part))
    return "".join(said)


def _link_as_command(link: re.Match[str]) -> str:
    text = link[1]
    target, _, _ = link[2].partition("#")
    if "://" in target:
        return link[0]
    if not target:
        return text
    file = PurePosixPath(target)
    if file.name.endswith("schema.json"):
        return f"`{TOOL} schema {_schema_name(file.name)}`"
    if file.suffix != ".md" or "output" in file.parts:
        return f"{text} (in the source)"
    command = f"`{TOOL} docs {file.stem.lower()}`"
    return command if text.endswith(".md") else f"{text} ({command})"
