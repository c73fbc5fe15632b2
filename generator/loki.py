"""Speaks to a Loki over HTTP, and runs one of its own for tests."""

import contextlib
import ctypes
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator import answers
from generator.file import File
from generator.http import Client, Endpoint
from generator.problems import ToolError
from generator.shapes import Shape
from generator.write import populate

_START_SECONDS = 90
_PUSHED = 500_000  # characters in one push; Loki refuses more than 4 MB, and a character has up to four bytes
_NO_RULER = (403, 404, 405)  # none runs, its API is off, or it is not for us
_LIMIT = 5000  # lines in one answer, Loki's default limit
_NANO = 1_000_000_000

# Keeps everything in a temporary folder and listens on loopback; for Loki 2.
_CONFIG = """
auth_enabled: false
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1,
  grpc_listen_port: {grpc}, log_level: warn}}
ingester:
  lifecycler: {{address: 127.0.0.1, ring: {{kvstore: {{store: inmemory}}, replication_factor: 1}}, final_sleep: 0s}}
  wal: {{enabled: false}}
schema_config:
  configs: [{{from: 2020-01-01, store: boltdb-shipper, object_store: filesystem, schema: v11,
    index: {{prefix: index_, period: 24h}}}}]
storage_config:
  boltdb_shipper: {{active_index_directory: {folder}/index, cache_location: {folder}/cache, shared_store: filesystem}}
  filesystem: {{directory: {folder}/chunks}}
compactor: {{working_directory: {folder}/compactor, shared_store: filesystem}}
limits_config: {{reject_old_samples: false, ingestion_rate_mb: 100, ingestion_burst_size_mb: 100}}
ruler:
  storage: {store}
  poll_interval: 1s
  rule_path: {folder}/scratch
  ring: {{kvstore: {{store: inmemory}}}}
  enable_api: {ruler}
  enable_alertmanager_v2: true
  alertmanager_url: {alertmanager}
"""
_TENANT = "fake"  # what Loki calls the only one, where there are no tenants


@dataclass(frozen=True)
class Series:
    """One series of Loki's answer: labels, and the value at each step that has one."""

    labels: Mapping[str, str]
    values: Mapping[int, str]


class Loki:
    """A Loki at an address. Its methods raise ToolError if it cannot be reached or refuses."""

    def __init__(self, client: Client) -> None:
        self.url = client.url
        self._client = client

    def push(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """Hand over streams as the push API takes them, some lines at a time."""
        for part in _parts(streams):
            self._client.request("POST", "/loki/api/v1/push", json={"streams": part})

    def evaluate(self, expr: str, start: int, step: float, count: int) -> list[Series]:
        """The answers to an expression at `count` steps after the first; `start` in seconds."""
        parameters = {"query": expr, "start": start * _NANO, "end": start * _NANO + round(count * step * _NANO)}
        found = self._query(answers.MATRIX, {**parameters, "step": f"{step:g}"})
        return [
            Series(row["metric"], {round((float(at) - start) / step): str(value) for at, value in row["values"]})
            for row in found
        ]

    def lines(self, query: str, start: int, end: int) -> list[tuple[int, str]]:
        """The log lines that pass a query, with their times, oldest first; times in nanoseconds, `end` not included.

        No two lines of the streams asked for may have the same time.
        """
        lines: list[tuple[int, str]] = []
        while True:
            parameters = {"query": query, "start": start, "end": end, "limit": _LIMIT, "direction": "forward"}
            rows = self._query(answers.LINES, parameters)
            page = sorted((int(at), line) for row in rows for at, line in row["values"])
            lines += page
            if len(page) < _LIMIT:
                return lines
            start = page[-1][0] + 1

    def rules(self) -> list[Mapping[str, Any]]:
        """The rules that its ruler evaluates, as Prometheus's rules API shows them; none if no ruler can be asked."""
        ruler = self._client.as_prometheus
        answer = ruler.json("/api/v1/rules", answers.RULES, absent=_NO_RULER)
        groups = answer["data"].get("groups", ()) if answer else ()
        return [rule for group in groups for rule in group.get("rules", ())]

    def _query(self, shape: Shape, parameters: Mapping[str, Any]) -> list[Any]:
        rows: list[Any] = self._client.json("/loki/api/v1/query_range", shape, params=parameters)["data"]["result"]
        return rows


def _parts(streams: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The same lines in the same order, in parts that Loki takes at once."""
    part: list[dict[str, Any]] = []
    size = 0
    for stream in streams:
        labels = stream["stream"]
        for value in stream["values"]:
            length = len(str(labels)) + len(value[1])
            if part and size + length > _PUSHED:
                yield part
                part, size = [], 0
            if not part or part[-1]["stream"] is not labels:
                part.append({"stream": labels, "values": []})
            part[-1]["values"].append(value)
            size += length
    if part:
        yield part


@contextlib.contextmanager
def local(
    binary: Path,
    rules: Sequence[File] = (),
    alertmanager: str = "",
    rule_store: Mapping[str, Any] | None = None,
    ruler: bool = True,
) -> Iterator[Loki]:
    """A Loki of our own on loopback with a temporary store, stopped in any case. Raises ToolError if it fails.

    Its ruler evaluates the rule files, or what is in the rule store (as Loki's configuration says it), and sends alerts
    to the address of an Alertmanager. It can be left out.
    """
    with tempfile.TemporaryDirectory() as folder, _interrupted_by_sigterm():
        work = Path(folder)
        for name in ("index", "cache", "chunks", "compactor", "rules", "scratch"):
            (work / name).mkdir()
        http, grpc = free_ports(2)
        store = rule_store or {"type": "local", "local": {"directory": f"{folder}/rules"}}
        config = _CONFIG.format(
            folder=folder,
            http=http,
            grpc=grpc,
            alertmanager=json.dumps(alertmanager),
            store=json.dumps(store),
            ruler=json.dumps(ruler),
        )
        populate(work, [File("loki.yaml", config)])
        populate(work / "rules", [File(f"{_TENANT}/{Path(file.path).name}", file.text) for file in rules])
        with (work / "log").open("wb") as log:
            command = [str(binary), f"-config.file={work / 'loki.yaml'}"]
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
                )
            except OSError as error:
                raise ToolError(f"{binary}: {error.strerror}") from error
        try:
            with Client(Endpoint("Loki", f"http://127.0.0.1:{http}", prefix="/prometheus"), tries=1) as client:
                loki = Loki(client)
                _wait(loki, process, work / "log")
                yield loki
        finally:
            process.kill()  # there is nothing to save
            process.wait()


def _wait(loki: Loki, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it takes a line; its own /ready says so only a minute later."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            now = str(time.time_ns())
            return loki.push([{"stream": {"kube_proxy_alerts": "start"}, "values": [[now, "started"]]}])
        except ToolError as error:
            if process.poll() is not None:
                said = log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
                raise ToolError(
                    f"loki ended at its start: {said[-1][:500]}; it must be a Loki 2, or use --loki"
                ) from error
            if time.monotonic() > deadline:
                raise ToolError(f"loki does not take lines within {_START_SECONDS} s: {error}") from error
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def die_with_parent() -> None:
    """Also where this process is killed and can clean up nothing (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what follows it is done."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
