"""Grafana: a dashboard of what fails where, and the alerts for sites that evaluate them in Grafana."""

import hashlib
import json
import re
import string
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
from generator.compile.build_alerts import builds_of
from generator.compile.causes import without_queries
from generator.compile.rule import CompiledAlert, Rules
from generator.query import logql, promql
from generator.query.signature import Signature

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_GRAFANA_FOLDER = "grafana"
_WIDTH, _HEIGHT = 12, 8
_BOARD_WIDTH = 24
_PLACE = "kube_proxy"  # the label that names a kube-proxy in a legend
_SECONDS_BACK = (
    600  # what Grafana fetches for an alert; the ranges of the expressions decide what is read
)
_ALERTS_NOTE = """\
For sites that let Grafana evaluate alerts. Load either these or the rules of Loki and Prometheus, or each comes twice.
Goes into provisioning/alerting. An alert fires for each series that its query gives, as in Prometheus. No recording
rule is needed: what the rules for Prometheus record is written out here."""
_PROVIDER_NOTE = "Goes into provisioning/dashboards; the path is that of the folder with kube-proxy.dashboard.json."

_FIRING = "Alerts firing"
_LISTED = "Alerts firing now"
# Of Grafana's panel "Alert list", which asks Grafana's rules API and no data source; states are named one by one.
_LIST_OPTIONS = {
    "alertName": "KubeProxy",
    "alertInstanceLabelFilter": "",
    "dashboardAlerts": False,
    "datasource": "",
    "groupBy": [],
    "groupMode": "default",
    "maxItems": 100,
    "showInstances": True,
    "sortOrder": 3,  # by importance
    "stateFilter": {
        "error": True,
        "firing": True,
        "noData": False,
        "normal": False,
        "pending": True,
        "recovering": True,
    },
    "viewMode": "list",
}

DataSource = Literal["loki", "prometheus"]


@dataclass(frozen=True)
class Query:
    """One query of a panel. `legend` names its series; a table shows what is true now."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel, as the dashboard lays it out; `unit` is Grafana's word. The second query of `axes` has its own axis.

    `alerts` are those that it shows the reason of: Grafana leads from them to it.
    """

    title: str
    description: str
    source: DataSource
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["lines", "bars", "table", "logs", "alerts"] = "lines"
    axes: tuple[str, ...] = ()
    link: str | None = None
    alerts: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return _BOARD_WIDTH if self.kind in ("logs", "alerts") else _WIDTH


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    shown = list(panels(rules, profile))
    panel_of = _panel_of_each(rules, shown)
    groups = list(_provisioned_groups(rules, profile, panel_of))
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
        File(
            f"{_GRAFANA_FOLDER}/kube-proxy.dashboard.json",
            _dashboard_json(_as_data(shown, profile)),
        ),
        yaml_file(f"{_GRAFANA_FOLDER}/kube-proxy.dashboards.yaml", provider, _PROVIDER_NOTE),
        yaml_file(
            f"{_GRAFANA_FOLDER}/kube-proxy.alerting.yaml",
            {"apiVersion": 1, "groups": groups},
            _ALERTS_NOTE,
        ),
    ]


def dashboard(rules: Rules, profile: Profile) -> Mapping[str, Any]:
    """The dashboard as Grafana reads it."""
    return _as_data(list(panels(rules, profile)), profile)


def _as_data(shown: Sequence[Panel], profile: Profile) -> Mapping[str, Any]:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    text = JSONEncoder(sort_keys=True).encode(_dashboard(shown, profile))
    data = _stated(json.loads(text))
    return {"description": data["description"], **data}


def panels(rules: Rules, profile: Profile) -> Iterator[Panel]:
    """What the dashboard shows, in its order; the queries hold Grafana's variables."""
    yield from _of_failures(rules, profile)
    yield _firing(profile)
    yield _listed(profile)
    yield from _of_lines(rules, profile)
    site = placeholders.of_site(profile)
    by = site["by"]
    chosen = ", ".join([site["kube_proxy"], *_chosen_matchers(profile)])
    latency = "kubeproxy_sync_proxy_rules_duration_seconds"
    compiled = {alert.rule.alert for alert in rules.alerts}

    def runbook(alert: str) -> str | None:
        return profile.runbook_url(alert) if alert in compiled else None

    def of_each(expr: str, what: str = "") -> Query:
        """An expression of one series for each kube-proxy, with a legend that names it."""
        legend = f"{{{{{_PLACE}}}}} {what}"
        return Query(_placed(expr, profile), legend.rstrip())

    def quantile(share: str) -> Query:
        by_family = (
            f"sum by ({by}, ip_family, le) (rate({latency}_bucket{{{chosen}}}[$__rate_interval]))"
        )
        return of_each(f"max by ({by}) (histogram_quantile({share}, {by_family}))", share)

    yield Panel(
        "Time to write the rules",
        "Median and 99th percentile of a sync, of the slower IP family (told apart from 1.33 on). The buckets end at "
        "16.4 s: a sync that takes longer shows as that.",
        "prometheus",
        (quantile("0.5"), quantile("0.99")),
        "s",
        link=runbook("KubeProxySyncSlow"),
        alerts=("KubeProxySyncSlow",),
    )
    yield Panel(
        "Time since the last successful sync",
        "Of the worse IP family (told apart from 1.33 on); where none has succeeded yet, since the start. Where "
        "nothing changes nothing is written, so a long time alone is no failure; an alert asks for more.",
        "prometheus",
        (of_each(_since_last_success(by, chosen)),),
        "s",
        link=runbook("KubeProxyRulesStale"),
        alerts=("KubeProxyRulesStale",),
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
        alerts=("KubeProxyIptablesRestoreFailing",),
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
        alerts=("KubeProxyCPUHigh",),
    )
    yield from _panels_of_builds(rules, profile)


def _firing(profile: Profile) -> Panel:
    return Panel(
        _FIRING,
        "Alerts of kube-proxy that Prometheus evaluates, over time; the watchdog is always among them. Empty where "
        f"Grafana or Loki alone evaluates: see {_LISTED}.",
        "prometheus",
        (
            Query(
                'count by (alertname, severity) (ALERTS{alertname=~"KubeProxy.+", alertstate="firing"})',
                "{{alertname}}",
            ),
        ),
        kind="bars",
        link=_runbooks(profile),
    )


def _listed(profile: Profile) -> Panel:
    return Panel(
        _LISTED,
        "Alerts of kube-proxy that Grafana knows of: those it evaluates, and those of Loki and Prometheus where it "
        "manages the alerts of the data source. The watchdogs are always among them.",
        "prometheus",
        (),
        kind="alerts",
        link=_runbooks(profile),
    )


def _runbooks(profile: Profile) -> str:
    return profile.page_url(names.RUNBOOK_INDEX)


def _panel_of_each(rules: Rules, shown: Sequence[Panel]) -> Mapping[str, int]:
    """By alert, the id of the panel that shows its reason; of those that have none, the list of all alerts."""
    own: dict[str, int] = {}
    for number, panel in enumerate(shown, 1):
        own |= dict.fromkeys(panel.alerts, number)
    kinds = [panel.kind for panel in shown]
    listed = kinds.index("alerts") + 1
    return {alert.rule.alert: own.get(alert.rule.alert, listed) for alert in rules.alerts}


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
    return _in_one_label(expr, (labels.node, labels.pod, labels.instance))


def _in_one_label(expr: str, labels: Sequence[str | None]) -> str:
    """An expression with a label that has the value of the first of these that is not empty, in PromQL and LogQL."""
    for label in reversed([label for label in labels if label]):
        expr = f'label_replace({expr}, "{_PLACE}", "$1", "{label}", "(.+)")'
    return expr


def _of_failures(rules: Rules, profile: Profile) -> Iterator[Panel]:
    """Matching log lines by node, one query for each failure."""
    queries = []
    for alert in rules.alerts:
        if alert.source and alert.filters:
            query = _counting_query(alert.entry, alert.filters, alert.source, profile)
            queries.append(query)
    if queries:
        yield Panel(
            "Failures by node",
            "Log lines that tell of a documented failure, by the patterns of the alerts.",
            "loki",
            tuple(queries),
            kind="bars",
            link=_runbooks(profile),
        )


def _counting_query(entry: Entry, filters: Signature, source: LogSource, profile: Profile) -> Query:
    labels = source.labels
    cluster = [labels.cluster] if labels.cluster else []
    places = [label for label in (labels.node, labels.pod) if label]
    by = ", ".join([*cluster, *places])
    counted = logql.lines(_stream_selector(source, profile), filters, "$__interval", by)
    if not places:
        return Query(counted, entry.id)
    shown = ", ".join([*cluster, _PLACE])
    expr = f"sum by ({shown}) ({_in_one_label(counted, places)})"
    return Query(expr, f"{{{{{_PLACE}}}}} {entry.id}")


def _of_lines(rules: Rules, profile: Profile) -> Iterator[Panel]:
    """The lines themselves, with the labels that say where each comes from."""
    queries = []
    alerts = []
    for alert in rules.alerts:
        if alert.source and alert.filters:
            selector = _stream_selector(alert.source, profile)
            expr = " ".join([selector, *logql.filters(alert.filters)])
            queries.append(Query(expr))
            alerts.append(alert.rule.alert)
    if queries:
        yield Panel(
            "Matching lines",
            "The lines that the alerts on logs count, the newest first; choose a node above to see those of it alone.",
            "loki",
            tuple(queries),
            kind="logs",
            link=_runbooks(profile),
            alerts=tuple(alerts),
        )


def _stream_selector(source: LogSource, profile: Profile) -> str:
    """The lines of a log, of what is chosen above the dashboard.

    A label may be structured metadata, which a stream lacks and a filter sees.
    """
    matchers = [promql.inside(source.selector)]
    filters = []
    for name, label in _chosen_streams(source.labels, profile):
        matchers.append(f'{label}=~"${name}|"')
        filters.append(f'| {label}=~"${name}"')
    selector = f"{{{', '.join(matchers)}}}"
    return " ".join([selector, *filters])


def _panels_of_builds(rules: Rules, profile: Profile) -> Iterator[Panel]:
    known = [alert for alert in rules.alerts if alert.known_build]
    if not known:
        return
    site = placeholders.of_site(profile)
    chosen = ", ".join([site["kube_proxy"], *_chosen_matchers(profile)])
    yield Panel(
        "Builds",
        "What each kube-proxy says of its version.",
        "prometheus",
        (Query(builds_of({**site, "kube_proxy": chosen})),),
        kind="table",
    )
    affected = []
    for alert in known:
        expr = rules.written_out(alert.rule.expr).strip()
        affected.append(f'label_replace((\n{expr}\n), "failure", "{alert.entry.id}", "", "")')
    yield Panel(
        "Builds with a known failure, and the version that has the fix",
        "From the fix tables of the catalog. Nothing need have failed yet.",
        "prometheus",
        (Query("\nor\n".join(affected)),),
        kind="table",
        link=_runbooks(profile),
        alerts=tuple(alert.rule.alert for alert in known),
    )


def _chosen_matchers(profile: Profile) -> list[str]:
    """Matchers for what is chosen above the dashboard. A label that the series have not is matched by All."""
    return [f'{label}=~"${name}"' for name, label in _choices(profile)]


def _chosen_streams(labels: LogLabels, profile: Profile) -> list[tuple[str, str]]:
    """What is chosen above the dashboard, and the label of a log that it is compared with."""
    compared = {"cluster": labels.cluster, "node": labels.node, "pod": labels.pod}
    chosen = []
    for name, _ in _choices(profile):
        label = compared.get(name)
        if label:
            chosen.append((name, label))
    return chosen


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
        variable = build.DatasourceVariable(source).label(name).type(source)
        board.with_variable(variable.current(current))
    matchers = placeholders.of_site(profile)["kube_proxy"]
    for name, label in _choices(profile):
        board.with_variable(
            build.QueryVariable(name)
            .label(name.capitalize())
            .datasource(_datasource_ref("prometheus"))
            .query(f"label_values(up{{{matchers}}}, {label})")
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(selected=True, text="All", value="$__all"))
            .multi(True)
        )
    to_runbooks = build.DashboardLink("Runbooks").url(_runbooks(profile))
    board.link(to_runbooks.target_blank(True))
    board.link(build.DashboardLink("Alert rules").url("/alerting/list?search=KubeProxy"))
    x = y = 0
    for number, panel in enumerate(shown, 1):
        if x + panel.width > _BOARD_WIDTH:
            x = 0
            y += _HEIGHT
        place = model.GridPos(x=x, y=y, w=panel.width, h=_HEIGHT)
        board.with_panel(_panel(panel).id(number).grid_pos(place))
        x += panel.width
    return board.build()


def _panel(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.builders import logs, table, timeseries
    from grafana_foundation_sdk.models import common
    from grafana_foundation_sdk.models import dashboard as model

    kinds: dict[str, Any] = {"alerts": build.Panel, "logs": logs.Panel, "table": table.Panel}
    built: Any = kinds.get(panel.kind, timeseries.Panel)()
    built.title(panel.title).description(panel.description)
    built.datasource(_datasource_ref(panel.source)).unit(panel.unit)
    if panel.kind == "logs":
        built.show_time(True).wrap_log_message(True).enable_log_details(True)
        built.sort_order(common.LogsSortOrder.DESCENDING)
    if panel.kind == "alerts":
        built.type("alertlist").options(_LIST_OPTIONS).targets([])
    if panel.kind == "bars":
        built.draw_style(common.GraphDrawStyle.BARS).fill_opacity(60)
    if panel.link:
        to_runbook = build.DashboardLink("Runbook").url(panel.link)
        built.links([to_runbook.target_blank(True)])
    for number, query in enumerate(panel.queries):
        built.with_target(_panel_target(panel, query, _reference(number)))
    sides = (common.AxisPlacement.LEFT, common.AxisPlacement.RIGHT)
    for number, axis in enumerate(panel.axes):
        placement = model.DynamicConfigValue("custom.axisPlacement", sides[number])
        label = model.DynamicConfigValue("custom.axisLabel", axis)
        built.override_by_query(_reference(number), [placement, label])
    return built


def _reference(number: int) -> str:
    """How Grafana names the queries of a panel: A to Z, then AA."""
    further, letter = divmod(number, 26)
    before = _reference(further - 1) if further else ""
    return before + string.ascii_uppercase[letter]


def _panel_target(panel: Panel, query: Query, letter: str) -> Any:
    from grafana_foundation_sdk.builders import loki, prometheus
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

    if panel.source == "loki":
        lines = loki.Dataquery().ref_id(letter).expr(query.expr).query_type("range")
        return lines if panel.kind == "logs" else lines.legend_format(query.legend)
    target = prometheus.Dataquery().ref_id(letter).expr(query.expr)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range().legend_format(query.legend)


def _datasource_ref(source: DataSource) -> Any:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    return DataSourceRef(type_val=source, uid=f"${{{source}}}")


def _dashboard_json(dashboard: Mapping[str, Any]) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def _stated(value: Any) -> Any:
    """Without what the SDK leaves open, which Grafana fills in itself."""
    if isinstance(value, dict):
        return {key: _stated(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_stated(part) for part in value]
    return value


def _provisioned_groups(
    rules: Rules, profile: Profile, panel_of: Mapping[str, int]
) -> Iterator[Mapping[str, Any]]:
    """Alert rules as Grafana's file provisioning reads them, in the groups of the rulers."""
    by_group: dict[tuple[str, str], list[CompiledAlert]] = {}
    for alert in rules.alerts:
        group = f"{names.rule_group(alert.entry.id)}.{alert.engine}"
        alerts = by_group.setdefault((group, alert.interval), [])
        alerts.append(alert)
    for (group, interval), alerts in by_group.items():
        provisioned = []
        for alert in alerts:
            panel = panel_of[alert.rule.alert]
            provisioned.append(_provisioned_rule(alert, rules, profile, panel))
        yield {
            "orgId": 1,
            "name": group,
            "folder": _unexpanded(profile.grafana.folder),
            "interval": interval,
            "rules": provisioned,
        }


def _provisioned_rule(
    alert: CompiledAlert, rules: Rules, profile: Profile, panel: int
) -> Mapping[str, Any]:
    expr = alert.rule.expr
    if alert.engine == "prometheus":
        expr = rules.written_out(expr)
        uid = profile.grafana.prometheus
    else:
        uid = profile.grafana.loki
    query = {
        "refId": "A",
        "expr": expr,
        "instant": True,
        "range": False,
        "queryType": "instant",
    }
    annotations = {key: _as_grafana(text) for key, text in alert.rule.annotations.items()}
    annotations.pop(matched_line.ANNOTATION, None)  # Grafana's templates cannot ask Loki
    # A series that is there fires, whatever its value, as it does in Prometheus.
    fires = {"refId": "B", "type": "math", "expression": "is_number($A) || is_inf($A)"}
    name = alert.rule.alert
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "uid": f"kp-{digest[:16]}",
        "title": name,
        "condition": "B",
        "data": [_query_data("A", uid, query), _query_data("B", "__expr__", fires)],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.rule.hold,
        "labels": {key: _unexpanded(text) for key, text in alert.rule.labels.items()},
        "annotations": {
            **annotations,
            "__dashboardUid__": DASHBOARD,
            "__panelId__": str(panel),
        },
        "dashboardUid": DASHBOARD,
        "panelId": panel,
    }


def _unexpanded(text: str) -> str:
    """Of all texts but queries and annotations, provisioning replaces $NAME by a variable of Grafana's environment."""
    return text.replace("$", "$$")


def _query_data(letter: str, uid: str, model: Mapping[str, Any]) -> Mapping[str, Any]:
    span = {"from": _SECONDS_BACK, "to": 0}
    return {
        "refId": letter,
        "relativeTimeRange": span,
        "datasourceUid": _unexpanded(uid),
        "model": model,
    }


def _as_grafana(annotation: str) -> str:
    """In Grafana's templates $value is a text of all queries' values; the number of ours is in $values.A.Value."""
    return re.sub(r"\$value\b", "$values.A.Value", without_queries(annotation))
