"""Templates of steps filled in for a site."""

import pytest
from msgspec.structs import replace

from generator.catalog.model import Step
from generator.steps.deployment import site_words
from generator.steps.filled import at_site, fill_in, unknown_words
from tests import once

SITE = once.inputs().default_profile.kube_proxy
POD, UNIT = site_words(SITE), site_words(replace(SITE, runs_as="systemd"))


def test_what_is_no_template_stays_as_it_is() -> None:
    text = "kubectl get pod -o jsonpath='{.items[0]}{\"\\n\"}' | awk '{ print $1 }'"
    assert (fill_in(text, POD).text, fill_in(text, POD).places) == (text, frozenset())


def test_lines_that_become_empty_vanish() -> None:
    template = (
        "{{ find_pod }}\n{% if in_pod %}\necho a\n{% else %}\necho b\n{% endif %}\n\necho c\n"
    )
    assert fill_in(template, UNIT).text == "echo b\necho c"
    assert fill_in(template, POD).text.splitlines()[1:] == ["echo a", "echo c"]


def test_the_places_are_those_of_what_is_printed() -> None:
    template = "{% if in_pod %}{{ status }}{% else %}{{ metrics }}{% endif %}"
    assert fill_in(template, POD).places == {"kubectl"}
    assert fill_in(template, UNIT).places == {"node"}
    assert fill_in("{{ status }}\n{{ metrics }}", POD).places == {"kubectl", "node"}


def test_the_pod_is_found_only_for_commands_that_need_it() -> None:
    on_file = site_words(replace(SITE, runs_as="static-pod", log_file="/var/log/kube-proxy.log"))
    assert fill_in("{{ find_pod }}\n{{ whole_log }} | tail", on_file) == fill_in(
        "{{ whole_log }} | tail", on_file
    )
    assert "POD=" in fill_in("{{ find_pod }}\n{{ status }}", on_file).text
    assert fill_in("{{ find_pod }}", on_file).places == {"kubectl"}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ log }}", "a word that takes something"),
        ("{{ status() }}", "not callable"),
        ('{{ log("soon") }}', "not a duration"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ log(", "unexpected"),
        ("{% for a in b %}", "Unexpected end of template"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include 'x' %}", "no loader"),
        ("{{ range(10000000) | list }}", "Range too big"),
    ],
)
def test_what_cannot_be_filled_in_is_said(template: str, said: str) -> None:
    on_file = site_words(replace(SITE, runs_as="static-pod", log_file="/var/log/kube-proxy.log"))
    with pytest.raises(ValueError, match=said):
        fill_in(template, on_file)


@pytest.mark.parametrize(
    "template",
    [
        "{{ metrics | odd }}",
        "{% if metrics is odder %}{% endif %}",
        "{% block a %}{% endblock %}{% block a %}{% endblock %}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{% if in_pod %}" * 120 + "{% endif %}" * 120,
    ],
    ids=["filter", "test", "block", "parentheses", "blocks"],
)
def test_what_jinja_does_not_compile_is_no_template(template: str) -> None:
    with pytest.raises(ValueError, match=r"No filter named|No test named|defined twice|too deep"):
        fill_in(template, POD)


@pytest.mark.parametrize("template", ["{{ metrics | odd }}", "{{ metrics"])
def test_nor_are_its_words_known(template: str) -> None:
    with pytest.raises(ValueError, match=r"No filter named|end of print statement"):
        unknown_words(template, POD)


def test_unknown_words_are_found_in_every_branch() -> None:
    assert unknown_words(
        "{% if in_pod %}{{ status }}{% else %}{{ stats }}{% endif %}{{ lock }}", POD
    ) == [
        "lock",
        "stats",
    ]


def test_a_step_knows_its_place_and_the_kubectl_it_needs() -> None:
    step = Step(
        "See {{ runs_as }}.",
        (),
        where="kube-proxy",
        run="{{ restart_everywhere }}",
        expect="In {{ namespace }}.",
    )
    here, there = at_site(step, POD), at_site(step, UNIT)
    assert (here.where, here.kubectl, here.step.do, here.step.expect) == (
        "kubectl",
        "1.15",
        "See daemonset.",
        "In kube-system.",
    )
    assert (there.where, there.kubectl, there.step.run) == (
        "node",
        None,
        "systemctl restart 'kube-proxy'",
    )


def test_a_step_of_which_nothing_is_left_has_no_place() -> None:
    gone = at_site(
        Step("Look.", (), where="kubectl", run="{% if in_pod %}{{ status }}{% endif %}"), UNIT
    )
    assert (gone.step.run, gone.where) == (None, None)
