"""Routes of an Alertmanager, judged for every place that alerts can come from, at any time."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
import yaml

from generator.catalog.profile import Engine
from generator.compile.rules import compile_rules
from generator.outputs import render_one
from generator.verify import delivery, judgement
from generator.verify.delivery import Site
from generator.verify.judgement import Finding
from tests import once

INPUTS = once.inputs()
RULES = compile_rules(INPUTS.catalog, INPUTS.profile)
GENERATED = yaml.load(
    next(
        file.text
        for file in render_one("alertmanager", RULES, INPUTS.catalog, INPUTS.profile)
        if file.path == "alertmanager/kube-proxy.alertmanager.yaml"
    ),
    Loader=yaml.CSafeLoader,
)
TODAY = date(2026, 1, 2)
PLACE = ("cluster", "namespace", "pod", "node")
UNSEEN: Mapping[Engine, Site] = {
    "loki": Site(frozenset((*PLACE[:3], "node_name")), cluster="cluster"),
    "prometheus": Site(frozenset((*PLACE, "instance")), cluster="cluster"),
}
HOOK = [{"url": "http://receiver.example"}]
RECEIVERS = [{"name": "all", "webhook_configs": HOOK}, {"name": "nobody"}]
LOG, METRIC = "KubeProxyIptablesBackendMismatch", "KubeProxySyncSlow"


def seen(*streams: Mapping[str, str], clusters: Sequence[str] = ()) -> Mapping[Engine, Site]:
    """A site whose Loki showed these streams, and whose Prometheus was not asked."""
    logs = Site(UNSEEN["loki"].labels, tuple(streams), "cluster", tuple(clusters))
    return {
        "loki": logs,
        "prometheus": Site(UNSEEN["prometheus"].labels, (), "cluster", tuple(clusters)),
    }


def said(
    *routes: Mapping[str, Any],
    sites: Mapping[Engine, Site] = UNSEEN,
    receiver: str = "all",
    **config: Any,
) -> dict[str, list[str]]:
    """State and words of what is found of each alert, inhibitions left out."""
    whole = {
        "route": {"receiver": receiver, "routes": list(routes)},
        "receivers": RECEIVERS,
        "inhibit_rules": GENERATED["inhibit_rules"],
        **config,
    }
    found: dict[str, list[str]] = {}
    for row in delivery.routes_lead_somewhere(RULES, whole, sites, GENERATED, TODAY):
        found.setdefault(row.subject, []).append(f"{row.state}: {row.said}")
    return found


def dropped(*matchers: str, **more: Any) -> dict[str, Any]:
    return {"matchers": list(matchers), "receiver": "nobody", **more}


def test_what_reaches_a_receiver_at_any_place_is_well() -> None:
    assert said() == {
        "Alertmanager": [f"ok: {len(RULES.alerts)} alerts are routed to receivers that notify"]
    }
    by_place = {"matchers": ['cluster="blue"', 'node_name=~"n.*"'], "receiver": "all"}
    assert list(said(by_place)) == ["Alertmanager"]


def test_the_compiled_configuration_is_well() -> None:
    found = list(delivery.routes_lead_somewhere(RULES, GENERATED, UNSEEN, GENERATED, TODAY))
    assert [row.state for row in found] == ["ok"]


def test_a_cluster_that_is_dropped_is_a_fault_where_it_is_known_to_exist_and_else_a_warning() -> (
    None
):
    drop = dropped('cluster="blue"')
    nowhere = 'routed to nowhere where cluster="blue": receiver nobody notifies nobody'
    assert said(drop)[LOG] == [f"warning: would be {nowhere}"]
    streams = ({"cluster": "blue", "pod": "p"}, {"cluster": "red", "pod": "q"})
    assert said(drop, sites=seen(*streams))[LOG] == [f"fault: is {nowhere}"]
    assert said(drop, sites=seen(clusters=["blue", "red"]))[LOG] == [f"fault: is {nowhere}"]
    assert said(drop, sites=seen(streams[1], clusters=["blue", "red"]))[LOG] == [
        f"fault: is {nowhere}"
    ]
    assert LOG not in said(drop, sites=seen(streams[1]))
    assert LOG not in said(drop, sites=seen(clusters=["red", "green"]))


def test_what_only_some_places_reach_is_no_fault_everywhere() -> None:
    """A default that drops, below which each cluster has a route of its own."""
    routes = [{"matchers": [f'cluster="{name}"'], "receiver": "all"} for name in ("blue", "red")]
    sites = seen(clusters=["blue", "red", "green"])
    assert said(*routes, sites=sites, receiver="nobody")[LOG] == [
        'fault: is routed to nowhere where cluster="green": receiver nobody notifies nobody'
    ]
    assert LOG not in said(*routes, sites=seen(clusters=["blue", "red"]), receiver="nobody")


def test_where_no_cluster_is_known_it_is_said_which_would_be_lost() -> None:
    only_blue = {"matchers": ['cluster="blue"'], "receiver": "all"}
    assert said(only_blue, receiver="nobody")[LOG] == [
        'warning: would be routed to nowhere where cluster="another one": receiver nobody notifies nobody'
    ]
    assert said(receiver="nobody")[LOG] == [
        "fault: is routed to nowhere: receiver nobody notifies nobody"
    ]


@pytest.mark.parametrize(
    "pattern", ["([A-Za-z]+)+!", "(a|[A-Za-z]|[a-zA-Z])*!", "(.*)*(.*)*(.*)*!"]
)
def test_no_pattern_of_a_route_takes_more_time_than_alertmanager_takes(pattern: str) -> None:
    """Python's own `re` tries every way to divide the name of an alert."""
    began = time.process_time()
    assert set(said(dropped(f'alertname=~"{pattern}"'))) == {"Alertmanager"}
    inhibition = {
        "source_matchers": [f'alertname=~"{pattern}"'],
        "target_matchers": ["severity=info"],
    }
    said(inhibit_rules=[inhibition])
    assert time.process_time() - began < 10


def test_a_pattern_of_a_route_holds_for_the_whole_value() -> None:
    assert set(said(dropped(f'alertname=~"{LOG}|{METRIC}"'))) == {LOG, METRIC, "Alertmanager"} - {
        "Alertmanager"
    }


def test_nodes_and_pods_are_judged_as_they_were_seen_together() -> None:
    drop = dropped('node_name="n1"', 'pod="p1"')
    apart = seen({"node_name": "n1", "pod": "p2"}, {"node_name": "n2", "pod": "p1"})
    assert LOG not in said(drop, sites=apart)
    assert said(drop, sites=seen({"node_name": "n1", "pod": "p1"}))[LOG] == [
        "fault: is routed to nowhere: receiver nobody notifies nobody"
    ]


def test_labels_that_the_streams_lack_are_absent() -> None:
    assert LOG in said(dropped('node_name=""'), sites=seen({"pod": "p"}))
    assert LOG not in said(dropped('node_name=""'), sites=seen({"pod": "p", "node_name": "n"}))


def test_an_alert_has_only_the_labels_that_its_expression_keeps() -> None:
    found = said({"matchers": ['node=~".+"'], "receiver": "all"}, receiver="nobody")
    assert found["KubeProxyMetricsMissing"] == [
        "fault: is routed to nowhere where it has no label for the place: receiver nobody notifies nobody"
    ]
    assert found["KubeProxyMetricRulesWatchdog"] == [
        "warning: is routed to nowhere: receiver nobody notifies nobody"
    ]
    assert METRIC not in found


def test_a_route_for_all_is_no_cure_for_one_above_it_that_drops() -> None:
    assert said(dropped('severity="critical"'))[LOG] == [
        "fault: is routed to nowhere: receiver nobody notifies nobody"
    ]
    assert list(
        said(dropped('severity="critical"', **{"continue": True}), {"receiver": "all"})
    ) == ["Alertmanager"]


NIGHTS = {
    "name": "nights",
    "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}],
}
PAST = {"name": "past", "time_intervals": [{"years": ["2020"]}]}
ALWAYS = {"name": "always", "time_intervals": [{}]}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"mute_time_intervals": ["nights"]}, "is muted during nights"),
        ({"mute_time_intervals": ["past", "nights"]}, "is muted during nights"),
        ({"active_time_intervals": ["nights"]}, "is sent during nights only"),
        ({"mute_time_intervals": ["unknown"]}, "is muted during unknown"),
        ({"mute_time_intervals": ["past"]}, None),
        ({"active_time_intervals": ["always"]}, None),
        ({"active_time_intervals": ["nights", "always"]}, None),
    ],
)
def test_an_alert_that_is_muted_at_any_time_is_told(
    setting: Mapping[str, Any], words: str | None
) -> None:
    route = {"matchers": ['severity=~"critical|warning"'], "receiver": "all", **setting}
    found = said(route, time_intervals=[NIGHTS, PAST, ALWAYS])
    assert found.get(LOG) == (words and [f"fault: {words}"])
    assert found.get(METRIC) == (words and [f"warning: {words}"])
    assert "KubeProxyServiceChurn" not in found


def test_where_another_route_speaks_at_that_time_nobody_is_left_untold() -> None:
    muted = {"receiver": "all", "mute_time_intervals": ["nights"], "continue": True}
    assert list(said(muted, {"receiver": "all"}, time_intervals=[NIGHTS])) == ["Alertmanager"]


def test_a_place_that_is_muted_is_named() -> None:
    route = {"matchers": ['cluster="blue"'], "receiver": "all", "mute_time_intervals": ["nights"]}
    found = said(route, sites=seen(clusters=["blue", "red"]), time_intervals=[NIGHTS])
    assert found[LOG] == ['fault: is muted during nights where cluster="blue"']
    assert said(route, time_intervals=[NIGHTS])[LOG] == [
        'warning: would be muted during nights where cluster="blue"'
    ]


def test_only_what_the_compiled_configuration_holds_back_is_missed() -> None:
    def missed(generated: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
        whole = {"route": {"receiver": "all"}, "receivers": RECEIVERS, **config}
        rows = delivery.routes_lead_somewhere(RULES, whole, UNSEEN, generated, TODAY)
        return [row.subject for row in rows if row.said.startswith("the symptom is not held back")]

    assert "KubeProxyIPVSFrequentSync → KubeProxyCPUHigh" in missed(GENERATED, {})
    assert missed(GENERATED, {"inhibit_rules": GENERATED["inhibit_rules"]}) == []
    assert missed({**GENERATED, "inhibit_rules": []}, {}) == []


def test_what_is_said_of_many_alerts_is_one_line() -> None:
    whole = {"route": {"receiver": "nobody"}, "receivers": RECEIVERS}
    rows = judgement.grouped(delivery.routes_lead_somewhere(RULES, whole, UNSEEN, GENERATED, TODAY))
    nowhere = [row for row in rows if "nowhere" in row.said]
    assert [row.state for row in nowhere] == ["fault", "warning"]
    assert sum(len(row.names) for row in nowhere) == len(RULES.alerts)
    assert nowhere[0].subject.endswith(f" and {len(nowhere[0].names) - 3} more")
    assert len([row for row in rows if "held back" in row.said]) == 1


def routes_of(*routes: Mapping[str, Any], **config: Any) -> dict[str, Any]:
    """A configuration whose routes lead to somebody."""
    return {
        "route": {"receiver": "all", "routes": list(routes)},
        "receivers": RECEIVERS,
        "inhibit_rules": GENERATED["inhibit_rules"],
        **config,
    }


MANY, LONG = 2000, 1_000_000
NEVER = {"years": ["2020:2300"], "months": ["february"], "days_of_month": ["30"]}
PODS = seen(*({"cluster": f"c{number % 7}", "pod": f"p{number}"} for number in range(2000)))


@pytest.mark.parametrize(
    ("config", "sites"),
    [
        (routes_of({"matchers": ['cluster="' + "x" * LONG + '"'], "receiver": "nobody"}), UNSEEN),
        (routes_of({"matchers": ['cluster=~"' + "[a-z]" * (LONG // 5) + '"']}), UNSEEN),
        (routes_of({"match_re": {"cluster": "(a|b)*c" * (LONG // 7)}}), UNSEEN),
        (routes_of({"matchers": [f'a=~"{"(" * 3000}{")" * 3000}"']}), UNSEEN),
        (
            routes_of(*({"match": {"cluster": f"c{n}", "pod": f"p{n}"}} for n in range(MANY))),
            UNSEEN,
        ),
        (routes_of(*({"match": {"cluster": f"c{n}", "pod": f"p{n}"}} for n in range(MANY))), PODS),
        (routes_of(*({"matchers": [f"pod=~p{n}.+|q"]} for n in range(MANY))), PODS),
        (routes_of({"matchers": [f"l{n}=v" for n in range(MANY)]}), UNSEEN),
        (routes_of(*({"receiver": "all", "continue": True} for _ in range(MANY))), UNSEEN),
        (
            routes_of(
                inhibit_rules=[
                    {
                        "source_matchers": [f"alertname=~a{n}.*|Kube.*"],
                        "target_matchers": [f"alertname=~b{n}.*|Kube.*"],
                    }
                    for n in range(MANY)
                ]
            ),
            UNSEEN,
        ),
        (
            routes_of(
                {"mute_time_intervals": [f"t{n}" for n in range(MANY)]},
                time_intervals=[
                    {"name": f"t{n}", "time_intervals": [NEVER] * 3} for n in range(MANY)
                ],
            ),
            UNSEEN,
        ),
    ],
    ids=[
        "long value",
        "long pattern",
        "long match_re",
        "deep pattern",
        "places",
        "places seen",
        "patterns",
        "matchers",
        "going on",
        "inhibitions",
        "intervals",
    ],
)
def test_the_time_for_routes_grows_with_their_length_alone(
    config: Any, sites: Mapping[Engine, Site]
) -> None:
    """Some took a quarter of a minute, some no end, one more memory than there is."""
    assert found_in_time(config, sites)


def found_in_time(config: Any, sites: Mapping[Engine, Site]) -> list[Finding]:
    began = time.process_time()
    found = list(delivery.routes_lead_somewhere(RULES, config, sites, GENERATED, TODAY))
    assert time.process_time() - began < 6
    assert all(len(str(row)) < 1000 for row in found)
    return found


def test_what_could_not_be_followed_is_said_in_time_and_is_not_well() -> None:
    by_pod = routes_of(*({"matchers": [f"pod!=p{n}"], "continue": True} for n in range(MANY)))
    found = found_in_time(by_pod, PODS)
    unfollowed = {row.subject for row in found if row.state == "not checked"}
    unfollowed.remove("Alertmanager")  # the values of labels that were not tried
    assert LOG in unfollowed
    (well,) = (row for row in found if row.state == "ok")
    assert well.said.startswith(f"{len(RULES.alerts) - len(unfollowed)} alerts")


def test_values_that_were_not_tried_are_said() -> None:
    by_place = routes_of(*({"match": {"cluster": f"c{n}", "pod": f"p{n}"}} for n in range(100)))
    said = "the routes name more values of cluster, pod than can be tried"
    found = list(delivery.routes_lead_somewhere(RULES, by_place, UNSEEN, GENERATED, TODAY))
    assert [row.said for row in found if row.state == "not checked"] == [said]
    known = delivery.routes_lead_somewhere(RULES, by_place, PODS, GENERATED, TODAY)
    assert [row.said for row in known if row.state == "not checked"] == [said]  # no metrics asked


def nested(depth: int) -> Any:
    route: dict[str, Any] = {"receiver": "all"}
    for _ in range(depth):
        route = {"receiver": "all", "routes": [route]}
    return route


@pytest.mark.parametrize(
    "route",
    [
        None,
        {"receiver": "all", "matchers": ["a=b"]},
        {"receiver": "all", "routes": [{"matchers": ['a=~"("']}]},
        nested(3000),
    ],
    ids=["none", "receivers alone", "broken", "deep"],
)
def test_routes_that_cannot_be_followed_are_a_fault(route: Any) -> None:
    config = {"route": route, "receivers": RECEIVERS}
    (row,) = delivery.routes_lead_somewhere(RULES, config, UNSEEN, GENERATED, TODAY)
    assert (row.state, row.subject) == ("fault", "Alertmanager")
    assert row.said.startswith("its routes cannot be followed: ")
