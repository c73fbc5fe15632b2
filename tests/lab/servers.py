"""Starts the real servers on loopback; whatever is started here ends with the block it was started in."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from generator.base.problems import ToolError
from generator.prove import local_programs
from tests.plain import HTTP

BUCKET = "rules"
_START_SECONDS = 60
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def server(work: Path, name: str, command: Sequence[str], ready: str = "") -> Iterator[None]:
    """A program that runs until the block ends; `ready` is an address that answers once it can be used."""
    log = work / f"{name}.log"
    with local_programs.started(command, log, work) as process:
        deadline = time.monotonic() + _START_SECONDS
        while ready and not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ToolError(f"{name} does not start: {log.read_text(errors='replace')[-1000:]}")
            time.sleep(_POLL_SECONDS)
        yield
        if process.poll() is not None:
            raise ToolError(f"{name} ended: {log.read_text(errors='replace')[-1000:]}")


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return HTTP.get(url).is_success
    return False


@contextlib.contextmanager
def object_store(binary: Path, work: Path) -> Iterator[Mapping[str, Any]]:
    """An empty bucket, as the configuration of a ruler's `s3` storage names it."""
    (port,) = local_programs.free_ports(1)
    command = [
        str(binary),
        "-backend",
        "memory",
        "-initialbucket",
        BUCKET,
        "-host",
        f"127.0.0.1:{port}",
    ]
    with server(work, "gofakes3", command, f"http://127.0.0.1:{port}/{BUCKET}"):
        yield {
            "endpoint": f"127.0.0.1:{port}",
            "access_key_id": "lab",
            "secret_access_key": "lab",
            "insecure": True,
        }


def loki_store(store: Mapping[str, Any]) -> Mapping[str, Any]:
    """The bucket as the rule store of Loki 2."""
    return {
        "type": "s3",
        "s3": {**store, "bucketnames": BUCKET, "region": "lab", "s3forcepathstyle": True},
    }


@contextlib.contextmanager
def cortex(binary: Path, store: Mapping[str, Any], work: Path) -> Iterator[str]:
    """A Cortex whose ruler keeps its rules in the bucket; gives its address."""
    http, grpc, gossip = local_programs.free_ports(3)
    ring = {"kvstore": {"store": "inmemory"}}
    config = {
        "auth_enabled": True,
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": http,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": grpc,
            "log_level": "warn",
        },
        "ruler": {
            "enable_api": True,
            "rule_path": str(work / "cortex"),
            "ring": {**ring, "instance_addr": "127.0.0.1"},
            "poll_interval": "1s",
        },
        "ruler_storage": {
            "backend": "s3",
            "s3": {**store, "bucket_name": BUCKET, "bucket_lookup_type": "path"},
        },
        "blocks_storage": {
            "backend": "filesystem",
            "filesystem": {"dir": str(work / "blocks")},
            "tsdb": {"dir": str(work / "blocks-tsdb")},
            "bucket_store": {"sync_dir": str(work / "blocks-sync")},
        },
        "ingester": {
            "lifecycler": {"address": "127.0.0.1", "ring": {**ring, "replication_factor": 1}}
        },
        "distributor": {"ring": {**ring, "instance_addr": "127.0.0.1"}},
        "alertmanager_storage": {
            "backend": "local",
            "local": {"path": str(work / "alertmanager-config")},
        },
        "alertmanager": {
            "external_url": "http://127.0.0.1/alertmanager",
            "data_dir": str(work / "alertmanager-data"),
            "cluster": {"listen_address": ""},
        },
        "memberlist": {"bind_addr": ["127.0.0.1"], "bind_port": gossip},
        "compactor": {"data_dir": str(work / "compactor"), "sharding_ring": ring},
        "store_gateway": {"sharding_ring": ring},
    }
    (work / "alertmanager-config").mkdir()
    (work / "cortex.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"http://127.0.0.1:{http}"
    with server(
        work, "cortex", [str(binary), f"-config.file={work / 'cortex.yaml'}"], f"{address}/ready"
    ):
        yield address


@contextlib.contextmanager
def prometheus(binary: Path, config: Mapping[str, Any], work: Path) -> Iterator[str]:
    """A Prometheus that can be reloaded over HTTP; gives its address."""
    (port,) = local_programs.free_ports(1)
    (work / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        str(binary),
        f"--config.file={work / 'prometheus.yaml'}",
        f"--storage.tsdb.path={work / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]
    with server(work, "prometheus", command, f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def alertmanager(binary: Path, config: Path, work: Path) -> Iterator[str]:
    """An Alertmanager by itself; gives its address."""
    (port,) = local_programs.free_ports(1)
    command = [
        str(binary),
        f"--config.file={config}",
        f"--storage.path={work / 'silences'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with server(work, "alertmanager", command, f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def vmalert(binary: Path, rules: Path, datasource: str, notifier: str, work: Path) -> Iterator[str]:
    """A vmalert that evaluates rule files and sends alerts to an Alertmanager; gives its address."""
    (port,) = local_programs.free_ports(1)
    command = [
        str(binary),
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-rule={rules}",
        f"-datasource.url={datasource}",
        f"-notifier.url={notifier}",
    ]
    with server(work, "vmalert", command, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}"
