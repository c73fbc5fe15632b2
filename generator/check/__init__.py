"""CHECK: what must hold before anything is written.

Adding a check: one function, and its line below.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from generator.base.problems import Problem, errors
from generator.base.suggest import hint
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.check import (
    entries,
    inhibitions,
    logs,
    metrics,
    rulers,
    samples,
    site_profile,
    steps,
)

Check = Callable[[Catalog, Profile], Iterable[Problem]]

# Of the profile, first: the others compute with its numbers.
SITE_CHECKS: tuple[Check, ...] = (
    site_profile.settings_are_known,
    site_profile.selectors_pin_kube_proxy,
    site_profile.labels_are_no_words_of_loki,
    site_profile.intervals_are_positive,
    rulers.options_are_known_to_the_rulers,
    site_profile.clusters_are_told_apart,
    site_profile.labels_are_free,
    site_profile.annotations_are_free,
    site_profile.disabled_ones_have_an_end,
    site_profile.disabled_checks_have_an_end,
    site_profile.runbooks_have_a_home,
)

CHECKS: tuple[Check, ...] = (
    entries.names_are_unique,
    entries.signals_fit_the_kind,
    entries.what_is_milder_is_less_grave,
    entries.references_exist,
    entries.sources_are_cited,
    entries.fix_rows_are_complete,
    entries.what_decides_can_be_looked_at,
    entries.scaffolds_are_filled_in,
    steps.steps_have_a_place,
    steps.commands_fit_their_place,
    steps.changes_are_named_and_undone,
    steps.damage_is_stopped_first,
    inhibitions.symptoms_are_not_graver,
    inhibitions.logs_and_metrics_meet,
    logs.patterns_are_sound,
    logs.windows_can_fire,
    samples.samples_say_what_they_match,
    metrics.expressions_are_sound,
    metrics.thresholds_can_fire,
)


# What a site may overrule, each with a reason: what would work, but badly. The other checks keep from rules that no
# ruler takes, and from values with which nothing can be compiled.
MAY_BE_DISABLED: Mapping[str, Check] = {
    one.__name__: one
    for one in (
        rulers.options_are_known_to_the_rulers,
        site_profile.runbooks_have_a_home,
        entries.sources_are_cited,
        steps.changes_are_named_and_undone,
        steps.damage_is_stopped_first,
        inhibitions.symptoms_are_not_graver,
        inhibitions.logs_and_metrics_meet,
        logs.windows_can_fire,
        metrics.thresholds_can_fire,
    )
}


def check(catalog: Catalog, profile: Profile, default: Profile) -> list[Problem]:
    """All problems of all checks. With a profile that is wrong, the catalog is checked for the default one."""
    found = [*disabled_checks_exist(profile), *_problems(SITE_CHECKS, catalog, profile, profile)]
    usable = default if errors(found) else profile
    return found + _problems(CHECKS, catalog, usable, profile)


def disabled_checks_exist(profile: Profile) -> Iterable[Problem]:
    """Those that a profile disables are checks that may be disabled."""
    for row in (*profile.disabled_checks, *profile.lapsed_checks):
        if row.check not in MAY_BE_DISABLED:
            meant = hint(row.check, MAY_BE_DISABLED, ", ".join(MAY_BE_DISABLED))
            where = profile.document.at("disabled_checks", row.check)
            yield Problem(where, f"there is no check '{row.check}' that may be disabled; {meant}")


def _problems(
    checks: Iterable[Check], catalog: Catalog, profile: Profile, asking: Profile
) -> list[Problem]:
    """What the checks find, without what the profile that asks for them overrules."""
    overruled = {MAY_BE_DISABLED.get(row.check): row for row in asking.disabled_checks}
    problems: list[Problem] = []
    for check_of_all in checks:
        disabled = overruled.get(check_of_all)
        if disabled is None:
            problems += check_of_all(catalog, profile)
        elif disabled.of:
            problems += _of_others(check_of_all, disabled.of, catalog, profile)
    return problems


def _of_others(
    check_of_all: Check, ids: Collection[str], catalog: Catalog, profile: Profile
) -> list[Problem]:
    """What a check finds of the other entries: what it finds without these as well."""
    others = tuple(entry for entry in catalog.entries if entry.id not in ids)
    of_others = list(check_of_all(replace(catalog, entries=others), profile))
    of_all = check_of_all(catalog, profile)
    return [problem for problem in of_all if problem in of_others]
