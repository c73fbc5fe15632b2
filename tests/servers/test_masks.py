"""Secrets are never shown, in whatever form somebody repeats them."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.servers.http import Endpoint
from generator.servers.masks import Mask
from tests.conftest import Run
from tests.misbehaving import answering, whole

SECRETS = [
    "never-seen",
    'quo"te',
    "two  spaces",
    "tab\tand\\slash",
    "a&b<c>d'e",
    "p%25 ä€ß",
    "a/b+c=",
    "ünïcode-geheim",
]
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "spaces folded": lambda secret: " ".join(secret.split()),
    "lines broken": lambda secret: "\n    ".join(secret.split()),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON in Unicode": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "JSON of Go": lambda secret: (
        json.dumps(secret).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
    ),
    "Python": repr,
    "address": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "address in lower case": lambda secret: quote(secret, safe="").lower(),
    "HTML": html.escape,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of user and password": lambda secret: base64.b64encode(
        f"me:{secret}".encode()
    ).decode(),
    "base64 for addresses": lambda secret: (
        base64.urlsafe_b64encode(f"me:{secret}".encode()).decode().rstrip("=")
    ),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_no_form_is_left(form: str, secret: str) -> None:
    mask = Endpoint("Loki", "http://h", user="me", password=secret).mask
    shown = mask(f"before {FORMS[form](secret)} after")
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.removeprefix("before ").removesuffix(" after")
    assert left.strip("\"'*=\\") == ""


@given(
    st.text(min_size=4, max_size=30).filter(lambda text: text.strip() == text),
    st.sampled_from(sorted(FORMS)),
)
def test_no_form_of_any_secret_is_left(secret: str, form: str) -> None:
    try:
        written = FORMS[form](secret)
    except UnicodeEncodeError:  # half a surrogate pair has no such form
        return
    assert "***" in Endpoint("Loki", "http://h", user="me", password=secret).mask(f"{written}")


def test_without_secrets_nothing_changes_and_two_masks_are_one() -> None:
    assert Mask()("any *** text") == "any *** text"
    assert (Mask(("one1",)) + Mask(("two2",)))("one1 two2 three") == "*** *** three"


TOKEN = 'se"cret &  <token>'  # noqa: S105


@pytest.mark.parametrize("style", [[], ["--json"]])
def test_a_diff_does_not_show_what_a_ruler_echoes(run: Run, style: list[str]) -> None:
    group = {
        "name": f"kube-proxy.{TOKEN}",
        "rules": [{"alert": "A", "expr": "up", "annotations": {"x": TOKEN}}],
    }
    body = json.dumps({"kube-proxy-alerts": [group]}).encode()
    with answering([whole(body)]) as url:
        done = run("diff", "--loki", url, *style, KUBE_PROXY_ALERTS_LOKI_TOKEN=TOKEN)
    assert done.returncode == 1, done.stderr
    assert "delete" in done.stdout
    for word in ("cret", "<token>", "u003c"):
        assert word not in (done.stdout + done.stderr).replace("no secret", "")


@pytest.mark.parametrize("style", [[], ["--json"]])
def test_a_finding_does_not_show_what_a_server_echoes(run: Run, style: list[str]) -> None:
    rule = {"name": "KubeProxyLogRulesWatchdog", "health": "err", "lastError": f"401 for {TOKEN}"}
    body = json.dumps(
        {"data": {"groups": [{"name": TOKEN, "file": TOKEN, "rules": [rule, rule]}]}}
    ).encode()
    with answering([whole(body)]) as url:
        done = run(
            "verify", "--loki", url, "--no-runbooks", *style, KUBE_PROXY_ALERTS_LOKI_TOKEN=TOKEN
        )
    assert "***" in done.stdout
    assert "cret" not in (done.stdout + done.stderr).replace("secret", "")


@pytest.mark.parametrize("style", [[], ["--json"], ["--markdown"]])
def test_a_diagnosis_does_not_show_what_loki_echoes(run: Run, style: list[str]) -> None:
    streams = {
        "data": {
            "result": [
                {"metric": {"node_name": TOKEN}, "value": [1, "3"], "values": [["1", TOKEN]]}
            ]
        }
    }
    with answering([whole(json.dumps(streams).encode())]) as url:
        done = run("diagnose", "--loki", url, *style, KUBE_PROXY_ALERTS_LOKI_TOKEN=TOKEN)
    assert done.returncode == 1, done.stderr
    assert "<token>" not in done.stdout + done.stderr
    assert "3" in done.stdout
