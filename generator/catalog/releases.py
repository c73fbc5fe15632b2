"""Minor releases of Kubernetes."""

from functools import lru_cache

_MINORS_KNOWN = 1024  # the tables name the same few again and again


@lru_cache(_MINORS_KNOWN)
def minor(release: str) -> int:
    """The minor release of a release of Kubernetes: 18 of `1.18`, `1.18.4` and `v1.18.4`."""
    return int(release.split(".")[1])
