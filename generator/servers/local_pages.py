"""Pages served on this machine alone, from memory, for a time."""

import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from generator.base.names import site_page
from generator.base.problems import ToolError

LOOPBACK = "127.0.0.1"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


class PageServer(ThreadingHTTPServer):
    """Answers with the pages and with nothing else; no disk is asked."""

    daemon_threads = True  # a browser that keeps its connection open does not hold up the end

    def __init__(self, pages: Mapping[str, str], port: int) -> None:
        self.show(pages)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise ToolError(
                f"port {port} cannot be had: {error.strerror}; choose another with --port, 0 for any"
            ) from error

    def show(self, pages: Mapping[str, str]) -> None:
        """From now on these and no others."""
        self.pages = {path: text.encode() for path, text in pages.items()}

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def serve(self, seconds: float) -> None:
        """Until the time is over or the user has seen enough (^C)."""
        clock = threading.Timer(seconds, self.shutdown)
        clock.daemon = True
        clock.start()
        try:
            self.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            return
        finally:
            clock.cancel()
            self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 10  # seconds that a silent connection is kept

    def do_GET(self) -> None:
        body = self._answered()
        if body is not None:
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self._answered()

    def _answered(self) -> bytes | None:
        """The body, after the head has been sent. The folder of an address is that of `base_url`: any will do."""
        path = unquote(urlsplit(self.path).path)
        name = "index.html" if path.endswith("/") else PurePosixPath(path).name
        published = site_page(name) if name.endswith(".md") else name
        if published not in self.server.pages:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if published != name:
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", published)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        body = self.server.pages[name]
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _CONTENT_TYPES[PurePosixPath(name).suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what was asked stands in the browser."""
