"""The files of a new entry and a site's first profile: complete, valid, and full of places to fill in."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from generator.base.file import File

# Template of a file where it is not named like the file.
_TEMPLATES = {
    "failure": {
        "tests.yaml": "log-tests.yaml",
        "samples/fires/example.log": "fires.log",
        "samples/silent/example.log": "silent.log",
    },
    "symptom": {"tests.yaml": "metric-tests.yaml"},
}


def files(entry_id: str, alert: str, kind: str, schema: bool) -> list[File]:
    """Files of a new entry, below its folder. `kind` is failure (log lines) or symptom (metrics).

    `schema`: the catalog has the schemas, and editors are led to them.
    """
    names = ["failure.yaml", "tests.yaml"]
    if kind == "failure":
        names += ["samples/fires/example.log", "samples/silent/example.log"]
    return [
        File(
            name,
            _render(
                _TEMPLATES[kind].get(name, name), id=entry_id, alert=alert, kind=kind, schema=schema
            ),
        )
        for name in names
    ]


def profile(
    path: str,
    extends: Sequence[str],
    clusters: Sequence[str],
    loki: Mapping[str, Any],
    prometheus: Mapping[str, Any],
    servers: Mapping[str, Any],
    kubernetes: Mapping[str, Any],
    runbooks: str | None,
    schema: str | None,
) -> File:
    """A profile for a site. The sections hold what differs from the presets; what is empty becomes a comment.

    `schema` is the file of its schema, which editors complete from.
    """
    text = _render(
        "site.yaml",
        path=path,
        extends=list(extends),
        clusters=list(clusters),
        loki=loki,
        prometheus=prometheus,
        servers=servers,
        kubernetes=kubernetes,
        runbooks=runbooks,
        schema=schema,
    )
    return File(path, text)


def _render(name: str, **values: object) -> str:
    environment = Environment(  # noqa: S701
        loader=PackageLoader("generator.scaffolds", ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters["flow"] = _flow
    return environment.get_template(f"{name}.j2").render(values)


def _flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return text.removesuffix("\n...\n").rstrip("\n")


def alert_name(entry_id: str) -> str:
    """The alert name that an id suggests: my-failure becomes KubeProxyMyFailure."""
    return "KubeProxy" + "".join(word.capitalize() for word in entry_id.split("-"))
