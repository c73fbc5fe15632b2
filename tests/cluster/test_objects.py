"""A cluster as kubectl shows it: what its kube-proxies are, and who writes iptables rules without the lock."""

from typing import Any

import pytest

from generator.cluster.objects import Cluster, cluster_in, config_maps, settings_of

LOCK = {"name": "lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}}
MOUNT = {"name": "lock", "mountPath": "/run/xtables.lock"}


def node(
    name: str, system: str = "CentOS Linux 8 (Core)", kernel: str = "5.4.119-19", **labels: str
) -> dict[str, Any]:
    info = {"osImage": system, "kernelVersion": kernel, "kubeletVersion": "v1.14.3-tke.20"}
    return {
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {f"kubernetes.io/{key}": value for key, value in labels.items()},
        },
        "status": {"nodeInfo": info},
    }


def container(
    name: str, image: str, *command: str, mounts: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    rights = {"securityContext": {"privileged": True}}
    return {
        "name": name,
        "image": image,
        "command": [*command],
        "volumeMounts": mounts or [],
        **rights,
        **more,
    }


def pod_spec(
    *containers: dict[str, Any], volumes: list[Any] | None = None, host: bool = True
) -> dict[str, Any]:
    return {"hostNetwork": host, "containers": [*containers], "volumes": volumes or []}


def daemon_set(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"kind": "DaemonSet", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def pod(name: str, on: str, spec: dict[str, Any], owner: str = "DaemonSet") -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "kube-system",
        "ownerReferences": [{"kind": owner, "name": "x"}],
    }
    return {"kind": "Pod", "metadata": metadata, "spec": {**spec, "nodeName": on}}


def kube_proxy(tag: str, *arguments: str, **more: Any) -> dict[str, Any]:
    image = f"ccr.ccs.tencentyun.com/library/kube-proxy:{tag}"
    words = ("kube-proxy", *arguments)
    return pod_spec(container("kube-proxy", image, *words, mounts=[MOUNT], **more), volumes=[LOCK])


def listed(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "List", "items": [*objects]}


def seen(cluster: Cluster) -> list[tuple[str, str | None, str | None, tuple[str, ...]]]:
    return [
        (str(one.facts.kube_proxy), one.facts.os, one.facts.mode, one.nodes)
        for one in cluster.kube_proxies
    ]


def test_nodes_of_several_versions_and_systems_are_told_apart() -> None:
    found = cluster_in(
        [
            listed(
                node("n1"),
                node("n2"),
                node("n3", "Ubuntu 18.04.6 LTS"),
                daemon_set("kube-proxy", kube_proxy("v1.14.3-tke.27", "--proxy-mode=ipvs")),
                pod("a", "n1", kube_proxy("v1.14.3-tke.20", "--proxy-mode=ipvs")),
                pod("b", "n2", kube_proxy("v1.14.3-tke.20", "--proxy-mode=ipvs")),
                pod("c", "n3", kube_proxy("v1.14.3-tke.27", "--proxy-mode=ipvs")),
            ),
            {"serverVersion": {"gitVersion": "v1.14.3-tke.27"}},
        ]
    )
    assert seen(found) == [
        ("v1.14.3-tke.20", "CentOS Linux 8 (Core)", "ipvs", ("n1", "n2")),
        ("v1.14.3-tke.27", "Ubuntu 18.04.6 LTS", "ipvs", ("n3",)),
    ]
    assert str(found.kube_proxies[0].facts.cluster) == "v1.14.3-tke.27"
    assert (found.writers[0].wrong, found.notes) == ("", ())


def test_a_node_without_kube_proxys_pod_is_named() -> None:
    found = cluster_in(
        [
            listed(
                node("n1"),
                node("n2"),
                node("w", os="windows"),
                pod("a", "n1", kube_proxy("v1.18.4")),
            )
        ]
    )
    assert seen(found) == [("v1.18.4", "CentOS Linux 8 (Core)", "iptables", ("n1",))]
    assert found.notes == ("no kube-proxy Pod is on n2",)


def test_without_pods_the_daemon_set_stands_for_all_nodes_and_without_nodes_for_itself() -> None:
    proxy = daemon_set("kube-proxy", kube_proxy("v1.18.4"))
    assert seen(cluster_in([listed(node("n1"), node("n2"), proxy)]))[0][3] == ("n1", "n2")
    assert seen(cluster_in([listed(proxy)])) == [("v1.18.4", None, "iptables", ())]


def test_without_kube_proxy_it_is_taken_for_a_program_on_the_node() -> None:
    found = cluster_in([listed(node("n1"))])
    assert seen(found) == [("v1.14.3-tke.20", "CentOS Linux 8 (Core)", None, ("n1",))]
    assert found.kube_proxies[0].facts.binary
    assert found.notes[0].startswith("no kube-proxy DaemonSet or Pod is there")


CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: "ipvs"
ipvs: {minSyncPeriod: 0s, syncPeriod: 5s}
iptables: {syncPeriod: 0s}
"""


def configured() -> dict[str, Any]:
    spec = kube_proxy("v1.22.17", "--config=/var/lib/kube-proxy/config.conf")
    return daemon_set(
        "kube-proxy",
        {**spec, "volumes": [LOCK, {"name": "c", "configMap": {"name": "kube-proxy"}}]},
    )


def test_settings_are_read_from_the_config_map() -> None:
    metadata = {"name": "kube-proxy", "namespace": "kube-system"}
    config = {"kind": "ConfigMap", "metadata": metadata, "data": {"config.conf": CONFIG}}
    assert config_maps([listed(configured())]) == [("kube-system", "kube-proxy")]
    facts = cluster_in([listed(configured()), config]).kube_proxies[0].facts
    assert facts.mode == "ipvs"
    assert facts.settings == {
        "--config": "/var/lib/kube-proxy/config.conf",
        "--ipvs-sync-period": "5s",
    }
    assert facts.mounts == {"/run/xtables.lock": ()}


def test_a_config_map_of_that_name_in_another_namespace_is_not_kube_proxys() -> None:
    metadata = {"name": "kube-proxy", "namespace": "default"}
    other = {"kind": "ConfigMap", "metadata": metadata, "data": {"config.conf": CONFIG}}
    facts = cluster_in([listed(configured()), other]).kube_proxies[0].facts
    assert (facts.mode, facts.settings) == (None, None)


def test_without_the_config_map_mode_and_settings_are_not_known() -> None:
    found = cluster_in([listed(configured())])
    assert found.kube_proxies[0].facts.mode is None
    assert found.kube_proxies[0].facts.settings is None
    assert found.kube_proxies[0].facts.mounts == {"/run/xtables.lock": ()}
    assert found.notes == (
        "the ConfigMap with /var/lib/kube-proxy/config.conf was not read: mode and settings are not known",
    )


def test_flags_and_variables() -> None:
    env = [
        {"name": "HTTP2_READ_IDLE_TIMEOUT_SECONDS", "value": "0"},
        {"name": "NODE", "valueFrom": {}},
    ]
    shell = pod_spec(
        container(
            "kube-proxy",
            "kube-proxy-amd64:v1.16.3",
            "sh",
            "-c",
            "kube-proxy --ipvs-sync-period 5s",
            env=env,
        )
    )
    facts = cluster_in([listed(daemon_set("kube-proxy", shell))]).kube_proxies[0].facts
    assert facts.settings
    assert (
        facts.settings.items()
        >= {"--ipvs-sync-period": "5s", "HTTP2_READ_IDLE_TIMEOUT_SECONDS": "0"}.items()
    )
    assert settings_of(["kube-proxy", "--a=1", "--b", "2", "--c", "--d"]) == {
        "--a": "1",
        "--b": "2",
        "--c": "true",
        "--d": "true",
    }


def test_an_image_that_tells_no_version_is_said_to_do_so() -> None:
    spec = pod_spec(
        container("kube-proxy", "r/kube-proxy@sha256:0123", mounts=[MOUNT]), volumes=[LOCK]
    )
    found = cluster_in([listed(daemon_set("kube-proxy", spec))])
    assert found.kube_proxies[0].facts.kube_proxy is None
    assert found.notes == ("the image r/kube-proxy@sha256:0123 does not tell kube-proxy's version",)


def writer(
    name: str, image: str, volumes: list[Any], mounts: list[Any], **more: Any
) -> list[tuple[str, bool, str]]:
    """What is found of one writer beside a kube-proxy that is well."""
    spec = pod_spec(container(name, image, mounts=mounts, **more), volumes=volumes)
    found = cluster_in(
        [listed(daemon_set("kube-proxy", kube_proxy("v1.18.4")), daemon_set(name, spec))]
    )
    return [(one.workload, one.known, one.wrong) for one in found.writers if one.container == name]


def host(path: str, kind: str | None = None) -> list[dict[str, Any]]:
    return [{"name": "v", "hostPath": {"path": path, **({"type": kind} if kind else {})}}]


def at(path: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "v", "mountPath": path, **more}]


NOT = "does not mount /run/xtables.lock"
DIRECTORY = "where the file is missing, a directory takes its place"


@pytest.mark.parametrize(
    ("volumes", "mounts", "wrong"),
    [
        ([], [], NOT),
        (host("/run/xtables.lock", "FileOrCreate"), at("/run/xtables.lock"), ""),
        (host("/var/run/xtables.lock", "FileOrCreate"), at("/run/xtables.lock"), ""),
        (host("/run/xtables.lock", "FileOrCreate"), at("/var/run/xtables.lock"), ""),
        (host("/run"), at("/run"), ""),
        (host("/var/run/"), at("/var/run"), ""),
        (host("/run/xtables.lock", "File"), at("/run/xtables.lock"), ""),
        (
            host("/run/xtables.lock"),
            at("/run/xtables.lock"),
            f"mounts /run/xtables.lock without a type: {DIRECTORY}",
        ),
        (
            host("/run/xtables.lock", "DirectoryOrCreate"),
            at("/run/xtables.lock"),
            f"mounts /run/xtables.lock as DirectoryOrCreate: {DIRECTORY}",
        ),
        (host("/run", None), at("/run", readOnly=True), "mounts /run/xtables.lock read-only"),
        (host("/run"), at("/host/run"), NOT),
        (host("/tmp/xtables.lock", "FileOrCreate"), at("/run/xtables.lock"), NOT),
        ([{"name": "v", "emptyDir": {}}], at("/run"), NOT),
        (host("/run/xtables.lock", "FileOrCreate"), [], NOT),
    ],
)
def test_the_mount_of_the_lock(volumes: list[Any], mounts: list[Any], wrong: str) -> None:
    assert writer("kube-router", "kube-router:v1.3.1", volumes, mounts) == [
        ("DaemonSet kube-system/kube-router", True, wrong)
    ]


@pytest.mark.parametrize(
    ("name", "image", "known"),
    [
        ("cilium-agent", "quay.io/cilium/cilium:v1.15.1", True),
        ("calico-node", "calico/node:v3.27.0", True),
        ("kube-flannel", "flannel/flannel:v0.24.2", True),
        ("weave", "weaveworks/weave-kube:2.8.1", True),
        ("ip-masq-agent", "ip-masq-agent-amd64:v2.9.3", True),
        ("node-cache", "dns/k8s-dns-node-cache:1.22.28", True),
        ("antrea-agent", "antrea/antrea-agent:v1.15.0", True),
        ("csi-driver", "csi/nfsplugin:v4.6.0", False),
    ],
)
def test_who_is_known_to_write_rules(name: str, image: str, known: bool) -> None:
    assert [row[1] for row in writer(name, image, [], [])] == [known]


@pytest.mark.parametrize(
    ("context", "listed_as"),
    [
        ({"privileged": True}, 1),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, 1),
        ({"capabilities": {"add": ["CAP_NET_ADMIN", "SYS_TIME"]}}, 1),
        ({"capabilities": {"add": ["SYS_TIME"]}}, 0),
        ({}, 0),
        (None, 0),
    ],
)
def test_only_who_has_the_right_can_write(context: dict[str, Any] | None, listed_as: int) -> None:
    assert len(writer("mine", "mine:1", [], [], securityContext=context)) == listed_as


def test_a_pod_of_its_own_network_and_one_of_a_daemon_set_are_not_listed() -> None:
    inner = pod_spec(container("mine", "mine:1"), host=False)
    outer = pod_spec(container("mine", "mine:1"))
    found = cluster_in(
        [listed(daemon_set("x", inner), pod("a", "n1", outer), pod("b", "n1", outer, owner="Job"))]
    )
    assert [one.workload for one in found.writers] == ["Pod kube-system/b"]


def test_a_writer_that_is_known_decides_and_one_that_is_not_leaves_it_open() -> None:
    proxy = daemon_set("kube-proxy", kube_proxy("v1.18.4"))
    known = daemon_set("kube-router", pod_spec(container("kube-router", "kube-router:v1.3.1")))
    other = daemon_set("csi", pod_spec(container("csi", "csi:1")))

    def lock(*objects: dict[str, Any]) -> tuple[str, ...] | None:
        return cluster_in([listed(*objects)]).kube_proxies[0].facts.mounts.get("/run/xtables.lock")

    assert lock(proxy) == ()
    assert lock(proxy, other) is None
    assert lock(proxy, known, other) == (
        f"DaemonSet kube-system/kube-router, container kube-router, {NOT}",
    )


def test_images_are_told_by_name_and_tag_and_of_several_the_oldest_counts() -> None:
    def add_on(name: str, tag: str) -> dict[str, Any]:
        return daemon_set(
            name, pod_spec(container("c", f"registry:5000/tke/kube-router:{tag}"), host=False)
        )

    proxy = daemon_set("kube-proxy", kube_proxy("v1.18.4"))
    found = cluster_in(
        [
            listed(
                node("n1", kernel="5.4.119-19"),
                proxy,
                add_on("a", "v1.10.0"),
                add_on("b", "v1.9.2"),
            )
        ]
    )
    assert found.kube_proxies[0].facts.components == {
        "kube-proxy": "v1.18.4",
        "kube-router": "v1.9.2",
        "linux": "5.4.119-19",
    }


def test_a_config_map_that_is_no_yaml_is_one_that_was_not_read() -> None:
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
        "data": {"config.conf": "mode: [ipvs"},
    }
    found = cluster_in([listed(configured()), config])
    assert found.kube_proxies[0].facts.mode is None
    assert found.notes == (
        "the ConfigMap with /var/lib/kube-proxy/config.conf was not read: mode and settings are not known",
    )


@pytest.mark.parametrize("document", [[], "text", {}, {"a": 1}])
def test_what_is_not_of_kubectl_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not what `kubectl get … -o json` prints: at "):
        cluster_in([document])
