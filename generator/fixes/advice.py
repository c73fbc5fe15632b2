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
    EditionClaim,
    Span,
    component,
    decided_by_version,
    in_every_mode,
    is_before,
    named_versions,
    span,
    span_of_bug,
)
from generator.fixes.versions import Version, at_least, parse_version
from generator.query.signature import compile_whole

Verdict = Literal["affected", "unknown", "not affected"]
# Tencent's systems call themselves "Tencent tlinux 2.2 (Final)" and "TencentOS Server 3.1"; the page says "TLinux 2.6".
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
        if self.known is None:
            return False
        return self.known.flavour == "tke" or not self.known.full

    @property
    def builder(self) -> str:
        if self.known is None or self.tke:
            return "TKE"
        return self.known.flavour


@dataclass(frozen=True)
class Advice:
    """The verdict on one failure; each of `reasons` is one fact. `claims` are what the vendor's editions say.

    `upgrade` is the least that ends it; `version`, where that is kube-proxy's.
    """

    entry: Entry
    verdict: Verdict
    reasons: tuple[str, ...]
    sources: Cites
    upgrade: str | None = None
    version: Version | None = None
    claims: tuple[EditionClaim, ...] = ()

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
    bugs_found = []
    for bug in known:
        if facts.mode and facts.mode not in bug.modes:
            continue
        verdict, reasons = _judge(span_of_bug(bug, version.minor), version, facts)
        if verdict == "not affected":
            continue
        if facts.mode is None and not in_every_mode(bug.modes):
            verdict = "unknown"
            modes = " and ".join(bug.modes)
            reasons = (*reasons, f"only in {modes} mode, which is not known here")
        bugs_found.append(BugAdvice(bug, verdict, reasons, _with_the_fix(bug, version)))
    return sorted(bugs_found, key=lambda advice: advice.verdict != "affected")


def _with_the_fix(bug: KnownBug, version: Version) -> str | None:
    """The first release with the fix that is no step back."""
    releases = []
    for text in bug.fixed_in:
        fixed = parse_version(f"v{text}")
        if fixed is None:
            continue
        if fixed.release > version.release or fixed.minor == version.minor:
            releases.append(fixed)
    if not releases:
        return None
    first = min(releases, key=lambda fixed: fixed.release)
    return f"{first} or later"


def advise(entry: Entry, facts: Facts) -> Advice:
    """Whether this kube-proxy can have this failure: what its mode, settings, other programs or else versions say."""
    decided = _by_mode(entry, facts) or _by_setting(entry, facts) or _by_program(entry, facts)
    if decided:
        return decided
    advice = _by_version(entry, facts)
    if advice.verdict == "not affected" or advice.upgrade:
        return advice
    version = smallest_upgrade([entry], facts)
    if version is None:
        return advice
    return replace(advice, version=version, upgrade=_upgrade(version, facts))


def smallest_upgrade(entries: Sequence[Entry], facts: Facts) -> Version | None:
    """The first version, of those that the fix tables name, in which none of the entries can happen."""
    current = facts.known
    if current is None:
        return None
    listed: set[Version] = set()
    for entry in entries:
        listed.update(named_versions(entry, facts.tke))
    for version in sorted(listed, key=lambda version: version.key):
        if not _is_upgrade(current, version):
            continue
        upgraded = replace(facts, kube_proxy=version, cluster=None)
        if all(_version_ends_it(entry, upgraded) for entry in entries):
            return version
    return None


def _is_upgrade(current: Version, version: Version) -> bool:
    if current.full:
        return version.key > current.key
    return version.minor >= current.minor


def _version_ends_it(entry: Entry, facts: Facts) -> bool:
    return _by_version(entry, facts).verdict == "not affected"


def upgrade_for_all(found: Sequence[Advice], facts: Facts) -> str | None:
    """The smallest upgrade that ends all that versions can end, and brings none back that versions have ended."""
    if not any(advice.version for advice in found):
        return None
    settled = []
    for advice in found:
        if advice.version or _version_ends_it(advice.entry, facts):
            settled.append(advice.entry)
    version = smallest_upgrade(settled, facts)
    return _upgrade(version, facts) if version else None


def notes(entries: Sequence[Entry], facts: Facts) -> tuple[str, ...]:
    """What must be said of the answer as a whole."""
    version = facts.known
    newest = max((entry.affected.versions.minors()[-1] for entry in entries), default=0)
    if version is None or version.minor <= newest:
        return ()
    limit = f"nothing is known of releases after 1.{newest}; what 1.{newest} has fixed is taken for fixed"
    return (f"{version}: {limit}",)


def _by_mode(entry: Entry, facts: Facts) -> Advice | None:
    affected = entry.affected
    if not facts.mode or facts.mode in affected.modes:
        return None
    modes = " and ".join(affected.modes)
    return Advice(entry, "not affected", (f"only in {modes} mode",), affected.sources)


def _by_setting(entry: Entry, facts: Facts) -> Advice | None:
    """What the settings decide that make the failure by themselves; all of it where versions have no say."""
    deciding = entry.fixes.deciding_settings
    decides_alone = len(deciding) == 1 and not decided_by_version(entry)
    for setting in deciding:
        hurts = _hurts(setting, entry, facts)
        if hurts:
            reasons = (*_faults(setting, facts), setting.why)
            upgrade = f"{setting.key}: {setting.change_to}"
            return Advice(entry, "affected", reasons, setting.sources, upgrade)
        if hurts is False and decides_alone:
            value = _setting_value(setting, facts)
            reason = f"{setting.key} is {'fine' if value is None else value}"
            return Advice(entry, "not affected", (reason,), setting.sources)
    return None


def _setting_value(setting: Setting, facts: Facts) -> str | None:
    return (facts.settings or {}).get(setting.key)


def _faults(setting: Setting, facts: Facts) -> tuple[str, ...]:
    """What is seen of a setting that hurts."""
    if setting.path:
        return facts.mounts.get(setting.path, ())
    value = _setting_value(setting, facts)
    return (f"{setting.key} is {'not set' if value is None else value}",)


def _hurts(setting: Setting, entry: Entry, facts: Facts) -> bool | None:
    """Whether the value found is one that hurts; None if that is not known."""
    if setting.path:
        faults = facts.mounts.get(setting.path)
        return None if faults is None else bool(faults)
    if facts.settings is None or setting.value is None:
        return None
    value = facts.settings.get(setting.key)
    if value is None and setting.flag and not _default_is_known(entry, facts):
        return None
    if _is_one_of(setting.value, value):
        return True
    if value is None or setting.safe is None or _is_one_of(setting.safe, value):
        return False
    return None


def _default_is_known(entry: Entry, facts: Facts) -> bool:
    """Whether a flag's default is; TKE's builds and releases that nobody read may have another one."""
    return not facts.tke and _in_range(entry, facts)


def _is_one_of(values: Value, value: str | None) -> bool:
    """Whether a value, None for one that is not set, is one of these."""
    if value is None:
        return values.unset
    if values.equals is not None and _is_equal(value, values.equals):
        return True
    try:
        length = seconds(value)
    except ValueError:
        return False
    if values.at_most is not None and length <= seconds(values.at_most):
        return True
    return values.at_least is not None and length >= seconds(values.at_least)


def _is_equal(value: str, wanted: str) -> bool:
    """Whether they are the same text, or the same whole number."""
    if value == wanted:
        return True
    number = _whole_number(value)
    return number is not None and number == _whole_number(wanted)


def _whole_number(text: str) -> int | None:
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        return int(text)
    return None


def _in_range(entry: Entry, facts: Facts) -> bool:
    """Whether the version is of a release that the entry speaks of; one that is not given may be."""
    if facts.known is None:
        return True
    return facts.known.minor in entry.affected.versions.minors()


def _by_program(entry: Entry, facts: Facts) -> Advice | None:
    """What other programs decide: the node's system where kube-proxy runs on it as a program, and components."""
    if facts.binary and entry.fixes.os:
        # TKE's table is about its DaemonSet.
        if not facts.tke and _version_ends_it(entry, facts):
            return None
        return _by_system(entry, entry.fixes.os, facts)
    for wanted in entry.fixes.components:
        for name, version in facts.components.items():
            if not _matches(wanted, name):
                continue
            older = _is_older(version, wanted.minimum)
            if older and not wanted.ends:
                reason = f"{name} is {version}, older than {wanted.minimum}"
                return Advice(entry, "affected", (reason,), wanted.sources, component(wanted))
            if older is False and wanted.ends:
                return Advice(entry, "not affected", (f"{name} is {version}",), wanted.sources)
    return None


def _matches(wanted: MinimumVersion, name: str) -> bool:
    return compile_whole(wanted.match).search(name) is not None


def _by_system(entry: Entry, table: OsFixes, facts: Facts) -> Advice:
    """What the table of systems says of a kube-proxy that uses the node's own programs."""
    minimums = {row.name: row.minimum for row in table.rows}
    alike = _same_family(facts.os, minimums)
    if not facts.os or not alike:
        reason = f"{facts.os or 'an unknown system'} is none of {', '.join(minimums)}"
        return Advice(entry, "unknown", (reason,), table.sources)
    name = alike[0]
    needed = f"{name} {minimums[name]}"
    older = _is_older(facts.os, minimums[name])
    if older is False:
        reason = f"{facts.os} is {needed} or later"
        return Advice(entry, "not affected", (reason,), table.sources)
    verdict: Verdict = "affected" if older else "unknown"
    stands = "is" if older else "may be"
    reason = f"{facts.os} {stands} older than {needed}"
    return Advice(entry, verdict, (reason,), table.sources, f"{needed} or later")


def _by_version(entry: Entry, facts: Facts) -> Advice:
    version = facts.known
    came_later = version is not None and is_before(entry, version.minor)
    if not decided_by_version(entry) and not came_later:
        return _undecided(entry)
    if version is None:
        return Advice(entry, "unknown", ("no version is given",), entry.affected.sources)
    affected = span(entry, facts.tke, version.minor, facts.mode)
    verdict, reasons = _judge(affected, version, facts)
    advice = Advice(entry, verdict, reasons, affected.sources, claims=affected.claims)
    if verdict == "not affected":
        return advice
    if affected.only:
        upgrade = " or ".join(map(component, entry.fixes.deciding_components))
        return replace(advice, verdict="unknown", reasons=_without_fix(affected), upgrade=upgrade)
    if entry.affected.os:
        return _on_system(advice, version, facts)
    return advice


def _without_fix(affected: Span) -> tuple[str, ...]:
    """Where something else decides, how the version stands to the fix is of no use; that nothing is known of it is."""
    if affected.builds == "unknown":
        return (*affected.reasons, affected.only)
    return (affected.only,)


def _judge(affected: Span, version: Version, facts: Facts) -> tuple[Verdict, tuple[str, ...]]:
    """What a span means for a version."""
    if affected.builds == "unknown":
        return "unknown", affected.reasons
    if affected.builds == "all":
        if affected.upstream and (facts.tke or version.flavour != "upstream"):
            return "unknown", (*affected.reasons, f"whether {facts.builder} has it is not known")
        return "affected", affected.reasons
    if affected.builds == "below" and affected.fix:
        if not facts.kube_proxy:
            return "unknown", (*affected.reasons, "kube-proxy's version is not given")
        fixed = at_least(facts.kube_proxy, affected.fix)
        if fixed is None:
            return "unknown", (*affected.reasons, f"whether {version} has it is not known")
        if not fixed:
            return "affected", affected.reasons
    if not affected.unless:
        return "not affected", affected.reasons
    ended = affected.ended
    if ended and ended.fix and at_least(version, ended.fix):
        return "not affected", ended.reasons
    return "unknown", (*affected.reasons, f"with it only {affected.unless}")


def _on_system(advice: Advice, version: Version, facts: Facts) -> Advice:
    """What the node's system adds to a verdict on a failure that needs certain ones."""
    affected = advice.entry.affected
    if not facts.os:
        systems = ", ".join(affected.os)
        reasons = (*advice.reasons, f"only on {systems} and later systems")
        return replace(advice, reasons=reasons)
    alike = _same_family(facts.os, affected.os)
    if not alike:
        return _doubted(advice, f"whether {facts.os} is affected is not known")
    older = [_is_older_system(facts.os, name) for name in alike]
    if False in older:
        return advice
    if None in older:
        return _doubted(advice, f"{facts.os} may be older than {alike[0]}")
    return _on_older_system(advice, f"{facts.os} is older than {alike[0]}", version, facts)


def _is_older_system(system: str, name: str) -> bool | None:
    """Whether a system is older than the release that a name has; one that is named without a release needs none."""
    if not _first_dotted_number(name):
        return False
    return _is_older(system, name)


def _on_older_system(advice: Advice, older: str, version: Version, facts: Facts) -> Advice:
    """The verdict where the system is older than those of the entry: only what was read is sure not to need them."""
    affected = advice.entry.affected
    if not _in_range(advice.entry, facts):
        return _doubted(advice, older)
    if facts.tke:
        return Advice(advice.entry, "not affected", (older,), affected.sources)
    if version.flavour != "upstream":
        doubt = f"whether {facts.builder}'s kube-proxy matches it is not known"
        return _doubted(advice, f"{older}; {doubt}")
    for row in affected.other_os:
        modes = row.modes or affected.modes
        in_mode = facts.mode is None or facts.mode in modes
        if in_mode and _has_release(row, version):
            return Advice(advice.entry, "unknown", (older, f"there only {row.only}"), row.sources)
    return Advice(advice.entry, "not affected", (older,), affected.sources)


def _doubted(advice: Advice, reason: str) -> Advice:
    return replace(advice, verdict="unknown", reasons=(*advice.reasons, reason))


def _has_release(row: OtherSystems, version: Version) -> bool:
    """Whether a version is one of the releases; of one whose patch release is not known, whether it can be."""
    known = len(version.release)
    first = _first_dotted_number(row.first)[:known]
    last = _first_dotted_number(row.last)[:known]
    return first <= version.release <= last


def _undecided(entry: Entry) -> Advice:
    """No version of kube-proxy ends it, and what decides is not known."""
    reasons = ["no version of kube-proxy ends it"]
    asked = [setting.name for setting in entry.fixes.deciding_settings]
    asked += map(component, entry.fixes.components)
    if asked:
        reasons.append(f"it depends on {', '.join(asked)}")
    return Advice(entry, "unknown", tuple(reasons), entry.affected.sources)


def _upgrade(version: Version, facts: Facts) -> str:
    kube_proxy = f"kube-proxy {version} or later"
    for known in (facts.cluster, facts.kube_proxy):
        if known and known.minor == version.minor:
            return kube_proxy
    return f"cluster 1.{version.minor} with {kube_proxy}"


def _same_family(system: str | None, names: Iterable[str]) -> list[str]:
    """Those of the names that are of the same family of operating systems: of Tencent's, or by their first word."""
    alike = []
    for name in names:
        if re.search(_family(name), system or "", re.IGNORECASE):
            alike.append(name)
    return alike


def _family(name: str) -> str:
    """A pattern for the systems of one family."""
    if re.search(_TENCENT, name, re.IGNORECASE):
        return _TENCENT
    first_word = name.split()[0]
    return rf"\b{re.escape(first_word)}\b"


def _is_older(version: str, minimum: str) -> bool | None:
    """Whether a version is older, as far as both are told: `7` may be older than `7.2`, which gives None."""
    got = _first_dotted_number(version)
    wanted = _first_dotted_number(minimum)
    comparable = wanted[: len(got)]
    if not comparable:
        return None
    if got == comparable and len(got) < len(wanted):
        return None
    return got[: len(comparable)] < comparable


_MEANT_DIGITS = 18  # of a number that somebody means


def _first_dotted_number(text: str) -> tuple[int, ...]:
    """The first dotted number of a text."""
    number = re.search(r"[0-9]+(\.[0-9]+)*", text)
    if number is None:
        return ()
    return tuple(int(part[:_MEANT_DIGITS]) for part in number[0].split("."))
