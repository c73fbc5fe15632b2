"""Runs a Loki of our own on loopback, for tests."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from generator.base import process_signals
from generator.base.disk import populate
from generator.base.file import File
from generator.prove import local_programs
from generator.servers.http import Client, Endpoint
from generator.servers.loki import Loki

# Keeps everything in a temporary folder and listens on loopback; for Loki 2. An alert that came before the ruler knew
# its Alertmanager is sent again after a second, by default after a minute.
LOKI_2 = """
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
  resend_delay: 1s
"""
_TENANT = "fake"  # what Loki calls the only one, where there are no tenants


@contextlib.contextmanager
def running(
    binary: Path,
    rules: Sequence[File] = (),
    alertmanager: str = "",
    rule_store: Mapping[str, Any] | None = None,
    ruler: bool = True,
    config: str = LOKI_2,
) -> Iterator[Loki]:
    """A Loki of our own on loopback with a temporary store, stopped in any case. Raises ToolError if it fails.

    Its ruler evaluates the rule files, or what is in the rule store (as Loki's configuration says it), and sends alerts
    to the address of an Alertmanager. It can be left out. The configuration is that of the binary's version.
    """
    with tempfile.TemporaryDirectory() as folder, process_signals.caught():
        work = Path(folder)
        for name in ("index", "cache", "chunks", "compactor", "rules", "scratch"):
            (work / name).mkdir()
        http, grpc = local_programs.free_ports(2)
        store = rule_store or {"type": "local", "local": {"directory": f"{folder}/rules"}}
        text = config.format(
            folder=folder,
            http=http,
            grpc=grpc,
            alertmanager=json.dumps(alertmanager),
            store=json.dumps(store),
            ruler=json.dumps(ruler),
        )
        populate(work, [File("loki.yaml", text)])
        for file in rules:
            name = Path(file.path).name
            populate(work / "rules" / _TENANT, [File(name, file.text)])
        command = [str(binary), f"-config.file={work / 'loki.yaml'}"]
        endpoint = Endpoint("Loki", f"http://127.0.0.1:{http}", prefix="/prometheus")
        with (
            local_programs.started(command, work / "log") as process,
            Client(endpoint, tries=1) as client,
        ):
            loki = Loki(client)
            _wait(loki, process, work / "log")
            yield loki


def _wait(loki: Loki, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it takes a line; its own /ready says so only a minute later."""

    def takes_a_line() -> None:
        now = str(time.time_ns())
        loki.push([{"stream": {"kube_proxy_alerts": "start"}, "values": [[now, "started"]]}])

    local_programs.wait(takes_a_line, process, log, "loki", "it must be a Loki 2, or use --loki")
