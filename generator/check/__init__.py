"""CHECK: what must hold before anything is written.

Adding a check: one function, and its line below.
"""

from collections.abc import Callable, Iterable

from generator.base.problems import Problem, errors
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.check import entries, inhibitions, logs, metrics, rulers, samples, site, steps

Check = Callable[[Catalog, Profile], Iterable[Problem]]

# Of the profile, first: the others compute with its numbers.
SITE_CHECKS: tuple[Check, ...] = (
    site.settings_are_known,
    site.selectors_pin_kube_proxy,
    site.labels_are_no_words_of_loki,
    site.intervals_are_positive,
    rulers.options_are_known_to_the_rulers,
    site.clusters_are_told_apart,
    site.labels_are_free,
    site.annotations_are_free,
    site.disabled_ones_have_an_end,
    site.runbooks_have_a_home,
)

CHECKS: tuple[Check, ...] = (
    entries.names_are_unique,
    entries.signals_fit_the_kind,
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


def check(catalog: Catalog, profile: Profile, default: Profile) -> list[Problem]:
    """All problems of all checks. With a profile that is wrong, the catalog is checked for the default one."""
    found = [problem for one in SITE_CHECKS for problem in one(catalog, profile)]
    usable = default if errors(found) else profile
    return found + [problem for one in CHECKS for problem in one(catalog, usable)]
