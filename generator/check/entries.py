"""Checks of entries as such: names, kinds, references, sources."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from generator.base import names
from generator.base.document import Path
from generator.base.problems import Problem
from generator.catalog import meeting_places
from generator.catalog.model import Catalog, Entry, Setting, TkeFix
from generator.catalog.profile import Profile
from generator.catalog.releases import minor
from generator.fixes.known_builds import known_builds
from generator.fixes.tables import decided_by_version
from generator.query.signature import compile_re2


def names_are_unique(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """No two alerts and no two recording rules share a name; a further alert adds a word to its entry's name."""
    seen: dict[str, tuple[Entry, Path]] = {}
    for entry in catalog.entries:
        for name, path in _further_alerts(entry):
            if not name.startswith(entry.alert):
                where = entry.document.at(*path)
                yield Problem(where, f"'{name}' must be '{entry.alert}' with a word added")
        for name, path in _names_given(entry):
            at = partial(entry.document.at, *path)
            if name in seen:
                holder, taken = seen[name]
                first = holder.document.at(*taken)
                yield Problem(at(), f"the name '{name}' is taken by {first}; choose another")
            if name == names.BUILD_RECORD:
                message = f"the name '{name}' is that of the versions; choose another"
                yield Problem(at(), message)
            seen.setdefault(name, (entry, path))


def _further_alerts(entry: Entry) -> Iterator[tuple[str, Path]]:
    """The names that an entry itself gives to alerts, with their places."""
    for index, alert in enumerate(entry.metric_alerts):
        yield alert.name, ("signals", "metrics", "alerts", index, "alert")
    if entry.milder:
        yield entry.milder.alert, ("signals", "logs", "milder", "alert")


def _names_given(entry: Entry) -> Iterator[tuple[str, Path]]:
    """The names of all rules of an entry, with their places."""
    if all(alert.name != entry.alert for alert in entry.metric_alerts):
        yield entry.alert, ("alert",)
    yield from _further_alerts(entry)
    if decided_by_version(entry):
        yield names.known_build(entry.alert), ("alert",)
    for index, record in enumerate(entry.records):
        yield record.name, ("signals", "metrics", "records", index, "record")


def signals_fit_the_kind(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Each entry has one alert of its own name and samples for it, or is known by its builds; its kind fits, and its
    status has a reason.
    """
    for entry in catalog.entries:
        at = entry.document.at
        is_watchdog = entry.kind == "watchdog"
        if is_watchdog != (entry.heartbeat is not None):
            message = "a watchdog has `signals: {heartbeat: …}`, and only a watchdog has it"
            yield Problem(at("kind"), message)
        if entry.by_builds_alone and not known_builds(entry):
            yield Problem(
                at(),
                f"nothing gives {entry.alert}: give `signals`, or `fixes` that say which builds have it",
            )
        if not entry.by_builds_alone and _signals_of_its_name(entry) != 1:
            yield Problem(
                at("signals"),
                f"one signal, and only one, gives {entry.alert}: logs, heartbeat, or a metric alert of that name",
            )
        if entry.status != "stable" and not entry.status_reason:
            yield Problem(at("status"), f"status {entry.status} needs a `status_reason`")
        if entry.logs and not any(sample.fires for sample in entry.samples):
            message = "no sample proves this signal; add a file under samples/fires/"
            yield Problem(at("signals", "logs"), message)


def _signals_of_its_name(entry: Entry) -> int:
    """How many signals give the alert that is called as the entry says."""
    count = [alert.name for alert in entry.metric_alerts].count(entry.alert)
    if entry.logs:
        count += 1
    if entry.heartbeat:
        count += 1
    return count


def what_is_milder_is_less_grave(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Lines have an alert of their own because they are less grave than the entry's others."""
    for entry in catalog.entries:
        if entry.milder and meeting_places.as_grave(
            entry.milder.severity.level, entry.severity.level
        ):
            where = entry.document.at("signals", "logs", "milder", "severity")
            message = (
                f"{entry.milder.alert} is {entry.milder.severity.level} and its entry {entry.severity.level}; "
                "it must be less grave, or its lines need no alert of their own"
            )
            yield Problem(where, message)


def references_exist(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Related entries exist, and what is inhibited or explained is a symptom, or a failure as metrics show it."""
    known = {entry.id: entry for entry in catalog.entries}
    for entry in catalog.entries:
        for index, related in enumerate(entry.related):
            if related.id not in known or related.id == entry.id:
                where = entry.document.at("related", index, "id")
                yield Problem(where, f"there is no other entry '{related.id}'")
        for field, keys in (("inhibits", entry.inhibits), ("explains", entry.explains)):
            for index, key in enumerate(keys):
                at = partial(entry.document.at, field, index)
                if key == entry.id or not _is_seen_in_metrics(known.get(key)):
                    yield Problem(
                        at(),
                        f"'{key}' is not another entry of kind symptom, or with alerts on metrics",
                    )
                elif field == "explains" and key in entry.inhibits:
                    yield Problem(at(), f"'{key}' stands under `inhibits:` too; name it once")


def _is_seen_in_metrics(entry: Entry | None) -> bool:
    if entry is None:
        return False
    return entry.kind == "symptom" or bool(entry.metric_alerts)


def sources_are_cited(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Statements name sources that exist, and every source is named by a statement."""
    for entry in catalog.entries:
        known = entry.sources.keys()
        cited = list(_cited(entry.document.data))
        for path, key in cited:
            if key not in known:
                where = entry.document.at(*path)
                yield Problem(where, f"there is no source '{key}'; add it under `sources:`")
        idle = known - {key for _, key in cited}
        for key in sorted(idle):
            where = entry.document.at("sources", key)
            yield Problem(where, f"no statement cites the source '{key}'; cite it or remove it")


def _cited(data: Any) -> Iterator[tuple[Path, str]]:
    """Every citation in a file's data, with its path."""
    for path, text in _all_texts(data, ()):
        match path:
            case (*_, "sources", int()):
                yield path, text


def scaffolds_are_filled_in(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A warning while texts of the scaffold are left; an entry may be tried out before it is complete."""
    for entry in catalog.entries:
        texts = _all_texts(entry.document.data, ())
        left = [path for path, text in texts if text.startswith("TODO")]
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
        table = entry.fixes.tke
        if table is None:
            continue
        for index, row in enumerate(table.rows):
            at = partial(entry.document.at, "fixes", "tke", "rows", index)
            needs_build = row.action == "upgrade-kube-proxy"
            if needs_build != (row.minimum is not None):
                message = "`minimum` names the build to upgrade to; give it with upgrade-kube-proxy and only there"
                yield Problem(at(), message)
            elif row.minimum and not _is_of_its_release(row.minimum, row):
                yield Problem(at(), f"{row.minimum} is not a build of {row.cluster}")
            if table.edition_of(row) not in table.sources:
                yield Problem(
                    at(),
                    f"the edition '{row.edition}' is none of the sources of the table; list it there",
                )


def _is_of_its_release(build: str, row: TkeFix) -> bool:
    """Whether a build is of the release that a row is about; a row about several has none."""
    return row.sign == "=" and minor(build) == row.minor


def what_decides_can_be_looked_at(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A setting says what is looked at, and which values hurt if it decides; a component is known by a pattern."""
    for entry in catalog.entries:
        for index, setting in enumerate(entry.fixes.settings):
            message = _setting_problem(setting)
            if message:
                yield Problem(entry.document.at("fixes", "settings", index), message)
        for index, wanted in enumerate(entry.fixes.components):
            try:
                compile_re2(wanted.match)
            except ValueError as error:
                where = entry.document.at("fixes", "components", index, "match")
                yield Problem(where, f"not an RE2 pattern: {error}")
        yield from _releases_out_of_order(entry)


def _setting_problem(setting: Setting) -> str | None:
    keys = (setting.flag, setting.variable, setting.path)
    given = [key for key in keys if key is not None]
    if len(given) != 1:
        return "give one of `flag`, `variable` and `path`, which say what is looked at"
    if setting.path and (setting.value or setting.safe):
        return "a `path` is mounted or not; `value` and `safe` are for flags and variables"
    if setting.ends and not setting.value and not setting.path:
        return "`ends` needs the `value` that hurts"
    return None


def _releases_out_of_order(entry: Entry) -> Iterator[Problem]:
    """Of what is said of affected releases and systems."""
    at = entry.document.at
    affected = entry.affected
    first = affected.versions.first
    if affected.since and minor(affected.since) > minor(first):
        message = f"{affected.since} is newer than {first}, where `versions` begins"
        yield Problem(at("affected", "since"), message)
    for index, row in enumerate(affected.other_os):
        if not affected.os:
            yield Problem(at("affected", "other_os"), "`other_os` needs the systems of `os`")
        elif _release_numbers(row.first) > _release_numbers(row.last):
            message = f"{row.first} is newer than {row.last}; `from` is the oldest release"
            yield Problem(at("affected", "other_os", index), message)


def _release_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
