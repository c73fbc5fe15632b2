"""A small Kubernetes API server that serves given objects to a real kubectl."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

Object = Mapping[str, Any]

# Plural name, kind, whether it is namespaced; by group and version.
_RESOURCES = {
    "v1": [("nodes", "Node", False), ("pods", "Pod", True), ("configmaps", "ConfigMap", True)],
    "apps/v1": [("daemonsets", "DaemonSet", True)],
}


@contextmanager
def serve(
    objects: Sequence[Object], version: str, folder: Path, logs: Mapping[tuple[str, bool], str] | None = None
) -> Iterator[Path]:
    """Gives a kubeconfig for it. `logs` are by pod, and whether they are of the container before."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            *_, pod, last = asked.path.split("/")
            log = (logs or {}).get((pod, "previous=true" in asked.query)) if last == "log" else None
            found = _answer(asked.path, objects, version)
            missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not there"}
            body = (json.dumps(found or missing) if log is None else log).encode()
            self.send_response(404 if log is None and not found else 200)
            self.send_header("Content-Type", "application/json" if log is None else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()


def _answer(path: str, objects: Sequence[Object], version: str) -> Object | None:
    match path.strip("/").split("/"):
        case ["version"]:
            return {"major": "1", "minor": version.split(".")[1], "gitVersion": version}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            group = {"groupVersion": "apps/v1", "version": "v1"}
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [{"name": "apps", "versions": [group], "preferredVersion": group}],
            }
        case ["api", "v1"]:
            return _resources("v1")
        case ["apis", "apps", "v1"]:
            return _resources("apps/v1")
        case ["api", "v1", plural] | ["apis", "apps", "v1", plural]:
            return _list(plural, objects)
        case ["api", "v1", "namespaces", _, "pods"]:
            return _list("pods", objects)
        case ["api", "v1", "namespaces", namespace, ("configmaps" | "pods") as plural, name]:
            rows = (_list(plural, objects) or {})["items"]
            wanted = (namespace, name)
            return next(
                (one for one in rows if (one["metadata"]["namespace"], one["metadata"]["name"]) == wanted), None
            )
        case _:
            return None


def _resources(version: str) -> Object:
    rows = [
        {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": scoped, "verbs": ["get", "list"]}
        for name, kind, scoped in _RESOURCES[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


def _list(plural: str, objects: Sequence[Object]) -> Object | None:
    for version, rows in _RESOURCES.items():
        for name, kind, _ in rows:
            if name == plural:
                items = [{"apiVersion": version, **one} for one in objects if one["kind"] == kind]
                return {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items}
    return None
