"""Version strings as builds, image tags and people write them."""

import pytest

from generator.catalog.releases import minor
from generator.fixes.versions import at_least, parse_version

# In this order; each is a string that was seen, or of the form that its builder documents.
ORDERED = [
    "v1.10.5-tke.20",
    "v1.12.4-tke.31",
    "v1.18.0-alpha.1",
    "v1.18.0-beta.2",
    "v1.18.0-rc.1",
    "v1.18.0",
    "v1.18.4",
    "v1.18.4-tke.9",
    "v1.18.4-tke.26",
    "v1.18.4-tke.49-rc1",
    "v1.18.4-tke.49-rc2",
    "v1.18.4-tke.49-rc10",
    "v1.18.4-tke.49",
    "v1.18.4-tke.100",
    "v1.18.9-eks-d1db3c",
    "v1.18.12-gke.1200",
    "v1.18.20",
    "v1.20.6-aliyun.1",
    "v1.33.1+k3s1",
]


def test_versions_sort_by_release_and_then_by_the_builders_numbers() -> None:
    found = [version for text in reversed(ORDERED) if (version := parse_version(text))]
    assert [version.text for version in sorted(found, key=lambda one: one.key)] == ORDERED


@pytest.mark.parametrize(
    ("text", "release", "flavour", "build"),
    [
        ("1.14", (1, 14), "upstream", None),
        ("v1.18.4", (1, 18, 4), "upstream", None),
        ("1.18.4-tke.26", (1, 18, 4), "tke", 26),
        ("v1.18.4-tke.26-dirty", (1, 18, 4), "tke", 26),
        ("v1.18.9-eks-d1db3c", (1, 18, 9), "eks", None),
        ("v1.29.0-minimal-eksbuild.1", (1, 29, 0), "eks", None),
        ("v1.18.12-gke.1200", (1, 18, 12), "gke", None),
        ("v1.20.6-aliyun.1", (1, 20, 6), "aliyun", None),
        ("v1.33.1+k3s1", (1, 33, 1), "k3s", None),
        ("v1.33.1-k3s1", (1, 33, 1), "k3s", None),
        ("v1.20.5+rke2r1", (1, 20, 5), "rke2", None),
        ("v1.18.6-rancher1-1", (1, 18, 6), "rancher", None),
        ("v1.18.3+2fbd7c7", (1, 18, 3), "other", None),
        ("v1.18.4-tke.26x", (1, 18, 4), "other", None),
        ("v1.18.4-tke.49-rc1", (1, 18, 4), "tke", 49),
        ("v1.18.4-tke.49-rc1-dirty", (1, 18, 4), "tke", 49),
        ("v1.18.4-dirty", (1, 18, 4), "other", None),
        ("v1.18.0-alpha.1.227+94ec940998d730-dirty", (1, 18, 0), "other", None),
    ],
)
def test_builders_are_told_apart(
    text: str, release: tuple[int, ...], flavour: str, build: int | None
) -> None:
    version = parse_version(text)
    assert version
    assert (version.release, version.flavour, version.build) == (release, flavour, build)


@pytest.mark.parametrize(
    "text", ["", "latest", "v0.0.0-master+$Format:%h$", "2.3.4", "v1", "v1.x", "1.18-tke.26"]
)
def test_what_is_no_version_is_said_to_be_none(text: str) -> None:
    assert parse_version(text) is None


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("v1.18.4-tke.25", "v1.18.4-tke.26", False),
        ("v1.18.4-tke.26", "v1.18.4-tke.26", True),
        ("v1.18.4-tke.9", "v1.18.4-tke.26", False),
        ("v1.18.4-tke.100", "v1.18.4-tke.26", True),
        ("v1.18.20-tke.1", "v1.18.4-tke.26", True),
        # A release candidate of a build comes before the build; candidates are ordered by their numbers.
        ("v1.18.4-tke.49-rc1", "v1.18.4-tke.49", False),
        ("v1.18.4-tke.49", "v1.18.4-tke.49-rc1", True),
        ("v1.18.4-tke.49-rc1", "v1.18.4-tke.49-rc1", True),
        ("v1.18.4-tke.49-rc10", "v1.18.4-tke.49-rc2", True),
        ("v1.18.4-tke.49-rc2", "v1.18.4-tke.49-rc10", False),
        ("v1.18.4-tke.49-rc1-dirty", "v1.18.4-tke.49", False),
        ("v1.18.4-tke.49-rc.1", "v1.18.4-tke.49", False),
        ("v1.18.4-tke.49-dirty", "v1.18.4-tke.49", True),
        ("v1.18.4-tke.50-rc1", "v1.18.4-tke.49", True),
        ("v1.18.4-tke.48-rc9", "v1.18.4-tke.49-rc1", False),
        # Of a pre-release without a number nothing more is known than that it is one of this build.
        ("v1.18.4-tke.49-rc", "v1.18.4-tke.49", None),
        ("v1.18.4-tke.49-rc1x", "v1.18.4-tke.49-rc1", None),
        ("v1.18.4-tke.49-beta1", "v1.18.4-tke.49-rc1", None),
        ("v1.18.4-tke.49-beta1", "v1.18.4-tke.50", False),
        ("v1.18.4", "v1.18.4-tke.26", None),
        ("v1.18.20", "v1.18.4-tke.26", None),
        ("v1.18.9-eks-d1db3c", "v1.18.4-tke.26", None),
        ("v1.18.17", "v1.18.18", False),
        ("v1.18.18", "v1.18.18", True),
        ("v1.19.0", "v1.18.18", True),
        ("v1.18.4-tke.26", "v1.18.4", True),
        ("v1.18.4-tke.49-rc1", "v1.18.4", True),
        ("v1.18.4-tke.26", "v1.18.20", None),
        ("v1.20.6-aliyun.1", "v1.20.0", True),
        ("v1.18.9-eks-d1db3c", "v1.18.18", None),
        ("v1.18.18+k3s1", "v1.18.18", True),
        ("v1.20.0-rc.1", "v1.20.0", None),
        ("v1.20.0-alpha.1.227+94ec940998d730", "v1.20.0", None),
        ("v1.20.0-rc.1", "v1.20.1", False),
        ("v1.20.1-rc.0", "v1.20.0", True),
        ("1.20", "v1.20.0", None),
    ],
)
def test_whether_a_version_holds_another(version: str, wanted: str, expected: bool | None) -> None:
    one, other = parse_version(version), parse_version(wanted)
    assert one
    assert other
    assert at_least(one, other) is expected


@pytest.mark.parametrize("release", ["1.18", "1.18.4", "v1.18.4-tke.26"])
def test_the_minor_release(release: str) -> None:
    assert minor(release) == 18
