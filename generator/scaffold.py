"""The files of a new entry: complete, valid, and full of places to fill in."""

from importlib import resources

from jinja2 import Environment, StrictUndefined

from generator.file import File

# Template of a file where it is not named like the file.
_TEMPLATES = {
    "failure": {
        "tests.yaml": "log-tests.yaml",
        "samples/fires/example.log": "fires.log",
        "samples/silent/example.log": "silent.log",
    },
    "symptom": {"tests.yaml": "metric-tests.yaml"},
}


def files(entry_id: str, alert: str, kind: str) -> list[File]:
    """Files of a new entry, below its catalog. `kind` is failure (log lines) or symptom (metrics)."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)  # noqa: S701
    folder = resources.files("generator") / "scaffolds"

    def render(name: str) -> str:
        template = environment.from_string((folder / f"{name}.j2").read_text(encoding="utf-8"))
        return template.render(id=entry_id, alert=alert, kind=kind)

    names = ["failure.yaml", "tests.yaml"]
    if kind == "failure":
        names += ["samples/fires/example.log", "samples/silent/example.log"]
    return [File(f"{entry_id}/{name}", render(_TEMPLATES[kind].get(name, name))) for name in names]


def alert_name(entry_id: str) -> str:
    """The alert name that an id suggests: my-failure becomes KubeProxyMyFailure."""
    return "KubeProxy" + "".join(word.capitalize() for word in entry_id.split("-"))
