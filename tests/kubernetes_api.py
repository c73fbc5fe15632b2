"""A small Kubernetes API server that serves given objects to a real kubectl.

It lists by label and field selector, gives logs, answers `exec` through a function, and lets objects be changed
and deleted; who serves it sees the changes.
"""

import base64
import hashlib
import json
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = Mapping[str, Any]
Execute = Callable[[Sequence[str]], str]

# Plural name, kind, whether it is namespaced; by group and version.
_RESOURCES = {
    "v1": [
        ("nodes", "Node", False),
        ("pods", "Pod", True),
        ("configmaps", "ConfigMap", True),
        ("services", "Service", True),
        ("endpoints", "Endpoints", True),
        ("events", "Event", True),
    ],
    "apps/v1": [
        ("daemonsets", "DaemonSet", True),
        ("controllerrevisions", "ControllerRevision", True),
    ],
    "discovery.k8s.io/v1": [("endpointslices", "EndpointSlice", True)],
    "monitoring.coreos.com/v1": [
        ("prometheuses", "Prometheus", True),
        ("prometheusrules", "PrometheusRule", True),
    ],
}
_VERBS = ["get", "list", "patch", "delete"]
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
_STDOUT, _STATUS = b"\x01", b"\x03"  # channels of exec
_UNTIL_IT_LISTENS = (
    0.5  # kubectl drops what comes before it opened its channels, and tells not when
)


@contextmanager
def serve(
    objects: Sequence[Object],
    version: str,
    folder: Path,
    logs: Mapping[tuple[str, bool], str] | None = None,
    execute: Execute | None = None,
    changes: list[str] | None = None,
) -> Iterator[Path]:
    """Gives a kubeconfig for it. `logs` are by pod, and whether they are of the container before.

    `changes` gets a line for each change: the method, the path, and what is sent.
    """
    cluster = _Cluster(objects, version)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            *_, pod, last = asked.path.split("/")
            if last == "exec":
                self.run(parse_qs(asked.query)["command"])
            elif "watch=true" in asked.query:
                self.answer(200, "", "application/json")  # nothing happens, and the watch ends
            elif last == "log":
                log = (logs or {}).get((pod, "previous=true" in asked.query))
                self.answer(200 if log is not None else 404, log or "", "text/plain")
            else:
                self.say(cluster.get(asked.path, parse_qs(asked.query)))

        def do_PATCH(self) -> None:
            patch = self.changed()
            self.say(cluster.patch(urlsplit(self.path).path, json.loads(patch)))

        def do_POST(self) -> None:
            """Only evictions."""
            self.changed()
            self.say(cluster.delete(urlsplit(self.path).path.removesuffix("/eviction")))

        def do_DELETE(self) -> None:
            self.changed()
            self.say(cluster.delete(urlsplit(self.path).path))

        def changed(self) -> str:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            if changes is not None:
                changes.append(f"{self.command} {urlsplit(self.path).path} {body}".strip())
            return body

        def say(self, found: Object | None) -> None:
            missing = {
                "kind": "Status",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
                "message": "not there",
            }
            self.answer(200 if found else 404, json.dumps(found or missing), "application/json")

        def answer(self, code: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def run(self, command: Sequence[str]) -> None:
            """The websocket of `exec`: what the command prints, then that it has ended well."""
            assert execute is not None, command
            key = self.headers["Sec-WebSocket-Key"].encode()
            accepted = base64.b64encode(hashlib.sha1(key + _WEBSOCKET).digest()).decode()  # noqa: S324
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", accepted)
            self.send_header(
                "Sec-WebSocket-Protocol", self.headers["Sec-WebSocket-Protocol"].split(",")[0]
            )
            self.end_headers()
            time.sleep(_UNTIL_IT_LISTENS)
            self.frame(2, _STDOUT + execute(command).encode())
            self.frame(2, _STATUS + json.dumps({"kind": "Status", "status": "Success"}).encode())
            self.frame(8, struct.pack(">H", 1000))
            self.close_connection = True

        def frame(self, kind: int, data: bytes) -> None:
            length = (
                bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
            )
            self.wfile.write(bytes([0x80 | kind]) + length + data)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
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


class _Cluster:
    """The objects, by the paths of the API."""

    def __init__(self, objects: Sequence[Object], version: str) -> None:
        self.version = version
        self.objects = [dict(deepcopy(one)) for one in objects]

    def get(self, path: str, query: Mapping[str, list[str]]) -> Object | None:
        match path.strip("/").split("/"):
            case ["version"]:
                return {
                    "major": "1",
                    "minor": self.version.split(".")[1],
                    "gitVersion": self.version,
                }
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(_groups())}
            case ["openapi", "v3"]:
                return {
                    "paths": {
                        _root(named): {"serverRelativeURL": f"/openapi/v3/{named}"}
                        for named in _RESOURCES
                    }
                }
            case ["openapi", "v3", *named]:
                return _openapi("/".join(named))
            case ["api", _] | ["apis", _, _] if path.strip("/").partition("/")[2] in _RESOURCES:
                return _resources(path.strip("/").partition("/")[2])
            case _:
                return self.one(path) or self.listed(path, query)

    def one(self, path: str) -> dict[str, Any] | None:
        match path.strip("/").split("/"):
            case ["api", "v1", "nodes" as plural, name]:
                namespace = None
            case ["api", "v1", "namespaces", namespace, plural, name] | [
                "apis",
                "apps",
                "v1",
                "namespaces",
                namespace,
                plural,
                name,
            ]:
                pass
            case _:
                return None
        wanted = (namespace, name)
        rows = self.of(plural)
        return next(
            (
                one
                for one in rows
                if (one["metadata"].get("namespace"), one["metadata"]["name"]) == wanted
            ),
            None,
        )

    def listed(self, path: str, query: Mapping[str, list[str]]) -> Object | None:
        *before, plural = path.strip("/").split("/")
        fields = _pairs(query.get("fieldSelector", [""])[0])
        if before[-2:-1] == ["namespaces"]:
            fields["metadata.namespace"] = before[-1]
        for version, rows in _RESOURCES.items():
            for name, kind, _ in rows:
                if name == plural:
                    labels = _pairs(query.get("labelSelector", [""])[0])
                    items = [one for one in self.of(plural) if _selected(one, labels, fields)]
                    return {
                        "kind": f"{kind}List",
                        "apiVersion": version,
                        "metadata": {},
                        "items": items,
                    }
        return None

    def of(self, plural: str) -> list[dict[str, Any]]:
        kinds = {
            name: (kind, version) for version, rows in _RESOURCES.items() for name, kind, _ in rows
        }
        kind, version = kinds[plural]
        for one in self.objects:
            if one["kind"] == kind:
                one.setdefault("apiVersion", version)
        return [one for one in self.objects if one["kind"] == kind]

    def patch(self, path: str, patch: Object) -> Object | None:
        found = self.one(path)
        if found:
            _merge(found, patch)
        return found

    def delete(self, path: str) -> Object | None:
        """What belongs to a controller, or to kubelet, is there again at once, as another object of the same name."""
        found = self.one(path)
        if found:
            self.objects.remove(found)
            if found["metadata"].get("ownerReferences") or found["metadata"].get("annotations"):
                self.objects.append(
                    {
                        **found,
                        "metadata": {**found["metadata"], "uid": found["metadata"]["uid"] + "+"},
                    }
                )
        return found


def _pairs(selector: str) -> dict[str, str]:
    return dict(part.replace("==", "=").split("=", 1) for part in selector.split(",") if part)


def _selected(one: Object, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    return labels.items() <= one["metadata"].get("labels", {}).items() and all(
        _field(one, path.split(".")) == value for path, value in fields.items()
    )


def _field(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key, {})
    return value


def _merge(into: dict[str, Any], patch: Object) -> None:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


def _groups() -> Iterator[Object]:
    for named in _RESOURCES:
        if "/" in named:
            version = {"groupVersion": named, "version": named.partition("/")[2]}
            yield {
                "name": named.partition("/")[0],
                "versions": [version],
                "preferredVersion": version,
            }


def _root(named: str) -> str:
    return f"apis/{named}" if "/" in named else f"api/{named}"


def _openapi(named: str) -> Object:
    """What kubectl asks before it edits: that the server itself looks for unknown fields."""
    group, _, version = named.rpartition("/")
    paths = {
        f"/{_root(named)}/namespaces/{{namespace}}/{plural}/{{name}}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {
                    "group": group,
                    "version": version,
                    "kind": kind,
                },
            }
        }
        for plural, kind, _ in _RESOURCES[named]
    }
    return {"openapi": "3.0.0", "info": {"title": named, "version": version}, "paths": paths}


def _resources(version: str) -> Object:
    rows = [
        {
            "name": name,
            "singularName": kind.lower(),
            "kind": kind,
            "namespaced": scoped,
            "verbs": _VERBS,
        }
        for name, kind, scoped in _RESOURCES[version]
    ]
    if version == "v1":
        eviction = {
            "name": "pods/eviction",
            "singularName": "",
            "namespaced": True,
            "kind": "Eviction",
        }
        rows.append({**eviction, "group": "policy", "version": "v1", "verbs": ["create"]})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": rows,
    }
