"""What the alert of a symptom says of the causes that may be behind it."""

from collections.abc import Iterable, Sequence

from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import CompiledAlert, Inhibition

_QUERIES = "{{ $own :="


def with_causes(
    alert: CompiledAlert,
    alerts: Sequence[CompiledAlert],
    inhibitions: Sequence[Inhibition],
    catalog: Catalog,
    profile: Profile,
) -> CompiledAlert:
    """A symptom's description names what may be behind it: alerts that come beside it, and known builds."""
    if alert.known_build:
        return alert
    behind = {cause.id for cause in catalog.causes.get(alert.entry.id, ())}
    causes = [other for other in alerts if other.entry.id in behind]
    builds = [cause.rule.alert for cause in causes if cause.known_build]
    beside = _causes_beside(alert, causes, inhibitions)
    description = alert.rule.annotations["description"]
    if beside:
        description += _behind(beside)
    if builds and alert.engine == "prometheus":
        description += _known_causes(builds, profile)
    return alert.saying({"description": description})


def _causes_beside(
    alert: CompiledAlert, causes: Iterable[CompiledAlert], inhibitions: Iterable[Inhibition]
) -> list[str]:
    """The causes' alerts that fire beside this one without holding it back, and that its first step does not name."""
    symptom = alert.rule.alert
    holding_back = {held.cause for held in inhibitions if symptom in held.symptoms}
    beside = []
    for cause in causes:
        name = cause.rule.alert
        if cause.known_build or cause.of_cluster or cause.milder:
            continue
        if name not in holding_back and name not in alert.entry.first_step:
            beside.append(name)
    return beside


def _behind(causes: Sequence[str]) -> str:
    """A sentence for who is woken: Alertmanager knows of these alerts, a template of the ruler does not."""
    *others, last = causes
    alternatives = f"{', '.join(others)} or {last}" if others else last
    return f" If {alternatives} fires there too, it names the cause."


def _known_causes(causes: Sequence[str], profile: Profile) -> str:
    """A Go template that names the causes which this kube-proxy's build is known for, and where they are fixed.

    It asks for the alerts on known builds that are active at this kube-proxy: the alert is the same without any.
    """
    labels = profile.prometheus.labels
    instance = labels.instance
    cluster = labels.cluster
    own = labels.pod or instance
    matchers = f'alertname=~"{"|".join(causes)}",%s'
    arguments = "$own"
    if cluster:
        matchers += f",{cluster}=%q"
        arguments += f" $labels.{cluster}"
    query = f"query (printf `ALERTS{{{matchers}}}` {arguments})"
    return (
        f'{_QUERIES} printf "{own}=%q" $labels.{own} }}}}'
        f'{{{{ with $labels.{instance} }}}}{{{{ $own = printf "{instance}=%q" . }}}}{{{{ end }}}}'
        f'{{{{ range {query} | sortByLabel "failure" }}}}{{{{ with .Labels }}}}'
        " kube-proxy {{ .version }} is known for {{ .failure }}, fixed in {{ .fixed_in }}.{{ end }}{{ end }}"
    )


def without_queries(annotation: str) -> str:
    """An annotation for rulers whose templates cannot ask for other series."""
    return annotation.partition(_QUERIES)[0]
