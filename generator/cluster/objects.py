"""What kubectl says of a cluster's kube-proxies, and of the Pods that may write iptables rules beside them. No IO.

Reads the objects of `kubectl get nodes,daemonsets,pods,configmaps -A -o json` and of `kubectl version -o json`;
whatever of them is there is used, and what is missing is not known.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
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
_TAG_DIGITS = 18  # of a number in a tag

# Programs that are known to write iptables rules on the host network, by the names of their containers and images.
_WRITERS = re.compile(
    r"kube-proxy|kube-router|cilium|calico|canal|flannel|weave|ip-masq-agent|node-?local-?dns|node-cache|antrea"
)
_RIGHTS = frozenset({"NET_ADMIN", "CAP_NET_ADMIN", "ALL"})  # without one nobody changes iptables
_FLAG = re.compile(r"--[a-z0-9-]+")
_FLAG_OR_VARIABLE = re.compile(r"--[a-z0-9-]+|[A-Z][A-Z0-9_]*")
# Fields of KubeProxyConfiguration as the flags that they are the same as.
_CONFIGURED_FIELDS = {
    ("ipvs", "syncPeriod"): "--ipvs-sync-period",
    ("ipvs", "minSyncPeriod"): "--ipvs-min-sync-period",
    ("iptables", "syncPeriod"): "--iptables-sync-period",
    ("iptables", "minSyncPeriod"): "--iptables-min-sync-period",
}


# What is read of the objects. A name becomes an argument of kubectl, so it must be one that Kubernetes has.
_OBJECT_NAME: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9][-A-Za-z0-9_.:]*\z"}
_METADATA = record(
    {"namespace": _OBJECT_NAME, "labels": LABELS, "ownerReferences": each(record(kind=TEXT))},
    name=_OBJECT_NAME,
)
_CONTAINER_SHAPE = record(
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
    name=_OBJECT_NAME,
)
_VOLUME = record(
    {"configMap": record({"name": _OBJECT_NAME}), "hostPath": record({"type": TEXT}, path=TEXT)},
    name=TEXT,
)
_POD_SPEC = record(
    {"nodeName": TEXT, "hostNetwork": FLAG, "volumes": each(_VOLUME)},
    containers=each(_CONTAINER_SHAPE),
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
    "Node": Shape(record(metadata=_METADATA, status=record(nodeInfo=_NODE_INFO))),
    "Pod": Shape(record({"status": _POD_STATUS}, metadata=_METADATA, spec=_POD_SPEC)),
    "DaemonSet": Shape(record(metadata=_METADATA, spec=record(template=record(spec=_POD_SPEC)))),
    "ConfigMap": Shape(record({"data": values(TEXT)}, metadata=_METADATA)),
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
    by_kind: dict[str, list[Object]] = {}
    for answer in documents:
        for found in objects(answer):
            by_kind.setdefault(found["kind"], []).append(found)
    nodes = [node for node in by_kind.get("Node", []) if not _runs_windows(node)]
    workloads = [*by_kind.get("DaemonSet", []), *by_kind.get("Pod", [])]
    writers = sorted(set(_writers(workloads)), key=_known_first)
    base = Facts(
        cluster=parse_version(_server_version(by_kind)),
        mounts=_mounts(writers) if workloads else {},
        components=_components(workloads),
    )
    notes: list[str] = []
    kube_proxies = _grouped(_kube_proxies(base, nodes, by_kind, notes))
    return Cluster(tuple(kube_proxies), tuple(writers), tuple(notes))


def _server_version(by_kind: Mapping[str, Sequence[Object]]) -> str:
    for answer in by_kind.get("Version", ()):
        return str(answer["serverVersion"]["gitVersion"])
    return ""


def _grouped(kube_proxies: Iterable[tuple[str, Facts]]) -> list[Alike]:
    """The kube-proxies that are alike, those of most nodes first."""
    facts: dict[tuple[object, ...], Facts] = {}
    names: dict[tuple[object, ...], list[str]] = {}
    for name, own in kube_proxies:
        kernel = own.components.get("linux")
        key = (own.kube_proxy, own.os, own.mode, str(own.settings), kernel)
        facts.setdefault(key, own)
        names.setdefault(key, [])
        if name:
            names[key].append(name)
    groups = []
    for alike, of_nodes in names.items():
        groups.append(Alike(facts[alike], tuple(sorted(of_nodes))))
    return sorted(groups, key=lambda group: len(group.nodes), reverse=True)


def _known_first(writer: Writer) -> tuple[bool, str, str]:
    return not writer.known, writer.workload, writer.container


def config_maps(documents: Iterable[Any]) -> list[tuple[str, str]]:
    """Namespace and name of the ConfigMaps that kube-proxies read, for a caller who has yet to ask for them."""
    maps: set[tuple[str, str]] = set()
    for answer in documents:
        for workload in objects(answer):
            if _container(workload):
                namespace = _namespace(workload)
                maps.update((namespace, name) for name in _mounted_maps(workload))
    return sorted(maps)


def _mounted_maps(workload: Object) -> Iterator[str]:
    """The names of the ConfigMaps that a workload has as volumes."""
    for volume in _volumes(workload):
        if "name" in volume.get("configMap", ()):
            yield volume["configMap"]["name"]


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """Flags and variables of a command line: `--flag=value`, `--flag value`, `NAME=value`."""
    settings: dict[str, str] = {}
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if equals and _FLAG_OR_VARIABLE.fullmatch(name):
            settings[name] = value
        elif _FLAG.fullmatch(word):
            has_value = following and not following.startswith("-")
            settings[word] = following if has_value else "true"
    return settings


def objects(document: Any) -> list[Object]:
    """The objects in a document. Raises ValueError if it is not what kubectl prints as JSON."""
    try:
        read: Object = _DOCUMENT.checked(document)
        kind = read.get("kind", "Version")
        if "items" not in read:
            return [_object(kind, read)]
        kind = kind.removesuffix("List")
        return [
            _object(kind, item, f"items[{number}]") for number, item in enumerate(read["items"])
        ]
    except ShapeError as error:
        raise ValueError(f"not what `kubectl get … -o json` prints: {error}") from error


def _object(kind: str, read: Object, *where: str) -> Object:
    """An object with its kind, which those of a list may leave out. Raises ShapeError if it is none of it."""
    named = {"kind": kind, **read}
    found: Object = _SHAPES.get(named["kind"], _OTHER).checked(named, *where)
    return found


def _kube_proxies(
    base: Facts, nodes: Sequence[Object], by_kind: Mapping[str, Sequence[Object]], notes: list[str]
) -> Iterator[tuple[str, Facts]]:
    """Each node's kube-proxy, by the node's name."""
    pods = [pod for pod in by_kind.get("Pod", ()) if _container(pod)]
    sets = [daemon_set for daemon_set in by_kind.get("DaemonSet", ()) if _container(daemon_set)]
    by_name = {node["metadata"]["name"]: node for node in nodes}
    if not pods and not sets:
        yield from _programs_on_nodes(base, by_name, notes)
        return
    workloads = _workloads_by_node(by_name, pods, sets)
    without = sorted(name for name, workload in workloads.items() if workload is None)
    if without:
        notes.append(f"no kube-proxy Pod is on {', '.join(without)}")
    maps = by_kind.get("ConfigMap", ())
    for name, workload in workloads.items():
        if workload is not None:
            configured = _configured(base, workload, maps, notes)
            yield name, _facts_on_node(configured, by_name.get(name))


def _workloads_by_node(
    nodes: Iterable[str], pods: Sequence[Object], sets: Sequence[Object]
) -> Mapping[str, Object | None]:
    """Where each node's kube-proxy is configured: in its Pod, or in the DaemonSet where no Pods were read."""
    by_node = {pod["spec"].get("nodeName", ""): pod for pod in pods}
    if pods:
        return {name: by_node.get(name) for name in nodes} or by_node
    return dict.fromkeys(nodes, sets[0]) or {"": sets[0]}


def _programs_on_nodes(
    base: Facts, nodes: Mapping[str, Object], notes: list[str]
) -> Iterator[tuple[str, Facts]]:
    if nodes:
        notes.append(
            "no kube-proxy DaemonSet or Pod is there: taken for a program on the node with the kubelet's version; "
            "k3s, and network plugins that replace kube-proxy, look like this too"
        )
    for name, node in nodes.items():
        info = node["status"]["nodeInfo"]
        version = parse_version(info.get("kubeProxyVersion") or info["kubeletVersion"])
        yield name, _facts_on_node(replace(base, kube_proxy=version, binary=True), node)


def _facts_on_node(facts: Facts, node: Object | None) -> Facts:
    if node is None:
        return facts
    info = node["status"]["nodeInfo"]
    components = {**facts.components, "linux": info["kernelVersion"]}
    return replace(facts, os=info["osImage"], components=components)


def _configured(base: Facts, workload: Object, maps: Sequence[Object], notes: list[str]) -> Facts:
    container = _container(workload) or {}
    image = container.get("image")
    version = parse_version(_name_and_tag(container)[1])
    if version is None:
        _note_once(notes, f"the image {image} does not tell kube-proxy's version")
    settings = _settings_in(container)
    mode = settings.get("--proxy-mode")
    path = settings.get("--config")
    if path is not None:
        config = _configuration(workload, path, maps)
        if config is None:
            _note_once(
                notes, f"the ConfigMap with {path} was not read: mode and settings are not known"
            )
            return replace(base, kube_proxy=version)
        mode = config.get("mode")
        settings |= _periods(config)
    return replace(base, kube_proxy=version, settings=settings, mode=mode or "iptables")


def _note_once(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)


def _settings_in(container: Object) -> dict[str, str]:
    """The flags and variables that a container is started with."""
    words: list[str] = []
    for word in (*container.get("command", ()), *container.get("args", ())):
        words += _split(word)
    settings = settings_of(words)
    for variable in container.get("env", ()):
        if "value" in variable:
            settings[variable["name"]] = variable["value"]
    return settings


def _periods(config: Object) -> dict[str, str]:
    """The fields of a configuration that are not their default, as flags."""
    flags = {}
    for (section, field), flag in _CONFIGURED_FIELDS.items():
        value = (config.get(section) or {}).get(field)
        if value and value != "0s":
            flags[flag] = str(value)
    return flags


def _split(word: str) -> list[str]:
    """The words of a script that is handed to a shell as one."""
    try:
        return shlex.split(word) if " " in word else [word]
    except ValueError:
        return [word]


def _configuration(workload: Object, path: str, maps: Sequence[Object]) -> Mapping[str, Any] | None:
    """The KubeProxyConfiguration at a path in the container, from the ConfigMaps that it mounts."""
    file = path.rpartition("/")[2]
    mounted = set(_mounted_maps(workload))
    for config_map in maps:
        is_mounted = config_map["metadata"]["name"] in mounted
        if not is_mounted or _namespace(config_map) != _namespace(workload):
            continue
        text = config_map.get("data", {}).get(file)
        if text is not None:
            return _parsed_configuration(text)
    return None


def _parsed_configuration(text: str) -> Mapping[str, Any] | None:
    try:
        config: Object = _CONFIGURATION.checked(document.plain_values(text))
    except ValueError:
        return None
    return config


def _writers(workloads: Iterable[Object]) -> Iterator[Writer]:
    for workload in workloads:
        spec = _spec(workload)
        if not spec.get("hostNetwork") or _owned(workload):
            continue
        for container in spec.get("containers", ()):
            if _may_change_iptables(container):
                image = container.get("image", "").rpartition("/")[2]
                known = _WRITERS.search(f"{container['name']} {image}") is not None
                wrong = _wrong_mount(spec, container)
                yield Writer(_called(workload), container["name"], known, wrong)


def _may_change_iptables(container: Object) -> bool:
    """Whether a container on the host network has the right to."""
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        return True
    capabilities = (context.get("capabilities") or {}).get("add") or ()
    return not _RIGHTS.isdisjoint(capabilities)


def _wrong_mount(spec: Object, container: Object) -> str:
    """What is wrong with a container's mount of the lock; nothing if nothing is."""
    host_paths = {}
    for volume in spec.get("volumes", ()):
        if "hostPath" in volume:
            host_paths[volume["name"]] = volume["hostPath"]
    for mount in container.get("volumeMounts", ()):
        host_path = host_paths.get(mount["name"])
        if host_path and _is_of_the_lock(mount, host_path):
            return _wrong_kind(mount, host_path)
    return f"does not mount {XTABLES_LOCK}"


def _is_of_the_lock(mount: Object, host_path: Object) -> bool:
    """Whether a mount shows the node's lock, or a folder with it, at the same place in the container."""
    inside = _canonical_path(mount["mountPath"])
    if not f"{XTABLES_LOCK}/".startswith(f"{inside}/"):
        return False
    below = XTABLES_LOCK.removeprefix(inside)
    return _canonical_path(host_path["path"]) + below == XTABLES_LOCK


def _wrong_kind(mount: Object, host_path: Object) -> str:
    if mount.get("readOnly"):
        return f"mounts {XTABLES_LOCK} read-only"
    kind = host_path.get("type") or ""
    is_file = _canonical_path(mount["mountPath"]) == XTABLES_LOCK
    if not is_file or kind in ("FileOrCreate", "File"):
        return ""
    made = f"as {kind}" if kind else "without a type"
    return f"mounts {XTABLES_LOCK} {made}: where the file is missing, a directory takes its place"


def _canonical_path(path: str) -> str:
    """A path without what leads to the same place: /var/run is /run."""
    path = path.rstrip("/")
    if f"{path}/".startswith("/var/run/"):
        return path.removeprefix("/var")
    return path


def _mounts(writers: Sequence[Writer]) -> dict[str, tuple[str, ...]]:
    """What is wrong with the mounts of the iptables lock, or that nothing is; nothing if there are doubts."""
    wrong = [writer for writer in writers if writer.wrong]
    surely = tuple(str(writer) for writer in wrong if writer.known)
    if wrong and not surely:
        return {}
    return {XTABLES_LOCK: surely}


def _components(workloads: Iterable[Object]) -> dict[str, str]:
    """Tags of all images by the image's name, without the registry; of several the one that sorts first."""
    tags: dict[str, str] = {}
    for workload in workloads:
        for container in _spec(workload).get("containers", ()):
            name, tag = _name_and_tag(container)
            if tag:
                tags[name] = min(tag, tags.get(name, tag), key=_by_numbers)
    return tags


def _name_and_tag(container: Object) -> tuple[str, str]:
    """Of a container's image, without registry and digest."""
    image = container.get("image", "").partition("@")[0]
    name, _, tag = image.rpartition("/")[2].partition(":")
    return name, tag


def _by_numbers(tag: str) -> list[int]:
    return [int(number[:_TAG_DIGITS]) for number in re.findall("[0-9]+", tag)]


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
    if workload["kind"] != "Pod":
        return False
    owners = workload["metadata"].get("ownerReferences", ())
    return any(owner["kind"] == "DaemonSet" for owner in owners)


def _called(workload: Object) -> str:
    name = workload["metadata"]["name"]
    return f"{workload['kind']} {_namespace(workload)}/{name}"


def _namespace(found: Object) -> str:
    return str(found["metadata"].get("namespace", "default"))


def _runs_windows(node: Object) -> bool:
    labels = node["metadata"].get("labels", {})
    return bool(labels.get("kubernetes.io/os") == "windows")
