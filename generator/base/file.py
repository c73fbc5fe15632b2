"""A generated file, and how data are written as YAML."""

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


_Base: Any = getattr(
    yaml, "CSafeDumper", yaml.SafeDumper
)  # the C emitter is much faster where it is built


class _Dumper(_Base):  # type: ignore[misc]
    """Multi-line texts as literal blocks; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", value, style="|" if "\n" in value else None
    )


_Dumper.add_representer(str, _text)


def yaml_file(path: str, data: Mapping[str, Any], note: str = "") -> File:
    """Data as YAML, below a comment that says where it comes from and, in `note`, how it is used."""
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    head = "".join(f"# {line}\n" for line in (GENERATED, *note.splitlines()))
    return File(path, head + body)
