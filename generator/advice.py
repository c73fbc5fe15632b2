"""Which documented failures a kube-proxy can have, why, and the smallest upgrade that ends them. No IO.

What the fix tables of an entry say of a minor release is a Span; what that means for one kube-proxy is an Advice.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from generator.durations import seconds
from generator.model import Cites, Failure, MinimumVersion, Setting, TkeFix, UpstreamFix
from generator.versions import Version, at_least, parse

LOCK = "/run/xtables.lock"

Verdict = Literal["affected", "unknown", "not affected"]
# Tencent's systems call themselves "Tencent tlinux 2.2 (Final)" and "TencentOS Server 3.1"; the page says "TLinux 2.6".
_SYSTEMS = ("tencent|tlinux", "centos", "ubuntu")


@dataclass(frozen=True)
class Facts:
    """What is known of one kube-proxy; None is not known.

    `settings` holds flags (`--ipvs-sync-period`), environment variables, and paths of host volumes, whose value says
    what is wrong with their mounts and is empty where nothing is; None: nobody has looked at any. `components` are
    versions of other programs by name, such as kube-router. `binary`: kube-proxy is a program on the node.
    """

    cluster: Version | None = None
    kube_proxy: Version | None = None
    os: str | None = None
    mode: str | None = None
    settings: Mapping[str, str] | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    binary: bool = False

    @property
    def known(self) -> Version | None:
        """kube-proxy's version, whose builds the tables list; the cluster's where kube-proxy's is not known."""
        return self.kube_proxy or self.cluster

    @property
    def tke(self) -> bool:
        """Whether TKE's tables apply: to TKE's builds, and to a bare `1.14`, which is how the page names a cluster."""
        return self.known is not None and (self.known.flavour == "tke" or not self.known.full)


@dataclass(frozen=True)
class Span:
    """Which builds of one minor release can have a failure: none, those below `fix`, all, or it is not known.

    `upstream`: this is known of upstream's releases, and other builders may have brought a fix back. `only`: what else
    must be so.
    """

    builds: Literal["none", "below", "all", "unknown"]
    why: str
    sources: Cites
    fix: Version | None = None
    upstream: bool = False
    only: str = ""


@dataclass(frozen=True)
class Advice:
    """The verdict on one failure. `upgrade` is the least that ends it; `version`, where that is kube-proxy's."""

    entry: Failure
    verdict: Verdict
    why: str
    sources: Cites
    upgrade: str | None = None
    version: Version | None = None


def advise(entry: Failure, facts: Facts) -> Advice:
    """Whether this kube-proxy can have this failure. What rules it out comes first, then settings, then versions."""
    found = _ruled_out(entry, facts) or _by_setting(entry, facts) or _by_program(entry, facts)
    if found is None:
        found = _by_version(entry, facts)
        if found.verdict != "not affected" and not found.upgrade:
            version = smallest_upgrade([entry], facts)
            found = replace(found, version=version, upgrade=_upgrade(version, facts) if version else None)
    return found


def smallest_upgrade(entries: Sequence[Failure], facts: Facts) -> Version | None:
    """The first version, of those that the fix tables name, in which none of the entries can happen."""
    current = facts.known
    if current is None:
        return None
    named = sorted((version for entry in entries for version in _fixes(entry, facts.tke)), key=lambda one: one.key)
    for version in named:
        newer = version.key > current.key if current.full else version.minor >= current.minor
        target = replace(facts, kube_proxy=version, cluster=None)
        if newer and all(_by_version(entry, target).verdict == "not affected" for entry in entries):
            return version
    return None


def upgrade_for_all(found: Sequence[Advice], facts: Facts) -> str | None:
    """The smallest upgrade that ends all that versions can end, and brings none back that versions have ended."""
    if not any(advice.version for advice in found):
        return None
    settled = [
        advice.entry for advice in found if advice.version or _by_version(advice.entry, facts).verdict == "not affected"
    ]
    version = smallest_upgrade(settled, facts)
    return _upgrade(version, facts) if version else None


def span(entry: Failure, tke: bool, minor: int, mode: str | None = None) -> Span:
    """What the fix tables say of a minor release. What TKE's table does not list is said to be so, with upstream's."""
    if not (tke and entry.fixes.tke):
        return _upstream(entry, minor, mode)
    row = _row(entry.fixes.tke.rows, minor)
    if row is None:
        found = _upstream(entry, minor, mode)
        return replace(found, why=f"TKE's table does not list 1.{minor}; {found.why}")
    sources = entry.fixes.tke.sources[:1]
    match row.action:
        case "none":
            return Span("none", f"TKE {row.cluster}: the problem does not exist", sources)
        case "upgrade-cluster":
            return Span("all", f"TKE {row.cluster}: the cluster has to be upgraded", sources)
        case _:
            return Span("below", f"TKE {row.cluster}: fixed in {row.minimum}", sources, parse(row.minimum or ""))


def setting_key(setting: Setting) -> str:
    """The flag, environment variable or path in the name of a setting."""
    found = re.search(r"--[a-z-]+|/[\w./-]+|[A-Z][A-Z0-9_]{3,}", setting.name)
    return found[0] if found else setting.name


def _ruled_out(entry: Failure, facts: Facts) -> Advice | None:
    if facts.mode and facts.mode not in entry.affected.modes:
        modes = " and ".join(entry.affected.modes)
        return Advice(entry, "not affected", f"only in {modes} mode", entry.affected.sources)
    alike = _alike(facts.os, entry.affected.os)
    if alike and all(_below(facts.os or "", name) for name in alike):
        return Advice(entry, "not affected", f"{facts.os} is older than {alike[0]}", entry.affected.sources)
    return None


def _by_setting(entry: Failure, facts: Facts) -> Advice | None:
    """What the settings decide that make the failure by themselves; all of it where versions have no say."""
    deciding = {setting: _hurts(setting, facts) for setting in entry.fixes.settings if setting.ends}
    for setting, hurts in deciding.items():
        key = setting_key(setting)
        value = (facts.settings or {}).get(key)
        if hurts:
            said = value if key.startswith("/") else f"{key} is {value}"
            return Advice(entry, "affected", f"{said}: {setting.why}", setting.sources, f"{key}: {setting.change_to}")
        if hurts is False and len(deciding) == 1 and not decided_by_version(entry):
            said = f"{key} is fine" if value is None or key.startswith("/") else f"{key} is {value}"
            return Advice(entry, "not affected", said, setting.sources)
    return None


def _by_program(entry: Failure, facts: Facts) -> Advice | None:
    """What other programs decide: the node's system where kube-proxy runs on it as a program, and components."""
    if facts.binary and entry.fixes.os:
        rows = {row.name: row.minimum for row in entry.fixes.os.rows}
        sources = entry.fixes.os.sources
        alike = _alike(facts.os, rows)
        if not alike:
            listed = ", ".join(rows)
            return Advice(entry, "unknown", f"{facts.os or 'an unknown system'} is none of {listed}", sources)
        needed = f"{alike[0]} {rows[alike[0]]}"
        below = _below(facts.os or "", rows[alike[0]])
        if below is False:
            return Advice(entry, "not affected", f"{facts.os} is {needed} or later", sources)
        said = f"{facts.os} is older than {needed}" if below else f"{facts.os} may be older than {needed}"
        return Advice(entry, "affected" if below else "unknown", said, sources, f"{needed} or later")
    for component in entry.fixes.components:
        for name, version in facts.components.items():
            below = _below(version, component.minimum) if name.lower() in component.name.lower() else None
            if below and not component.ends:
                said = f"{name} is {version}, older than {component.minimum}"
                return Advice(entry, "affected", said, component.sources, _component(component))
            if below is False and component.ends:
                return Advice(entry, "not affected", f"{name} is {version}", component.sources)
    return None


def _by_version(entry: Failure, facts: Facts) -> Advice:
    version = facts.known
    if not decided_by_version(entry):
        return _undecided(entry, facts)
    if version is None:
        return Advice(entry, "unknown", "no version is given", entry.affected.sources)
    found = span(entry, facts.tke, version.minor, facts.mode)
    verdict, why = _judge(found, version, facts)
    if verdict == "affected" and entry.affected.os and facts.os and not _alike(facts.os, entry.affected.os):
        verdict, why = "unknown", f"{why}; whether {facts.os} is affected is not known"
    elif verdict == "affected" and not facts.os and entry.affected.os:
        why = f"{why}; on {', '.join(entry.affected.os)} and later systems"
    if verdict != "not affected" and found.only:
        ending = " or ".join(_component(one) for one in entry.fixes.components if one.ends)
        return Advice(entry, "unknown", found.only, found.sources, ending)
    return Advice(entry, verdict, why, found.sources)


def _judge(found: Span, version: Version, facts: Facts) -> tuple[Verdict, str]:
    """What a span means for a version."""
    if found.builds == "none":
        return "not affected", found.why
    if found.builds == "unknown":
        return "unknown", found.why
    if found.builds == "all":
        if found.upstream and (facts.tke or version.flavour != "upstream"):
            return "unknown", f"{found.why}; whether {_builder(facts)} has it is not known"
        return "affected", found.why
    if not facts.kube_proxy or found.fix is None:
        return "unknown", f"{found.why}; kube-proxy's version is not given"
    fixed = at_least(facts.kube_proxy, found.fix)
    if fixed is None:
        return "unknown", f"{found.why}; whether {version} has it is not known"
    return ("not affected" if fixed else "affected"), found.why


def _builder(facts: Facts) -> str:
    return "TKE" if facts.tke or facts.known is None else facts.known.flavour


def _undecided(entry: Failure, facts: Facts) -> Advice:
    """No version of kube-proxy ends it, and what decides is not known."""
    settings = [setting.name for setting in entry.fixes.settings if setting.ends]
    asked = ", ".join([*settings, *map(_component, entry.fixes.components)])
    depends = f"; it depends on {asked}" if asked else ""
    return Advice(entry, "unknown", f"no version of kube-proxy ends it{depends}", entry.affected.sources)


def decided_by_version(entry: Failure) -> bool:
    return entry.fixes.tke is not None or bool(_ending(entry))


def _ending(entry: Failure) -> list[UpstreamFix]:
    return [fix for fix in entry.fixes.upstream if fix.ends and fix.fixed_in]


def _fixes(entry: Failure, tke: bool) -> Iterable[Version]:
    """The versions that the tables name as fixed."""
    rows = entry.fixes.tke.rows if tke and entry.fixes.tke else None
    named = [row.minimum for row in rows] if rows else [f"v{one}" for fix in _ending(entry) for one in fix.fixed_in]
    return [version for text in named if text and (version := parse(text))]


def _upgrade(version: Version, facts: Facts) -> str:
    if version.minor in (known.minor for known in (facts.cluster, facts.kube_proxy) if known):
        return f"kube-proxy {version} or later"
    return f"cluster 1.{version.minor} with kube-proxy {version} or later"


def _row(rows: Sequence[TkeFix], minor: int) -> TkeFix | None:
    for row in rows:
        sign, _, release = row.cluster.rpartition(" ")
        named = int(release.partition(".")[2])
        if (minor > named and sign == ">") or (minor < named and sign == "<") or (minor == named and not sign):
            return row
    return None


_ORDER = ("none", "below", "unknown", "all")


def _upstream(entry: Failure, minor: int, mode: str | None) -> Span:
    """What is known of upstream's releases, in a mode or in the worst of the entry's."""
    fixes = _ending(entry)
    if minor < min(entry.affected.versions.minors()) and not any(fix.since for fix in fixes):
        oldest = entry.affected.versions.first
        return Span("unknown", f"nothing is known of releases before {oldest}", entry.affected.sources, upstream=True)
    modes = [mode] if mode else list(entry.affected.modes)
    by_mode = {
        one: min((_release(fix, minor) for fix in fixes if one in fix.ends), key=_badness, default=None)
        for one in modes
    }
    if None in by_mode.values():
        return Span("unknown", "no release of Kubernetes is known to end it", entry.affected.sources, upstream=True)
    found = {one: span for one, span in by_mode.items() if span}
    worst = max(found.values(), key=_badness)
    same = [one for one in found if found[one].builds == worst.builds]
    if len(same) < len(found):
        worst = replace(worst, why=f"in {' and '.join(same)} mode: {worst.why}")
    conditions = [f"{one.name} is older than {one.minimum}" for one in entry.fixes.components if one.ends]
    return replace(worst, only=f"only where {' or '.join(conditions)}" if conditions else "")


def _badness(found: Span) -> tuple[int, tuple[int, ...]]:
    return _ORDER.index(found.builds), found.fix.release if found.fix else ()


def _release(fix: UpstreamFix, minor: int) -> Span:
    """Which releases of a minor lack a change: fixed_in names the first with it, then the patches it was brought to."""
    first, change = fix.fixed_in[0], fix.change.strip().rstrip(".")
    brought = next((release for release in fix.fixed_in if _minor(release) == minor), None)
    if fix.since and minor < _minor(fix.since):
        return Span("none", f"upstream the bug came with {fix.since}", fix.sources, upstream=True)
    if brought:
        return Span("below", f"upstream fixed in {brought}: {change}", fix.sources, parse(f"v{brought}"), upstream=True)
    if minor > _minor(first):
        return Span("none", f"upstream fixed in {first}: {change}", fix.sources, upstream=True)
    return Span("all", f"upstream fixed in {first}, in no 1.{minor}: {change}", fix.sources, upstream=True)


def _minor(release: str) -> int:
    return int(release.split(".")[1])


def _hurts(setting: Setting, facts: Facts) -> bool | None:
    """Whether the value found is the one that hurts, or lies beyond it; None if that is not known."""
    key = setting_key(setting)
    if facts.settings is None or not setting.found:
        return None
    value = facts.settings.get(key)
    if key.startswith("/"):
        return None if value is None else bool(value)
    if value is None:
        # Unset is upstream's default, which is well; TKE's builds have had others.
        return None if facts.tke and key.startswith("--") else False
    hurting, better = setting.found.split()[0], setting.change_to.split()[0]
    try:
        got, bad, good = seconds(value), seconds(hurting), seconds(better)
    except ValueError:
        return value == hurting
    if (got <= bad) if bad < good else (got >= bad):
        return True
    return False if ((got >= good) if bad < good else (got <= good)) else None


def _component(component: MinimumVersion) -> str:
    return f"{component.name} {component.minimum} or later"


def _alike(system: str | None, names: Iterable[str]) -> list[str]:
    """Those of the names that are of the same family of operating systems."""
    for family in _SYSTEMS:
        if system and re.search(family, system, re.IGNORECASE):
            return [name for name in names if re.search(family, name, re.IGNORECASE)]
    return []


def _below(version: str, minimum: str) -> bool | None:
    """Whether a version is older, as far as both are told: `7` may be older than `7.2`, which gives None."""
    got, wanted = _numbers(version), _numbers(minimum)
    length = min(len(got), len(wanted))
    if not length or (got[:length] == wanted[:length] and len(got) < len(wanted)):
        return None
    return got[:length] < wanted[:length]


def _numbers(text: str) -> tuple[int, ...]:
    """The first dotted number of a text."""
    found = re.search(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
