"""Which lines a log signal matches, and how it becomes a chain of filters."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.catalog.model import Exclusion, LogSignal, Variant
from generator.catalog.wordings import signature
from generator.query.signature import Signature, Signatures, compile_re2, escape


def variant(
    literal: str | None = None, pattern: str | None = None, holds: str | None = None
) -> Variant:
    return Variant("name", "program", "source", ("s",), literal, pattern, holds)


def signal(
    contains: tuple[str, ...], variants: tuple[Variant, ...], exclude: tuple[str, ...] = ()
) -> LogSignal:
    left_out = tuple(Exclusion(text, "why") for text in exclude)
    return LogSignal(variants, contains=contains, exclude=left_out)


def test_a_single_literal_needs_no_pattern() -> None:
    assert signature(signal(("a",), (variant("b"),))) == Signature(("a", "b"), (), None, ())


def test_a_single_pattern_stays_as_it_is() -> None:
    assert signature(signal((), (variant(pattern="b+"),), ("c",))) == Signature(
        (), (), "b+", ("c",)
    )


def test_several_variants_become_one_pattern_with_literals_escaped() -> None:
    made = signature(signal(("x",), (variant("a.b (c)"), variant(pattern="(?i)d|e"))))
    assert made == Signature(("x",), (), r"(?:a\.b \(c\))|(?:(?i)d|e)", ())


def test_several_literals_need_no_pattern() -> None:
    made = signature(signal(("x",), (variant("a.b"), variant("c"))))
    assert made == Signature(("x",), ("a.b", "c"), None, ())
    assert made.matches("x a.b")
    assert not made.matches("x a-b")
    assert not made.matches("c")


def test_a_text_that_holds_another_one_is_not_searched_for() -> None:
    made = signature(signal((), (variant("ab"), variant("abc"), variant("d"), variant("ab"))))
    assert made == Signature((), ("ab", "d"), None, ())
    made = signature(signal((), (variant(pattern="ab+", holds="a"), variant("ab"))))
    assert made == Signature(("a",), (), "(?:ab+)|(?:ab)", ())


def test_what_every_wording_holds_is_searched_for_before_the_pattern() -> None:
    made = signature(signal((), (variant("a.b"), variant(pattern="line [0-9]+", holds="line "))))
    assert made == Signature((), ("a.b", "line "), r"(?:a\.b)|(?:line [0-9]+)", ())
    assert made.matches("line 7")
    assert not made.matches("line seven")


def test_a_single_pattern_with_what_it_holds_is_a_literal_and_the_pattern() -> None:
    made = signature(signal((), (variant(pattern="line [0-9]+", holds="line "),)))
    assert made == Signature(("line ",), (), "line [0-9]+", ())


def test_a_flag_of_one_variant_does_not_reach_the_next() -> None:
    made = signature(signal((), (variant(pattern="(?i)abc"), variant(pattern="def"))))
    assert made.matches("ABC")
    assert not made.matches("DEF")


def test_all_literals_any_variant_no_exclusion() -> None:
    made = signature(
        signal(("one", "two"), (variant("three"), variant(pattern="fo+ur")), ("five",))
    )
    assert made.matches("two one foour")
    assert not made.matches("one three")
    assert not made.matches("one two")
    assert not made.matches("one two three five")


def test_escape_keeps_readable_what_needs_no_escape() -> None:
    assert escape("a-b 'c' \"d\" e=1: f/g") == "a-b 'c' \"d\" e=1: f/g"
    assert escape(r"(.*)[x]{1}^$\|?+") == r"\(\.\*\)\[x\]\{1\}\^\$\\\|\?\+"


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "a(", "a{2000}"])
def test_what_re2_refuses_is_a_value_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_re2(pattern)


MANY = Signatures(
    {
        "literal": Signature(("KUBE-MARK-DROP",), (), None, ()),
        "literal and pattern": Signature(("KUBE-MARK-DROP", "tables"), (), "does not exist", ()),
        "pattern only": Signature((), (), "(?i)exist", ()),
        "one of two": Signature((), ("of interest", "EXISTS"), None, ()),
        "excluded": Signature(("KUBE-MARK-DROP",), (), None, ("nat",)),
    }
)


@pytest.mark.parametrize(
    ("line", "owners"),
    [
        ("nothing", set()),
        ("nothing of interest", {"one of two"}),
        ("Chain 'KUBE-MARK-DROP'", {"literal", "excluded"}),
        ("Chain 'KUBE-MARK-DROP' in nat", {"literal"}),
        (
            "iptables: KUBE-MARK-DROP does not exist",
            {"literal", "literal and pattern", "pattern only", "excluded"},
        ),
        ("EXISTS", {"pattern only", "one of two"}),
    ],
)
def test_many_signatures_at_once_find_the_owners_of_a_line(line: str, owners: set[str]) -> None:
    assert MANY.owners(line) == owners


TEXTS = st.lists(st.text(alphabet="abä", min_size=1, max_size=3), max_size=3).map(tuple)


@given(
    st.dictionaries(
        st.text(max_size=2), st.builds(Signature, TEXTS, TEXTS, st.none(), st.just(()))
    ),
    st.text(alphabet="abä", max_size=12),
)
def test_many_signatures_at_once_agree_with_each_by_itself(
    signatures: dict[str, Signature], line: str
) -> None:
    assert Signatures(signatures).owners(line) == {
        key for key, one in signatures.items() if one.matches(line)
    }


def test_groups_cost_nothing() -> None:
    """RE2's Python copies each group of a match: with these a line took 23 ms."""
    compiled = compile_re2("".join(f"(a|b{number})?" for number in range(400)) + "x")
    begin = time.process_time()
    assert all(compiled.search("a" * 300 + "x") for _ in range(2000))
    assert time.process_time() - begin < 2
