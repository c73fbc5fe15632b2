"""What watches the nodes: Loki with its ruler, Prometheus, Alertmanager, and a receiver."""

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from generator.base.disk import populate
from generator.base.file import File
from generator.base.lines import NANOSECONDS_A_SECOND
from generator.base.names import TOOL
from generator.base.problems import ToolError
from generator.prove import local_loki
from generator.servers.loki import Loki
from tests.lab import servers
from tests.lab.node import METRICS_PORT, NODE_EXPORTER_PORT, Node
from tests.lab.programs import Programs

_SCRAPE_SECONDS = 15
_CHAIN_SECONDS = 180
_POLL_SECONDS = 0.25
_SHIP_SECONDS = 1.0
_CHAT_SECONDS = 10
_EVALUATED_SECONDS = 120
_VERIFY_SECONDS = 5


@dataclass(frozen=True)
class Notification:
    """An alert as the webhook got it; `at` in seconds of the epoch."""

    at: float
    receiver: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Message:
    """What a chat got: the templates, rendered by Alertmanager."""

    title: str
    link: str
    text: str


class Receiver:
    """Takes notifications at /webhook and chat messages at /chat."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.messages: list[Message] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/chat":
                    receiver.messages += [
                        Message(one["title"], one["title_link"], one["text"])
                        for one in body["attachments"]
                    ]
                else:
                    receiver.notifications += [
                        Notification(
                            time.time(), body["receiver"], alert["labels"], alert["annotations"]
                        )
                        for alert in body["alerts"]
                        if alert["status"] == "firing"
                    ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


class Stack:
    """The running programs."""

    def __init__(
        self,
        loki: Loki,
        receiver: Receiver,
        alertmanager: str,
        prometheus: str,
        targets: Path,
        profile: Path,
        rules: Path,
        work: Path,
    ) -> None:
        self._loki, self._receiver, self._alertmanager, self._prometheus = (
            loki,
            receiver,
            alertmanager,
            prometheus,
        )
        self._targets = targets
        self._profile, self.rules, self._work = profile, rules, work
        self._waiting: list[tuple[Mapping[str, str], int, str]] = []
        self._last = 0
        self._client = httpx.AsyncClient(timeout=30)

    def ship(self, labels: Mapping[str, str], line: str) -> None:
        """Hand a line of the stream with these labels to the collector; it reaches Loki within a second."""
        self._last = max(
            self._last + 1, time.time_ns()
        )  # Loki keeps one of two equal lines with the same time
        self._waiting.append((labels, self._last, line))

    async def ship_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SHIP_SECONDS)
            lines, self._waiting = self._waiting, []
            streams: dict[frozenset[tuple[str, str]], list[list[str]]] = {}
            for labels, at, line in lines:
                streams.setdefault(frozenset(labels.items()), []).append([str(at), line])
            pushed = [{"stream": dict(key), "values": values} for key, values in streams.items()]
            await asyncio.to_thread(self._loki.push, pushed)

    async def push(self) -> None:
        """Load the rules of the profile, with the command that a user has. Raises ToolError if it does not end well."""
        code, said = await self.command("push", "--rules-dir", str(self.rules), "--no-validate")
        if code:
            raise ToolError(f"the rules could not be pushed: {said}")

    async def verified(self) -> tuple[int, str]:
        """Exit code and output of the command that proves that all is live, once what was loaded has been evaluated."""
        deadline = time.monotonic() + _EVALUATED_SECONDS
        while True:
            code, said = await self.command("verify", "--alertmanager", self._alertmanager)
            if code != 1 or time.monotonic() > deadline:
                return code, said
            await asyncio.sleep(_VERIFY_SECONDS)

    async def change_by_hand(self, group: str) -> None:
        """Let a rule of a group in Loki have another severity."""
        path = f"{self._loki.url}/loki/api/v1/rules/{TOOL}"
        held = yaml.safe_load((await self._client.get(f"{path}/{group}")).text)
        held["rules"][0]["labels"]["severity"] = "by hand"
        (await self._client.post(path, content=yaml.safe_dump(held))).raise_for_status()

    async def series(self, expr: str, start: float, step: float, end: float) -> int:
        """How many series Prometheus has for an expression in a span of time."""
        span = {"query": expr, "start": f"{start}", "end": f"{end}", "step": f"{step}"}
        answer = await self._get(f"{self._prometheus}/api/v1/query_range", span)
        return len(answer["data"]["result"])

    async def series_of_logs(self, expr: str, start: float, step: float, end: float) -> int:
        """How many series Loki has for an expression in a span of time."""
        found = await asyncio.to_thread(
            self._loki.evaluate, expr, int(start), step, int((end - start) / step)
        )
        return len(found)

    async def lines(self, query: str, start: float, end: float) -> int:
        """How many lines Loki has for a query in a span of time."""
        span = (round(start * NANOSECONDS_A_SECOND), round(end * NANOSECONDS_A_SECOND))
        return len(await asyncio.to_thread(self._loki.lines, query, *span))

    async def command(self, verb: str, *options: str) -> tuple[int, str]:
        """Run one of our commands with this profile on these servers."""
        servers = ("--loki", self._loki.url, "--prometheus", self._prometheus)
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "generator",
                verb,
                "--profile",
                str(self._profile),
                *servers,
                *options,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "XDG_STATE_HOME": str(self._work / "state")},
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    def scrape(self, nodes: Sequence[Node], with_node_exporter: Sequence[Node]) -> None:
        """Let Prometheus scrape kube-proxy of these nodes, and node_exporter where it runs."""
        targets = [
            {"targets": [f"{node.address}:{METRICS_PORT}"], "labels": node.target_labels}
            for node in nodes
        ]
        targets += [
            {
                "targets": [f"{node.address}:{NODE_EXPORTER_PORT}"],
                "labels": node.node_exporter_labels,
            }
            for node in with_node_exporter
        ]
        self._targets.write_text(json.dumps(targets), encoding="utf-8")

    async def arrived(self, watchdogs: set[str]) -> None:
        """Wait until the alerts that always fire have come through; what is provoked later meets a stack that works."""
        deadline = time.monotonic() + _CHAIN_SECONDS
        while missing := watchdogs - {found.labels["alertname"] for found in self.notified("")}:
            if time.monotonic() > deadline:
                raise ToolError(
                    f"always firing, and not notified in {_CHAIN_SECONDS} s: {', '.join(sorted(missing))}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    def notified(self, cluster: str) -> list[Notification]:
        """What was sent about a cluster, oldest first; with an empty name: about none."""
        return [
            found
            for found in self._receiver.notifications
            if found.labels.get("cluster", "") == cluster
        ]

    async def message(self, link: str, node: Node) -> Message | None:
        """The first chat message that leads to a page and is about a node; it is sent beside the notification."""
        for _ in range(round(_CHAT_SECONDS / _POLL_SECONDS)):
            for message in self._receiver.messages:
                if message.link == link and node.name in message.text.split():
                    return message
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def inhibited(self, cluster: str) -> set[str]:
        """Names of the alerts about a cluster that Alertmanager holds back because of another."""
        about = {"filter": f'cluster="{cluster}"'}
        alerts = await self._get(f"{self._alertmanager}/api/v2/alerts", about)
        return {alert["labels"]["alertname"] for alert in alerts if alert["status"]["inhibitedBy"]}

    async def synced(self, node: Node) -> bool:
        """Whether Prometheus sees the node's kube-proxy running, and that it has written its rules."""
        about = f'pod="{node.pod}"'
        query = f"kubeproxy_sync_proxy_rules_last_timestamp_seconds{{{about}}} > 0 and on (pod) up{{{about}}} == 1"
        answer = await self._get(f"{self._prometheus}/api/v1/query", {"query": query})
        return bool(answer["data"]["result"])

    async def page(self, url: str) -> str:
        """A page as a browser would get it; empty if it is not served."""
        answer = await self._client.get(url)
        return answer.text if answer.is_success else ""

    async def _get(self, url: str, parameters: Mapping[str, str]) -> Any:
        answer = await self._client.get(url, params=parameters)
        answer.raise_for_status()
        return answer.json()


@contextlib.asynccontextmanager
async def stack(
    programs: Programs, receiver: Receiver, profile: Path, files: Sequence[File], work: Path
) -> AsyncIterator[Stack]:
    """Start everything on loopback, its rulers empty, and push the rules of the profile; all of it is gone afterwards.

    Of the generated files Alertmanager gets its configuration.
    """
    populate(work, [file for file in files if file.path.startswith("alertmanager/")])
    rules, targets = work / "rules", work / "targets.json"
    rules.mkdir()
    targets.write_text("[]", encoding="utf-8")
    config = work / "alertmanager" / "kube-proxy.alertmanager.yaml"
    config.write_text(
        _addressed(config.read_text(encoding="utf-8"), receiver.url), encoding="utf-8"
    )
    with contextlib.ExitStack() as started:
        alertmanager = started.enter_context(
            servers.alertmanager(programs.alertmanager, config, work)
        )
        scraping = {
            "global": {"scrape_interval": f"{_SCRAPE_SECONDS}s"},
            "rule_files": [f"{rules}/*.rules.yaml"],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [urlsplit(alertmanager).netloc]}]}
                ]
            },
            "scrape_configs": [
                {
                    "job_name": "kube-proxy",
                    "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}],
                }
            ],
        }
        prometheus = started.enter_context(servers.prometheus(programs.prometheus, scraping, work))
        bucket = started.enter_context(servers.object_store(programs.object_store, work))
        running = started.enter_context(
            local_loki.running(
                programs.loki, alertmanager=alertmanager, rule_store=servers.loki_store(bucket)
            )
        )
        everything = Stack(
            running, receiver, alertmanager, prometheus, targets, profile, rules, work
        )
        await everything.push()
        shipping = asyncio.create_task(everything.ship_for_ever())
        try:
            yield everything
            if shipping.done():
                shipping.result()  # it ends only because Loki did not take the lines
        finally:
            shipping.cancel()


def _addressed(config: str, url: str) -> str:
    """The generated configuration, with our addresses in the place of the files that hold a site's."""
    data = yaml.safe_load(config)
    for receiver in data["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{url}/webhook", "send_resolved": False}]
        for chat in receiver.get("slack_configs", ()):
            del chat["api_url_file"]
            chat["api_url"] = f"{url}/chat"
    return yaml.safe_dump(data)
