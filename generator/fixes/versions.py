"""Version strings of kube-proxy, as builds, image tags and people write them: parsed, ordered, compared."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

_FORM = re.compile(r"v?(?P<release>1\.[0-9]+(\.[0-9]+)?)(?P<rest>[-+][0-9A-Za-z.+_-]+)?")
# What follows the release, by who builds it. Others are told by their first word.
_TKE = re.compile(r"-tke\.(?P<build>[0-9]+)(?P<rest>[-+.].*)?")
_TKE_CANDIDATE = re.compile(r"-rc\.?([0-9]+)(?![^-+.])")
_TKE_UNFINISHED = re.compile("-(alpha|beta|rc)")
_PRE = re.compile(r"-(alpha|beta|rc)([.0-9]*)")
_VENDORS = ("eks", "gke", "aks", "k3s", "rke2", "rancher", "aliyun")


@dataclass(frozen=True)
class Version:
    """A version: (1, 18, 4), or (1, 18) where only the minor release is known.

    `flavour` is upstream, tke, or another builder's name; `pre` is (alpha, (1,)) and the like. `build` is TKE's number,
    and `candidate` that of a release candidate of the build, -1 where it has none that is known.
    """

    text: str
    release: tuple[int, ...]
    flavour: str = "upstream"
    build: int | None = None
    pre: tuple[str, tuple[int, ...]] | None = None
    candidate: int | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def minor(self) -> int:
        return self.release[1]

    @property
    def full(self) -> bool:
        """Whether the patch release is known too."""
        return len(self.release) == 3

    @cached_property
    def key(self) -> tuple[object, ...]:
        """For sorting: by release; its pre-releases come first, a builder's builds after it, by their numbers."""
        return (
            self.release,
            not self.pre,
            self.pre or (),
            self.flavour != "upstream",
            self.flavour,
            -1 if self.build is None else self.build,
            self.candidate is None,
            self.candidate or 0,
            _all_numbers(self.text),
        )


_LONGEST = 200  # characters of a version
_REMEMBERED = 1024  # the tables name the same few again and again


@lru_cache(_REMEMBERED)
def parse_version(text: str) -> Version | None:
    """None for what is no version of Kubernetes 1.x, such as `latest` or the `v0.0.0-master` of an unstamped build."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    release = tuple(map(int, form["release"].split(".")))
    rest = form["rest"] or ""
    if not rest:
        return Version(text, release)
    if len(release) < 3:
        return None
    tke = _TKE.fullmatch(rest)
    if tke:
        candidate = _candidate(tke["rest"] or "")
        return Version(text, release, "tke", int(tke["build"]), candidate=candidate)
    stage = _PRE.match(rest)
    if stage is None:
        return Version(text, release, _builder(rest))
    is_upstream = stage.end() == len(rest)
    flavour = "upstream" if is_upstream else _builder(rest)
    pre = (stage[1], _all_numbers(stage[2]))
    return Version(text, release, flavour, pre=pre)


def _builder(rest: str) -> str:
    """Who builds it, other than upstream and TKE."""
    return next((name for name in _VENDORS if name in rest), "other")


def at_least(version: Version, wanted: Version) -> bool | None:
    """Whether everything of `wanted` is in `version`; None where the strings do not tell.

    Another builder's v1.18.4 holds all of upstream's 1.18.4; what it holds of later releases only its builder knows.
    A pre-release of `wanted` may have what was wanted or not. TKE's builds compare among themselves only.
    """
    if not (version.full and wanted.full):
        return None
    if wanted.flavour != "upstream":
        return _build_at_least(version, wanted)
    if version.release > wanted.release:
        return True
    if version.release < wanted.release:
        return False if version.flavour == "upstream" else None
    may_lack_it = version.pre and version.pre != wanted.pre
    return None if may_lack_it else True


def _build_at_least(version: Version, wanted: Version) -> bool | None:
    """The same of two builds of one builder, which numbers them."""
    if version.flavour != wanted.flavour:
        return None
    if wanted.build is None or version.build is None:
        return None
    got = (version.release, version.build)
    least = (wanted.release, wanted.build)
    if got != least:
        return got > least
    return _candidate_at_least(version.candidate, wanted.candidate)


def _candidate(rest: str) -> int | None:
    """Which release candidate of TKE's build it is: `-rc1` comes before the build itself, `-dirty` does not."""
    numbered = _TKE_CANDIDATE.match(rest)
    if numbered:
        return int(numbered[1])
    return -1 if _TKE_UNFINISHED.match(rest) else None


def _candidate_at_least(got: int | None, wanted: int | None) -> bool | None:
    """The same of two candidates of one build of TKE; None is the build itself."""
    if got is None:
        return True
    if got == -1:
        return None
    return wanted is not None and got >= wanted


def _all_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", text)))
