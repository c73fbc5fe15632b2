"""Alertmanager: who is told, what belongs together, and which symptom is held back while its cause fires."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any

from generator.file import File, yaml_file
from generator.model import Catalog, Profile
from generator.names import GENERATED
from generator.rules import Rules

_FOLDER = "alertmanager"
_TEMPLATES = "kube-proxy.tmpl"
_SECRETS = "/etc/alertmanager/secrets"
_CONFIG_NOTE = f"""\
A complete configuration to begin with, for Alertmanager 0.26 or later. Each receiver reads its address from a file in
{_SECRETS}; put the Slack-compatible webhook of the channel there, or replace the receiver."""
_FRAGMENT_NOTE = """\
To merge into a configuration that is there: the entry of `routes` goes into those of your top route, before any that
matches everything; `inhibit_rules` are added to yours; the receivers are those that the profile names."""
# In the order of the routes. A first notification waits for the other nodes with the failure, a later one for news of
# them, a repeated one for an answer.
_TIMING: Mapping[str, Mapping[str, str]] = {
    "watchdog": {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "5m"},
    "critical": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"},
    "warning": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "24h"},
    "info": {"group_wait": "1m", "group_interval": "30m", "repeat_interval": "7d"},
}


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    route, inhibitions = _route(rules, profile), list(_inhibitions(rules, catalog, profile))
    whole = {
        "global": {"resolve_timeout": "5m"},
        "templates": [_TEMPLATES],
        "route": {"receiver": profile.receivers.info, "routes": [route]},
        "receivers": _receivers(profile),
        "inhibit_rules": inhibitions,
    }
    fragment = {"route": {"routes": [route]}, "inhibit_rules": inhibitions}
    template = resources.files(__package__).joinpath(_TEMPLATES).read_text(encoding="utf-8")
    cluster = profile.prometheus.labels.cluster or profile.loki.labels.cluster or "cluster"
    return [
        yaml_file(f"{_FOLDER}/kube-proxy.alertmanager.yaml", whole, _CONFIG_NOTE),
        yaml_file(f"{_FOLDER}/kube-proxy.fragment.yaml", fragment, _FRAGMENT_NOTE),
        File(f"{_FOLDER}/{_TEMPLATES}", f"{{{{/* {GENERATED} */}}}}\n{template.replace('CLUSTER', cluster)}"),
    ]


def _route(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """One route for all alerts of the catalog; below it the watchdogs', and one for each severity in use."""
    receivers = asdict(profile.receivers)
    watchdogs = [alert.rule.alert for alert in rules.alerts if alert.urgency == "watchdog"]
    urgencies = {alert.urgency for alert in rules.alerts}
    clusters = [label for label in (profile.loki.labels.cluster, profile.prometheus.labels.cluster) if label]
    return {
        "matchers": [_one_of("alertname", [alert.rule.alert for alert in rules.alerts])],
        "receiver": profile.receivers.info,
        "group_by": ["alertname", *dict.fromkeys(clusters)],
        "routes": [
            {
                "matchers": [_one_of("alertname", watchdogs) if urgency == "watchdog" else f'severity="{urgency}"'],
                "receiver": receivers[urgency],
                **timing,
            }
            for urgency, timing in _TIMING.items()
            if urgency in urgencies
        ],
    }


def _inhibitions(rules: Rules, catalog: Catalog, profile: Profile) -> Iterator[Mapping[str, Any]]:
    """While a cause fires, its symptoms at the same kube-proxy are held back."""
    engines: dict[str, set[str]] = {}
    known_builds: dict[str, str] = {}
    for alert in rules.alerts:
        if alert.known_build:
            known_builds[alert.entry.id] = alert.rule.alert
        else:
            engines.setdefault(alert.entry.id, set()).add(alert.engine)
    for cause in catalog.entries:
        targets: dict[tuple[str, ...], list[str]] = {}
        for symptom in cause.inhibits:
            if cause.id in engines and symptom in engines:
                equal = _same(engines[cause.id] | engines[symptom], profile)
                if equal:
                    targets.setdefault(equal, []).append(symptom)
        # That a failure can happen explains no symptom.
        not_yet = [f'alertname!="{known_builds[cause.id]}"'] if cause.id in known_builds else []
        for equal, symptoms in targets.items():
            yield {
                "source_matchers": [_one_of("failure", [cause.id]), *not_yet],
                "target_matchers": [_one_of("failure", symptoms)],
                "equal": list(equal),
            }


def _same(engines: set[str], profile: Profile) -> tuple[str, ...]:
    """The labels by which two alerts are known to be about one kube-proxy; none if nothing tells.

    Alerts of two engines have labels of the same name only where the site names them so.
    """
    loki, prometheus = profile.loki.labels, profile.prometheus.labels
    kinds = ("cluster", "namespace", "pod", "node")
    pairs = {kind: (getattr(loki, kind), getattr(prometheus, kind)) for kind in kinds}
    if engines == {"loki"}:
        shared = {kind: name for kind, (name, _) in pairs.items() if name}
    elif engines == {"prometheus"}:
        shared = {kind: name for kind, (_, name) in pairs.items() if name} | {"instance": prometheus.instance}
    else:
        shared = {kind: one for kind, (one, other) in pairs.items() if one and one == other}
    return tuple(shared.values()) if shared.keys() & {"pod", "node", "instance"} else ()


def _receivers(profile: Profile) -> list[Mapping[str, Any]]:
    """What a site begins with; sites that name one receiver twice get it once."""
    found: dict[str, Mapping[str, Any]] = {}
    for urgency, name in asdict(profile.receivers).items():
        if urgency == "watchdog":
            channel: Mapping[str, Any] = {
                "webhook_configs": [{"url_file": f"{_SECRETS}/{name}", "send_resolved": False}]
            }
        else:
            channel = {
                "slack_configs": [
                    {
                        "api_url_file": f"{_SECRETS}/{name}",
                        "send_resolved": True,
                        "title": '{{ template "kube_proxy.title" . }}',
                        "title_link": '{{ template "kube_proxy.link" . }}',
                        "text": '{{ template "kube_proxy.text" . }}',
                    }
                ]
            }
        found.setdefault(name, {"name": name, **channel})
    return list(found.values())


def _one_of(label: str, values: list[str]) -> str:
    return f'{label}="{values[0]}"' if len(values) == 1 else f'{label}=~"{"|".join(values)}"'
