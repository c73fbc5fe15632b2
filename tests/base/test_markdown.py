"""Texts come back from rendered Markdown exactly as they went in."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from generator.base import markdown
from generator.catalog.load import load
from generator.compile.rules import compile_rules
from generator.outputs import runbooks

# One line of plain text as the schema allows it: no control characters, no space at the ends.
lines = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)
    .map(str.strip)
    .filter(bool)
)
verbatim = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
# What a fence is made of, often; random letters hardly ever have three backticks side by side.
fences = st.text("``` ~\nab", min_size=1).filter(str.strip)


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def shown(inline: Token) -> str:
    return "".join(
        "\n" if child.type == "softbreak" else child.content for child in inline.children or ()
    )


def cells(text: str) -> list[str]:
    found = tokens(f"| h | i |\n|---|---|\n| {text} | x |\n")
    return [shown(found[index + 1]) for index, token in enumerate(found) if token.type == "td_open"]


@given(lines)
def test_plain_text_in_a_paragraph(text: str) -> None:
    assert shown(tokens(f"Title: {markdown.text(text)}")[1]) == f"Title: {text}"


@given(lines)
def test_plain_text_in_a_heading(text: str) -> None:
    assert shown(tokens(f"# Title: {markdown.text(text)}")[1]) == f"Title: {text}"


@given(lines)
def test_plain_text_in_a_table(text: str) -> None:
    assert cells(markdown.text(text)) == [text, "x"]


@given(verbatim)
def test_code_in_a_paragraph(text: str) -> None:
    assert shown(tokens(f"Code: {markdown.code(text)}")[1]) == f"Code: {text}"


@given(verbatim)
def test_code_in_a_table(text: str) -> None:
    assert cells(markdown.code_cell(text)) == [text, "x"]


@example("```\nhello\n```")
@example("a\n````\n``````")
@given(st.lists(verbatim, min_size=1).map("\n".join) | fences)
def test_a_block(text: str) -> None:
    assert tokens(markdown.block(text, "sh"))[0].content == f"{text.rstrip()}\n"


@given(fences)
@example("```\ncode in code\n```")
def test_a_block_is_found_whole_again(text: str) -> None:
    page = f"before\n\n{markdown.block(text, 'sh')}\nafter\n"
    code = f"{text.rstrip()}\n"
    parts = [(False, "before\n\n"), (True, code), (False, "after\n")]
    assert list(markdown.prose_and_code(page)) == parts


def test_prose_in_a_cell_is_one_line() -> None:
    assert markdown.cell("a\n  b | c \\| d") == "a b \\| c \\| d"


def test_anchors_are_those_of_github() -> None:
    assert markdown.slug("How this alert works") == "how-this-alert-works"
    assert markdown.slug("Fix by version: `v1.18`, and_more") == "fix-by-version-v118-and_more"


def test_no_page_shows_the_marks_of_code_as_text() -> None:
    """Plain texts of the catalog and of the generator hold no backticks; a page would show them."""
    inputs = load()
    pages = runbooks.files(
        compile_rules(inputs.catalog, inputs.profile), inputs.catalog, inputs.profile
    )
    inline = [
        (page.path, token)
        for page in pages
        for token in tokens(page.text)
        if token.type == "inline"
    ]
    texts = [
        (path, child.content)
        for path, token in inline
        for child in token.children or ()
        if child.type == "text"
    ]
    assert [row for row in texts if "`" in row[1]] == []


MARKERS = st.sampled_from(["- ", "+ ", "* ", "1. ", "12) ", "# ", "> ", "1.", "-"])


@given(st.builds("{}{}".format, MARKERS, lines))
def test_plain_text_that_begins_as_a_list_would(text: str) -> None:
    found = tokens(markdown.text(text))
    assert [token.type for token in found] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(found[1]) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("see http://a.test/x", r"see http\://a.test/x"),
        ("see HTTPS://a.test", r"see HTTPS\://a.test"),
        ("<http://a.test>", r"\<http\://a.test\>"),
        ("www.a.test", r"www\.a.test"),
    ],
)
def test_a_bare_address_is_no_link_on_github(text: str, escaped: str) -> None:
    """cmark-gfm 0.29 makes a link of each without the backslash, and of none with it."""
    assert markdown.text(text) == escaped
    assert shown(tokens(escaped)[1]) == text


def test_code_in_a_sentence_has_no_place_to_break() -> None:
    prose = "Run `kubectl get\n  pods -A`, then ``a ` b``; not this"
    kept = "Run `kubectl*get*pods*-A`, then ``a*`*b``; not this".replace("*", markdown.STUCK)
    assert markdown.unbroken(prose) == kept
