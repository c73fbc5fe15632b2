"""Minor releases of Kubernetes."""


def minor(release: str) -> int:
    """The minor release of a release of Kubernetes: 18 of `1.18`, `1.18.4` and `v1.18.4`."""
    return int(release.split(".")[1])
