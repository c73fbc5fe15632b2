"""HTTP that ends, whatever a server does."""

import gzip
import time
import zlib
from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.servers import answers, bounded_http
from generator.servers.http import Client, Endpoint
from generator.verify import probe
from tests.conftest import Run
from tests.misbehaving import answering, whole

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'{"status": "success", "data": ["pod"]}'


def failure(url: str, **settings: object) -> str:
    with Client(Endpoint("Loki", url, **settings), 1) as client, pytest.raises(ToolError) as caught:  # type: ignore[arg-type]
        client.json("/x", answers.LISTED)
    return str(caught.value)


def listed(url: str) -> object:
    with Client(Endpoint("Loki", url), 1) as client:
        return client.json("/x", answers.LISTED)["data"]


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"\r\n", *[b" "] * 200],  # the body, byte by byte
        [HEAD, *[b"X: y\r\n"] * 200],  # headers that do not end
        [b"H", *[b"T"] * 200],  # not even a status
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 200],
    ],
)
def test_a_server_that_drips_has_one_deadline(
    pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "WHOLE_SECONDS", 0.7)
    began = time.monotonic()
    with answering(pieces, pause=0.05) as url:
        said = failure(url)
    assert said == f"Loki at {url} does not come to an end: no whole answer within 0.7 s"
    assert time.monotonic() - began < 5


def test_tries_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "WHOLE_SECONDS", 0.7)
    busy = (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    with answering([busy]) as url, Client(Endpoint("Loki", url)) as client:
        began = time.monotonic()
        with pytest.raises(ToolError, match=r"does not come to an end|answers 503"):
            client.request("GET", "/x")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("packing", [None, "gzip", "deflate"])
def test_an_answer_has_a_largest_size_also_unpacked(
    packing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "LARGEST_BYTES", 2 << 20)
    zeros = bytes(16 << 20)
    packed = {None: zeros, "gzip": gzip.compress(zeros), "deflate": zlib.compress(zeros)}[packing]
    said_to_be = f"Content-Encoding: {packing}\r\n".encode() if packing else b""
    with answering([HEAD + said_to_be + b"\r\n", packed]) as url:
        said = failure(url)
    assert said == (
        f"Loki at {url} answers too much: an answer is larger than 2 MiB; is something else at this address?"
    )


@pytest.mark.parametrize("packing", ["zstd", "br", "gzip, gzip", "nonsense"])
def test_only_what_was_asked_for_is_unpacked(packing: str) -> None:
    with answering([whole(b"x" * 100, f"Content-Encoding: {packing}")]) as url:
        assert failure(url) == (
            f"Loki at {url} answers what cannot be read: it is packed in a way that was not asked for"
        )


def test_what_is_packed_well_is_read_and_what_is_broken_is_said() -> None:
    packed = gzip.compress(GOOD)
    with answering([whole(packed, "Content-Encoding: gzip")]) as url:
        assert listed(url) == ["pod"]
    with answering([whole(b"no gzip", "Content-Encoding: gzip")]) as url:
        assert "answers what cannot be read: it is packed in a broken way" in failure(url)
    with answering([whole(packed[:-9], "Content-Encoding: gzip")]) as url:
        assert "what is packed ends in its midst" in failure(url)


CHARSETS = [
    "hex",
    "zlib",
    "base64",
    "idna",
    "undefined",
    "rot13",
    "punycode",
    "utf-7",
    "",
    "\xe9",
    "x" * 999,
]


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_charset_and_no_cookie_is_too_odd(charset: str) -> None:
    odd = [
        f"Content-Type: application/json; charset={charset}",
        "Set-Cookie: s=\xe9\xff; Domain=\xe9",
    ]
    with answering([whole(GOOD, *odd)]) as url:
        assert listed(url) == ["pod"]
    with answering([whole(b"<h1>KubeProxyX</h1>", *odd)]) as url:
        page = probe.fetch_pages([f"{url}/KubeProxyX"])[f"{url}/KubeProxyX"]
        assert page.text == "<h1>KubeProxyX</h1>"


def test_utf_16_is_read_with_and_without_its_mark() -> None:
    for charset, body in (("utf-16", "é".encode("utf-16")), ("UTF-16LE", "é".encode("utf-16-le"))):
        with answering([whole(body, f"Content-Type: text/html; charset={charset}")]) as url:
            assert probe.fetch_pages([url])[url].text == "é"
    with answering([whole(b"odd", "Content-Type: text/html; charset=utf-16")]) as url:
        assert probe.fetch_pages([url])[url].text


def test_of_many_pages_only_the_bad_one_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "WHOLE_SECONDS", 1)
    monkeypatch.setattr(bounded_http, "LARGEST_BYTES", 1 << 20)
    with (
        answering([whole(b"a page")]) as good,
        answering([b"H", *[b"T"] * 99], pause=0.1) as dripping,
        answering([whole(bytes(2 << 20))]) as large,
        answering([b"nonsense\r\n\r\n"]) as broken,
    ):
        long, bracket, idna = (
            f"http://{'a' * 64}.example/x",
            "http://[::1/x",
            "http://xn--zzzz-.example/x",
        )
        urls = [f"{good}/x", f"{dripping}/x", f"{large}/x", f"{broken}/x", long, bracket, idna]
        found = probe.fetch_pages(urls)
    assert found.pop(f"{good}/x").text == "a page"
    assert {url: page.text for url, page in found.items()} == dict.fromkeys(urls[1:])
    assert all(page.said for page in found.values())
    assert found[f"{dripping}/x"].said == "no whole answer within 1 s"


def test_a_connection_that_is_reset_is_called_so() -> None:
    with answering([], reset=True) as url:
        assert failure(url).startswith(f"Loki at {url} cannot be reached: [Errno 104] ")
        assert (probe.fetch_pages([f"{url}/x"])[f"{url}/x"].said or "").startswith("[Errno 104] ")


PROXIES = [
    "socks5://127.0.0.1:1",
    "foo://bar",
    "http://",
    "http://[::1",
    "://",
    "http://user:pass word@h:x",
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_is_said(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    said = failure("http://loki.invalid:3100")
    assert said.startswith("Loki at http://loki.invalid:3100 cannot be reached: ")
    assert "pass word" not in said
    page = probe.fetch_pages(["http://runbooks.invalid/x"])["http://runbooks.invalid/x"]
    assert page.text is None
    assert page.said


def test_a_proxy_of_the_environment_is_asked_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering([whole(GOOD)]) as proxy, answering([whole(b'{"data": ["direct"]}')]) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        assert listed("http://loki.invalid:3100") == ["pod"]
        assert listed(server) == ["direct"]
        assert listed(server.replace("127.0.0.1", "localhost")) == ["direct"]
        monkeypatch.setenv("NO_PROXY", "loki.invalid")
        assert "cannot be reached" in failure("http://loki.invalid:3100")


@pytest.mark.parametrize("setting", ["tenant", "token"])
def test_what_a_header_cannot_hold_is_refused(setting: str) -> None:
    with pytest.raises(
        ToolError, match=f"the {setting} holds a character that is not ASCII"
    ) as caught:
        Client(Endpoint("Loki", "http://127.0.0.1:1", **{setting: "gehe\xedm\u20ac"}))  # type: ignore[arg-type]
    assert "gehe" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 64, "a" * 300, "xn--zzzz-", "a..b", "-"])
def test_a_host_that_no_name_can_be_is_said(host: str) -> None:
    assert failure(f"http://{host}:3100").startswith("Loki")


def test_files_with_impossible_names_are_said() -> None:
    with pytest.raises(ToolError, match="its certificate files cannot be used"):
        Client(Endpoint("Loki", "https://127.0.0.1:1", ca=Path("a\0b")))


def test_a_missing_file_of_authorities_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with answering([whole(b"page")]) as url:
        assert probe.fetch_pages([url])[url].text == "page"


def test_a_library_says_nothing_of_its_own(run: Run) -> None:
    """It warns of a header that is no time, on standard error and without a word on whose it is."""
    odd = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: soon\r\n\r\n"
    with answering([odd]) as url:
        done = run("diff", "--loki", url)
    assert done.returncode == 2
    assert done.stderr.startswith(f"kube-proxy-alerts: Loki at {url} answers 503 ")
    assert len(done.stderr.splitlines()) == 1
