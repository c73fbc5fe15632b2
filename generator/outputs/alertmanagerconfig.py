"""Routes, receivers and inhibitions as the object that the Prometheus operator gives to an Alertmanager."""

import re
from collections.abc import Mapping
from typing import Any

from generator.base.file import File, yaml_file
from generator.base.names import TOOL
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.outputs import alertmanager
from generator.outputs.objects import manifest

_SECRET_OBJECT = f"{TOOL}-receivers"
_NOTE = f"""\
For the Prometheus operator; an Alertmanager takes it by its alertmanagerConfigSelector and
alertmanagerConfigNamespaceSelector.
The operator adds namespace="<that of this object>" to the route and to every inhibition, unless it is told otherwise.
The watchdogs and the alerts on a node or a cluster have no such label, the others that of kube-proxy's Pods, so nobody
would be told of them. Set in the Alertmanager (alertmanager.alertmanagerSpec of kube-prometheus-stack)
  alertmanagerConfigMatcherStrategy: {{type: None}}
or, where this object is in the namespace of the Alertmanager, type: OnNamespaceExceptForAlertmanagerNamespace.
The addresses come from a Secret of this namespace, without which the operator refuses the object:
  kubectl -n NAMESPACE create secret generic {_SECRET_OBJECT} --from-literal=KEY=https://…
with the keys that `receivers` names. v1alpha1 is what the operator serves; v1beta1 needs its conversion webhook."""
_FIELDS = {
    "group_by": "groupBy",
    "group_wait": "groupWait",
    "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
    "source_matchers": "sourceMatch",
    "target_matchers": "targetMatch",
}


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    spec = {
        "route": _as_object(alertmanager.routing(rules, profile)),
        "receivers": _receivers(profile),
        "inhibitRules": [_as_object(alertmanager.inhibition(one)) for one in rules.inhibitions],
    }
    found = manifest(
        "monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", profile, {"spec": spec}
    )
    return [yaml_file("kubernetes/alertmanager.alertmanagerconfig.yaml", found, _NOTE)]


def _as_object(value: Any) -> Any:
    """What a configuration of Alertmanager says, in the fields of the object."""
    return alertmanager.with_matchers(value, _matcher, _FIELDS)


def _matcher(one: alertmanager.Matcher) -> Mapping[str, str]:
    return {"name": one.name, "value": one.value, "matchType": one.type}


def _receivers(profile: Profile) -> list[Mapping[str, Any]]:
    texts = _chat_texts(profile)

    def channel(urgency: str, _: str) -> Mapping[str, Any]:
        address = {"name": _SECRET_OBJECT, "key": urgency}
        if urgency == "watchdog":
            return {"webhookConfigs": [{"urlSecret": address, "sendResolved": False}]}
        return {"slackConfigs": [{"apiURL": address, "sendResolved": True, **texts}]}

    return alertmanager.receivers(profile, channel)


def _chat_texts(profile: Profile) -> Mapping[str, str]:
    """The texts for a chat, written out: an object can bring no file of templates."""
    blocks = alertmanager.template(profile).strip().split("\n\n")
    defined = {name: (block, body) for block in blocks for name, body in [_definition(block)]}
    return {
        "title": defined["title"][1],
        "titleLink": defined["link"][1],
        "text": defined["list"][0] + defined["text"][1],
    }


def _definition(block: str) -> tuple[str, str]:
    found = re.fullmatch(r'{{ define "kube_proxy\.(\w+)" }}(.*){{ end }}', block, re.DOTALL)
    assert found, "each part of the templates is one definition"  # noqa: S101
    return found[1], found[2]
