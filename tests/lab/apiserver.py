"""A small API server over HTTP/2: the lists and watches that kube-proxy asks for, and ways to break them."""

import asyncio
import json
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, RequestReceived, StreamReset
from h2.exceptions import ProtocolError

Object = dict[str, Any]

# What kube-proxy reads, and the kind and group of each.
_RESOURCES = {
    "/api/v1/services": ("Service", "v1"),
    "/api/v1/endpoints": ("Endpoints", "v1"),
    "/api/v1/nodes": ("Node", "v1"),
    "/apis/discovery.k8s.io/v1/endpointslices": ("EndpointSlice", "discovery.k8s.io/v1"),
    "/apis/networking.k8s.io/v1/servicecidrs": ("ServiceCIDR", "networking.k8s.io/v1"),
}
_POD_PORT = 8080
_BACKLOG = 65536  # bytes read at a time


@dataclass
class _Watch:
    connection: "_Connection"
    stream: int
    kind: str


def _kind(path: str) -> str:
    """The kind of a list, a watch or an object."""
    parent = path.rpartition("/")[0]
    return (_RESOURCES.get(path) or _RESOURCES.get(parent) or ("", ""))[0]


def _refusal(status: int, path: str, verb: str) -> Object:
    """What an API server says with this status."""
    group = path.split("/")[2] if path.startswith("/apis/") else ""
    resource = next(known for known in _RESOURCES if path.startswith(known)).rpartition("/")[2]
    full = f"{resource}.{group}" if group else resource
    may_not = f'cannot {verb} resource "{resource}" in API group "{group}" at the cluster scope'
    reason, message = {
        401: ("Unauthorized", "Unauthorized"),
        403: (
            "Forbidden",
            f'{full} is forbidden: User "system:serviceaccount:kube-system:kube-proxy" {may_not}',
        ),
        404: ("NotFound", "the server could not find the requested resource"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    }[status]
    return _status(status, reason, message)


def _status(code: int, reason: str, message: str) -> Object:
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": message, "reason": reason, "code": code}


class ApiServer:
    """Serves a node and its Services. While `broken`, each list is cut half way, as by a handler that dies.

    `refused` are kinds and the status with which a request for them ends: 401, 403, 404 or 503.
    """

    def __init__(self, node: str, address: str) -> None:
        self.broken = False
        self.refused: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._connections: set[_Connection] = set()
        self._version = 1
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind, _ in _RESOURCES.values()}
        self._watches: list[_Watch] = []
        addresses = [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": node},
        ]
        self._node = {"metadata": {"name": node}, "status": {"addresses": addresses}}
        self.put("Node", self._node)

    def mend(self) -> None:
        """Answer as an API server should, and know the Node."""
        self.broken = False
        self.refused = {}
        if not self._objects["Node"]:
            self.put("Node", self._node)

    async def serve(
        self, host: str, port: int, certificate: trustme.LeafCert | None = None
    ) -> asyncio.Server:
        """Listen; without a certificate with one whose authority nobody knows."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (certificate or trustme.CA().issue_cert(host)).configure_cert(context)
        context.set_alpn_protocols(["h2"])
        server = await asyncio.start_server(
            lambda r, w: _Connection(self, r, w).run(), host, port, ssl=context
        )
        self._servers.append(server)
        return server

    def stop(self) -> None:
        """Nobody listens any more, and no connection is left."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.close()

    def put(self, kind: str, thing: Object) -> None:
        """Add an object or replace it; those that watch hear of it."""
        self._version += 1
        metadata = {
            "namespace": "default",
            "resourceVersion": str(self._version),
            **thing["metadata"],
        }
        if kind in ("Node", "ServiceCIDR"):
            del metadata["namespace"]
        metadata["uid"] = f"{kind}-{metadata['name']}".lower()
        group = next(group for known, group in _RESOURCES.values() if known == kind)
        known = self._objects[kind].get(metadata["name"])
        self._objects[kind][metadata["name"]] = {
            "kind": kind,
            "apiVersion": group,
            **thing,
            "metadata": metadata,
        }
        event = {
            "type": "MODIFIED" if known else "ADDED",
            "object": self._objects[kind][metadata["name"]],
        }
        for watch in list(self._watches):
            if watch.kind == kind:
                watch.connection.send(watch.stream, [event])

    def remove(self, kind: str, name: str) -> None:
        """As if the object had never been."""
        del self._objects[kind][name]

    def refuse(self, status: int, *kinds: str) -> None:
        """Answer requests for these kinds with a status from now on, and end the watches that are open."""
        self.refused |= dict.fromkeys(kinds or self._objects, status)
        self.end_watches()

    def end_watches(self) -> None:
        for watch in list(self._watches):
            watch.connection.end(watch.stream)

    def delete(self, kind: str, name: str) -> None:
        """Take an object away; those that watch hear of it."""
        self._version += 1
        gone = self._objects[kind].pop(name)
        gone["metadata"]["resourceVersion"] = str(self._version)
        for watch in list(self._watches):
            if watch.kind == kind:
                watch.connection.send(watch.stream, [{"type": "DELETED", "object": gone}])

    def dual_stack(self, address6: str) -> None:
        """The node has an address of the other family too, and so has a Service from the start."""
        node = next(iter(self._objects["Node"].values()))
        addresses = [*node["status"]["addresses"], {"type": "InternalIP", "address": address6}]
        self.put(
            "Node",
            {"metadata": {"name": node["metadata"]["name"]}, "status": {"addresses": addresses}},
        )
        both = {"clusterIPs": ["10.96.4.1", "fd00:96::4:1"], "ipFamilies": ["IPv4", "IPv6"]}
        self.service("dual", "10.96.4.1", {**both, "ipFamilyPolicy": "RequireDualStack"})
        self.slice("dual", 6, ["fd00:244::4"], "IPv6")

    def service(
        self,
        name: str,
        address: str,
        spec: Object | None = None,
        status: Object | None = None,
        namespace: str = "default",
        pods: Sequence[str] | None = None,
    ) -> None:
        """A Service with Pods behind it, one if they are not given, in both forms in which releases read the Pods."""
        port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
        family = {
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        }
        default = {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [port],
            **family,
        }
        own = {**default, "sessionAffinity": "None", **(spec or {})}
        metadata = {"name": name, "namespace": namespace}
        self.put("Service", {"metadata": metadata, "spec": own, "status": status or {}})
        found = ["10.244.0." + address.rpartition(".")[2]] if pods is None else list(pods)
        if not found:
            return
        backend = {"name": "http", "port": _POD_PORT, "protocol": "TCP"}
        subsets = [{"addresses": [{"ip": pod} for pod in found], "ports": [backend]}]
        self.put("Endpoints", {"metadata": metadata, "subsets": subsets})
        self.slice(name, 1, found)

    def slice(
        self,
        service: str,
        number: int,
        pods: Sequence[str],
        family: str = "IPv4",
        port: Object | None = None,
    ) -> None:
        """Some of the Pods behind a Service, as releases from 1.19 on read them."""
        metadata = {
            "name": f"{service}-{number}",
            "labels": {"kubernetes.io/service-name": service},
        }
        endpoints = [{"addresses": [pod], "conditions": {"ready": True}} for pod in pods]
        behind = port or {"name": "http", "port": _POD_PORT, "protocol": "TCP"}
        self.put(
            "EndpointSlice",
            {
                "metadata": metadata,
                "addressType": family,
                "endpoints": endpoints,
                "ports": [behind],
            },
        )

    def answer(self, connection: "_Connection", stream: int, method: str, target: str) -> None:
        """Answer a request, or begin a watch."""
        url = urlsplit(target)
        query = parse_qs(url.query)
        refused = self.refused.get(_kind(url.path))
        if refused:
            verb = "watch" if "watch" in query and "sendInitialEvents" not in query else "list"
            return connection.reply(stream, refused, _refusal(refused, url.path, verb))
        if method != "GET":
            return connection.reply(
                stream, 201, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
            )
        resource = _RESOURCES.get(url.path)
        if resource:
            kind, group = resource
            things = list(self._objects[kind].values())
            watch = query.get("watch", ["0"])[0] in ("1", "true")
            initial = query.get("sendInitialEvents", ["false"])[0] == "true"
            if self.broken and (initial or not watch):
                return connection.cut(
                    stream, f'{{"kind":"{kind}List","apiVersion":"{group}","items":[{{"meta'
                )
            if watch:
                return self._watch(connection, stream, kind, group, things if initial else None)
            listed = {
                "kind": f"{kind}List",
                "apiVersion": group,
                "metadata": self._metadata(),
                "items": things,
            }
            return connection.reply(stream, 200, listed)
        parent, _, name = url.path.rpartition("/")
        kind = _RESOURCES.get(parent, ("", ""))[0]
        if kind and name in self._objects[kind]:
            return connection.reply(stream, 200, self._objects[kind][name])
        missing = f'{parent.rpartition("/")[2]} "{name}" not found'
        return connection.reply(stream, 404, _status(404, "NotFound", missing))

    def _watch(
        self,
        connection: "_Connection",
        stream: int,
        kind: str,
        group: str,
        initial: list[Object] | None,
    ) -> None:
        connection.begin(stream, 200)
        self._watches.append(_Watch(connection, stream, kind))
        if initial is not None:
            end = {**self._metadata(), "annotations": {"k8s.io/initial-events-end": "true"}}
            bookmark = {"kind": kind, "apiVersion": group, "metadata": end}
            events = [{"type": "ADDED", "object": thing} for thing in initial]
            connection.send(stream, [*events, {"type": "BOOKMARK", "object": bookmark}])

    def _metadata(self) -> Object:
        return {"resourceVersion": str(self._version)}

    def met(self, connection: "_Connection") -> None:
        """A client has come."""
        self._connections.add(connection)

    def forget(self, connection: "_Connection", stream: int | None = None) -> None:
        """A client is gone, or one of its watches."""
        if stream is None:
            self._connections.discard(connection)
        self._watches = [
            watch
            for watch in self._watches
            if watch.connection is not connection or stream not in (None, watch.stream)
        ]


class _Connection:
    """One client. Answers fit into the window that Go's clients grant at the start, some megabytes."""

    def __init__(
        self, server: ApiServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))

    async def run(self) -> None:
        self._server.met(self)
        try:
            self._http.initiate_connection()
            self._flush()
            while data := await self._reader.read(_BACKLOG):
                for event in self._http.receive_data(data):
                    if isinstance(event, RequestReceived):
                        headers = {str(name): str(value) for name, value in event.headers}
                        self._server.answer(
                            self, event.stream_id, headers[":method"], headers[":path"]
                        )
                    elif isinstance(event, StreamReset):
                        self._server.forget(self, event.stream_id)
                    elif isinstance(event, ConnectionTerminated):
                        return
                self._flush()
        except (ConnectionError, ProtocolError, ssl.SSLError):
            pass  # the client went away; that is its right
        finally:
            self._server.forget(self)
            self._writer.close()

    def begin(self, stream: int, status: int) -> None:
        self._http.send_headers(
            stream, [(":status", str(status)), ("content-type", "application/json")]
        )

    def send(self, stream: int, events: Iterable[Object]) -> None:
        """Events of a watch."""
        self._data(stream, "".join(json.dumps(event) + "\n" for event in events))
        self._flush()

    def reply(self, stream: int, status: int, answer: Object) -> None:
        self.begin(stream, status)
        self._data(stream, json.dumps(answer))
        self._http.end_stream(stream)

    def end(self, stream: int) -> None:
        """The end of a watch, as a server ends each after some minutes."""
        self._http.end_stream(stream)
        self._flush()
        self._server.forget(self, stream)

    def close(self) -> None:
        self._writer.close()

    def cut(self, stream: int, half: str) -> None:
        """Half an answer, and then what Go's server sends when a handler aborts."""
        self.begin(stream, 200)
        self._data(stream, half)
        self._flush()
        self._http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    def _data(self, stream: int, text: str) -> None:
        data, size = text.encode(), self._http.max_outbound_frame_size
        for start in range(0, len(data), size):
            self._http.send_data(stream, data[start : start + size])

    def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())
