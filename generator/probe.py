"""Asks servers what `verify` judges: the rules that are loaded, the alerts that fire, the routes, the pages."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import yaml

from generator.http import Client, Endpoint
from generator.problems import ToolError
from generator.verify import Page

_PAGES_AT_ONCE = 8
_PAGE_SECONDS = 15


def as_prometheus(server: Endpoint) -> Client:
    """The part of a server that answers rules and queries as Prometheus does."""
    return Client(replace(server, url=server.url.rstrip("/") + server.prefix))


def loaded_groups(server: Endpoint) -> list[Mapping[str, Any]] | None:
    """The rule groups of a ruler, with the state of each rule; None if the server has no ruler that can be asked."""
    client = as_prometheus(server)
    if client.request("GET", "/api/v1/rules", allow=(404,)).status_code == 404:
        return None
    groups: list[Mapping[str, Any]] = client.json("/api/v1/rules", lambda data: list(data["data"]["groups"] or ()))
    return groups


def firing(server: Endpoint) -> list[Mapping[str, Any]]:
    """The alerts that an Alertmanager has."""
    alerts: list[Mapping[str, Any]] = Client(server).json("/api/v2/alerts", _alerts)
    return alerts


def _alerts(data: Any) -> list[Mapping[str, Any]]:
    return [{"labels": dict(alert["labels"]), "status": dict(alert["status"])} for alert in data]


def configuration(server: Endpoint) -> Any:
    """The configuration that an Alertmanager runs with."""
    client = Client(server)
    text = client.json("/api/v2/status", lambda data: str(data["config"]["original"]))
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise ToolError(f"{client.name}: its configuration is not YAML: {error}") from error


def pages(urls: Iterable[str]) -> dict[str, Page]:
    """What addresses answer, redirections followed."""
    with (
        httpx.Client(timeout=_PAGE_SECONDS, follow_redirects=True) as client,
        ThreadPoolExecutor(_PAGES_AT_ONCE) as pool,
    ):
        wanted = sorted(set(urls))
        return dict(zip(wanted, pool.map(lambda url: _page(client, url), wanted), strict=True))


def _page(client: httpx.Client, url: str) -> Page:
    try:
        answer = client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Page(None, str(error) or type(error).__name__)
    return Page(answer.text) if answer.is_success else Page(None, f"{answer.status_code}")
