"""Checks of the site profile."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import asdict

from generator.base import names
from generator.base.document import Path
from generator.base.durations import seconds
from generator.base.problems import Location, Problem
from generator.base.suggest import hint
from generator.catalog.model import Catalog
from generator.catalog.profile import Disabled, DisabledCheck, LogSource, Profile
from generator.fixes.known_builds import known_builds
from generator.query import promql
from generator.query.signature import compile_whole

_LARGEST_COUNT = 10**15  # beyond it a float cannot count
_ANY_ALERT: dict[str, Any] = {"for": "", "keep_firing_for": "", "severity": ""}


def settings_are_known(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Alerts, their settings and disabled ids exist, and values have the right type."""
    at = profile.document.at
    disabled = profile.disabled | {row.id for row in profile.lapsed}
    builds = _alerts_on_builds(catalog) if profile.alerts or disabled else []
    settings = _settings_of_alerts(catalog) | dict.fromkeys(builds, _ANY_ALERT)
    for name, changes in profile.alerts.items():
        if name not in settings:
            suggested = _suggested_alert(name, settings)
            yield Problem(at("alerts", name), f"there is no alert '{name}'{suggested}")
            continue
        for key, value in changes.items():
            message = _setting_problem_of(name, key, value, settings[name])
            if message:
                yield Problem(at("alerts", name, key), message)
    ids = [entry.id for entry in catalog.entries] + builds
    for key in sorted(disabled.difference(ids)):
        suggested = _suggested_alert(key, ids)
        yield Problem(at("disabled", key), f"there is no entry '{key}'{suggested}")


def _alerts_on_builds(catalog: Catalog) -> list[str]:
    return [names.known_build(entry.alert) for entry in catalog.entries if known_builds(entry)]


def _settings_of_alerts(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """The settings that each alert of the catalog has, with values of their types."""
    settings: dict[str, dict[str, Any]] = {}
    for entry in catalog.entries:
        for name in entry.log_alerts():
            settings[name] = {"threshold": 0, "range": "", **_ANY_ALERT}
        for alert in entry.metric_alerts:
            defaults = {key: parameter.default for key, parameter in alert.parameters.items()}
            settings[alert.name] = {**defaults, **_ANY_ALERT}
        if entry.heartbeat:
            settings[entry.alert] = {"severity": ""}
    return settings


def _setting_problem_of(
    alert: str, key: str, value: Any, settings: Mapping[str, Any]
) -> str | None:
    """What is wrong with a setting that a profile changes; `settings` are those that the alert has."""
    if key not in settings:
        return f"{alert} has no setting '{key}'; it has {', '.join(sorted(settings))}"
    if isinstance(settings[key], str):
        return _text_problem(key, value)
    if not isinstance(value, int | float) or not value >= 0:  # as NaN is not
        return f"{key} must be a number, 0 or more"
    if value > _LARGEST_COUNT:
        return f"{key} must be a number, 0 or more, and not larger than 10^15"
    return None


def _text_problem(key: str, value: Any) -> str | None:
    """What is wrong with a setting that is text: a duration, or the severity, which the schema knows."""
    if not isinstance(value, str):
        return f"{key} must be text such as 10m"
    if key == "severity":
        return None
    if not _is_duration(value):
        return f"{key}: '{value}' is not a duration such as 90s, 10m or 1h30m"
    if key not in _ANY_ALERT and seconds(value) == 0:
        return f"{key} must be longer than 0"
    return None


def disabled_ones_have_an_end(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A warning once the day is over until which something is disabled: its alerts are back."""
    data = profile.document.data or {}
    for row in data.get("disabled", ()):
        if isinstance(row, dict) and "until" in row and not _is_day(row["until"]):
            where = profile.document.at("disabled", row["id"])
            yield Problem(where, f"until: there is no day {row['until']}")
    for lapsed in profile.lapsed:
        if lapsed.until and _is_day(lapsed.until):
            yield Problem(
                profile.document.at("disabled", lapsed.id),
                f"{_back(lapsed.id, lapsed)}; take the row out, or name a later day",
                "warning",
            )


def disabled_checks_have_an_end(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Disabled checks are of entries that exist; a warning once their day is over: they are back."""
    ids = [entry.id for entry in catalog.entries]
    for disabled in (*profile.disabled_checks, *profile.lapsed_checks):
        where = profile.document.at("disabled_checks", disabled.check)
        for key in disabled.of:
            if key not in ids:
                yield Problem(where, f"of: there is no entry '{key}'{_suggested_alert(key, ids)}")
        if disabled.until and not _is_day(disabled.until):
            yield Problem(where, f"until: there is no day {disabled.until}")
        elif disabled in profile.lapsed_checks:
            yield Problem(
                where,
                f"{_back(disabled.check, disabled)}; take it out, or name a later day",
                "warning",
            )


def _back(name: str, row: Disabled | DisabledCheck) -> str:
    return f"{name} was disabled until {row.until} ({row.reason}) and is back"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def annotations_are_free(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Extra annotations do not take the place of the alert's own, and are templates that end."""
    for path, annotations in _extra_annotations(profile):
        for key, text in annotations.items():
            where = profile.document.at(*path, key)
            if key in names.ANNOTATIONS:
                yield Problem(
                    where, f"alerts have an annotation '{key}' already; choose another name"
                )
            elif text.count("{{") != text.count("}}"):
                yield Problem(where, f"{key}: a template that begins with {{{{ ends with }}}}")


def _extra_annotations(profile: Profile) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Those of all alerts and those of one, and where they stand in the profile."""
    yield ("annotations",), profile.annotations
    for name, annotations in profile.alert_annotations.items():
        yield ("alerts", name, "annotations"), annotations


def _is_duration(text: str) -> bool:
    try:
        return seconds(text) >= 0
    except ValueError:
        return False


def _suggested_alert(word: str, known: Iterable[str]) -> str:
    return f"; {hint(word, known, '`kube-proxy-alerts list` shows them')}"


def selectors_pin_kube_proxy(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Selectors are selectors, and the log selector cannot select Loki's own log, which quotes every rule."""
    for path, selector in _profile_selectors(profile):
        at = partial(profile.document.at, *path)
        try:
            matchers = promql.matchers(selector)
            for matcher in matchers:
                _searched_pattern(matcher)
        except ValueError as error:
            yield Problem(
                at(),
                f'{selector!r} is not a selector such as {{container="kube-proxy"}}: {error}',
            )
            continue
        if path[0] != "loki":
            continue
        if not promql.is_of_loki(selector):
            yield Problem(
                at(),
                f"{selector} is not a selector that Loki reads: each text in double quotes, no comma at the end",
            )
        elif not any(_refuses(matcher, "loki") for matcher in matchers):
            program = "the kernel" if "kernel" in path else "kube-proxy"
            yield Problem(
                at(),
                f"{selector} selects Loki's own log, which quotes these rules and would fire them; "
                f"name {program}'s streams",
            )


def _profile_selectors(profile: Profile) -> Iterable[tuple[Path, str]]:
    """The selectors of a profile, and where each stands in it."""
    for path, source in _log_sources(profile):
        yield (*path, "selector"), source.selector
    yield ("prometheus", "selector"), profile.prometheus.selector
    yield ("prometheus", "container_selector"), profile.prometheus.container_selector
    yield ("prometheus", "node_selector"), profile.prometheus.node_selector


def _log_sources(profile: Profile) -> Iterable[tuple[Path, LogSource]]:
    loki = profile.loki
    yield ("loki",), LogSource(loki.selector, loki.labels)
    if loki.kernel:
        yield ("loki", "kernel"), loki.kernel


def labels_are_no_words_of_loki(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Loki takes no label whose name is a word of its language."""
    at = profile.document.at
    for path, source in _log_sources(profile):
        try:
            selected = [matcher.name for matcher in promql.matchers(source.selector)]
        except ValueError:
            selected = []  # reported by selectors_pin_kube_proxy
        for name in selected:
            yield from _word_of_loki(at(*path, "selector"), name)
        for key, label in asdict(source.labels).items():
            yield from _word_of_loki(at(*path, "labels", key), label or "")


def _word_of_loki(where: Location, name: str) -> Iterable[Problem]:
    if name.lower() in promql.LOKI_WORDS:
        yield Problem(
            where, f"'{name}' is a word of LogQL and names no label; let the collector rename it"
        )


def _searched_pattern(matcher: Any) -> Any:
    """What a matcher with a pattern searches for, None for others. Raises ValueError if RE2 refuses it."""
    if _operator(matcher) in ("Equal", "NotEqual"):
        return None
    return compile_whole(matcher.value)


def _operator(matcher: Any) -> str:
    return str(matcher.op).rpartition(".")[2]


def _refuses(matcher: Any, value: str) -> bool:
    """Whether a stream whose labels all have this value is kept out by the matcher."""
    pattern = _searched_pattern(matcher)
    if pattern is None:
        is_it = matcher.value == value
    else:
        is_it = pattern.search(value) is not None
    wants_it = _operator(matcher) in ("Equal", "Re")
    return bool(is_it != wants_it)


def intervals_are_positive(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Rules are evaluated every so often, not all the time."""
    durations = (
        ("loki", "interval", profile.loki.interval),
        ("loki", "range", profile.loki.range),
        ("loki", "ingest_delay", profile.loki.ingest_delay),
        ("loki", "keep_firing_for", profile.loki.keep_firing_for),
        ("prometheus", "interval", profile.prometheus.interval),
        ("prometheus", "keep_firing_for", profile.prometheus.keep_firing_for),
        ("prometheus", "query_offset", profile.prometheus.query_offset),
    )
    for section, key, text in durations:
        where = profile.document.at(section, key)
        if not _is_duration(text):
            yield Problem(
                where, f"{key}: '{text}' is longer than a ruler can count; 100 years are the most"
            )
        elif key == "interval" and seconds(text) == 0:
            yield Problem(where, "the interval must be longer than 0")


def clusters_are_told_apart(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Where clusters are named, logs and metrics have a label that says which one they are of."""
    if not profile.clusters:
        return
    labels = [(path, source.labels.cluster) for path, source in _log_sources(profile)]
    labels.append((("prometheus",), profile.prometheus.labels.cluster))
    for path, cluster in labels:
        if cluster is None:
            section = ".".join(map(str, path))
            yield Problem(
                profile.document.at(*path, "labels", "cluster"),
                f"`clusters` names clusters, and no label of {section} tells them apart; "
                "name it here and let the collector set it",
            )


def labels_are_free(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Extra labels do not take the place of the alert's own."""
    own = {"alertname", "failure", "severity"}
    if profile.clusters:
        clusters = (profile.loki.labels.cluster, profile.prometheus.labels.cluster)
        own.update(label for label in clusters if label)
    for key in profile.labels:
        if key in own:
            yield Problem(
                profile.document.at("labels", key),
                f"every alert has a label '{key}' already; choose another name",
            )


def runbooks_have_a_home(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A warning while runbook links lead to an address that is for examples, as the default one is."""
    base_url = profile.runbooks.base_url
    where = profile.document.at("runbooks", "base_url")
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError as error:
        yield Problem(where, f"{base_url} is no address: {error}")
        return
    if host == "example.com" or host.endswith((".example.com", ".example")):
        yield Problem(
            where,
            f"runbook links lead to {base_url}, and names in example.com and .example are for examples only; "
            "set `runbooks: {base_url: …}` in a profile to where output/runbooks is published",
            "warning",
        )
