"""What may hold back what: severities, the labels by which logs and metrics meet, and the labels copied for it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from generator.catalog.load import load
from generator.catalog.meeting_places import Place, as_grave, copies, meeting_place
from generator.catalog.profile import LogLabels, Profile

KERNEL = "loki: {kernel: {labels: {node: hostname}}, labels: {pod: null, node: host}}\n"


def profile(folder: Path, text: str) -> Profile:
    (folder / "site.yaml").write_text(text or "{}", encoding="utf-8")
    return load(profile=folder / "site.yaml").profile


def copied(site: Profile) -> Mapping[str, str]:
    return copies(site.loki.labels, site)


def kernel(site: Profile) -> LogLabels:
    assert site.loki.kernel
    return site.loki.kernel.labels


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
        (
            "prometheus: {labels: {pod: null, node: nodename}}",
            Place("nodename", ("cluster", "nodename")),
        ),
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
    site = profile(tmp_path, labels)
    assert meeting_place(site.loki.labels, site.prometheus.labels, site) == expected


def test_alerts_on_metrics_meet_at_their_target(tmp_path: Path) -> None:
    site = profile(tmp_path, "prometheus: {labels: {pod: null, instance: target}}")
    found = meeting_place(site.prometheus.labels, site.prometheus.labels, site)
    assert found == Place("target", ("cluster", "namespace", "node", "target"))


def test_alerts_on_logs_meet_by_their_own_labels(tmp_path: Path) -> None:
    site = profile(tmp_path, "loki: {labels: {pod: pod_name}}\nprometheus: {labels: {pod: null}}")
    found = meeting_place(site.loki.labels, site.loki.labels, site)
    assert found == Place("pod_name", ("cluster", "namespace", "pod_name"))


def test_what_has_one_name_in_both_is_not_copied(tmp_path: Path) -> None:
    assert copied(profile(tmp_path, "")) == {}


def test_what_the_metrics_call_otherwise_is_copied_under_their_name(tmp_path: Path) -> None:
    found = copied(profile(tmp_path, "loki: {labels: {pod: null, cluster: k8s, node: host}}"))
    assert found == {"cluster": "{{ $labels.k8s }}", "node": "{{ $labels.host }}"}


def test_the_cluster_is_copied_where_nothing_else_is_shared(tmp_path: Path) -> None:
    """Notifications are grouped by it."""
    assert copied(profile(tmp_path, "loki: {labels: {pod: null, cluster: k8s, node: null}}")) == {
        "cluster": "{{ $labels.k8s }}"
    }


@pytest.mark.parametrize(
    ("metrics", "with_metrics", "under_other_names"),
    [
        ("", "node", {"host": "{{ $labels.hostname }}", "node": "{{ $labels.hostname }}"}),
        ("prometheus: {labels: {node: null}}", None, {"host": "{{ $labels.hostname }}"}),
    ],
)
def test_the_kernel_meets_others_at_the_node_under_a_name_that_they_have_for_it(
    metrics: str, with_metrics: str | None, under_other_names: Mapping[str, str], tmp_path: Path
) -> None:
    site = profile(tmp_path, KERNEL + metrics)
    found = meeting_place(kernel(site), site.prometheus.labels, site)
    assert found == (Place(with_metrics, ("cluster", with_metrics)) if with_metrics else None)
    assert meeting_place(kernel(site), site.loki.labels, site) == Place("host", ("cluster", "host"))
    assert copies(kernel(site), site) == under_other_names


def test_two_alerts_on_the_kernel_meet_by_its_own_labels(tmp_path: Path) -> None:
    site = profile(tmp_path, KERNEL)
    assert meeting_place(kernel(site), kernel(site), site) == Place(
        "hostname", ("cluster", "hostname")
    )
