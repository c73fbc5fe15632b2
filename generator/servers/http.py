"""Speaks HTTP to the servers that rules are loaded into: credentials, time-outs, bounded retries, errors for people."""

import ssl
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from httpx_retries import Retry

from generator.base.problems import ToolError, UnreachableError
from generator.base.shapes import Shape, ShapeError
from generator.servers import bounded_http
from generator.servers.masks import Mask

_WAITING_SECONDS = 20  # between the tries of one request, all together
_SHOWN_OF_ANSWER = 300  # characters of an answer in an error

_MEANING = {
    401: "it does not know who asks; give a user and password, or a token",
    403: "who asks may not do this; look at the user, the token and the tenant",
    404: "there is no such thing there; look at the address and the tenant",
    413: "what was sent is too large for it or for a proxy before it; raise the limit there",
    429: "it asks to be asked less often, and went on doing so",
}


@dataclass(frozen=True)
class Endpoint:
    """A server and how to speak to it. `name` is what people call it, such as Loki; secrets are never shown.

    `prefix` is the path below which it answers as Prometheus does.
    """

    name: str
    url: str
    prefix: str = ""
    tenant: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @property
    def mask(self) -> Mask:
        """Takes our secrets out of a text, should a server or a library say them."""
        secrets = tuple(secret for secret in (self.token, self.password) if secret)
        if not self.password:
            return Mask(secrets)
        pair = f"{self.user or ''}:{self.password}"
        return Mask(secrets, pairs=(pair,))


class Client:
    """Requests to one server. Every method raises ToolError that says what is wrong and what to do.

    As a context it is closed at the end.
    """

    def __init__(self, endpoint: Endpoint, tries: int = 4) -> None:
        self.endpoint = endpoint
        self._below = ""
        self.url = _checked_address(endpoint)
        _credentials(endpoint)
        headers = {}
        auth = None
        if endpoint.tenant:
            headers["X-Scope-OrgID"] = endpoint.tenant
        if endpoint.token:
            headers["Authorization"] = f"Bearer {endpoint.token}"
        if endpoint.user:
            auth = httpx.BasicAuth(endpoint.user, endpoint.password or "")
        retry = Retry(
            total=tries - 1,
            backoff_factor=0.5,
            max_backoff_wait=_WAITING_SECONDS,
            total_timeout=_WAITING_SECONDS,
            # What we ask for twice comes to the same.
            allowed_methods=("GET", "PUT", "POST", "DELETE"),
            status_forcelist=(429, 500, 502, 503, 504),
        )
        try:
            self._session = bounded_http.Session(
                _trust(endpoint), retry, headers=headers, auth=auth
            )
        except (OSError, ValueError) as error:
            raise ToolError(
                f"{self.name}: its certificate files cannot be used: {error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def as_prometheus(self) -> "Client":
        """The same server, where it answers as Prometheus does."""
        below = copy(self)
        below._below = self.endpoint.prefix
        return below

    @property
    def name(self) -> str:
        return f"{self.endpoint.name} at {self.url}"

    def request(
        self, method: str, path: str, allow: tuple[int, ...] = (), **arguments: Any
    ) -> httpx.Response:
        """An answer that is a success, or has one of the statuses in `allow`."""
        url = f"{self.url}{self._below}{path}"
        try:
            answer = self._session.request(method, url, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(str(self.error(_trouble(error)))) from error
        if answer.is_success or answer.status_code in allow:
            return answer
        raise self.refusal(method, path, answer)

    def refusal(self, method: str, path: str, answer: httpx.Response) -> ToolError:
        """The error for an answer that is no success."""
        return self.error(
            f"answers {answer.status_code} to {method} {path}: {self._meaning(answer)}"
        )

    def error(self, said: str) -> ToolError:
        """The error for what this server does or says; our secrets are masked in it."""
        return ToolError(self.endpoint.mask(f"{self.name} {said}"))

    def json(self, path: str, shape: Shape, absent: tuple[int, ...] = (), **arguments: Any) -> Any:
        """A JSON answer of this shape; if it has another one, this is not the server it should be.

        None if the status is one that says that there is no such thing.
        """
        answer = self.request("GET", path, allow=absent, **arguments)
        if answer.status_code in absent:
            return None
        try:
            return shape.checked(answer.json())
        except ShapeError as error:
            raise self.stranger(path, answer, str(error)) from error
        except (ValueError, RecursionError) as error:
            raise self.stranger(path, answer) from error

    def stranger(self, path: str, answer: httpx.Response, where: str = "") -> ToolError:
        """The error for an answer that such a server does not give; `where` says in what."""
        name = self.endpoint.name
        difference = f": {where}"
        if not where:
            difference = f" ({self.said(answer)})"
        return self.error(
            f"answers {path}, but not as {name} does{difference}; is this the address of {name}?"
        )

    def _meaning(self, answer: httpx.Response) -> str:
        says = f"it says: {self.said(answer)}"
        if answer.is_redirect:
            target = answer.headers.get("location", "nowhere")
            return f"it sends on to {target}; give that address, or log in before; {says}"
        code = answer.status_code
        if code in _MEANING:
            return f"{_MEANING[code]}; {says}"
        return f"it failed; {says}" if code >= 500 else says

    def said(self, answer: httpx.Response) -> str:
        """The beginning of a text. Masked before it is cut, or half a secret would be left."""
        words = " ".join(self.endpoint.mask(answer.text).split())
        if len(words) > _SHOWN_OF_ANSWER:
            return f"{words[:_SHOWN_OF_ANSWER]}…"
        return words or "nothing"


def _checked_address(endpoint: Endpoint) -> str:
    """Raises ToolError for an address that is none, or that may hold a secret, which would be shown."""
    try:
        parts = urlsplit(endpoint.url)
        is_http = parts.scheme in ("http", "https")
        is_address = is_http and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ToolError(f"{endpoint.name}: an address is like http://host:port")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ToolError(
            f"{endpoint.name}: give user, password and token apart from the address, which is shown"
        )
    return endpoint.url.rstrip("/")


def _credentials(endpoint: Endpoint) -> None:
    """Raises ToolError for credentials that cannot be sent, or not together."""
    if endpoint.token and endpoint.user:
        raise ToolError(f"{endpoint.name}: there is a user and a token; a server takes one of them")
    for setting in ("tenant", "user", "password", "token"):
        value = getattr(endpoint, setting) or ""
        if not value.isprintable():
            raise ToolError(
                f"{endpoint.name}: the {setting} holds a line break or another character that is no text"
            )
    for setting in ("tenant", "token"):  # which stand in a header as they are
        value = getattr(endpoint, setting) or ""
        if not value.isascii():
            raise ToolError(
                f"{endpoint.name}: the {setting} holds a character that is not ASCII; HTTP cannot send it"
            )


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.url.startswith("http:") and not (endpoint.ca or endpoint.cert):
        return bounded_http.trusting_nobody()
    context = bounded_http.trusted(endpoint.ca)
    if endpoint.cert:
        context.load_cert_chain(endpoint.cert, endpoint.key)
    return context


def _trouble(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"cannot be reached within {bounded_http.CONNECT_SECONDS} s"
        case httpx.TimeoutException():
            return f"does not answer within {bounded_http.ANSWER_SECONDS} s, asked again and again"
        case bounded_http.DeadlineError():
            return f"does not come to an end: {error}"
        case bounded_http.TooLargeError():
            return f"answers too much: {error}; is something else at this address?"
        case bounded_http.ClosedError():
            return (
                f"does not agree on TLS: it closes the connection before it answers ({error}); "
                "look at the client's certificate, and at what stands between"
            )
        case httpx.RemoteProtocolError():
            return f"cuts its answers short, asked again and again: {error}"
        case httpx.DecodingError():
            return f"answers what cannot be read: {error}"
        case _ if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"has a certificate that is not trusted here ({error}); name its authority with ca_file"
        case _ if "ssl" in str(error).lower():
            return f"does not agree on TLS: {error}; look at http or https, and at the client's certificate"
        case _:
            return f"cannot be reached: {error}"
