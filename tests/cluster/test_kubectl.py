"""kubectl and what it prints: whatever that is, there is a sentence."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.base.problems import ToolError
from generator.cluster import kubectl, objects
from generator.diagnose import pods
from tests.cluster.test_objects import daemon_set, kube_proxy, listed, node, pod

CLUSTER = listed(
    node("n1"),
    daemon_set("kube-proxy", kube_proxy("v1.20.0")),
    pod("p", "n1", kube_proxy("v1.20.0")),
)
ODD: tuple[Any, ...] = (
    None,
    5,
    "x",
    [],
    {},
    [None],
    {"x": None},
    True,
    "\ud800",
    -1e300,
    [[]],
    {"name": "--x"},
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in data, all of them."""
    inner = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = changed(data[path[0]], path[1:], value)
    return copy


@given(st.sampled_from(places(CLUSTER)), st.sampled_from(ODD))
def test_no_shape_ends_in_another_error(path: tuple[Any, ...], value: Any) -> None:
    odd = changed(json.loads(json.dumps(CLUSTER)), path, value)
    for read in (objects.cluster_in, objects.config_maps):
        try:
            read([odd])
        except ValueError as error:
            assert str(error).startswith("not what `kubectl get … -o json` prints: ")  # noqa: PT017


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("items",), 5, "at items: 5"),
        (("items", 0, "status"), None, 'at items[0]: no "status"'),
        (
            ("items", 1, "spec", "template", "spec", "containers"),
            "x",
            'at items[1].spec.template.spec.containers: "x"',
        ),
        (
            ("items", 2, "metadata", "name"),
            "--kubeconfig=x",
            'at items[2].metadata.name: "--kubeconfig=x"',
        ),
    ],
)
def test_the_place_is_said(path: tuple[Any, ...], value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        objects.cluster_in([changed(CLUSTER, path, value)])


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is found as kubectl."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "kubectl"
    path.touch()
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "no",
        "3",
        "[]",
        "null",
        "{}",
        '{"kind": "List", "items": null}',
        '{"kind": "List", "items": [{"kind": "Pod"}]}',
    ],
)
def test_diagnose_and_advise_say_the_same_of_a_kubectl_that_prints_nonsense(
    program: Path, printed: str
) -> None:
    program.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\n", encoding="utf-8")
    with pytest.raises(ToolError):
        list(pods.logs(pods.Pods(), lambda note: None))


@pytest.mark.parametrize("text", ["\x7fELF no program", "#!/no/such/shell\n"])
def test_what_is_no_program_is_said_for_logs_too(
    program: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    program.write_text(text, encoding="latin-1")
    said = "the kubectl on PATH cannot be run"
    with pytest.raises(ToolError, match=said):
        kubectl.ask(None, "get", "pods")
    with pytest.raises(ToolError, match=said):
        kubectl.Running(None, "logs", "p")


def test_without_a_cluster_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real kubectl, which logs the same thing five times before."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        list(pods.logs(pods.Pods(), lambda note: None))
    assert str(caught.value) == (
        "kubectl reaches no cluster: The connection to the server localhost:8080 was refused - did you specify the "
        "right host or port; choose one with --context or KUBECONFIG"
    )
