"""What may hold back what: severities, the labels by which logs and metrics meet, and the labels copied for it."""

from pathlib import Path

import pytest

from generator.inhibition import Place, as_grave, copies, place
from generator.load import load
from generator.model import Profile

BOTH = {"loki", "prometheus"}


def profile(folder: Path, text: str) -> Profile:
    (folder / "site.yaml").write_text(text or "{}", encoding="utf-8")
    return load(profile=folder / "site.yaml").profile


def test_a_cause_is_as_grave_as_what_it_holds_back() -> None:
    order = ("info", "warning", "critical")
    held = {(cause, symptom) for cause in order for symptom in order if as_grave(cause, symptom)}
    assert held == {
        ("critical", "critical"),
        ("critical", "warning"),
        ("critical", "info"),
        ("warning", "warning"),
        ("warning", "info"),
        ("info", "info"),
    }


PODS = Place("pod", ("cluster", "namespace", "pod"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("", PODS),
        # The node tells no more than the Pod, and targets may have no label of it.
        ("loki: {labels: {node: node}}", PODS),
        ("loki: {labels: {pod: pod_name, namespace: ns, cluster: k8s}}", PODS),
        ("loki: {labels: {namespace: null}}", Place("pod", ("cluster", "pod"))),
        ("loki: {labels: {pod: null, node: host}}", Place("node", ("cluster", "node"))),
        ("prometheus: {labels: {pod: null, node: nodename}}", Place("nodename", ("cluster", "nodename"))),
        ("loki: {labels: {pod: null, node: host, cluster: null}}", Place("node", ("node",))),
        ("loki: {labels: {pod: null, node: null}}", None),
        ("loki: {labels: {pod: null}}\nprometheus: {labels: {node: null}}", None),
        # One side's Pod is not the other's node.
        ("loki: {labels: {node: null}}\nprometheus: {labels: {pod: null}}", None),
    ],
)
def test_logs_and_metrics_meet_at_the_pod_or_else_at_the_node(
    labels: str, expected: Place | None, tmp_path: Path
) -> None:
    assert place(BOTH, profile(tmp_path, labels)) == expected


def test_alerts_on_metrics_meet_at_their_target(tmp_path: Path) -> None:
    found = place({"prometheus"}, profile(tmp_path, "prometheus: {labels: {pod: null, instance: target}}"))
    assert found == Place("target", ("cluster", "namespace", "node", "target"))


def test_alerts_on_logs_meet_by_their_own_labels(tmp_path: Path) -> None:
    found = place({"loki"}, profile(tmp_path, "loki: {labels: {pod: pod_name}}\nprometheus: {labels: {pod: null}}"))
    assert found == Place("pod_name", ("cluster", "namespace", "pod_name"))


def test_what_has_one_name_in_both_is_not_copied(tmp_path: Path) -> None:
    assert copies(profile(tmp_path, "")) == {}


def test_what_the_metrics_call_otherwise_is_copied_under_their_name(tmp_path: Path) -> None:
    found = copies(profile(tmp_path, "loki: {labels: {pod: null, cluster: k8s, node: host}}"))
    assert found == {"cluster": "{{ $labels.k8s }}", "node": "{{ $labels.host }}"}


def test_the_cluster_is_copied_where_nothing_else_is_shared(tmp_path: Path) -> None:
    """Notifications are grouped by it."""
    assert copies(profile(tmp_path, "loki: {labels: {pod: null, cluster: k8s, node: null}}")) == {
        "cluster": "{{ $labels.k8s }}"
    }
