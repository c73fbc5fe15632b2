"""Runs a VictoriaLogs of our own on loopback, for tests."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from generator.base import process_signals
from generator.prove import local_programs
from generator.servers.http import Client, Endpoint
from generator.servers.victorialogs import VictoriaLogs

_FIX = "it must be a VictoriaLogs 1, or give --victorialogs the address of one"


@contextlib.contextmanager
def running(binary: Path) -> Iterator[VictoriaLogs]:
    """A VictoriaLogs of our own on loopback with an empty store that keeps lines of any age, stopped in any case.

    Raises ToolError if it fails.
    """
    (port,) = local_programs.free_ports(1)
    with tempfile.TemporaryDirectory() as folder, process_signals.caught():
        work = Path(folder)
        command = [
            str(binary),
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={work / 'data'}",
            "-retentionPeriod=100y",
        ]
        with (
            local_programs.started(command, work / "log") as process,
            Client(Endpoint("VictoriaLogs", f"http://127.0.0.1:{port}"), tries=1) as client,
        ):
            store = VictoriaLogs(client)

            def takes_a_line() -> None:
                now = str(time.time_ns())
                mark = {"kube_proxy_alerts": "start"}
                store.push([{"stream": mark, "values": [[now, "started"]]}])

            local_programs.wait(takes_a_line, process, work / "log", "victoria-logs", _FIX)
            yield store
