"""The documentation on the site: its links, and what it leaves out."""

from generator.pages.documents import DocumentPage, as_pages

BESIDE = {"README.md": "# The tool\n", "sites.md": "# Sites\n\n## Presets\n"}


def body(text: str) -> str:
    """The HTML of a document that stands beside two others, where one alert has a page."""
    pages = as_pages({"install.md": text, **BESIDE}, ["README.md", "KubeProxySyncSlow.md"])
    return pages[0].body


def test_a_document_is_a_page_with_its_title() -> None:
    assert as_pages({"Unit-Tests.md": "# Unit tests\n\nText.\n"}, []) == [
        DocumentPage(
            page="docs-unit-tests.html",
            title="Unit tests",
            body='<h1 id="unit-tests">Unit tests</h1>\n<p>Text.</p>\n',
        )
    ]


def test_a_link_to_a_document_leads_to_its_page_from_wherever_it_is_written() -> None:
    html = body("[a](sites.md#presets) [b](docs/sites.md) [c](../README.md) [d](README.md)\n")
    assert '<a href="docs-sites.html#presets">a</a>' in html
    assert '<a href="docs-sites.html">b</a>' in html
    assert '<a href="docs-readme.html">c</a>' in html
    assert '<a href="docs-readme.html">d</a>' in html


def test_a_link_to_a_runbook_leads_to_its_page() -> None:
    html = body(
        "[a](output/runbooks/KubeProxySyncSlow.md) [b](../output/runbooks/README.md#first)\n"
    )
    assert '<a href="KubeProxySyncSlow.html">a</a>' in html
    assert '<a href="index.html#first">b</a>' in html


def test_of_a_link_to_a_file_that_the_site_lacks_the_words_stay() -> None:
    html = body("See [the *tests*](../tests/test_x.py), [gone](output/runbooks/Gone.md).\n")
    assert html == "<p>See the <em>tests</em>, gone.</p>\n"


def test_a_link_elsewhere_or_within_the_page_stays() -> None:
    text = "[a](https://kubernetes.io/docs) [b](#c) [d](/wiki) [e](mailto:f@site.test) [g](//h/i)\n"
    html = body(text)
    for target in ("https://kubernetes.io/docs", "#c", "/wiki", "mailto:f@site.test", "//h/i"):
        assert f'<a href="{target}">' in html


def test_of_a_picture_stays_what_it_shows() -> None:
    html = body("![A <b> page](docs/pictures/a.png) [![the lab](b.png)](https://site.test)\n")
    assert html == '<p>A &lt;b&gt; page <a href="https://site.test">the lab</a></p>\n'


def test_a_comment_is_left_out_but_not_from_code() -> None:
    html = body("<!-- made\nby hand -->\nText.\n\n```xml\n<!-- code -->\n```\n")
    assert html.startswith("<p>Text.</p>\n")
    assert "&lt;!-- code --&gt;" in html
    assert "hand" not in html
