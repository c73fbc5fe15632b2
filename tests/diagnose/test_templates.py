"""Error lines that no entry explains, grouped by what they have in common."""

from generator.diagnose.lines.line import Line
from generator.diagnose.templates import Templates

KEPT = 500
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def different(number: int) -> str:
    """An error of four words that it shares with no other."""
    return " ".join(
        LETTERS[(number * 7 + place * (1 + number // 26)) % 26] * (3 + place) for place in range(4)
    )


def test_kinds_beyond_those_that_are_kept_apart_are_counted() -> None:
    templates = Templates()
    for number in range(KEPT):
        templates.add(Line(different(number)), ())
    assert (len(templates.all()), templates.others) == (KEPT, 0)
    templates.add(Line(different(KEPT)), ())
    templates.add(Line(different(KEPT + 1)), (), 7)
    assert (len(templates.all()), templates.others) == (KEPT, 8)


def test_a_message_of_a_known_kind_counts_there_also_when_no_more_kinds_are_kept() -> None:
    templates = Templates()
    for number in range(KEPT + 10):
        templates.add(Line(different(number)), ())
    templates.add(Line(different(3)), (), 4)
    assert (templates.all()[0].example, templates.all()[0].count, templates.others) == (
        different(3),
        5,
        10,
    )


def test_the_digit_of_a_name_that_never_differs_is_kept() -> None:
    templates = Templates()
    templates.add(Line("k8s.io/client-go/factory.go:134: no answer of k3s on n1"), ())
    text = "k8s.io/client-go/factory.go:<*>: no answer of k3s on n<*>"
    assert [row.text for row in templates.all()] == [text]
