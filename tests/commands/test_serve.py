"""`serve`: what notifications link to opens, and it ends when it should."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from generator.catalog.load import load
from generator.pipeline import compile_catalog
from generator.verify import judgement, probe
from tests.conftest import ROOT, Run


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "generator", "serve", "--port", "0", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        said = next(line for line in process.stderr if "shows the site" in line)
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found
        yield process, found.group()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the site is shown, for all tests that do not end it: to start it takes longer than to ask it."""
    with serving("--minutes", "10") as (_, shown):
        yield shown


@pytest.mark.parametrize("style", ["markdown", "site"])
def test_verify_accepts_what_the_links_of_alerts_open(url: str, style: str, tmp_path: Path) -> None:
    profile = tmp_path / "site.yaml"
    profile.write_text(f"runbooks: {{base_url: {url}/books, style: {style}}}\n")
    rules = compile_catalog(load(profile=profile), "output").rules
    assert rules
    links = {alert.rule.annotations["runbook_url"] for alert in rules.alerts}
    ending = {"markdown": ".md", "site": ".html"}[style]
    assert {Path(urlsplit(link).path).suffix for link in links} == {ending}
    found = list(judgement.runbooks_answer(rules, probe.fetch_pages(sorted(links))))
    assert [one.state for one in found] == ["ok"], found


def test_interrupted_it_ends_well() -> None:
    with serving("--minutes", "2") as (process, url):
        assert "kube-proxy runbooks" in httpx.get(f"{url}/").text
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_it_ends_by_itself() -> None:
    with serving("--minutes", "0.02") as (process, _):
        assert process.wait(timeout=30) == 0


def test_a_silent_connection_does_not_hold_it_up() -> None:
    with serving("--minutes", "2") as (process, url):
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\n")
            assert httpx.get(f"{url}/index.html").status_code == 200
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
            assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", ["etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "Nothing.md", "vendor"])
def test_only_pages_are_served(url: str, path: str) -> None:
    assert httpx.get(f"{url}/{path}").status_code == 404


def test_a_port_that_is_taken_is_said(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert done.returncode == 2
    assert f"port {port} cannot be had: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
