"""Speaks HTTP to the servers that rules are loaded into: credentials, time-outs, bounded retries, errors for people."""

import base64
import ssl
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from httpx_retries import Retry, RetryTransport

from generator.problems import ToolError, UnreachableError

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30
_WAITING_SECONDS = 20  # between the tries of one request, all together
_SHOWN = 300  # characters of an answer in an error

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

    def mask(self, text: str) -> str:
        """A text without our secrets, should a server or a library say them."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        for secret in (self.token, self.password, pair if self.password else None):
            text = text.replace(secret, "***") if secret else text
        return text


class Client:
    """Requests to one server. Every method raises ToolError that says what is wrong and what to do.

    As a context it is closed at the end.
    """

    def __init__(self, endpoint: Endpoint, tries: int = 4) -> None:
        self.endpoint = endpoint
        self._below = ""
        self.url = _address(endpoint)
        _credentials(endpoint)
        headers = {"X-Scope-OrgID": endpoint.tenant} if endpoint.tenant else {}
        if endpoint.token:
            headers["Authorization"] = f"Bearer {endpoint.token}"
        auth = httpx.BasicAuth(endpoint.user, endpoint.password or "") if endpoint.user else None
        retry = Retry(
            total=tries - 1,
            backoff_factor=0.5,
            max_backoff_wait=_WAITING_SECONDS,
            total_timeout=_WAITING_SECONDS,
            allowed_methods=("GET", "PUT", "POST", "DELETE"),  # what we ask for twice comes to the same
            status_forcelist=(429, 500, 502, 503, 504),
            validate_response=_read,
        )
        try:
            transport = RetryTransport(httpx.HTTPTransport(verify=_trust(endpoint)), retry)
        except (OSError, ssl.SSLError) as error:
            raise ToolError(f"{self.name}: its certificate files cannot be used: {error}") from error
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        self._client = httpx.Client(headers=headers, auth=auth, transport=transport, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def as_prometheus(self) -> "Client":
        """The same server, where it answers as Prometheus does."""
        below = copy(self)
        below._below = self.endpoint.prefix
        return below

    @property
    def name(self) -> str:
        return f"{self.endpoint.name} at {self.url}"

    def request(self, method: str, path: str, allow: tuple[int, ...] = (), **arguments: Any) -> httpx.Response:
        """An answer that is a success, or has one of the statuses in `allow`."""
        try:
            answer = self._client.request(method, self.url + self._below + path, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise UnreachableError(str(self.error(_trouble(error)))) from error
        if answer.is_success or answer.status_code in allow:
            return answer
        raise self.refusal(method, path, answer)

    def refusal(self, method: str, path: str, answer: httpx.Response) -> ToolError:
        """The error for an answer that is no success."""
        return self.error(f"answers {answer.status_code} to {method} {path}: {_meaning(answer)}")

    def error(self, said: str) -> ToolError:
        """The error for what this server does or says; our secrets are masked in it."""
        return ToolError(self.endpoint.mask(f"{self.name} {said}"))

    def json(self, path: str, pick: Callable[[Any], Any], absent: tuple[int, ...] = (), **arguments: Any) -> Any:
        """What `pick` takes out of a JSON answer; if it is not there, this is not the server it should be.

        None if the status is one that says that there is no such thing.
        """
        answer = self.request("GET", path, allow=absent, **arguments)
        if answer.status_code in absent:
            return None
        try:
            return pick(answer.json())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise self.stranger(path, answer) from error

    def stranger(self, path: str, answer: httpx.Response) -> ToolError:
        """The error for an answer that such a server does not give."""
        name = self.endpoint.name
        return self.error(f"answers {path}, but not as {name} does ({_said(answer)}); is this the address of {name}?")


def _address(endpoint: Endpoint) -> str:
    """Raises ToolError for an address that is none, or that may hold a secret, which would be shown."""
    try:
        parts = urlsplit(endpoint.url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ToolError(f"{endpoint.name}: an address is like http://host:port")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ToolError(f"{endpoint.name}: give user, password and token apart from the address, which is shown")
    return endpoint.url.rstrip("/")


def _credentials(endpoint: Endpoint) -> None:
    """Raises ToolError for credentials that cannot be sent, or not together."""
    if endpoint.token and endpoint.user:
        raise ToolError(f"{endpoint.name}: there is a user and a token; a server takes one of them")
    for setting in ("tenant", "user", "password", "token"):
        if not (getattr(endpoint, setting) or "").isprintable():
            raise ToolError(f"{endpoint.name}: the {setting} holds a line break or another character that is no text")


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.ca)
    if endpoint.cert:
        context.load_cert_chain(endpoint.cert, endpoint.key)
    return context


def _read(answer: httpx.Response) -> None:
    """Read to the end, so that an answer that is cut is asked for again."""
    answer.read()


def _trouble(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"cannot be reached within {_CONNECT_SECONDS} s"
        case httpx.TimeoutException():
            return f"does not answer within {_ANSWER_SECONDS} s, asked again and again"
        case httpx.RemoteProtocolError():
            return f"cuts its answers short, asked again and again: {error}"
        case _ if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"has a certificate that is not trusted here ({error}); name its authority with ca_file"
        case _ if "ssl" in str(error).lower():
            return f"does not agree on TLS: {error}; look at http or https, and at the client's certificate"
        case _:
            return f"cannot be reached: {error}"


def _meaning(answer: httpx.Response) -> str:
    code = answer.status_code
    known = _MEANING.get(code) or ("it failed" if code >= 500 else "")
    if answer.is_redirect:
        known = f"it sends on to {answer.headers.get('location', 'nowhere')}; give that address, or log in before"
    return "; ".join(text for text in (known, f"it says: {_said(answer)}") if text)


def _said(answer: httpx.Response) -> str:
    words = " ".join(answer.text.split())
    return words[:_SHOWN] + ("…" if len(words) > _SHOWN else "") or "nothing"
