"""Alertmanager: who is told, what belongs together, and which symptom is held back while its cause fires."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

from generator.base.file import File, yaml_file
from generator.base.names import GENERATED
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Inhibition, Rules

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
# them, a repeated one for an answer. Alertmanager forgets after 120 hours, by default, that it has told of an alert, so
# no interval is longer.
_TIMING: Mapping[str, Mapping[str, str]] = {
    "watchdog": {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "5m"},
    "critical": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"},
    "warning": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "24h"},
    "info": {"group_wait": "1m", "group_interval": "30m", "repeat_interval": "5d"},
}


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    route, inhibitions = _route(rules, profile), [_inhibition(one) for one in rules.inhibitions]
    whole = {
        "global": {"resolve_timeout": "5m"},
        "templates": [_TEMPLATES],
        "route": {"receiver": profile.receivers.info, "routes": [route]},
        "receivers": _receivers(profile),
        "inhibit_rules": inhibitions,
    }
    fragment = {"route": {"routes": [route]}, "inhibit_rules": inhibitions}
    template = resources.files(__package__).joinpath(_TEMPLATES).read_text(encoding="utf-8")
    template = template.replace("CLUSTER", _cluster(profile) or "cluster")
    return [
        yaml_file(f"{_FOLDER}/kube-proxy.alertmanager.yaml", whole, _CONFIG_NOTE),
        yaml_file(f"{_FOLDER}/kube-proxy.fragment.yaml", fragment, _FRAGMENT_NOTE),
        File(
            f"{_FOLDER}/{_TEMPLATES}",
            f"{{{{/* {GENERATED} */}}}}\n{template}",
        ),
    ]


def _cluster(profile: Profile) -> str | None:
    """The label of the cluster on all alerts: those on logs carry it under the name that the metrics have for it."""
    return profile.prometheus.labels.cluster or profile.loki.labels.cluster


def _route(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """One route for all alerts of the catalog; below it the watchdogs', and one for each severity in use."""
    receivers = asdict(profile.receivers)
    watchdogs = [alert.rule.alert for alert in rules.alerts if alert.urgency == "watchdog"]
    urgencies = {alert.urgency for alert in rules.alerts}
    cluster = _cluster(profile)
    return {
        "matchers": [_one_of("alertname", [alert.rule.alert for alert in rules.alerts])],
        "receiver": profile.receivers.info,
        "group_by": ["alertname", cluster] if cluster else ["alertname"],
        "routes": [
            {
                "matchers": [
                    _one_of("alertname", watchdogs)
                    if urgency == "watchdog"
                    else f'severity="{urgency}"'
                ],
                "receiver": receivers[urgency],
                **timing,
            }
            for urgency, timing in _TIMING.items()
            if urgency in urgencies
        ],
    }


def _inhibition(one: Inhibition) -> Mapping[str, Any]:
    """While a cause fires, its symptoms at the same kube-proxy are held back; two that name no place are not at one."""
    somewhere = [f'{one.place.key}!=""'] if one.place.key else []
    return {
        "source_matchers": [_one_of("alertname", [one.cause]), *somewhere],
        "target_matchers": [_one_of("alertname", one.symptoms)],
        "equal": list(one.place.equal),
    }


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


def _one_of(label: str, values: Sequence[str]) -> str:
    return f'{label}="{values[0]}"' if len(values) == 1 else f'{label}=~"{"|".join(values)}"'
