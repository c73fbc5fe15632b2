"""Made-up signatures, to compare what finds lines by them."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from generator.catalog.model import Variant


def patterns(leaves: Sequence[str]) -> SearchStrategy[str]:
    """Patterns of these, one behind the other, side by side and in groups."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map("".join),
            st.lists(inner, min_size=2, max_size=4).map("|".join),
            inner.map("({})".format),
            inner.map("(?:{})".format),
            inner.map("(?:{})*".format),
        ),
        max_leaves=8,
    )


def variants(made: SearchStrategy[str], literals: Sequence[str]) -> SearchStrategy[Variant]:
    """Variants of a signature: such a pattern, or one of the literals."""
    return st.one_of(
        made.map(lambda pattern: Variant("a", "b", "source", (), pattern=pattern)),
        st.sampled_from(literals).map(lambda text: Variant("a", "b", "source", (), literal=text)),
    )
