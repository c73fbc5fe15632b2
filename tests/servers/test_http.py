"""Requests to servers: who asks, what is asked for again, and what is said where it goes wrong."""

import ssl
from pathlib import Path

import pytest
import trustme

from generator.base.problems import ToolError
from generator.servers import answers, bounded_http
from generator.servers.http import Client, Endpoint
from generator.servers.loki import Loki
from tests.faulty import CUT, HANG, Front, front

QUERY = "/loki/api/v1/labels"
SECRET = "never-to-be-seen"  # noqa: S105


def failure(client: Client) -> str:
    with pytest.raises(ToolError) as caught:
        client.json(QUERY, answers.LISTED)
    return str(caught.value)


def client(state: Front, tries: int = 1, **settings: object) -> Client:
    return Client(Endpoint("Loki", state.url, **settings), tries)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            401,
            "it does not know who asks; give a user and password, or a token; it says: 401 for a test",
        ),
        (
            403,
            "who asks may not do this; look at the user, the token and the tenant; it says: 403 for a test",
        ),
        (
            404,
            "there is no such thing there; look at the address and the tenant; it says: 404 for a test",
        ),
        (
            413,
            "what was sent is too large for it or for a proxy before it; raise the limit there; "
            "it says: 413 for a test",
        ),
        (429, "it asks to be asked less often, and went on doing so; it says: 429 for a test"),
        (500, "it failed; it says: 500 for a test"),
        (503, "it failed; it says: 503 for a test"),
    ],
)
def test_each_status_is_said_in_words(real_loki: Loki, fault: int, said: str) -> None:
    with front(real_loki.url) as state:
        state.faults = [fault]
        assert (
            failure(client(state)) == f"Loki at {state.url} answers {fault} to GET {QUERY}: {said}"
        )


def test_a_cut_answer_is_said(real_loki: Loki) -> None:
    with front(real_loki.url) as state:
        state.faults = [CUT]
        assert failure(client(state)).startswith(
            f"Loki at {state.url} cuts its answers short, asked again and again: "
        )


def test_a_server_that_does_not_answer_is_said(
    real_loki: Loki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "ANSWER_SECONDS", 0.5)
    with front(real_loki.url) as state:
        state.faults = [HANG]
        assert (
            failure(client(state))
            == f"Loki at {state.url} does not answer within 0.5 s, asked again and again"
        )


def test_another_server_is_said(real_loki: Loki) -> None:
    with front(real_loki.url) as state:
        state.faults = ["<html>Sign in</html>"]
        assert failure(client(state)) == (
            f"Loki at {state.url} answers {QUERY}, but not as Loki does (<html>Sign in</html>); "
            "is this the address of Loki?"
        )


@pytest.mark.parametrize("faults", [[503], [429, 502, 504], [500], [CUT]])
def test_what_passes_is_asked_for_again(real_loki: Loki, faults: list[int | str]) -> None:
    with front(real_loki.url) as state:
        state.faults, state.headers = list(faults), {"Retry-After": "0"}
        found = client(state, tries=4).request("GET", QUERY)
        assert (found.status_code, len(state.asked)) == (200, len(faults) + 1)


@pytest.mark.parametrize("fault", [401, 403, 404, 413])
def test_what_stays_is_asked_for_once(real_loki: Loki, fault: int) -> None:
    with front(real_loki.url) as state:
        state.faults = [fault]
        failure(client(state, tries=4))
        assert len(state.asked) == 1


def test_a_redirection_is_said(real_loki: Loki) -> None:
    with front(real_loki.url) as state:
        state.faults, state.headers = [302], {"Location": "https://login.example/"}
        assert (
            "it sends on to https://login.example/; give that address, or log in before"
            in failure(client(state))
        )


def test_asking_again_has_an_end(real_loki: Loki) -> None:
    with front(real_loki.url) as state:
        state.faults = [503] * 50
        failure(client(state, tries=3))
        assert len(state.asked) == 3


def test_a_token_a_password_and_a_tenant_are_sent_and_never_said(real_loki: Loki) -> None:
    with front(real_loki.url) as state:
        state.demanded = {"Authorization": f"Bearer {SECRET}", "X-Scope-OrgID": "team-1"}
        assert client(state, token=SECRET, tenant="team-1").request("GET", QUERY).status_code == 200
        state.demanded = {
            "Authorization": "Basic " + "dTpuZXZlci10by1iZS1zZWVu"
        }  # u:never-to-be-seen
        assert client(state, user="u", password=SECRET).request("GET", QUERY).status_code == 200
        state.demanded = {"Authorization": "something else"}
        refused = client(state, token=SECRET)
        assert "answers 401" in failure(refused)
        said = failure(refused)
        assert "it says: 401 for Bearer ***" in said
        assert SECRET not in said + repr(refused.endpoint)
        said = failure(client(state, user="u", password=SECRET))
        assert "it says: 401 for Basic ***" in said


@pytest.mark.parametrize(
    "url", [f"http://u:{SECRET}@127.0.0.1:3100", f"http://127.0.0.1:3100/?token={SECRET}"]
)
def test_a_secret_in_the_address_is_refused_and_not_said(url: str) -> None:
    with pytest.raises(ToolError, match="give user, password and token apart") as caught:
        Client(Endpoint("Loki", url))
    assert SECRET not in str(caught.value)


def test_credentials_that_cannot_be_sent_are_said_without_them() -> None:
    for settings in ({"token": f"{SECRET}\nx"}, {"user": "u", "password": f"{SECRET}\x00"}):
        with pytest.raises(
            ToolError, match="holds a line break or another character that is no text"
        ) as caught:
            Client(Endpoint("Loki", "http://127.0.0.1:3100", **settings))  # type: ignore[arg-type]
        assert SECRET not in str(caught.value)
    with pytest.raises(ToolError, match="there is a user and a token; a server takes one of them"):
        Client(Endpoint("Loki", "http://127.0.0.1:3100", user="u", password="p", token="t"))  # noqa: S106


@pytest.mark.parametrize(
    "url", ["loki:3100", "ftp://loki", "http://", "http://[::1", "http://loki:port"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ToolError, match="Loki: an address is like http://host:port"):
        Client(Endpoint("Loki", url))


def test_certificates_of_both_sides(real_loki: Loki, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    authority.issue_cert("ci@example.com").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "client.pem"
    )
    ca, own = tmp_path / "ca.pem", tmp_path / "client.pem"
    with front(real_loki.url, context) as state:
        assert client(state, ca=ca, cert=own).request("GET", QUERY).status_code == 200
        assert "; name its authority with ca_file" in failure(
            client(state, ca=tmp_path / "stranger.pem", cert=own)
        )
        assert failure(client(state, ca=ca)).startswith(
            f"Loki at {state.url} does not agree on TLS: "
        )


def test_certificate_files_that_are_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ToolError, match="its certificate files cannot be used"):
        Client(Endpoint("Loki", "https://127.0.0.1:1", ca=tmp_path / "ca.pem"))


def test_without_tls_nobody_reads_whom_the_system_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ssl, "create_default_context")
    Client(Endpoint("Loki", "http://127.0.0.1:1"))
    for tls in ({"url": "https://127.0.0.1:1"}, {"url": "http://127.0.0.1:1", "ca": tmp_path}):
        with pytest.raises(AttributeError):
            Client(Endpoint("Loki", **tls))


def test_what_is_trusted_without_tls_is_nobody() -> None:
    context = bounded_http.trusting_nobody()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs() == []
