"""Headings of pages as they are published."""

import time

import pytest

from generator.verify.headings import headings


@pytest.mark.parametrize(
    "page",
    [
        "<!-- x -->\n\n# A\n\ntext",
        "text\r\n\r\n# A\r\n\r\nmore\r\n",
        "A\n===\n",
        "A\r\n---\r\n",
        "## A ##",
        "# A {#a-page}",
        "# `A`",
        "# [A](other.md)",
        "# \u200bA\u200b",
        "\ufeff# A",
        "---\ntitle: B\n---\n# A\n",
        "<h1>A</h1>",
        '<h1 id="a">\n  A<a class="headerlink" href="#a">¶</a></h1>',
        '<h2><a href="#a">Link to this heading</a>A</h2>',
        '<h1>A<a href="#a">\u200b</a></h1>',
        "<h1>A&#8203;&nbsp;&para;</h1>",
        '<?xml version="1.0" encoding="utf-16"?>\n<!-- x --><html><h1>A</h1></html>',
        '<html><meta charset="utf-16"><h1>\ud800A</h1></html>',
        "<h1>A {#a}</h1>",
        "<H1><span>A</span></H1>",
        "<h1>&#65;</h1>",
        "<!doctype html><html><body>\n\n    <div>\n\n        <h1>A</h1>\n\n</div></body></html>",
        "<main>\n\n        <h1>A</h1>\n</main>",
    ],
)
def test_a_heading_is_found(page: str) -> None:
    assert "A" in headings(page)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "# Ab\n",
        "# A b\n",
        "#A\n",
        "A\n",
        "```\n# A\n```\n",
        "<title>A</title><p>A</p>",
        "Sign in to see A",
        "<!doctype html><html><body><pre>\n# A\n</pre></body></html>",
        "<html><script>\n# A\n'<h1>A</h1>'</script><h1>Sign in</h1></html>",
        "---\ntitle: A\n---\ntext\n",
    ],
)
def test_what_only_looks_like_it_is_none(page: str) -> None:
    assert "A" not in headings(page)


HOSTILE = [
    "<h1",
    "<!---->\n",
    "<!--",
    "</",
    "<?",
    "<![CDATA[",
    '<h1 a="',
    "<a/",
    "# {#",
    "<h1><h2>",
]


@pytest.mark.parametrize(
    "page", [piece * (300_000 // len(piece)) for piece in HOSTILE], ids=HOSTILE
)
def test_the_time_for_a_page_grows_with_its_length_alone(page: str) -> None:
    begin = time.process_time()
    headings(page)
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    "text", ["{#" * 150_000, "b" + "!" * 300_000 + "c"], ids=["names", "marks"]
)
def test_the_time_for_a_heading_grows_with_its_length_alone(text: str) -> None:
    begin = time.process_time()
    assert "A" in headings(f"<h1>{text}</h1><h1>A</h1>")
    assert time.process_time() - begin < 3
