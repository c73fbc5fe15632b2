"""Which server is meant, and with what credentials: option, environment, profile, in this order."""

import os
from pathlib import Path

import pytest

from generator.base.problems import ToolError
from generator.catalog.load import load
from generator.catalog.profile import ServerProfile
from generator.servers.access import endpoint, named_servers

SITE = {"loki": ServerProfile(url="http://of.profile", tenant="t1", user="u1")}


def test_nothing_named_is_no_server() -> None:
    assert endpoint("loki", None, {}, {}) is None


def test_the_option_comes_before_the_environment_before_the_profile() -> None:
    environment = {
        "KUBE_PROXY_ALERTS_LOKI_URL": "http://of.environment",
        "KUBE_PROXY_ALERTS_LOKI_TENANT": "t2",
    }
    for url, given, expected in (
        (None, {}, ("http://of.profile", "t1")),
        (None, environment, ("http://of.environment", "t2")),
        ("http://of.option", environment, ("http://of.option", "t2")),
    ):
        found = endpoint("loki", url, SITE, given)
        assert found
        assert (found.url, found.tenant, found.user) == (*expected, "u1")


def test_secrets_come_from_the_environment_or_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from file\n")
    site = {"loki": ServerProfile(url="http://loki", token_file=tmp_path / "token")}
    of_file = endpoint("loki", None, site, {})
    of_environment = endpoint(
        "loki", None, site, {"KUBE_PROXY_ALERTS_LOKI_TOKEN": "from environment\n"}
    )
    assert of_file
    assert of_environment
    assert (of_file.token, of_environment.token) == ("from file", "from environment")
    assert "from" not in repr(of_file)


def test_a_missing_secret_is_said(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="token: cannot be read: "):
        endpoint(
            "loki",
            None,
            {"loki": ServerProfile(url="http://loki", token_file=tmp_path / "token")},
            {},
        )


def test_a_secret_file_that_no_file_can_be_is_said() -> None:
    with pytest.raises(ToolError, match="cannot be read: "):
        endpoint(
            "loki", None, {"loki": ServerProfile(url="http://loki", token_file=Path("a\0b"))}, {}
        )


def test_files_are_relative_to_the_profile_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "all.yaml").write_text(
        "servers: {loki: {url: 'http://loki', token_file: secret}}\n"
    )
    (tmp_path / "site.yaml").write_text(
        "extends: ./base/all.yaml\nservers: {loki: {ca_file: ca.pem}}\n"
    )
    read = load(profile=tmp_path / "site.yaml")
    assert read.problems == ()
    loki = read.profile.servers["loki"]
    assert (loki.url, loki.token_file, loki.ca_file) == (
        "http://loki",
        tmp_path / "base" / "secret",
        tmp_path / "ca.pem",
    )


def test_a_secret_has_no_place_in_an_address(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("servers:\n  loki: {url: 'http://user:secret@loki'}\n")
    (problem,) = load(profile=tmp_path / "site.yaml").problems
    assert str(problem.where).endswith("site.yaml:2:10")


KINDS = ("loki", "prometheus")
BOTH = {"loki": ServerProfile(url="http://l"), "prometheus": ServerProfile(url="http://p")}


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        ((), ["loki", "prometheus"]),
        (("prometheus",), ["prometheus"]),
        (KINDS, ["loki", "prometheus"]),
    ],
)
def test_the_servers_that_are_spoken_to_can_be_chosen(
    only: tuple[str, ...], kinds: list[str]
) -> None:
    found = named_servers(KINDS, dict.fromkeys(KINDS), only, BOTH, {})
    assert list(found) == kinds


def test_an_address_of_a_server_that_is_left_out_and_a_chosen_one_without_any_are_said() -> None:
    with pytest.raises(ToolError, match="--loki names a server that --only leaves out"):
        named_servers(KINDS, {"loki": "http://l", "prometheus": None}, ("prometheus",), BOTH, {})
    with pytest.raises(
        ToolError,
        match="--only names prometheus, whose address nothing says; give --prometheus URL",
    ):
        named_servers(KINDS, dict.fromkeys(KINDS), ("prometheus",), {}, {})


def test_a_secret_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")
    site = {"loki": ServerProfile(url="http://loki", token_file=tmp_path / "token")}
    with pytest.raises(ToolError, match="token: cannot be read: it is a FIFO, not a file"):
        endpoint("loki", None, site, {})
