"""HTTP that ends, whatever the other side does: a deadline for a whole request, a largest size for an answer."""

import asyncio
import ipaddress
import logging
import ssl
import urllib.request
import zlib
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import httpx
from httpx_retries import Retry, RetryTransport

# What it says of a server's odd headers would stand on standard error without a word on who said it.
logging.getLogger("httpx_retries").addHandler(logging.NullHandler())

CONNECT_SECONDS = 5
ANSWER_SECONDS = 30  # without a byte
WHOLE_SECONDS = 60  # for a request with all its tries and redirections
LARGEST_BYTES = 64 << 20  # of an answer, unpacked
_KEPT_HEADERS = ("location", "retry-after")
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # the windowBits of zlib

Result = TypeVar("Result")


class TooLargeError(httpx.RequestError):
    """An answer that is larger than any that is asked for."""


class DeadlineError(httpx.RequestError):
    """A request that has not ended when all the time for it was over."""


class ClosedError(httpx.ReadError):
    """A connection that the other side closed, TLS agreed, before it answered.

    With TLS 1.3 a client's certificate is judged after that; the alert with the reason is often lost by the closing.
    """


class ProxyError(httpx.RequestError):
    """A proxy of the environment that cannot be used."""


class Session:
    """Sends requests, and again what may pass. Raises httpx.HTTPError or httpx.InvalidURL, and nothing else.

    Every error says something.
    """

    def __init__(self, trust: ssl.SSLContext, retry: Retry, **settings: Any) -> None:
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        transport = RetryTransport(_Bounded(trust), retry)
        self._client = httpx.AsyncClient(transport=transport, timeout=timeout, **settings)

    def request(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        return wait_for(self.send(method, url, **arguments))

    async def send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._client.request(method, url, **arguments)
        except TimeoutError as error:
            raise DeadlineError(f"no whole answer within {WHOLE_SECONDS} s") from error
        except httpx.TransportError as error:
            if str(error):
                raise
            raise type(error)(_reason(error)) from error
        except (OSError, UnicodeError) as error:  # such as a label of a host name that is too long
            raise httpx.ConnectError(str(error)) from error

    def close(self) -> None:
        wait_for(self._client.aclose())


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Do something that waits, for a caller that does not."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


def trusted(ca: Path | None = None) -> ssl.SSLContext:
    """Trusts the authorities of a file, else those of the system. Raises OSError or ValueError for a bad file."""
    return ssl.create_default_context(cafile=ca)


def trusting_nobody() -> ssl.SSLContext:
    """For servers without TLS: to read the authorities of a system takes longer than to ask one of these."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Sessions may be used by several threads, so what waits has one of its own."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="requests", daemon=True).start()
    return loop


class _Bounded(httpx.AsyncBaseTransport):
    """Reads answers whole. What it gives has no cookies, and is UTF-8."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._ways: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "gzip"
        answer = await self._answer(request)
        try:
            body = await _body(answer)
        finally:
            await answer.aclose()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        for name in _KEPT_HEADERS:
            if name in answer.headers:
                headers[name] = answer.headers[name]
        content = _in_utf8(body, answer)
        return httpx.Response(answer.status_code, headers=headers, content=content)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._way(request.url).handle_async_request(request)
        except httpx.ReadError as error:
            if request.url.scheme == "https":
                raise ClosedError(_reason(error)) from error
            raise

    def _way(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        """Directly, or through the proxy that the environment names."""
        proxy = _proxy(url)
        if proxy not in self._ways:
            try:
                self._ways[proxy] = httpx.AsyncHTTPTransport(
                    verify=self._trust, trust_env=False, proxy=proxy
                )
            except (ValueError, ImportError, httpx.InvalidURL) as error:
                raise ProxyError(
                    "the environment names a proxy that cannot be used (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY); it is "
                    "like http://host:port, and NO_PROXY names hosts that need none"
                ) from error
        return self._ways[proxy]

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


def _reason(error: BaseException) -> str:
    """What an error says, or else the first of its causes that says anything."""
    speaker: BaseException | None = error
    while speaker and not str(speaker):
        speaker = speaker.__cause__ or speaker.__context__
    return str(speaker) if speaker else type(error).__name__


def _proxy(url: httpx.URL) -> str | None:
    """As other programs do it: none for this machine, and none for what NO_PROXY names."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy:
        return None
    if _is_here(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _body(answer: httpx.Response) -> bytes:
    """All of an answer, unpacked."""
    packing = answer.headers.get("content-encoding", "").strip().lower()
    if packing in ("", "identity"):
        unpack = None
    elif packing in _PACKED:
        unpack = zlib.decompressobj(_PACKED[packing])
    else:
        raise httpx.DecodingError("it is packed in a way that was not asked for")
    body = bytearray()
    async for chunk in answer.aiter_raw():
        room = LARGEST_BYTES + 1 - len(body)
        body += _unpacked_chunk(unpack, chunk, room) if unpack else chunk
        if len(body) > LARGEST_BYTES:
            raise TooLargeError(f"an answer is larger than {LARGEST_BYTES >> 20} MiB")
    if unpack and body and not unpack.eof:
        raise httpx.RemoteProtocolError("what is packed ends in its midst")
    return bytes(body)


def _unpacked_chunk(unpack: Any, chunk: bytes, room: int) -> bytes:
    try:
        text: bytes = unpack.decompress(chunk, room)
    except zlib.error as error:
        raise httpx.DecodingError(f"it is packed in a broken way: {error}") from error
    return text


def _in_utf8(body: bytes, answer: httpx.Response) -> bytes:
    """Only UTF-16 is written anew: the others in use have ASCII in its place, and nothing else is looked for."""
    encoding = (answer.charset_encoding or "").lower()
    if encoding not in ("utf-16", "utf-16le", "utf-16be"):
        return body
    return body.decode(encoding, "replace").encode()
