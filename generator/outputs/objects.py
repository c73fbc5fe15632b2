"""Objects of a cluster as the outputs write them. No IO."""

from collections.abc import Mapping
from typing import Any

from generator.base.lines import Labels
from generator.base.names import TOOL
from generator.catalog.profile import Profile


def manifest(
    api: str,
    kind: str,
    profile: Profile,
    content: Mapping[str, Any],
    *,
    name: str = TOOL,
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> Mapping[str, Any]:
    """An object in the namespace of the profile.

    `labels` stand beside our own, in place of those of the profile.
    """
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": profile.kubernetes.namespace,
        "labels": {
            "app.kubernetes.io/name": TOOL,
            **(profile.kubernetes.labels if labels is None else labels),
        },
    }
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}
