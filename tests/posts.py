"""A server that takes what is posted to it, such as alerts, on loopback until the block ends."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


@contextmanager
def taking(take: Callable[[Any], None]) -> Iterator[str]:
    """The address; `take` gets each JSON document that comes."""

    def answer(request: Request) -> Response:
        take(request.get_json(force=True))
        return Response()

    with HTTPServer("127.0.0.1", threaded=True) as server:
        server.expect_request(re.compile(".*"), method="POST").respond_with_handler(answer)
        yield f"http://127.0.0.1:{server.port}"
