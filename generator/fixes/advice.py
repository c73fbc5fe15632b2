"""Which documented failures a kube-proxy can have, why, and the smallest upgrade that ends them. No IO.

What the fix tables say of a minor release is a Span; what that means for one kube-proxy is an Advice.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from generator.base.durations import seconds
from generator.catalog.model import (
    Cites,
    Entry,
    KnownBug,
    MinimumVersion,
    OsFixes,
    OtherSystems,
    Setting,
    Value,
)
from generator.fixes.tables import (
    Span,
    Told,
    component,
    decided_by_version,
    is_before,
    named_versions,
    span,
    span_of_bug,
)
from generator.fixes.versions import Version, at_least, parse_version
from generator.query.signature import compile_re2

Verdict = Literal["affected", "unknown", "not affected"]
# Tencent's systems call themselves "Tencent tlinux 2.2 (Final)" and "TencentOS Server 3.1"; the page says "TLinux 2.6".
_MODES = ("iptables", "ipvs", "nftables")
_TENCENT = "tencent|tlinux"


@dataclass(frozen=True)
class Facts:
    """What is known of one kube-proxy; None is not known.

    `settings` holds flags (`--ipvs-sync-period`) and environment variables; None: nobody has looked at any. `mounts`
    says for a file of the node what is wrong with its mounts in Pods; nothing: nothing is, no key: nobody has looked.
    `components` are versions of other programs by name: of images (`kube-router`), and `linux`. `binary`: kube-proxy
    is a program on the node.
    """

    cluster: Version | None = None
    kube_proxy: Version | None = None
    os: str | None = None
    mode: str | None = None
    settings: Mapping[str, str] | None = None
    mounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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

    @property
    def builder(self) -> str:
        return "TKE" if self.tke or self.known is None else self.known.flavour


@dataclass(frozen=True)
class Advice:
    """The verdict on one failure; each of `reasons` is one fact. `told` is what the vendor's editions say.

    `upgrade` is the least that ends it; `version`, where that is kube-proxy's.
    """

    entry: Entry
    verdict: Verdict
    reasons: tuple[str, ...]
    sources: Cites
    upgrade: str | None = None
    version: Version | None = None
    told: tuple[Told, ...] = ()

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True)
class BugAdvice:
    """A known bug that a kube-proxy has, or can have where its mode or build does not tell."""

    bug: KnownBug
    verdict: Verdict
    reasons: tuple[str, ...]
    upgrade: str | None


def bugs(known: Sequence[KnownBug], facts: Facts) -> list[BugAdvice]:
    """The known bugs of this kube-proxy's version and mode, those that it surely has first."""
    version = facts.known
    if version is None:
        return []
    found = []
    for bug in known:
        if facts.mode and facts.mode not in bug.modes:
            continue
        verdict, reasons = _judge(span_of_bug(bug, version.minor), version, facts)
        if verdict == "not affected":
            continue
        if facts.mode is None and len(bug.modes) < len(_MODES):
            verdict, reasons = (
                "unknown",
                (*reasons, f"only in {' and '.join(bug.modes)} mode, which is not known here"),
            )
        found.append(BugAdvice(bug, verdict, reasons, _with_the_fix(bug, version)))
    return sorted(found, key=lambda one: one.verdict != "affected")


def _with_the_fix(bug: KnownBug, version: Version) -> str | None:
    """The first release with the fix that is no step back."""
    fixed = sorted(
        (one for text in bug.fix.fixed_in if (one := parse_version(f"v{text}"))),
        key=lambda one: one.release,
    )
    newer = (one for one in fixed if one.release > version.release or one.minor == version.minor)
    return next((f"{one} or later" for one in newer), None)


def advise(entry: Entry, facts: Facts) -> Advice:
    """Whether this kube-proxy can have this failure: what its mode, settings, other programs or else versions say."""
    found = _by_mode(entry, facts) or _by_setting(entry, facts) or _by_program(entry, facts)
    if found is None:
        found = _by_version(entry, facts)
        if found.verdict != "not affected" and not found.upgrade:
            version = smallest_upgrade([entry], facts)
            found = replace(
                found, version=version, upgrade=_upgrade(version, facts) if version else None
            )
    return found


def smallest_upgrade(entries: Sequence[Entry], facts: Facts) -> Version | None:
    """The first version, of those that the fix tables name, in which none of the entries can happen."""
    current = facts.known
    if current is None:
        return None
    listed = {version for entry in entries for version in named_versions(entry, facts.tke)}
    for version in sorted(listed, key=lambda one: one.key):
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
        advice.entry
        for advice in found
        if advice.version or _by_version(advice.entry, facts).verdict == "not affected"
    ]
    version = smallest_upgrade(settled, facts)
    return _upgrade(version, facts) if version else None


def notes(entries: Sequence[Entry], facts: Facts) -> tuple[str, ...]:
    """What must be said of the answer as a whole."""
    newest = max((max(entry.affected.versions.minors()) for entry in entries), default=0)
    if facts.known is None or facts.known.minor <= newest:
        return ()
    said = f"nothing is known of releases after 1.{newest}; what 1.{newest} has fixed is taken for fixed"
    return (f"{facts.known}: {said}",)


def _by_mode(entry: Entry, facts: Facts) -> Advice | None:
    if facts.mode and facts.mode not in entry.affected.modes:
        modes = " and ".join(entry.affected.modes)
        return Advice(entry, "not affected", (f"only in {modes} mode",), entry.affected.sources)
    return None


def _by_setting(entry: Entry, facts: Facts) -> Advice | None:
    """What the settings decide that make the failure by themselves; all of it where versions have no say."""
    deciding = {
        setting: _hurts(setting, entry, facts) for setting in entry.fixes.settings if setting.ends
    }
    for setting, hurts in deciding.items():
        value = (facts.settings or {}).get(setting.key)
        if hurts:
            is_set = (
                f"{setting.key} is {value}" if value is not None else f"{setting.key} is not set"
            )
            faults = facts.mounts.get(setting.path, ()) if setting.path else (is_set,)
            reasons = (*faults, setting.why)
            upgrade = f"{setting.key}: {setting.change_to}"
            return Advice(entry, "affected", reasons, setting.sources, upgrade)
        if hurts is False and len(deciding) == 1 and not decided_by_version(entry):
            said = f"{setting.key} is fine" if value is None else f"{setting.key} is {value}"
            return Advice(entry, "not affected", (said,), setting.sources)
    return None


def _hurts(setting: Setting, entry: Entry, facts: Facts) -> bool | None:
    """Whether the value found is one that hurts; None if that is not known."""
    if setting.path:
        faults = facts.mounts.get(setting.path)
        return None if faults is None else bool(faults)
    if facts.settings is None or setting.value is None:
        return None
    value = facts.settings.get(setting.key)
    if value is None and setting.flag and (facts.tke or not _in_range(entry, facts)):
        return None  # the default decides, and TKE's builds and releases that nobody read may have another one
    if _is_one_of(setting.value, value):
        return True
    if value is None or setting.safe is None or _is_one_of(setting.safe, value):
        return False
    return None


def _is_one_of(values: Value, value: str | None) -> bool | None:
    """Whether a value, None for one that is not set, is one of these."""
    if value is None:
        return values.unset
    if values.equals is not None and (
        value == values.equals or _whole_number(value) == _whole_number(values.equals) is not None
    ):
        return True
    try:
        length = seconds(value)
    except ValueError:
        return False
    at_most = values.at_most is not None and length <= seconds(values.at_most)
    at_least = values.at_least is not None and length >= seconds(values.at_least)
    return at_most or at_least


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII) else None


def _in_range(entry: Entry, facts: Facts) -> bool:
    """Whether the version is of a release that the entry speaks of; one that is not given may be."""
    return facts.known is None or facts.known.minor in entry.affected.versions.minors()


def _by_program(entry: Entry, facts: Facts) -> Advice | None:
    """What other programs decide: the node's system where kube-proxy runs on it as a program, and components."""
    if facts.binary and entry.fixes.os:
        # TKE's table is about its DaemonSet.
        if not facts.tke and _by_version(entry, facts).verdict == "not affected":
            return None
        return _by_system(entry, entry.fixes.os, facts)
    for wanted in entry.fixes.components:
        for name, version in facts.components.items():
            below = _is_older(version, wanted.minimum) if _matches(wanted, name) else None
            if below and not wanted.ends:
                said = f"{name} is {version}, older than {wanted.minimum}"
                return Advice(entry, "affected", (said,), wanted.sources, component(wanted))
            if below is False and wanted.ends:
                return Advice(entry, "not affected", (f"{name} is {version}",), wanted.sources)
    return None


def _matches(wanted: MinimumVersion, name: str) -> bool:
    return compile_re2(f"^(?:{wanted.match})$").search(name) is not None


def _by_system(entry: Entry, table: OsFixes, facts: Facts) -> Advice:
    """What the table of systems says of a kube-proxy that uses the node's own programs."""
    rows = {row.name: row.minimum for row in table.rows}
    sources = table.sources
    alike = _same_family(facts.os, rows)
    if not alike:
        said = f"{facts.os or 'an unknown system'} is none of {', '.join(rows)}"
        return Advice(entry, "unknown", (said,), sources)
    needed = f"{alike[0]} {rows[alike[0]]}"
    below = _is_older(facts.os or "", rows[alike[0]])
    if below is False:
        return Advice(entry, "not affected", (f"{facts.os} is {needed} or later",), sources)
    said = (
        f"{facts.os} is older than {needed}" if below else f"{facts.os} may be older than {needed}"
    )
    return Advice(entry, "affected" if below else "unknown", (said,), sources, f"{needed} or later")


def _by_version(entry: Entry, facts: Facts) -> Advice:
    version = facts.known
    if not decided_by_version(entry) and not (version and is_before(entry, version.minor)):
        return _undecided(entry, facts)
    if version is None:
        return Advice(entry, "unknown", ("no version is given",), entry.affected.sources)
    found = span(entry, facts.tke, version.minor, facts.mode)
    verdict, reasons = _judge(found, version, facts)
    advice = Advice(entry, verdict, reasons, found.sources, told=found.told)
    if verdict == "not affected":
        return advice
    if found.only:
        ending = " or ".join(component(one) for one in entry.fixes.components if one.ends)
        return replace(advice, verdict="unknown", reasons=_without_fix(found), upgrade=ending)
    return _on_system(advice, version, facts) if entry.affected.os else advice


def _without_fix(found: Span) -> tuple[str, ...]:
    """Where something else decides, how the version stands to the fix is of no use; that nothing is known of it is."""
    return (*(found.reasons if found.builds == "unknown" else ()), found.only)


def _judge(found: Span, version: Version, facts: Facts) -> tuple[Verdict, tuple[str, ...]]:
    """What a span means for a version."""
    if found.builds == "unknown":
        return "unknown", found.reasons
    if found.builds == "all":
        if found.upstream and (facts.tke or version.flavour != "upstream"):
            return "unknown", (*found.reasons, f"whether {facts.builder} has it is not known")
        return "affected", found.reasons
    if found.builds == "below" and found.fix:
        if not facts.kube_proxy:
            return "unknown", (*found.reasons, "kube-proxy's version is not given")
        fixed = at_least(facts.kube_proxy, found.fix)
        if fixed is None:
            return "unknown", (*found.reasons, f"whether {version} has it is not known")
        if not fixed:
            return "affected", found.reasons
    if not found.unless:
        return "not affected", found.reasons
    if found.ended and found.ended.fix and at_least(version, found.ended.fix):
        return "not affected", found.ended.reasons
    return "unknown", (*found.reasons, f"with it only {found.unless}")


def _on_system(advice: Advice, version: Version, facts: Facts) -> Advice:
    """What the node's system adds to a verdict on a failure that needs certain ones."""
    affected = advice.entry.affected
    if not facts.os:
        return replace(
            advice, reasons=(*advice.reasons, f"only on {', '.join(affected.os)} and later systems")
        )
    alike = _same_family(facts.os, affected.os)
    if not alike:
        return _doubted(advice, f"whether {facts.os} is affected is not known")
    # A system that is named without a release needs none.
    below = {
        name: _is_older(facts.os, name) if _first_dotted_number(name) else False for name in alike
    }
    if False in below.values():
        return advice
    if None in below.values():
        return _doubted(advice, f"{facts.os} may be older than {alike[0]}")
    older = f"{facts.os} is older than {alike[0]}"
    if not _in_range(advice.entry, facts):
        return _doubted(advice, older)
    if not facts.tke and version.flavour != "upstream":
        return _doubted(
            advice, f"{older}; whether {facts.builder}'s kube-proxy matches it is not known"
        )
    for row in affected.other_os:
        if (
            not facts.tke
            and _has_release(row, version)
            and (facts.mode is None or facts.mode in (row.modes or affected.modes))
        ):
            return Advice(advice.entry, "unknown", (older, f"there only {row.only}"), row.sources)
    return Advice(advice.entry, "not affected", (older,), affected.sources)


def _doubted(advice: Advice, reason: str) -> Advice:
    return replace(advice, verdict="unknown", reasons=(*advice.reasons, reason))


def _has_release(row: OtherSystems, version: Version) -> bool:
    """Whether a version is one of the releases; of one whose patch release is not known, whether it can be."""
    first, last = (tuple(map(int, text.split("."))) for text in (row.first, row.last))
    length = len(version.release)
    return first[:length] <= version.release <= last[:length]


def _undecided(entry: Entry, facts: Facts) -> Advice:
    """No version of kube-proxy ends it, and what decides is not known."""
    settings = [setting.name for setting in entry.fixes.settings if setting.ends]
    asked = ", ".join([*settings, *map(component, entry.fixes.components)])
    depends = (f"it depends on {asked}",) if asked else ()
    return Advice(
        entry, "unknown", ("no version of kube-proxy ends it", *depends), entry.affected.sources
    )


def _upgrade(version: Version, facts: Facts) -> str:
    if version.minor in (known.minor for known in (facts.cluster, facts.kube_proxy) if known):
        return f"kube-proxy {version} or later"
    return f"cluster 1.{version.minor} with kube-proxy {version} or later"


def _same_family(system: str | None, names: Iterable[str]) -> list[str]:
    """Those of the names that are of the same family of operating systems: of Tencent's, or by their first word."""
    if not system:
        return []
    return [name for name in names if re.search(_family(name), system, re.IGNORECASE)]


def _family(name: str) -> str:
    return (
        _TENCENT
        if re.search(_TENCENT, name, re.IGNORECASE)
        else rf"\b{re.escape(name.split()[0])}\b"
    )


def _is_older(version: str, minimum: str) -> bool | None:
    """Whether a version is older, as far as both are told: `7` may be older than `7.2`, which gives None."""
    got, wanted = _first_dotted_number(version), _first_dotted_number(minimum)
    length = min(len(got), len(wanted))
    if not length or (got[:length] == wanted[:length] and len(got) < len(wanted)):
        return None
    return got[:length] < wanted[:length]


_DIGITS = 18  # of a number that somebody means


def _first_dotted_number(text: str) -> tuple[int, ...]:
    """The first dotted number of a text."""
    found = re.search(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(int(part[:_DIGITS]) for part in found[0].split(".")) if found else ()
