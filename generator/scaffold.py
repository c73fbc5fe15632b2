"""The files of a new entry: complete, valid, and full of places to fill in."""

from importlib import resources

from jinja2 import Environment, StrictUndefined

from generator.file import File


def files(entry_id: str, alert: str, kind: str) -> list[File]:
    """Files of a new entry, below its catalog. `kind` is failure (log lines) or symptom (metrics)."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)  # noqa: S701
    folder = resources.files("generator") / "scaffolds"

    def render(name: str) -> str:
        template = environment.from_string((folder / f"{name}.j2").read_text(encoding="utf-8"))
        return template.render(id=entry_id, alert=alert, kind=kind)

    rendered = [File(f"{entry_id}/failure.yaml", render("failure.yaml"))]
    if kind == "failure":
        return [
            *rendered,
            File(f"{entry_id}/samples/fires/example.log", render("fires.log")),
            File(f"{entry_id}/samples/silent/example.log", render("silent.log")),
        ]
    return [*rendered, File(f"{entry_id}/tests.yaml", render("tests.yaml"))]


def alert_name(entry_id: str) -> str:
    """The alert name that an id suggests: my-failure becomes KubeProxyMyFailure."""
    return "KubeProxy" + "".join(word.capitalize() for word in entry_id.split("-"))
