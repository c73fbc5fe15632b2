"""Whatever shape an answer has, it is understood or refused with its place; no other error comes of it."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.base import document
from generator.base.problems import ToolError
from generator.base.shapes import Shape, ShapeError
from generator.catalog.profile import Profile
from generator.compile.rules import compile_rules
from generator.diagnose import asking
from generator.diagnose.findings import Findings, Period
from generator.query.signature import Signature
from generator.rulers import plan
from generator.servers import answers
from generator.servers.http import Client, Endpoint
from generator.servers.victorialogs import VictoriaLogs
from generator.sites import survey
from generator.verify import judgement, probe
from tests import once
from tests.cluster.test_kubectl import changed, places
from tests.misbehaving import answering, whole

INPUTS = once.inputs()
RULES = compile_rules(INPUTS.catalog, INPUTS.profile)
PROFILE: Profile = INPUTS.profile
NOW = datetime(2026, 11, 26, tzinfo=UTC)
SHOWN = {
    "status": "success",
    "data": {
        "groups": [
            {
                "name": group.name,
                "file": "x.rules.yaml",
                "interval": 30,
                "rules": [
                    {
                        "name": getattr(rule, "alert", None) or getattr(rule, "record", None),
                        "query": rule.expr,
                        "labels": {"severity": "info"},
                        "annotations": {"summary": "x"},
                        "duration": 60,
                        "keepFiringFor": 0,
                        "health": "ok",
                        "lastError": "",
                        "lastEvaluation": "2026-11-25T23:59:50.123456789Z",
                    }
                    for rule in group.rules[:1]
                ],
            }
            for group in RULES.groups["prometheus"][:2]
        ]
    },
}
WANTED = asking.Wanted("{a='b'}", Signature((), (), None, ()), 0, 1)
VECTOR = {"data": {"result": [{"metric": {"instance": "a", "job": "b"}, "value": [1, "2"]}]}}
LINES = {"data": {"result": [{"stream": {}, "values": [["1764115200000000000", "a line"]]}]}}
ALERTS = [{"labels": {"alertname": "KubeProxyLogRulesWatchdog"}, "status": {"state": "active"}}]
STATUS = {"config": {"original": "route: {receiver: x}\nreceivers: [{name: x}]\n"}}
GROUPS = {
    "ours": [
        {
            "name": "g",
            "interval": "1m",
            "rules": [{"alert": "A", "expr": "up", "for": "5m", "labels": {}}],
        }
    ]
}
ODD: tuple[Any, ...] = (
    *(None, 5, "x", [], {}, [None], {"x": None}, True, "\ud800", [1, "NaN"], [[]]),
    *(
        "2026-99-99T00:00:00Z",
        "9999-12-31T23:59:59-05:00",
        "1e999",
        "9" * 400,
        10**400,
        -1,
        {"name": ["x"]},
    ),
)


class Told(Client):
    """A client whose server answers one thing to everything, without a network: the shapes are what counts."""

    def __init__(self, answer: Any) -> None:
        super().__init__(Endpoint("Prometheus", "http://127.0.0.1:1"))
        self._answer = answer

    def json(self, path: str, shape: Shape, absent: tuple[int, ...] = (), **arguments: Any) -> Any:
        try:
            return shape.checked(copy.deepcopy(self._answer))
        except ShapeError as error:
            raise ToolError(str(error)) from error


def _verified(client: Client) -> object:
    loaded = probe.loaded_groups(client)
    return list(
        judgement.rules_are_live("prometheus", "P", RULES.groups["prometheus"], loaded, NOW)
    )


def _asked(client: Client) -> object:
    findings = Findings(INPUTS.catalog, NOW)
    asking.in_prometheus(client, RULES, PROFILE, findings)
    return findings.diagnosis()


def _in_loki(client: Client) -> object:
    findings = Findings(INPUTS.catalog, NOW)
    asking.in_logs(asking.InLoki(client), RULES, Period(NOW, NOW), findings)
    return findings.diagnosis()


def _counted_in_victorialogs(client: Client) -> object:
    return list(asking.InVictoriaLogs(client).counts(WANTED, ["pod"]))


def _routes(client: Client) -> object:
    return probe.configuration(client)


READERS: dict[str, tuple[Any, Callable[[Client], object]]] = {
    "rules": (SHOWN, _verified),
    "alerts": (
        ALERTS,
        lambda client: list(
            judgement.watchdogs_arrived(RULES, {"loki": "loki"}, probe.firing(client))
        ),
    ),
    "status": (STATUS, _routes),
    "metrics": (VECTOR, _asked),
    "lines": (LINES, _in_loki),
    "counts": (VECTOR, _counted_in_victorialogs),
    "site": (VECTOR, lambda client: survey.look([PROFILE], client, [PROFILE], client)),
}


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_no_answer_ends_in_another_error(reader: str, data: st.DataObject) -> None:
    good, read = READERS[reader]
    path = data.draw(st.sampled_from(places(good)))
    with_oddity = changed(good, path, data.draw(st.sampled_from(ODD)))
    client = Told(with_oddity)
    try:
        read(client)
    except ToolError as error:
        assert str(error)  # noqa: PT017


ROW = {"_time": "2026-11-26T00:00:00.5Z", "_msg": "a line"}


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", ROW)
def test_no_line_of_victorialogs_ends_in_another_error(name: str, value: Any) -> None:
    body = json.dumps({**ROW, name: value}).encode()
    with answering([whole(body)]) as url, Client(Endpoint("VictoriaLogs", url)) as client:
        try:
            assert VictoriaLogs(client).lines("*", {}, 0, 1)
        except ToolError as error:
            assert "is this the address of VictoriaLogs?" in str(error)  # noqa: PT017


@given(path=st.sampled_from(places(GROUPS)), value=st.sampled_from(ODD))
def test_no_group_of_a_ruler_ends_in_another_error(path: tuple[Any, ...], value: Any) -> None:
    try:
        held = answers.NAMESPACES.checked(changed(GROUPS, path, value))
    except ShapeError:
        return
    for groups in (held or {}).values():
        wanted = [{"name": "g", "rules": [{"alert": "A", "expr": "up"}]}]
        for change in plan.changes("prometheus", wanted, groups):
            change.lines()
        plan.foreign(groups)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"data": {"groups": [{"name": "g", "rules": [{"name": 5}]}]}},
            "at data.groups[0].rules[0].name: 5",
        ),
        ({"data": {"groups": [{"rules": []}]}}, 'at data.groups[0]: no "name"'),
        ({"data": {"groups": "x"}}, 'at data.groups: "x"'),
        ({"data": None}, "at data: null"),
        ([], "at the beginning: []"),
    ],
)
def test_the_place_is_said(answer: Any, said: str) -> None:
    with answering([whole(json.dumps(answer).encode())]) as url, pytest.raises(ToolError) as caught:
        probe.loaded_groups(Client(Endpoint("Prometheus", url), 1))
    assert str(caught.value) == (
        f"Prometheus at {url} answers /api/v1/rules, but not as Prometheus does: {said}; "
        "is this the address of Prometheus?"
    )


def test_null_is_the_same_as_nothing() -> None:
    answer = {"data": {"groups": [{"name": "g", "rules": None, "file": None}]}}
    assert answers.RULES.checked(answer) == {"data": {"groups": [{"name": "g"}]}}


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"data":' * 100_000, b"\xff\xfe", b"", b"9" * 5000, b"NaN"]
)
def test_what_is_hardly_json_is_refused(text: bytes) -> None:
    with (
        answering([whole(text)]) as url,
        pytest.raises(ToolError, match="but not as Prometheus does"),
    ):
        probe.loaded_groups(Client(Endpoint("Prometheus", url), 1))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "&a [*a]",
        "[" * 30_000,
        "- " * 30_000,
        "x: *nothing",
        "'",
        "a: 1\n---\nb: 2\n",
        "!!python/x 5",
        "\0",
    ],
)
def test_yaml_of_others_is_bounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        document.plain_values(text)


def test_yaml_with_aliases_that_people_write_is_read() -> None:
    assert document.plain_values("a: &x {k: [1]}\nb: *x\nc: *x\n") == {
        "a": {"k": [1]},
        "b": {"k": [1]},
        "c": {"k": [1]},
    }


def test_a_secret_that_a_server_echoes_is_not_cut_into_the_open() -> None:
    token = "s3cret-" * 10
    body = b"x" * 280 + token.encode()
    refusal = b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n" + body
    with answering([refusal]) as url, pytest.raises(ToolError) as caught:
        Client(Endpoint("Loki", url, token=token), 1).json("/x", answers.LISTED)
    assert "s3cret" not in str(caught.value)
