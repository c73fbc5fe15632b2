"""YAML that another program or person wrote for another purpose, read within bounds. No IO."""

from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 100
_NODES = 1_000_000  # with every alias written out


def load(text: str) -> Any:
    """The data. Raises ValueError if it is no YAML, or so deep or so much that nobody wrote it."""
    try:
        _bounded(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506, a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _bounded(text: str) -> None:
    """Counts what the aliases stand for, before anybody walks through it."""
    anchored: dict[str, int] = {}
    above: list[tuple[str | None, int]] = []  # the collections around: anchor, and nodes before it
    nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        nodes += 1
        match event:
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in anchored:
                    raise ValueError(f"the alias {anchor} stands for nothing, or for what it is in itself")
                nodes += anchored[anchor]
            case yaml.CollectionStartEvent(anchor=anchor):
                above.append((anchor, nodes))
            case yaml.CollectionEndEvent():
                anchor, before = above.pop()
                if anchor:
                    anchored[anchor] = nodes - before
            case yaml.ScalarEvent(anchor=anchor) if anchor:
                anchored[anchor] = 1
        if nodes > _NODES or len(above) > _DEPTH:
            raise ValueError("it is too deep or too much")
