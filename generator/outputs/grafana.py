"""Grafana: a dashboard of what fails where, and the alerts for sites that evaluate them in Grafana."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from generator.base import names
from generator.base.file import File, yaml_file
from generator.base.names import DASHBOARD, GENERATED
from generator.catalog import placeholders
from generator.catalog.model import Catalog, Entry
from generator.catalog.profile import LogLabels, LogSource, Profile
from generator.compile import matched_line
from generator.compile.rule import CompiledAlert, Rules
from generator.compile.rules import without_queries
from generator.query import logql, promql
from generator.query.signature import Signature

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_FOLDER = "grafana"
_WIDTH, _HEIGHT = 12, 8
_PLACE = "kube_proxy"  # the label that names a kube-proxy in a legend
_SECONDS_BACK = (
    600  # what Grafana fetches for an alert; the ranges of the expressions decide what is read
)
_ALERTS_NOTE = """\
For sites that let Grafana evaluate alerts. Load either these or the rules of Loki and Prometheus, or each comes twice.
Goes into provisioning/alerting. An alert fires for each series that its query gives, as in Prometheus."""
_PROVIDER_NOTE = "Goes into provisioning/dashboards; the path is that of the folder with kube-proxy.dashboard.json."

Source = Literal["loki", "prometheus"]


@dataclass(frozen=True)
class Query:
    """One query of a panel. `legend` names its series; a table shows what is true now."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel, as the dashboard lays it out; `unit` is Grafana's word. The second query of `axes` has its own axis."""

    title: str
    description: str
    source: Source
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["lines", "bars", "table"] = "lines"
    axes: tuple[str, ...] = ()
    link: str | None = None


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    groups = list(_groups(rules, profile))
    provider = {
        "apiVersion": 1,
        "providers": [
            {
                "name": DASHBOARD,
                "type": "file",
                "options": {"path": "/var/lib/grafana/dashboards/kube-proxy"},
            }
        ],
    }
    return [
        File(f"{_FOLDER}/kube-proxy.dashboard.json", _json(dashboard(rules, profile))),
        yaml_file(f"{_FOLDER}/kube-proxy.dashboards.yaml", provider, _PROVIDER_NOTE),
        yaml_file(
            f"{_FOLDER}/kube-proxy.alerting.yaml", {"apiVersion": 1, "groups": groups}, _ALERTS_NOTE
        ),
    ]


def dashboard(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """The dashboard as Grafana reads it."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    built = _dashboard(list(panels(rules, profile)), profile)
    data = _stated(json.loads(JSONEncoder(sort_keys=True).encode(built)))
    return {"description": data["description"], **data}


def panels(rules: Rules, profile: Profile) -> Iterator[Panel]:
    """What the dashboard shows, in its order; the queries hold Grafana's variables."""
    yield from _of_failures(rules, profile)
    site = placeholders.of_site(profile)
    by, chosen = site["by"], ", ".join([site["kube_proxy"], *_chosen(profile)])
    latency = "kubeproxy_sync_proxy_rules_duration_seconds"

    def runbook(alert: str) -> str | None:
        return (
            profile.runbook_url(alert)
            if any(row.rule.alert == alert for row in rules.alerts)
            else None
        )

    def of_each(expr: str, what: str = "") -> Query:
        """An expression of one series for each kube-proxy, with a legend that names it."""
        return Query(_placed(expr, profile), f"{{{{{_PLACE}}}}} {what}".rstrip())

    def quantile(share: str) -> Query:
        by_family = (
            f"sum by ({by}, ip_family, le) (rate({latency}_bucket{{{chosen}}}[$__rate_interval]))"
        )
        return of_each(f"max by ({by}) (histogram_quantile({share}, {by_family}))", share)

    yield Panel(
        "Alerts firing",
        "Alerts of kube-proxy that Prometheus evaluates; the watchdog is always among them.",
        "prometheus",
        (
            Query(
                'count by (alertname, severity) (ALERTS{alertname=~"KubeProxy.+", alertstate="firing"})',
                "{{alertname}}",
            ),
        ),
        kind="bars",
        link=profile.page_url(names.RUNBOOK_INDEX),
    )
    yield Panel(
        "Time to write the rules",
        "Median and 99th percentile of a sync, of the slower IP family (told apart from 1.33 on). The buckets end at "
        "16.4 s: a sync that takes longer shows as that.",
        "prometheus",
        (quantile("0.5"), quantile("0.99")),
        "s",
        link=runbook("KubeProxySyncSlow"),
    )
    yield Panel(
        "Time since the last successful sync",
        "Of the worse IP family (told apart from 1.33 on); where none has succeeded yet, since the start. Where "
        "nothing changes nothing is written, so a long time alone is no failure; an alert asks for more.",
        "prometheus",
        (of_each(_since_last_success(by, chosen)),),
        "s",
        link=runbook("KubeProxyRulesStale"),
    )
    yield Panel(
        "Failed calls of iptables-restore",
        "From 1.33 on a kube-proxy without a failure has no such series.",
        "prometheus",
        (
            of_each(
                f"sum by ({by}) (increase(kubeproxy_sync_proxy_rules_iptables_restore_failures_total{{{chosen}}}"
                "[$__rate_interval]))"
            ),
        ),
        kind="bars",
        link=runbook("KubeProxyIptablesRestoreFailing"),
    )
    yield Panel(
        "CPU against syncs",
        "kube-proxy's own process, without the commands it starts. CPU that rises with the syncs is caused by them.",
        "prometheus",
        (
            of_each(
                f"sum by ({by}) (rate(process_cpu_seconds_total{{{chosen}}}[$__rate_interval]))",
                "cores",
            ),
            of_each(
                f"sum by ({by}) (rate({latency}_count{{{chosen}}}[$__rate_interval]))", "syncs/s"
            ),
        ),
        axes=("cores", "syncs/s"),
        link=runbook("KubeProxyCPUHigh"),
    )
    yield from _of_builds(rules, profile)


def _since_last_success(by: str, chosen: str) -> str:
    """Seconds since the older of the IP families' last successes, but not before the start of the process."""
    # A family that has not succeeded since the start has no such series (from 1.33 on) or 0 (before).
    last = (
        f"min by ({by}) (kubeproxy_sync_proxy_rules_last_timestamp_seconds{{{chosen}}}"
        f' or 0 * kubeproxy_sync_proxy_rules_duration_seconds_count{{ip_family!="", {chosen}}})'
    )
    start = f"max by ({by}) (process_start_time_seconds{{{chosen}}})"
    return f"time() - ({last} > {start} or {start} and {last})"


def _placed(expr: str, profile: Profile) -> str:
    """An expression whose series say in one label where they are: the node, or else the Pod, or else the target."""
    labels = profile.prometheus.labels
    for label in (labels.instance, labels.pod, labels.node):
        if label:  # a later one wins where it is not empty
            expr = f'label_replace({expr}, "{_PLACE}", "$1", "{label}", "(.+)")'
    return expr


def _of_failures(rules: Rules, profile: Profile) -> Iterator[Panel]:
    """Matching log lines by node, one query for each failure."""
    queries = tuple(
        _lines(alert.entry, alert.filters, alert.source, profile)
        for alert in rules.alerts
        if alert.source and alert.filters
    )
    if queries:
        yield Panel(
            "Failures by node",
            "Log lines that tell of a documented failure, by the patterns of the alerts.",
            "loki",
            queries,
            kind="bars",
            link=profile.page_url(names.RUNBOOK_INDEX),
        )


def _lines(entry: Entry, filters: Signature, source: LogSource, profile: Profile) -> Query:
    labels = source.labels
    chosen = f"{{{', '.join([promql.inside(source.selector), *_chosen_streams(labels, profile)])}}}"
    where = labels.node or labels.pod
    by = ", ".join(label for label in (labels.cluster, where) if label)
    return Query(
        logql.lines(chosen, filters, "$__interval", by),
        f"{{{{{where}}}}} {entry.id}" if where else entry.id,
    )


def _of_builds(rules: Rules, profile: Profile) -> Iterator[Panel]:
    known = [alert for alert in rules.alerts if alert.known_build]
    if not known:
        return
    matchers = ", ".join(_chosen(profile))
    yield Panel(
        "Builds",
        "What each kube-proxy says of its version.",
        "prometheus",
        (Query(f"{names.BUILD_RECORD}{{{matchers}}}"),),
        kind="table",
    )
    affected = "\nor\n".join(
        f'label_replace({alert.rule.expr.strip()}, "failure", "{alert.entry.id}", "", "")'
        if alert.rule.expr.count("label_replace") == 1
        else f'label_replace((\n{alert.rule.expr.strip()}\n), "failure", "{alert.entry.id}", "", "")'
        for alert in known
    )
    yield Panel(
        "Builds with a known failure, and the version that has the fix",
        "From the fix tables of the catalog. Nothing need have failed yet.",
        "prometheus",
        (Query(affected),),
        kind="table",
        link=profile.page_url(names.RUNBOOK_INDEX),
    )


def _chosen(profile: Profile) -> list[str]:
    """Matchers for what is chosen above the dashboard. A label that the series have not is matched by All."""
    return [f'{label}=~"${name}"' for name, label in _choices(profile)]


def _chosen_streams(labels: LogLabels, profile: Profile) -> list[str]:
    """The same for the streams of a log."""
    pairs = (("cluster", labels.cluster), ("node", labels.node), ("pod", labels.pod))
    return [
        f'{label}=~"${name}"' for name, label in pairs if label and name in dict(_choices(profile))
    ]


def _choices(profile: Profile) -> list[tuple[str, str]]:
    """What can be chosen above the dashboard, and the label of kube-proxy's targets that lists it.

    Which of these labels the targets have is not known, but that they have an instance.
    """
    labels = profile.prometheus.labels
    pairs = (
        ("cluster", labels.cluster),
        ("node", labels.node),
        ("pod", labels.pod),
        ("instance", labels.instance),
    )
    return [(name, label) for name, label in pairs if label]


def _dashboard(shown: Sequence[Panel], profile: Profile) -> "Dashboard":
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.models import dashboard as model

    board = (
        build.Dashboard("kube-proxy")
        .uid(DASHBOARD)
        .description(GENERATED)
        .tags(["kube-proxy"])
        .refresh("1m")
        .time("now-3h", "now")
        .timezone("browser")
    )
    for source, name in (("loki", "Loki"), ("prometheus", "Prometheus")):
        uid = getattr(profile.grafana, source)
        current = model.VariableOption(selected=True, text=uid, value=uid)
        board.with_variable(
            build.DatasourceVariable(source).label(name).type(source).current(current)
        )
    matchers = placeholders.of_site(profile)["kube_proxy"]
    for name, label in _choices(profile):
        board.with_variable(
            build.QueryVariable(name)
            .label(name.capitalize())
            .datasource(_source("prometheus"))
            .query(f"label_values(up{{{matchers}}}, {label})")
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(selected=True, text="All", value="$__all"))
            .multi(True)
        )
    for number, panel in enumerate(shown):
        place = model.GridPos(x=number % 2 * _WIDTH, y=number // 2 * _HEIGHT, w=_WIDTH, h=_HEIGHT)
        board.with_panel(_panel(panel).id(number + 1).grid_pos(place))
    return board.build()


def _panel(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.builders import table, timeseries
    from grafana_foundation_sdk.models import common
    from grafana_foundation_sdk.models import dashboard as model

    built: Any = table.Panel() if panel.kind == "table" else timeseries.Panel()
    built.title(panel.title).description(panel.description).datasource(_source(panel.source)).unit(
        panel.unit
    )
    if panel.kind == "bars":
        built.draw_style(common.GraphDrawStyle.BARS).fill_opacity(60)
    if panel.link:
        built.links([build.DashboardLink("Runbook").url(panel.link).target_blank(True)])
    for letter, query in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", panel.queries, strict=False):
        built.with_target(_target(panel, query, letter))
    for letter, axis in zip("AB", panel.axes, strict=False):
        side = common.AxisPlacement.RIGHT if letter == "B" else common.AxisPlacement.LEFT
        built.override_by_query(
            letter,
            [
                model.DynamicConfigValue("custom.axisPlacement", side),
                model.DynamicConfigValue("custom.axisLabel", axis),
            ],
        )
    return built


def _target(panel: Panel, query: Query, letter: str) -> Any:
    from grafana_foundation_sdk.builders import loki, prometheus
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

    if panel.source == "loki":
        return (
            loki.Dataquery()
            .ref_id(letter)
            .expr(query.expr)
            .legend_format(query.legend)
            .query_type("range")
        )
    target = prometheus.Dataquery().ref_id(letter).expr(query.expr)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range().legend_format(query.legend)


def _source(source: Source) -> Any:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    return DataSourceRef(type_val=source, uid=f"${{{source}}}")


def _json(dashboard: Mapping[str, Any]) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def _stated(value: Any) -> Any:
    """Without what the SDK leaves open, which Grafana fills in itself."""
    if isinstance(value, dict):
        return {key: _stated(part) for key, part in value.items() if part is not None}
    return [_stated(part) for part in value] if isinstance(value, list) else value


def _groups(rules: Rules, profile: Profile) -> Iterator[Mapping[str, Any]]:
    """Alert rules as Grafana's file provisioning reads them, in the groups of the rulers."""
    by_group: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for alert in rules.alerts:
        group = f"{names.rule_group(alert.entry.id)}.{alert.engine}"
        by_group.setdefault((group, alert.interval), []).append(_rule(alert, profile))
    for (group, interval), found in by_group.items():
        yield {
            "orgId": 1,
            "name": group,
            "folder": profile.grafana.folder,
            "interval": interval,
            "rules": found,
        }


def _rule(alert: CompiledAlert, profile: Profile) -> Mapping[str, Any]:
    query = {
        "refId": "A",
        "expr": alert.rule.expr,
        "instant": True,
        "range": False,
        "queryType": "instant",
    }
    # A series that is there fires, whatever its value, as it does in Prometheus.
    fires = {"refId": "B", "type": "math", "expression": "is_number($A) || is_inf($A)"}
    uid = profile.grafana.loki if alert.engine == "loki" else profile.grafana.prometheus
    return {
        "uid": "kp-" + hashlib.sha256(alert.rule.alert.encode()).hexdigest()[:16],
        "title": alert.rule.alert,
        "condition": "B",
        "data": [_data("A", uid, query), _data("B", "__expr__", fires)],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.rule.hold,
        "labels": dict(alert.rule.labels),
        "annotations": {
            key: _as_grafana(text)
            for key, text in alert.rule.annotations.items()
            if key != matched_line.ANNOTATION  # Grafana's templates cannot ask Loki
        },
    }


def _data(letter: str, uid: str, model: Mapping[str, Any]) -> Mapping[str, Any]:
    span = {"from": _SECONDS_BACK, "to": 0}
    return {"refId": letter, "relativeTimeRange": span, "datasourceUid": uid, "model": model}


def _as_grafana(annotation: str) -> str:
    """In Grafana's templates $value is a text of all queries' values; the number of ours is in $values.A.Value."""
    return re.sub(r"\$value\b", "$values.A.Value", without_queries(annotation))
