"""Alertmanager: who is told, what belongs together, and which symptom is held back while its cause fires."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from msgspec.structs import asdict

from generator.base.file import File, yaml_file
from generator.base.names import GENERATED
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Inhibition, Rules

_ALERTMANAGER_FOLDER = "alertmanager"
_TEMPLATE_FILE = "kube-proxy.tmpl"
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


Channel = Callable[[str, str], Mapping[str, Any]]  # by urgency and name of the receiver


@dataclass(frozen=True)
class Matcher:
    """A condition on one label of an alert; `type` is =, != or =~."""

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f'{self.name}{self.type}"{self.value}"'


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    route = with_matchers(routing(rules, profile), str)
    inhibitions = [with_matchers(inhibition(held), str) for held in rules.inhibitions]
    whole = {
        "global": {"resolve_timeout": "5m"},
        "templates": [_TEMPLATE_FILE],
        "route": {"receiver": profile.alertmanager.receivers.info, "routes": [route]},
        "receivers": receivers(profile, _channel),
        "inhibit_rules": inhibitions,
    }
    fragment = {"route": {"routes": [route]}, "inhibit_rules": inhibitions}
    return [
        yaml_file(f"{_ALERTMANAGER_FOLDER}/kube-proxy.alertmanager.yaml", whole, _CONFIG_NOTE),
        yaml_file(f"{_ALERTMANAGER_FOLDER}/kube-proxy.fragment.yaml", fragment, _FRAGMENT_NOTE),
        File(
            f"{_ALERTMANAGER_FOLDER}/{_TEMPLATE_FILE}",
            f"{{{{/* {GENERATED} */}}}}\n{template(profile)}",
        ),
    ]


def template(profile: Profile) -> str:
    """The texts for a chat: definitions with an empty line between them."""
    text = resources.files(__package__).joinpath(_TEMPLATE_FILE).read_text(encoding="utf-8")
    return text.replace("CLUSTER", _cluster(profile) or "cluster")


def with_matchers(
    value: Any, matcher: Callable[[Matcher], Any], fields: Mapping[str, str] | None = None
) -> Any:
    """Data with its matchers written so, and with other names for some of its fields."""
    if isinstance(value, Matcher):
        return matcher(value)
    if isinstance(value, dict):
        names = fields or {}
        renamed = {}
        for key, part in value.items():
            name = names.get(key, key)
            renamed[name] = with_matchers(part, matcher, fields)
        return renamed
    if isinstance(value, list):
        return [with_matchers(part, matcher, fields) for part in value]
    return value


def _cluster(profile: Profile) -> str | None:
    """The label of the cluster on all alerts: those on logs carry it under the name that the metrics have for it."""
    return profile.prometheus.labels.cluster or profile.loki.labels.cluster


def routing(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """One route for all alerts of the catalog; below it the watchdogs', and one for each severity in use."""
    receiver_of = asdict(profile.alertmanager.receivers)
    alerts_of: dict[str, list[str]] = {}  # by urgency
    for alert in rules.alerts:
        of_the_same = alerts_of.setdefault(alert.urgency, [])
        of_the_same.append(alert.rule.alert)
    routes = []
    for urgency, timing in _TIMING.items():
        if urgency not in alerts_of:
            continue
        matcher = Matcher("severity", "=", urgency)
        if urgency == "watchdog":
            matcher = _matcher_of("alertname", alerts_of["watchdog"])
        receiver = receiver_of[urgency]
        routes.append({"matchers": [matcher], "receiver": receiver, **timing})
    cluster = _cluster(profile)
    return {
        "matchers": [_matcher_of("alertname", [alert.rule.alert for alert in rules.alerts])],
        "receiver": profile.alertmanager.receivers.info,
        "group_by": ["alertname", cluster] if cluster else ["alertname"],
        "routes": routes,
    }


def inhibition(held: Inhibition) -> Mapping[str, Any]:
    """While a cause fires, its symptoms at the same kube-proxy are held back; two that name no place are not at one."""
    sources = [_matcher_of("alertname", [held.cause])]
    if held.place.key:
        sources.append(Matcher(held.place.key, "!=", ""))
    return {
        "source_matchers": sources,
        "target_matchers": [_matcher_of("alertname", held.symptoms)],
        "equal": list(held.place.equal),
    }


def receivers(profile: Profile, channel: Channel) -> list[Mapping[str, Any]]:
    """What a site begins with; sites that name one receiver twice get it once."""
    by_name: dict[str, Mapping[str, Any]] = {}
    for urgency, name in asdict(profile.alertmanager.receivers).items():
        if name not in by_name:
            by_name[name] = {"name": name, **channel(urgency, name)}
    return list(by_name.values())


def _channel(urgency: str, name: str) -> Mapping[str, Any]:
    address = f"{_SECRETS}/{name}"
    if urgency == "watchdog":
        return {"webhook_configs": [{"url_file": address, "send_resolved": False}]}
    slack = {
        "api_url_file": address,
        "send_resolved": True,
        "title": '{{ template "kube_proxy.title" . }}',
        "title_link": '{{ template "kube_proxy.link" . }}',
        "text": '{{ template "kube_proxy.text" . }}',
    }
    return {"slack_configs": [slack]}


def _matcher_of(label: str, values: Sequence[str]) -> Matcher:
    if len(values) == 1:
        return Matcher(label, "=", values[0])
    return Matcher(label, "=~", "|".join(values))
