"""The files of the site: what they lead to, what they hold, and that they are ours to replace."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from generator.catalog import shipped
from generator.catalog.load import load
from generator.outputs import write
from generator.pages import known, website
from generator.pages.markup import as_html
from generator.pipeline import compile_catalog
from tests import once
from tests.conftest import TINY, Run

READ = once.inputs()
DOCUMENTS = shipped.documents()


@cache
def texts() -> dict[str, str]:
    """All files by name; to make them takes long, so whoever only reads this module does not."""
    return {file.path: file.text for file in once.pages()}


@cache
def pages() -> dict[str, str]:
    return {path: text for path, text in texts().items() if path.endswith(".html")}


class Reading(HTMLParser):
    """Links and anchors of a page, its elements, and what stands in its scripts, styles and handlers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                (self.links if tag == "a" else self.loads).append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within in ("script", "style") and data.strip():
            self.inline.append(data)


@cache
def reading_of(path: str) -> Reading:
    return Reading(pages()[path])


def test_every_alert_has_a_page_with_its_name_as_the_heading() -> None:
    for alert in once.rules().alerts:
        assert (
            f'<h1 id="{alert.rule.alert.lower()}">{alert.rule.alert}</h1>'
            in pages()[f"{alert.rule.alert}.html"]
        )


def test_the_first_page_leads_to_every_alert_by_its_title() -> None:
    for alert in once.rules().alerts:
        assert f'<a href="{alert.rule.alert}.html">' in pages()["index.html"]
    headings = re.findall("<h2>(.*?)</h2>", pages()["index.html"])
    assert headings == [
        "Severity critical",
        "Severity warning",
        "Severity info",
        "Watchdogs, always firing",
    ]


def test_every_document_is_a_page_that_the_first_one_leads_to() -> None:
    assert "docs.html" in reading_of("index.html").links
    documents = {f"docs-{name}.html" for name in shipped.pages()}
    assert {"docs-sites.html", "docs-readme.html"} < documents <= pages().keys()
    assert documents <= set(reading_of("docs.html").links)
    assert "- [Install](docs-install.html)\n" in texts()["llms.txt"]


def test_every_verb_and_key_is_explained_on_a_page() -> None:
    assert '<h2 id="diagnose">' in pages()["docs-commands.html"]
    assert "<code>runbooks" in pages()["docs-profile.html"]


def test_every_link_leads_to_a_page_and_a_heading() -> None:
    links = [(path, link) for path in pages() for link in reading_of(path).links]
    assert ("index.html", "KubeProxyIptablesBackendMismatch.html") in links
    for path, link in links:
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("http", "https"), (path, link)
            continue
        to = parts.path or path
        assert to in pages(), (path, link)
        assert not parts.fragment or unquote(parts.fragment) in reading_of(to).ids, (path, link)


def test_a_page_loads_only_what_is_beside_it_and_holds_nothing_that_the_policy_refuses() -> None:
    assert "known.js" in reading_of("index.html").loads
    for path, text in pages().items():
        reading = reading_of(path)
        assert "default-src 'none'" in text, path
        assert set(reading.loads) - {"data:,"} <= texts().keys(), path
        assert reading.inline == [], path
        assert len(reading.ids) == len(set(reading.ids)), path


def test_the_same_input_gives_the_same_bytes() -> None:
    again = compile_catalog(load(), "output")
    assert again.rules
    assert {
        file.path: file.text
        for file in website.files(again.files, again.rules, READ.catalog, DOCUMENTS)
    } == texts()


def test_the_library_comes_with_its_licence_and_version() -> None:
    head = texts()["re2js.js"][:2500]
    assert "MIT License" in head
    assert "Copyright (c) 2023 Oleksii Vasyliev" in head
    assert "@version v2.10.0" in head


def test_all_that_is_written_is_known_again_and_replaced(tmp_path: Path) -> None:
    files = once.pages()
    assert write.replace(tmp_path / "site", files)
    assert write.not_generated(tmp_path / "site", files) == []
    assert not write.replace(tmp_path / "site", files)


def test_the_browser_is_told_what_it_needs_to_know_of_the_catalog() -> None:
    told = json.loads(texts()["known.js"].partition("const CATALOG = ")[2].removesuffix(";\n"))
    needed = known.to_the_browser(once.rules(), READ.catalog)
    assert told == json.loads(json.dumps(needed))


def test_programs_find_each_alert_in_the_catalog() -> None:
    alerts = json.loads(texts()["catalog.json"])["alerts"]
    (one,) = (alert for alert in alerts if alert["alert"] == "KubeProxySyncSlow")
    assert one["failure"] == "sync-slow"
    assert one["severity"] == "warning"
    assert one["page"] == "KubeProxySyncSlow.html"
    assert f"]({one['page']}): {one['title']}\n" in texts()["llms.txt"]


def test_markup_of_an_entry_is_shown_and_never_run() -> None:
    html = as_html(
        "# A `b` <script>\n\n<img src=x onerror=y> [c](javascript:d) [e](f.md#g)\n",
        {"f.md": "f.html"},
    )
    assert '<h1 id="a-b-script">A <code>b</code> &lt;script&gt;</h1>' in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert '<a href="f.html#g">e</a>' in html


def test_an_entry_that_the_profile_disables_is_named_without_a_page(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("disabled: [iptables-backend-mismatch]\n")
    read = load(profile=tmp_path / "site.yaml")
    rules = compile_catalog(read, "output").rules
    assert rules
    entries = known.to_the_browser(rules, read.catalog)["entries"]
    pages = {entry["id"]: entry["alerts"][0]["page"] for entry in entries}
    assert pages["iptables-backend-mismatch"] is None
    assert pages["iptables-module-missing"] == "KubeProxyIptablesModuleMissing.html"


def test_a_catalog_of_ones_own_gets_a_site() -> None:
    read = load(base=TINY)
    compiled = compile_catalog(read, "output")
    assert compiled.rules
    paths = {
        file.path for file in website.files(compiled.files, compiled.rules, read.catalog, DOCUMENTS)
    }
    assert {f"{alert.rule.alert}.html" for alert in compiled.rules.alerts} < paths


def test_the_command_writes_the_site_and_touches_no_rules(run: Run, tmp_path: Path) -> None:
    done = run("site", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "site: written, " in done.stderr
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == pages()["index.html"]
    assert "site: unchanged, " in run("site", cwd=tmp_path).stderr

    assert run("generate", "--no-validate", "--output", "rules", cwd=tmp_path).returncode == 0
    done = run("site", "--output", "rules", cwd=tmp_path)
    assert done.returncode == 2
    assert "rules: holds the rules that `kube-proxy-alerts generate` wrote" in done.stderr
    assert (tmp_path / "rules" / "loki" / "kube-proxy.rules.yaml").is_file()

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    done = run("site", "--output", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert "mine/notes.txt: was not generated" in done.stderr


def test_a_table_has_a_head_only_where_the_head_says_something() -> None:
    facts = as_html("| | |\n|---|---|\n| Severity | critical |\n", {})
    assert "<th" not in facts
    assert "<td>Severity</td>" in facts
    assert "<th>a</th>" in as_html("| a | b |\n|---|---|\n| 1 | 2 |\n", {})


def test_every_critical_page_that_can_stop_the_damage_begins_with_it() -> None:
    compiled = {file.path: file.text for file in once.compiled().files}
    leading = set()
    for alert in once.rules().alerts:
        page = pages()[f"{alert.rule.alert}.html"]
        stops = "\n## Stop the damage\n" in compiled[f"runbooks/{alert.rule.alert}.md"]
        critical = alert.rule.labels["severity"] == "critical"
        assert ('<a href="#stop-the-damage">' in page.partition("<h1")[0]) == (stops and critical)
        if stops and critical:
            leading.add(alert.rule.alert)
    assert "KubeProxyIptablesBackendMismatch" in leading
