"""Asks servers what `verify` judges: the rules that are loaded, the alerts that fire, the routes, the pages."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from httpx_retries import Retry

from generator.base import document
from generator.base.problems import ToolError
from generator.servers import answers, bounded_http
from generator.servers.http import Client
from generator.verify.judgement import Page

_PAGES_AT_ONCE = 8
_BUSY = (429, 500, 502, 503, 504)  # what may pass, so that a page is asked for again


def loaded_groups(client: Client) -> list[Mapping[str, Any]] | None:
    """The rule groups of a ruler, with the state of each rule; None if the server has no ruler that can be asked."""
    answer = client.as_prometheus.json("/api/v1/rules", answers.RULES, absent=(404,))
    return None if answer is None else answer["data"].get("groups", [])


def firing(client: Client) -> list[Mapping[str, Any]]:
    """The alerts that an Alertmanager has."""
    alerts: list[Mapping[str, Any]] = client.json("/api/v2/alerts", answers.ALERTS)
    return alerts


def configuration(client: Client) -> Any:
    """The configuration that an Alertmanager runs with."""
    text = client.json("/api/v2/status", answers.STATUS)["config"]["original"]
    try:
        return document.plain_values(text)
    except ValueError as error:
        raise ToolError(f"{client.name}: its configuration is not YAML: {error}") from error


def fetch_pages(urls: Iterable[str]) -> dict[str, Page]:
    """What addresses answer, redirections followed. Where a host cannot be reached, it is asked for one page only."""
    by_host: dict[str, list[str]] = {}
    for url in sorted(set(urls)):
        by_host.setdefault(_host(url), []).append(url)
    retry = Retry(total=2, backoff_factor=0.5, status_forcelist=_BUSY)
    session = bounded_http.Session(bounded_http.trusted(), retry, follow_redirects=True)
    try:
        return bounded_http.wait_for(_all_pages(session, by_host))
    finally:
        session.close()


async def _all_pages(
    session: bounded_http.Session, by_host: Mapping[str, list[str]]
) -> dict[str, Page]:
    turn = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def in_turn(url: str) -> tuple[Page, bool]:
        async with turn:
            return await _page(session, url)

    async def of_host(urls: list[str]) -> dict[str, Page]:
        first, *others = urls
        page, reached = await in_turn(first)
        if not reached:
            return dict.fromkeys(urls, page)
        found = await asyncio.gather(*map(in_turn, others))
        return {first: page, **{url: one for url, (one, _) in zip(others, found, strict=True)}}

    found: dict[str, Page] = {}
    for hosts in await asyncio.gather(*map(of_host, by_host.values())):
        found |= hosts
    return found


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return url


async def _page(session: bounded_http.Session, url: str) -> tuple[Page, bool]:
    """What an address answers, and whether anybody answered."""
    try:
        answer = await session.send("GET", url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return Page(None, str(error)), reached
    return Page(answer.text) if answer.is_success else Page(None, f"{answer.status_code}"), True
