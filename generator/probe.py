"""Asks servers what `verify` judges: the rules that are loaded, the alerts that fire, the routes, the pages."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from httpx_retries import Retry, RetryTransport

from generator.http import Client
from generator.problems import ToolError
from generator.verify import Page

_PAGES_AT_ONCE = 8
_PAGE_SECONDS = 15
_BUSY = (429, 500, 502, 503, 504)  # what may pass, so that a page is asked for again


def loaded_groups(client: Client) -> list[Mapping[str, Any]] | None:
    """The rule groups of a ruler, with the state of each rule; None if the server has no ruler that can be asked."""
    groups: list[Mapping[str, Any]] | None = client.as_prometheus.json(
        "/api/v1/rules", lambda data: list(data["data"]["groups"] or ()), absent=(404,)
    )
    return groups


def firing(client: Client) -> list[Mapping[str, Any]]:
    """The alerts that an Alertmanager has."""
    alerts: list[Mapping[str, Any]] = client.json("/api/v2/alerts", _alerts)
    return alerts


def _alerts(data: Any) -> list[Mapping[str, Any]]:
    return [{"labels": dict(alert["labels"]), "status": dict(alert["status"])} for alert in data]


def configuration(client: Client) -> Any:
    """The configuration that an Alertmanager runs with."""
    text = client.json("/api/v2/status", lambda data: str(data["config"]["original"]))
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise ToolError(f"{client.name}: its configuration is not YAML: {error}") from error


def pages(urls: Iterable[str]) -> dict[str, Page]:
    """What addresses answer, redirections followed. Where a host cannot be reached, it is asked for one page only."""
    by_host: dict[str, list[str]] = {}
    for url in sorted(set(urls)):
        by_host.setdefault(urlsplit(url).netloc, []).append(url)
    retry = Retry(total=2, backoff_factor=0.5, status_forcelist=_BUSY, validate_response=_read)
    with (
        httpx.Client(
            timeout=_PAGE_SECONDS, follow_redirects=True, transport=RetryTransport(httpx.HTTPTransport(), retry)
        ) as client,
        ThreadPoolExecutor(_PAGES_AT_ONCE) as pool,
    ):
        found: dict[str, Page] = {}
        for first, *others in by_host.values():
            found[first], reached = _page(client, first)
            if reached:
                answers = pool.map(lambda url: _page(client, url)[0], others)
                found |= zip(others, answers, strict=True)
            else:
                found |= dict.fromkeys(others, found[first])
        return found


def _read(answer: httpx.Response) -> None:
    """Read to the end, so that a page that is cut is asked for again."""
    answer.read()


def _page(client: httpx.Client, url: str) -> tuple[Page, bool]:
    """What an address answers, and whether anybody answered."""
    try:
        answer = client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return Page(None, str(error) or type(error).__name__), reached
    return Page(answer.text) if answer.is_success else Page(None, f"{answer.status_code}"), True
