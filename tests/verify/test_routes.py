"""The walk through Alertmanager's routes, as amlint simulates it, however many routes there are."""

from collections.abc import Mapping
from typing import Any

import pytest
from amlint.routing import Router
from hypothesis import given
from hypothesis import strategies as st

from generator.verify.matchers import MatcherError, UnfollowedError
from generator.verify.routes import Routes


def receivers(route: Mapping[str, Any], **labels: str) -> list[str]:
    return [one.receiver for one in Routes(route).ends(labels)]


def below(*routes: Mapping[str, Any]) -> dict[str, Any]:
    return {"receiver": "root", "routes": list(routes)}


def test_the_first_route_that_holds_takes_the_alert() -> None:
    tree = below(
        {"receiver": "blue", "matchers": ["cluster=blue"]},
        {"receiver": "any", "matchers": ["cluster=~.+"]},
    )
    assert receivers(tree, cluster="blue") == ["blue"]
    assert receivers(tree, cluster="red") == ["any"]
    assert receivers(tree) == ["root"]


def test_a_route_that_goes_on_is_one_of_several() -> None:
    tree = below(
        {"receiver": "log", "continue": True},
        {"receiver": "blue", "matchers": ["cluster=blue"], "continue": True},
        {"receiver": "rest", "matchers": ["cluster!=red"]},
    )
    assert receivers(tree, cluster="blue") == ["log", "blue", "rest"]
    assert receivers(tree, cluster="red") == ["log"]


def test_a_receiver_is_inherited_and_time_intervals_are_not() -> None:
    inner = {"matchers": ["pod=p"], "active_time_intervals": ["day"]}
    tree = below({"receiver": "blue", "mute_time_intervals": ["night"], "routes": [inner]})
    (found,) = Routes(tree).ends({"pod": "p"})
    assert (found.receiver, found.muted, found.active) == ("blue", (), ("day",))


def test_a_root_with_matchers_is_refused() -> None:
    with pytest.raises(MatcherError):
        Routes({"receiver": "root", "matchers": ["a=b"]})


def test_the_values_that_routes_tell_apart() -> None:
    tree = Routes(
        below(
            {"match": {"cluster": "blue"}},
            {"match_re": {"cluster": "red|green"}},
            {"matchers": ["cluster!~prod-.+", "other=x"]},
        )
    )
    named, complete = tree.named("cluster", 10)
    assert set(named) == {"blue", "red", "green", "prod-a", "prod-0"}
    assert complete
    assert tree.named("cluster", 2) == (["blue", "green"], False)


def test_more_work_than_there_is_time_for_is_refused() -> None:
    tree = Routes(
        below(*({"matchers": [f"pod!=p{number}"], "continue": True} for number in range(1000)))
    )

    def follow_all() -> None:
        for number in range(1000):
            tree.ends({"pod": f"q{number}"})

    with pytest.raises(UnfollowedError):
        follow_all()


MATCHERS = st.lists(
    st.sampled_from(
        ["a=x", "a=y", "a!=x", 'a=~"x|y"', 'a=~"x.*"', 'a!~"x.*"', 'a=""', "b=x", "b=z", 'b=~"|z"']
    ),
    max_size=3,
)
LEAF = st.fixed_dictionaries({"matchers": MATCHERS, "continue": st.booleans()})
TREE = st.recursive(
    st.lists(LEAF, max_size=6),
    lambda deeper: st.lists(
        st.fixed_dictionaries(
            {"matchers": MATCHERS, "continue": st.booleans()}, optional={"routes": deeper}
        ),
        max_size=6,
    ),
    max_leaves=12,
)
VALUES = st.sampled_from(["", "x", "y", "z", "xx"])


def named(routes: list[dict[str, Any]], prefix: str = "r") -> list[dict[str, Any]]:
    """Each route with a receiver that is its own."""
    found = []
    for number, route in enumerate(routes):
        name = f"{prefix}.{number}"
        found.append({**route, "receiver": name, "routes": named(route.get("routes", []), name)})
    return found


@given(TREE, VALUES, VALUES)
def test_where_an_alert_ends_up_is_where_amlint_says(
    routes: list[dict[str, Any]], a: str, b: str
) -> None:
    tree = below(*named(routes))
    labels = {label: value for label, value in (("a", a), ("b", b)) if value}
    assert receivers(tree, **labels) == [match.receiver for match in Router(tree).match(labels)]
