"""Checks of entries as such: names, kinds, references, sources."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from generator.base import names
from generator.base.document import Path
from generator.base.problems import Problem
from generator.catalog import inhibition
from generator.catalog.model import Catalog, Entry
from generator.catalog.profile import Profile
from generator.catalog.releases import minor
from generator.fixes.known_builds import known_builds
from generator.fixes.tables import decided_by_version
from generator.query.signature import compile_re2


def names_are_unique(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """No two alerts and no two recording rules share a name; a further alert adds a word to its entry's name."""
    seen: dict[str, tuple[Entry, Path]] = {}
    for entry in catalog.entries:
        own = any(alert.name == entry.alert for alert in entry.metric_alerts)
        named: list[tuple[str, Path]] = [] if own else [(entry.alert, ("alert",))]
        further: list[tuple[str, Path]] = [
            (alert.name, ("signals", "metrics", "alerts", index, "alert"))
            for index, alert in enumerate(entry.metric_alerts)
        ]
        if entry.milder:
            further.append((entry.milder.alert, ("signals", "logs", "milder", "alert")))
        for name, path in further:
            if not name.startswith(entry.alert):
                where = entry.document.at(*path)
                yield Problem(where, f"'{name}' must be '{entry.alert}' with a word added")
        named += further
        if decided_by_version(entry):
            named.append((names.known_build(entry.alert), ("alert",)))
        for index, record in enumerate(entry.records):
            named.append((record.name, ("signals", "metrics", "records", index, "record")))
        for name, path in named:
            if name in seen:
                holder, taken = seen[name]
                message = (
                    f"the name '{name}' is taken by {holder.document.at(*taken)}; choose another"
                )
                yield Problem(entry.document.at(*path), message)
            if name == names.BUILD_RECORD:
                yield Problem(
                    entry.document.at(*path),
                    f"the name '{name}' is that of the versions; choose another",
                )
            seen.setdefault(name, (entry, path))


def signals_fit_the_kind(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Each entry has one alert of its own name and samples for it, or is known by its builds; its kind fits, and its
    status has a reason.
    """
    for entry in catalog.entries:
        at = entry.document.at
        if (entry.kind == "watchdog") != (entry.heartbeat is not None):
            yield Problem(
                at("kind"), "a watchdog has `signals: {heartbeat: …}`, and only a watchdog has it"
            )
        if entry.by_builds_alone and not known_builds(entry):
            yield Problem(
                at(),
                f"nothing gives {entry.alert}: give `signals`, or `fixes` that say which builds have it",
            )
        makers = [
            entry.logs,
            entry.heartbeat,
            *(a for a in entry.metric_alerts if a.name == entry.alert),
        ]
        made = sum(maker is not None for maker in makers)
        if made != 1 and not entry.by_builds_alone:
            yield Problem(
                at("signals"),
                f"one signal, and only one, gives {entry.alert}: logs, heartbeat, or a metric alert of that name",
            )
        if entry.status != "stable" and not entry.status_reason:
            yield Problem(at("status"), f"status {entry.status} needs a `status_reason`")
        if entry.logs and not any(sample.fires for sample in entry.samples):
            yield Problem(
                at("signals", "logs"),
                "no sample proves this signal; add a file under samples/fires/",
            )


def what_is_milder_is_less_grave(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Lines have an alert of their own because they are less grave than the entry's others."""
    for entry in catalog.entries:
        if entry.milder and inhibition.as_grave(entry.milder.severity, entry.severity):
            where = entry.document.at("signals", "logs", "milder", "severity")
            message = (
                f"{entry.milder.alert} is {entry.milder.severity} and its entry {entry.severity}; "
                "it must be less grave, or its lines need no alert of their own"
            )
            yield Problem(where, message)


def references_exist(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Related entries exist, and what is inhibited or explained is a symptom, or a failure as metrics show it."""
    known = {entry.id: entry for entry in catalog.entries}
    for entry in catalog.entries:
        for index, (key, _) in enumerate(entry.related):
            if key not in known or key == entry.id:
                yield Problem(
                    entry.document.at("related", index, "id"), f"there is no other entry '{key}'"
                )
        for field, keys in (("inhibits", entry.inhibits), ("explains", entry.explains)):
            for index, key in enumerate(keys):
                at = partial(entry.document.at, field, index)
                other = known.get(key)
                if (
                    other is None
                    or key == entry.id
                    or not (other.kind == "symptom" or other.metric_alerts)
                ):
                    yield Problem(
                        at(),
                        f"'{key}' is not another entry of kind symptom, or with alerts on metrics",
                    )
                elif field == "explains" and key in entry.inhibits:
                    yield Problem(at(), f"'{key}' stands under `inhibits:` too; name it once")


def sources_are_cited(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Statements name sources that exist, and every source is named by a statement."""
    for entry in catalog.entries:
        known = {source.key for source in entry.sources}
        used = set()
        for path, key in _cited(entry.document.data):
            used.add(key)
            if key not in known:
                yield Problem(
                    entry.document.at(*path), f"there is no source '{key}'; add it under `sources:`"
                )
        for key in sorted(known - used):
            yield Problem(
                entry.document.at("sources", key),
                f"no statement cites the source '{key}'; cite it or remove it",
            )


def _cited(data: Any) -> Iterator[tuple[Path, str]]:
    """Every citation in a file's data, with its path."""
    return (
        (path, text)
        for path, text in _all_texts(data, ())
        if len(path) > 1 and path[-2] == "sources" and isinstance(path[-1], int)
    )


def scaffolds_are_filled_in(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A warning while texts of the scaffold are left; an entry may be tried out before it is complete."""
    for entry in catalog.entries:
        left = [
            path for path, text in _all_texts(entry.document.data, ()) if text.startswith("TODO")
        ]
        if left:
            message = (
                f"{len(left)} texts of {entry.id} still say TODO, this is the first; fill them in"
            )
            yield Problem(entry.document.at(*left[0]), message, "warning")


def _all_texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, child in value.items():
                yield from _all_texts(child, (*path, key))
        case list():
            for index, child in enumerate(value):
                yield from _all_texts(child, (*path, index))


def fix_rows_are_complete(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A row that says upgrade kube-proxy names the build, of its own release; the others name none."""
    for entry in catalog.entries:
        tke = entry.fixes.tke
        for index, row in enumerate(tke.rows if tke else ()):
            at = partial(entry.document.at, "fixes", "tke", "rows", index)
            if (row.action == "upgrade-kube-proxy") != (row.minimum is not None):
                message = "`minimum` names the build to upgrade to; give it with upgrade-kube-proxy and only there"
                yield Problem(at(), message)
            elif row.minimum and (row.sign != "=" or minor(row.minimum) != row.minor):
                yield Problem(at(), f"{row.minimum} is not a build of {row.cluster}")
            if tke and row.edition not in tke.sources:
                yield Problem(
                    at(),
                    f"the edition '{row.edition}' is none of the sources of the table; list it there",
                )


def what_decides_can_be_looked_at(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A setting says what is looked at, and which values hurt if it decides; a component is known by a pattern."""
    for entry in catalog.entries:
        for index, setting in enumerate(entry.fixes.settings):
            at = partial(entry.document.at, "fixes", "settings", index)
            if sum(key is not None for key in (setting.flag, setting.variable, setting.path)) != 1:
                yield Problem(
                    at(), "give one of `flag`, `variable` and `path`, which say what is looked at"
                )
            elif setting.path and (setting.value or setting.safe):
                yield Problem(
                    at(),
                    "a `path` is mounted or not; `value` and `safe` are for flags and variables",
                )
            elif setting.ends and not (setting.value or setting.path):
                yield Problem(at(), "`ends` needs the `value` that hurts")
        for index, wanted in enumerate(entry.fixes.components):
            try:
                compile_re2(wanted.match)
            except ValueError as error:
                where = entry.document.at("fixes", "components", index, "match")
                yield Problem(where, f"not an RE2 pattern: {error}")
        affected = entry.affected
        if affected.since and minor(affected.since) > minor(affected.versions.first):
            where = entry.document.at("affected", "since")
            yield Problem(
                where,
                f"{affected.since} is newer than {affected.versions.first}, where `versions` begins",
            )
        for index, row in enumerate(affected.other_os):
            if not entry.affected.os:
                yield Problem(
                    entry.document.at("affected", "other_os"),
                    "`other_os` needs the systems of `os`",
                )
            elif _release_numbers(row.first) > _release_numbers(row.last):
                where = entry.document.at("affected", "other_os", index)
                yield Problem(
                    where, f"{row.first} is newer than {row.last}; `from` is the oldest release"
                )


def _release_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
