"""A Loki of our own starts, answers, and is gone afterwards, however the run ends."""

import json
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from generator.base.problems import ToolError
from generator.prove import local_loki
from generator.servers import loki
from generator.servers.http import Client, Endpoint
from generator.servers.loki import Loki, first_step
from tests.conftest import ROOT


def test_lines_come_back_in_order_and_all_of_them(
    real_loki: Loki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loki, "_LIMIT", 7)  # so that several pages are needed
    start, name = time.time_ns() - 10**9, uuid.uuid4().hex
    real_loki.push(
        [{"stream": {"t": name}, "values": [[str(start + n), f"line {n}"] for n in range(30)]}]
    )
    found = real_loki.lines(f'{{t="{name}"}}', start, start + 30)
    assert found == [(start + n, f"line {n}") for n in range(30)]
    assert real_loki.lines(f'{{t="{name}"}} |= `line 2`', start, start + 25) == [
        (start + n, f"line {n}") for n in (2, 20, 21, 22, 23, 24)
    ]


def test_more_lines_than_loki_takes_at_once_arrive_in_their_order(real_loki: Loki) -> None:
    start, name = time.time_ns() - 10**9, uuid.uuid4().hex
    streams = [
        {
            "stream": {"t": name, "s": one},
            "values": [[str(start + n + shift), "ä" * 5000] for n in range(0, 1200, 2)],
        }
        for shift, one in enumerate(("a", "b"))
    ]
    real_loki.push(streams)  # 12 MB
    assert [at for at, _ in real_loki.lines(f'{{t="{name}"}}', start, start + 1200)] == list(
        range(start, start + 1200)
    )


@contextmanager
def narrow(most: int) -> Iterator[tuple[Loki, list[int]]]:
    """A Loki of thirty lines between whose parts no answer gets through that has more than `most`; with the limits
    that it was asked for."""
    limits: list[int] = []

    def answer(request: Request) -> Response:
        start, end, limit = (int(request.args[name]) for name in ("start", "end", "limit"))
        limits.append(limit)
        times = range(start, min(end, 30))[:limit]
        if len(times) > most:
            said = (
                "code = ResourceExhausted desc = grpc: received message larger than max (9 vs. 4)"
            )
            return Response(f"rpc error: {said}", 500)
        values = [[str(at), f"line {at}"] for at in times]
        data = {"resultType": "streams", "result": [{"stream": {}, "values": values}]}
        return Response(json.dumps({"status": "success", "data": data}))

    with HTTPServer("127.0.0.1") as server:
        server.expect_request("/loki/api/v1/query_range").respond_with_handler(answer)
        with Client(Endpoint("Loki", f"http://127.0.0.1:{server.port}"), tries=1) as client:
            yield Loki(client), limits


def test_where_an_answer_does_not_get_through_fewer_lines_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loki, "_LIMIT", 12)
    with narrow(most=3) as (found, limits):
        assert found.lines("{}", 0, 30) == [(at, f"line {at}") for at in range(30)]
    assert limits == [12, 6, *[3] * 11]


def test_where_not_even_one_line_gets_through_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki, "_LIMIT", 4)
    with narrow(most=0) as (found, limits):
        with pytest.raises(ToolError, match="received message larger than max"):
            found.lines("{}", 0, 30)
        assert limits == [4, 2, 1]


def test_an_expression_is_evaluated_at_each_step(real_loki: Loki) -> None:
    start, name = first_step(time.time() - 300, 30), uuid.uuid4().hex
    real_loki.push([{"stream": {"t": name}, "values": [[str((start + 30) * 10**9), "x"]]}])
    (series,) = real_loki.evaluate(f'count_over_time({{t="{name}"}}[1m])', start, 30, 4)
    assert series.labels["t"] == name  # Loki 3 adds labels of its own
    assert series.values == {1: "1", 2: "1"}


@pytest.mark.parametrize(
    ("latest", "step", "first"),
    [(1000.9, 60, 960), (960, 60, 960), (1000, 1, 1000), (1000, 0.5, 1000), (1000, 1.5, 999)],
)
def test_a_query_begins_at_a_multiple_of_its_step(latest: float, step: float, first: int) -> None:
    assert first_step(latest, step) == first


def test_a_refused_query_is_said(real_loki: Loki) -> None:
    with pytest.raises(
        ToolError, match="answers 400 to GET /loki/api/v1/query_range: it says: parse error"
    ):
        real_loki.lines("{", 0, 1)


def test_an_unreachable_loki_is_said() -> None:
    with pytest.raises(ToolError, match=r"http://127\.0\.0\.1:1 cannot be reached: "):
        Loki(Client(Endpoint("Loki", "http://127.0.0.1:1"), tries=1)).lines("{}", 0, 1)


def test_another_server_is_not_taken_for_a_loki() -> None:
    with HTTPServer("127.0.0.1") as server:
        server.expect_request(re.compile(".*")).respond_with_data("<html>hello</html>")
        other = Loki(Client(Endpoint("Loki", f"http://127.0.0.1:{server.port}"), tries=1))
        with pytest.raises(ToolError, match=r"but not as Loki does \(<html>hello</html>\)"):
            other.lines("{}", 0, 1)


def test_a_program_that_is_no_loki_is_said(tmp_path: Path) -> None:
    other = tmp_path / "loki"
    other.write_text("#!/bin/sh\necho unknown flag\nexit 1\n")
    other.chmod(0o755)
    with (
        pytest.raises(ToolError, match="loki ended at its start: unknown flag"),
        local_loki.running(other),
    ):
        pass


RUN = """
import sys, time
from pathlib import Path
from generator.prove import local_loki
with local_loki.running(Path(sys.argv[1])):
    print("running", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
def test_an_interrupted_run_leaves_no_loki(number: signal.Signals, pinned_loki: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(pinned_loki)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout
    assert process.stdout.readline() == b"running\n"
    (child,) = (
        int(word)
        for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    )
    assert Path(f"/proc/{child}/exe").readlink() == pinned_loki
    process.send_signal(number)
    process.wait(timeout=20)
    process.stdout.close()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.1)
    pytest.fail(f"loki is still running as process {child}")
