"""A generated file, and how data are written as YAML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from generator.base.names import GENERATED


@dataclass(frozen=True, order=True)
class File:
    """Path relative to the output folder, and the whole text."""

    path: str
    text: str


# The C emitter is much faster where it is built.
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    """Multi-line texts as literal blocks; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# PyYAML writes these plain, as they are texts to it. What is written in Go, such as kubectl and Helm, reads them as
# numbers and truth values.
_NO_TEXT_IN_GO = re.compile(
    r"""[-+]?(\d[\d_]*\.?[\d_]*|\.[\d_]+)(e[-+]?\d+)?  # 1e3, 08
    | [-+]?0[xob][\da-f_]+  # 0o17, 0X1F
    | [yn]""",
    re.IGNORECASE | re.VERBOSE,
)


def _yaml_scalar(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    if "\n" in value:
        return "|"
    if _NO_TEXT_IN_GO.fullmatch(value):
        return "'"
    return None  # as PyYAML does


_Dumper.add_representer(str, _yaml_scalar)


def yaml_file(path: str, data: Mapping[str, Any], note: str = "") -> File:
    """Data as YAML, below a comment that says where it comes from and, in `note`, how it is used."""
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    head = ""
    for line in (GENERATED, *note.splitlines()):
        head += f"# {line}\n"
    return File(path, head + body)
