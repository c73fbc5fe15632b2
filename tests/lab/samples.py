"""Writes what kube-proxy printed in the lab into the catalog's samples, with where it comes from."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.lab.report import Seen

_CATALOG = Path(__file__).parents[2] / "catalog"


def write(seen: Sequence[Seen]) -> None:
    """One sample for each scenario that printed its line; an older one of the same scenario is replaced."""
    for row in seen:
        if row.failure and row.lines:
            folder = _CATALOG / row.failure
            name = f"fires/lab-{row.scenario}.log"
            (folder / "samples" / name).write_text(
                "".join(f"{line}\n" for line in row.lines), encoding="utf-8"
            )
            entry = folder / "failure.yaml"
            entry.write_text(
                add(entry.read_text(encoding="utf-8"), name, f"{row.build}: {row.how}"),
                encoding="utf-8",
            )


def add(text: str, name: str, provenance: str) -> str:
    """An entry's YAML with one more sample, all else as it stands; unchanged if it has a sample of that name."""
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    (samples,) = (value for key, value in root.value if key.value == "samples")
    if any(key.value == name for key, _ in samples.value):
        return text
    lines = text.splitlines(keepends=True)
    last = (
        max(line for line in range(samples.value[-1][1].end_mark.line) if lines[line].strip()) + 1
    )
    row = yaml.safe_dump(
        {name: {"evidence": "reproduced", "from": provenance}}, width=1_000_000, allow_unicode=True
    )
    return "".join([*lines[:last], *(f"  {line}\n" for line in row.splitlines()), *lines[last:]])
