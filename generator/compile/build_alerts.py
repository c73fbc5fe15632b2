"""Alerts on builds that the fix tables call affected, before anything fails."""

import json
from collections.abc import Iterable, Mapping, Sequence

from generator.base import names
from generator.catalog.model import Entry
from generator.catalog.placeholders import Values
from generator.catalog.profile import Profile
from generator.catalog.settings import keep_firing_for, known_build_hold
from generator.compile.alerts import kept_firing_setting, labels_of_alert
from generator.compile.go_texts import literal_text, metric_place
from generator.compile.rule import UPGRADE, AlertRule, AlertSetting, CompiledAlert
from generator.fixes.known_builds import KnownBuilds, conditions, known_builds
from generator.query import promql

BuildsByEntry = Mapping[str, Sequence[KnownBuilds]]
# gitVersion became git_version in 1.19.
_BUILDS = """\
max by ($by, version) (
  label_replace(kubernetes_build_info{gitVersion!="", $kube_proxy}, "version", "$$1", "gitVersion", "(.+)")
  or
  label_replace(kubernetes_build_info{git_version!="", $kube_proxy}, "version", "$$1", "git_version", "(.+)")
)
"""
# The number of rules is shown in iptables mode only, once the first sync has begun.
_NOT_IN_IPTABLES_MODE = " unless on ($by) kubeproxy_sync_proxy_rules_iptables_total{$kube_proxy}"


def builds_of(values: Values) -> str:
    """An expression for the version of each kube-proxy, with what the placeholders stand for."""
    return promql.fill(_BUILDS, values)


def builds_by_entry(entries: Iterable[Entry], profile: Profile) -> BuildsByEntry:
    """The known builds of each entry that has any, by its id."""
    by_entry = {}
    for entry in entries:
        if names.known_build(entry.alert) in profile.disabled:
            continue
        builds = known_builds(entry, profile.kube_proxy.mode)
        if builds:
            by_entry[entry.id] = builds
    return by_entry


def known_build_alert(
    entry: Entry, builds: Sequence[KnownBuilds], profile: Profile, values: Values
) -> CompiledAlert:
    """That this kube-proxy is of a build which the fix tables call affected, before it fails."""
    name = names.known_build(entry.alert)
    hold = known_build_hold(name, profile)
    keep = keep_firing_for(name, profile.prometheus.keep_firing_for, profile)
    expressions = [_builds_expression(known, values) for known in builds]
    rule = AlertRule(
        name,
        "or\n".join(expressions),
        hold,
        labels=labels_of_alert(entry, name, profile, "info"),
        annotations=_known_build_annotations(entry, name, builds, profile),
        keep=keep,
    )
    why = "How long a build must be seen; a rollout that passes is not worth a word."
    return CompiledAlert(
        entry=entry,
        engine="prometheus",
        rule=rule,
        interval=profile.prometheus.interval,
        settings=(AlertSetting("for", hold, why), *kept_firing_setting(keep)),
        known_build=True,
        conditions=conditions(entry, builds, profile.kube_proxy.mode),
    )


def _known_build_annotations(
    entry: Entry, alert: str, builds: Sequence[KnownBuilds], profile: Profile
) -> Mapping[str, str]:
    version, fixed_in = "{{ $labels.version }}", "{{ $labels.fixed_in }}"
    place = metric_place(profile)
    if entry.by_builds_alone:
        first_step = literal_text(entry.first_step)
    else:
        first_step = UPGRADE.format(fixed_in)
    condition = _condition_template(builds) + _notes(builds)
    return {
        "summary": f"kube-proxy {version}{place} has a known failure: {literal_text(entry.title)}",
        "description": f"{condition} {fixed_in} has the fix. First step: {first_step}",
        "runbook_url": profile.runbook_url(alert),
    }


def _builds_expression(known: KnownBuilds, values: Values) -> str:
    """The kube-proxies of these builds, without those whose metrics show that they are in another mode."""
    pattern = json.dumps(known.pattern)
    builds = f"{names.BUILD_RECORD}{{version=~{pattern}}}"
    if known.not_in_iptables_mode:
        builds += promql.fill(_NOT_IN_IPTABLES_MODE, values)
    return f'label_replace({builds}, "fixed_in", "{known.fixed_in}", "", "")\n'


def _condition_template(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of the sentence that says what else must be so; where it differs, by the version."""
    versions_of: dict[str, list[str]] = {}  # by the sentence
    for known in builds:
        patterns = versions_of.setdefault(known.where, [])
        patterns.append(known.pattern)
    usual = max(versions_of, key=lambda sentence: len(versions_of[sentence]))
    template = literal_text(usual)
    for sentence, patterns in versions_of.items():
        if sentence == usual:
            continue
        these = f"match `^(?:{'|'.join(patterns)})$` $labels.version"
        otherwise = template
        template = (
            f"{{{{ if {these} }}}}{literal_text(sentence)}{{{{ else }}}}{otherwise}{{{{ end }}}}"
        )
    return template


def _notes(builds: Sequence[KnownBuilds]) -> str:
    """A Go template of what else is to be known of each fix."""
    notes = {known.fixed_in: known.note for known in builds if known.note}
    template = ""
    for fix, note in notes.items():
        of_this_fix = f'eq $labels.fixed_in "{fix}"'
        template += f"{{{{ if {of_this_fix} }}}} {literal_text(note)}{{{{ end }}}}"
    return template
