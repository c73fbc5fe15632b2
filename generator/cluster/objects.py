"""What kubectl says of a cluster's kube-proxies, and of the Pods that may write iptables rules beside them. No IO.

Reads the objects of `kubectl get nodes,daemonsets,pods,configmaps -A -o json` and of `kubectl version -o json`;
whatever of them is there is used, and what is missing is not known.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generator.base import document
from generator.base.shapes import (
    FLAG,
    LABELS,
    NUMBER,
    TEXT,
    Schema,
    Shape,
    ShapeError,
    each,
    record,
    values,
)
from generator.fixes.advice import Facts
from generator.fixes.versions import parse_version

Object = Mapping[str, Any]

XTABLES_LOCK = "/run/xtables.lock"
_DIGITS = 18  # of a number in a tag

# Programs that are known to write iptables rules on the host network, by the names of their containers and images.
_WRITERS = re.compile(
    r"kube-proxy|kube-router|cilium|calico|canal|flannel|weave|ip-masq-agent|node-?local-?dns|node-cache|antrea"
)
# Fields of KubeProxyConfiguration as the flags that they are the same as.
_FIELDS = {
    ("ipvs", "syncPeriod"): "--ipvs-sync-period",
    ("ipvs", "minSyncPeriod"): "--ipvs-min-sync-period",
    ("iptables", "syncPeriod"): "--iptables-sync-period",
    ("iptables", "minSyncPeriod"): "--iptables-min-sync-period",
}


# What is read of the objects. A name becomes an argument of kubectl, so it must be one that Kubernetes has.
_NAME: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9][-A-Za-z0-9_.:]*\z"}
_META = record(
    {"namespace": _NAME, "labels": LABELS, "ownerReferences": each(record(kind=TEXT))}, name=_NAME
)
_CONTAINER = record(
    {
        "image": TEXT,
        "command": each(TEXT),
        "args": each(TEXT),
        "env": each(record({"value": TEXT}, name=TEXT)),
        "securityContext": record(
            {"privileged": FLAG, "capabilities": record({"add": each(TEXT)})}
        ),
        "volumeMounts": each(record({"readOnly": FLAG}, name=TEXT, mountPath=TEXT)),
    },
    name=_NAME,
)
_VOLUME = record(
    {"configMap": record({"name": _NAME}), "hostPath": record({"type": TEXT}, path=TEXT)}, name=TEXT
)
_POD_SPEC = record(
    {"nodeName": TEXT, "hostNetwork": FLAG, "volumes": each(_VOLUME)}, containers=each(_CONTAINER)
)
_NODE_INFO = record(
    {"kubeProxyVersion": TEXT}, kubeletVersion=TEXT, osImage=TEXT, kernelVersion=TEXT
)
_POD_STATUS = record({"containerStatuses": each(record({"restartCount": NUMBER}, name=TEXT))})
_DOCUMENT = Shape(
    {
        **record({"kind": TEXT, "items": each(record({"kind": TEXT}))}),
        "anyOf": [record(kind=TEXT), record(serverVersion={})],
    }
)
_OTHER = Shape(record())
_SHAPES = {
    "Version": Shape(record(serverVersion=record(gitVersion=TEXT))),
    "Node": Shape(record(metadata=_META, status=record(nodeInfo=_NODE_INFO))),
    "Pod": Shape(record({"status": _POD_STATUS}, metadata=_META, spec=_POD_SPEC)),
    "DaemonSet": Shape(record(metadata=_META, spec=record(template=record(spec=_POD_SPEC)))),
    "ConfigMap": Shape(record({"data": values(TEXT)}, metadata=_META)),
}
_PERIODS = record({"syncPeriod": TEXT, "minSyncPeriod": TEXT})
_CONFIGURATION = Shape(record({"mode": TEXT, "ipvs": _PERIODS, "iptables": _PERIODS}))


@dataclass(frozen=True)
class Alike:
    """Nodes whose kube-proxies are alike; without nodes in what was read, no names."""

    facts: Facts
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Writer:
    """A container on the host network that may change iptables, and what is wrong with its mount of the lock.

    `known`: its name says that it writes rules; otherwise it merely has the right to.
    """

    workload: str
    container: str
    known: bool
    wrong: str

    def __str__(self) -> str:
        return f"{self.workload}, container {self.container}, {self.wrong}"


@dataclass(frozen=True)
class Cluster:
    kube_proxies: tuple[Alike, ...]
    writers: tuple[Writer, ...]
    notes: tuple[str, ...]


def cluster_in(documents: Iterable[Any]) -> Cluster:
    """What the documents hold. Raises ValueError if one is not what kubectl prints as JSON."""
    found = [one for document in documents for one in objects(document)]
    by_kind: dict[str, list[Object]] = {}
    for one in found:
        by_kind.setdefault(one["kind"], []).append(one)
    nodes = [node for node in by_kind.get("Node", []) if not _runs_windows(node)]
    workloads = [*by_kind.get("DaemonSet", []), *by_kind.get("Pod", [])]
    writers = tuple(
        sorted(
            set(_writers(workloads)), key=lambda one: (not one.known, one.workload, one.container)
        )
    )
    server = next(
        (one["serverVersion"]["gitVersion"] for one in found if "serverVersion" in one), ""
    )
    mounts = _mounts(writers) if workloads else {}
    base = Facts(cluster=parse_version(server), mounts=mounts, components=_components(workloads))
    notes: list[str] = []
    alike: dict[Any, list[str]] = {}
    facts: dict[Any, Facts] = {}
    for name, seen in _kube_proxies(base, nodes, by_kind, notes):
        key = (
            seen.kube_proxy,
            seen.os,
            seen.mode,
            str(seen.settings),
            seen.components.get("linux"),
        )
        facts.setdefault(key, seen)
        alike.setdefault(key, []).extend([name] if name else [])
    groups = (Alike(facts[key], tuple(sorted(names))) for key, names in alike.items())
    return Cluster(tuple(sorted(groups, key=lambda one: -len(one.nodes))), writers, tuple(notes))


def config_maps(documents: Iterable[Any]) -> list[tuple[str, str]]:
    """Namespace and name of the ConfigMaps that kube-proxies read, for a caller who has yet to ask for them."""
    found = [one for document in documents for one in objects(document)]
    return sorted(
        {
            (_namespace(one), volume["configMap"]["name"])
            for one in found
            if _container(one)
            for volume in _volumes(one)
            if "name" in volume.get("configMap", ())
        }
    )


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """Flags and variables of a command line: `--flag=value`, `--flag value`, `NAME=value`."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"--[a-z0-9-]+|[A-Z][A-Z0-9_]*", name):
            found[name] = value
        elif re.fullmatch(r"--[a-z0-9-]+", word):
            following = words[index + 1] if index + 1 < len(words) else ""
            found[word] = following if following and not following.startswith("-") else "true"
    return found


def objects(document: Any) -> list[Object]:
    """The objects in a document. Raises ValueError if it is not what kubectl prints as JSON."""
    try:
        read: Object = _DOCUMENT.checked(document)
        kind = read.get("kind", "Version")
        if "items" not in read:
            return [_SHAPES.get(kind, _OTHER).checked({"kind": kind, **read})]
        kind = kind.removesuffix("List")
        return [
            _SHAPES.get(one.get("kind", kind), _OTHER).checked(
                {"kind": kind, **one}, f"items[{number}]"
            )
            for number, one in enumerate(read["items"])
        ]
    except ShapeError as error:
        raise ValueError(f"not what `kubectl get … -o json` prints: {error}") from error


def _kube_proxies(
    base: Facts, nodes: Sequence[Object], by_kind: Mapping[str, Sequence[Object]], notes: list[str]
) -> Iterator[tuple[str, Facts]]:
    """Each node's kube-proxy, by the node's name."""
    pods = {
        pod["spec"].get("nodeName", ""): pod for pod in by_kind.get("Pod", ()) if _container(pod)
    }
    sets = [one for one in by_kind.get("DaemonSet", ()) if _container(one)]
    maps = by_kind.get("ConfigMap", ())
    by_name = {node["metadata"]["name"]: node for node in nodes}
    if not pods and not sets:
        if not nodes:
            return
        notes.append(
            "no kube-proxy DaemonSet or Pod is there: taken for a program on the node with the kubelet's version; "
            "k3s, and network plugins that replace kube-proxy, look like this too"
        )
        for name, node in by_name.items():
            info = node["status"]["nodeInfo"]
            version = parse_version(info.get("kubeProxyVersion") or info["kubeletVersion"])
            yield name, _facts_on_node(replace(base, kube_proxy=version, binary=True), node)
        return
    where = (
        {name: pods.get(name) or (None if pods else sets[0]) for name in by_name}
        or pods
        or {"": sets[0]}
    )
    without = sorted(name for name, workload in where.items() if workload is None)
    if without:
        notes.append(f"no kube-proxy Pod is on {', '.join(without)}")
    for name, workload in where.items():
        if workload is not None:
            yield name, _facts_on_node(_configured(base, workload, maps, notes), by_name.get(name))


def _facts_on_node(facts: Facts, node: Object | None) -> Facts:
    if node is None:
        return facts
    info = node["status"]["nodeInfo"]
    components = {**facts.components, "linux": info["kernelVersion"]}
    return replace(facts, os=info["osImage"], components=components)


def _configured(base: Facts, workload: Object, maps: Sequence[Object], notes: list[str]) -> Facts:
    container = _container(workload) or {}
    tag = container.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")[2]
    version = parse_version(tag)
    if version is None:
        said = f"the image {container.get('image')} does not tell kube-proxy's version"
        notes.extend([] if said in notes else [said])
    words = [
        part
        for word in (*container.get("command", ()), *container.get("args", ()))
        for part in _split(word)
    ]
    settings = settings_of(words)
    settings |= {row["name"]: row["value"] for row in container.get("env", ()) if "value" in row}
    mode = settings.get("--proxy-mode")
    if "--config" in settings:
        config = _configuration(workload, settings["--config"], maps)
        if config is None:
            said = f"the ConfigMap with {settings['--config']} was not read: mode and settings are not known"
            notes.extend([] if said in notes else [said])
            return replace(base, kube_proxy=version)
        mode = config.get("mode")
        fields = {
            flag: str((config.get(part) or {}).get(field) or "")
            for (part, field), flag in _FIELDS.items()
        }
        settings |= {
            flag: value for flag, value in fields.items() if value not in ("", "0s")
        }  # these are the default
    return replace(base, kube_proxy=version, settings=settings, mode=mode or "iptables")


def _split(word: str) -> list[str]:
    """The words of a script that is handed to a shell as one."""
    try:
        return shlex.split(word) if " " in word else [word]
    except ValueError:
        return [word]


def _configuration(workload: Object, path: str, maps: Sequence[Object]) -> Mapping[str, Any] | None:
    """The KubeProxyConfiguration at a path in the container, from the ConfigMaps that it mounts."""
    mounted = {
        volume["configMap"]["name"]
        for volume in _volumes(workload)
        if "name" in volume.get("configMap", ())
    }
    for one in maps:
        if one["metadata"]["name"] in mounted and _namespace(one) == _namespace(workload):
            text = one.get("data", {}).get(path.rpartition("/")[2])
            if text is not None:
                try:
                    config: Object = _CONFIGURATION.checked(document.plain_values(text))
                except ValueError:
                    return None
                return config
    return None


def _writers(workloads: Iterable[Object]) -> Iterator[Writer]:
    for workload in workloads:
        spec = _spec(workload)
        if not spec.get("hostNetwork") or _owned(workload):
            continue
        for container in spec.get("containers", ()):
            context = container.get("securityContext") or {}
            rights = (context.get("capabilities") or {}).get("add") or ()
            if not (context.get("privileged") or {"NET_ADMIN", "CAP_NET_ADMIN", "ALL"} & {*rights}):
                continue  # without this right nobody changes iptables
            image = container.get("image", "").rpartition("/")[2]
            known = bool(_WRITERS.search(f"{container['name']} {image}"))
            yield Writer(_called(workload), container["name"], known, _wrong_mount(spec, container))


def _wrong_mount(spec: Object, container: Object) -> str:
    """What is wrong with a container's mount of the lock; nothing if nothing is."""
    host = {
        volume["name"]: volume["hostPath"]
        for volume in spec.get("volumes", ())
        if "hostPath" in volume
    }
    for mount in container.get("volumeMounts", ()):
        path = host.get(mount["name"])
        inside = _canonical_path(mount["mountPath"])
        if path is None or not f"{XTABLES_LOCK}/".startswith(f"{inside}/"):
            continue
        if _canonical_path(path["path"]) + XTABLES_LOCK.removeprefix(inside) != XTABLES_LOCK:
            continue
        kind = path.get("type") or ""
        if mount.get("readOnly"):
            return f"mounts {XTABLES_LOCK} read-only"
        if inside == XTABLES_LOCK and kind not in ("FileOrCreate", "File"):
            made = f"as {kind}" if kind else "without a type"
            return f"mounts {XTABLES_LOCK} {made}: where the file is missing, a directory takes its place"
        return ""
    return f"does not mount {XTABLES_LOCK}"


def _canonical_path(path: str) -> str:
    """A path without what leads to the same place: /var/run is /run."""
    path = path.rstrip("/")
    return (
        "/run" + path.removeprefix("/var/run")
        if path == "/var/run" or path.startswith("/var/run/")
        else path
    )


def _mounts(writers: Sequence[Writer]) -> dict[str, tuple[str, ...]]:
    """What is wrong with the mounts of the iptables lock, or that nothing is; nothing if there are doubts."""
    wrong = tuple(str(writer) for writer in writers if writer.known and writer.wrong)
    doubtful = any(writer.wrong for writer in writers)
    return {XTABLES_LOCK: wrong} if wrong or not doubtful else {}


def _components(workloads: Iterable[Object]) -> dict[str, str]:
    """Tags of all images by the image's name, without the registry; of several the one that sorts first."""
    found: dict[str, str] = {}
    for workload in workloads:
        for container in _spec(workload).get("containers", ()):
            name, _, tag = (
                container.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")
            )
            if tag:
                found[name] = min(tag, found.get(name, tag), key=_by_numbers)
    return found


def _by_numbers(tag: str) -> list[int]:
    return [int(number[:_DIGITS]) for number in re.findall("[0-9]+", tag)]


def _container(workload: Object) -> Object | None:
    """The container that is kube-proxy."""
    if workload.get("kind") not in ("DaemonSet", "Pod"):
        return None
    for container in _spec(workload).get("containers", ()):
        image = container.get("image", "").rpartition("/")[2]
        if container["name"] == "kube-proxy" or re.match(r"kube-proxy(-[a-z0-9]+)?[:@]", image):
            found: Object = container
            return found
    return None


def _volumes(workload: Object) -> Sequence[Object]:
    volumes: Sequence[Object] = _spec(workload).get("volumes", ())
    return volumes


def _spec(workload: Object) -> Object:
    spec: Object = workload["spec"]
    return spec["template"]["spec"] if "template" in spec else spec


def _owned(workload: Object) -> bool:
    """Whether it is a Pod of a DaemonSet, which stands for it."""
    owners = workload["metadata"].get("ownerReferences", ())
    return workload["kind"] == "Pod" and any(owner["kind"] == "DaemonSet" for owner in owners)


def _called(workload: Object) -> str:
    return f"{workload['kind']} {_namespace(workload)}/{workload['metadata']['name']}"


def _namespace(one: Object) -> str:
    return str(one["metadata"].get("namespace", "default"))


def _runs_windows(node: Object) -> bool:
    return bool(node["metadata"].get("labels", {}).get("kubernetes.io/os") == "windows")
