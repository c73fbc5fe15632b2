"""A proxy in front of a real server: it can demand credentials, and answers wrongly when it is told to."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.plain import HTTP

CUT = "cut"
HANG = "hang"
_HANG_SECONDS = 60


@dataclass
class Front:
    """`faults` are used up one a request, the first one first: a status, CUT, HANG, or a body of another server.

    After `writes_left` requests that write, the others fail with `refusal`. `asked` are the headers
    of each request that came, `paths` what it asked for.
    """

    upstream: str
    url: str = ""
    demanded: Mapping[str, str] = field(default_factory=dict)
    writes_left: int | None = None
    refusal: int = 500
    faults: list[int | str] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def front(upstream: str, context: ssl.SSLContext | None = None) -> Iterator[Front]:
    """Serve on loopback until the block ends, with TLS where a context is given."""
    state = Front(upstream)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append(dict(self.headers))
            state.paths.append(self.path)
            fault = state.faults.pop(0) if state.faults else None
            if any(self.headers.get(name) != value for name, value in state.demanded.items()):
                fault = 401
            if self.command != "GET" and state.writes_left is not None:
                state.writes_left -= 1
                fault = state.refusal if state.writes_left < 0 else fault
            if fault == HANG:
                time.sleep(_HANG_SECONDS)
            elif fault == CUT:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"half')
            elif isinstance(fault, int):
                said = f"{fault} for {self.headers.get('Authorization', 'a test')}"
                self._answer(fault, said.encode(), state.headers)
            elif fault is not None:
                self._answer(200, fault.encode(), {"Content-Type": "text/html"})
            else:
                self._forward(body)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def _forward(self, body: bytes) -> None:
            kept = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "connection")
            }
            answer = HTTP.request(
                self.command, state.upstream + self.path, content=body, headers=kept
            )
            self._answer(
                answer.status_code,
                answer.content,
                {"Content-Type": answer.headers.get("Content-Type", "")},
            )

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
