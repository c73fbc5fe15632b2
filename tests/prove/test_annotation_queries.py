"""What the templates of annotations ask, known for given labels."""

import pytest

from generator.prove.annotation_queries import asking_promtool, queries

TEMPLATE = (
    'query (x) is said {{ range query (printf `a{pod=%q} |~ "100%%" %s` $labels.pod "}}") }}'
    "{{ .Labels.l }}{{ end }}"
)


def test_a_query_is_known_from_the_labels() -> None:
    (asked,) = queries(TEMPLATE)
    assert asked.text({"pod": 'kube-"1"'}) == 'a{pod="kube-\\"1\\""} |~ "100%" }}'


def test_a_label_that_is_not_there_is_empty() -> None:
    (asked,) = queries('{{ query (printf "%s|%q" (printf "^%s$" $labels.a) $labels.b) }}')
    assert asked.text({"a": "1"}) == '^1$|""'


def test_a_plain_text_is_asked_as_it_stands() -> None:
    assert [asked.text({}) for asked in queries('{{ query "a%" }}{{ query `b"` }}')] == ["a%", 'b"']


def test_promtool_is_asked_for_the_answer_to_the_same_text() -> None:
    assert asking_promtool(
        "x {{ query `a` | first | value }} y {{ query (printf `b%s` $labels.c) }}"
    ) == (
        'x {{ query (printf "log_answers{query=%q}" `a`) | first | value }} y '
        '{{ query (printf "log_answers{query=%q}" (printf `b%s` $labels.c)) }}'
    )


def test_what_asks_nothing_stays_as_it_is() -> None:
    text = 'query {{ $value }} {{ `query "a"` }} { query `b` }'
    assert queries(text) == []
    assert asking_promtool(text) == text


@pytest.mark.parametrize(
    "asks",
    [
        "$text",
        "(print `a` `b`)",
        "(printf `%s` $value)",
        "(printf $format)",
        "(printf `a`",
        r'"\x41"',
    ],
)
def test_what_depends_on_more_than_labels_is_said(asks: str) -> None:
    with pytest.raises(ValueError, match="here"):
        queries(f"{{{{ query {asks} }}}}")


@pytest.mark.parametrize("asks", ["(printf `%s`)", "(printf `%d` $labels.a)"])
def test_a_format_that_is_not_known_is_said(asks: str) -> None:
    (asked,) = queries(f"{{{{ query {asks} }}}}")
    with pytest.raises(ValueError, match="not understood here"):
        asked.text({"a": "1"})
