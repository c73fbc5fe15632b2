"""The site as people meet it: in a real browser, from disk and from a server that allows nothing more than it needs."""

import functools
import gzip
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from generator.base.disk import populate
from generator.catalog.wrappings import DRESSES, raw
from generator.diagnose import exports, sources
from generator.diagnose.findings import Findings
from generator.diagnose.report.data import as_data
from generator.diagnose.windows import windows
from generator.fixes.advice import Facts
from tests import once
from tests.catalog.test_lines import FIRES, SILENT
from tests.conftest import ROOT, alone
from tests.diagnose import test_strangers as strangers
from tests.pages.browser import chromium, obtained

READ = once.inputs()
SAMPLES = [*sorted(ROOT.glob("catalog/*/samples/*/*.log")), *FIRES, *SILENT]
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
HEALTHY = "I1124 04:52:19.864465   30155 proxier.go:871] Syncing iptables rules took 12.5ms\n"
CHAIN = "E1124 04:55:01.693781   11948 proxier.go:1285] Chain 'KUBE-MARK-DROP' does not exist"
SERVICE_CIDRS = (
    'E1124 04:55:01.693781       1 reflector.go:204] "Failed to watch" err="failed to list *v1.ServiceCIDR: '
    'servicecidrs.networking.k8s.io is forbidden: User \\"system:kube-proxy\\" cannot list resource '
    '\\"servicecidrs\\" in API group \\"networking.k8s.io\\" at the cluster scope" type="*v1.ServiceCIDR"\n'
)
# Of a failure, what the page tells beside the number of its first line; the rest needs tables or lines of the log.
TOLD = (
    "id",
    "alert",
    "kind",
    "severity",
    "title",
    "first_step",
    "count",
    "first",
    "last",
    "going_on",
    "nodes",
)
PASTE = """async (text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  let answer = null;
  document.addEventListener("diagnosed", ({ detail }) => { answer = detail; }, { once: true });
  document.getElementById("paste").dispatchEvent(event);
  const state = document.getElementById("state");
  while (state.dataset.state === "reading") await new Promise((go) => setTimeout(go));
  return answer;
}"""


def pages() -> list[str]:
    """The names of all pages; to make them takes long, so whoever only reads this module does not."""
    return [file.path for file in once.pages() if file.path.endswith(".html")]


class Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with alone(tmp_path_factory, "chromium"):
        program = obtained()
    with chromium(program) as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("site")
    populate(written, once.pages())
    return written


# What does not depend on where the pages come from is tried once.
ONCE = pytest.mark.parametrize("address", ["from a server"], indirect=True)


@pytest.fixture(scope="module", params=["from disk", "from a server"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "from disk":
        yield folder.as_uri()
        return
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A phone's page. Whatever the console says, and each request for something elsewhere, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=address)
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda one: None if one.url.startswith((address, "data:")) else complaints.append(one.url),
    )
    yield opened
    context.close()
    assert complaints == []


def pasted(page: Page, text: str) -> dict[str, Any]:
    """The page's answer, without what it adds for a person: links and the fix where no version is known."""
    answer: dict[str, Any] = page.evaluate(PASTE, text)
    kept = (*TOLD, "number")
    del answer["read_as_lines"]
    return {**answer, "found": [{key: one[key] for key in kept} for one in answer["found"]]}


def diagnosed(path: Path) -> dict[str, Any]:
    """What `diagnose --json` says of a file, as far as docs/site.md says that the page tells it."""
    now = datetime.now(UTC)
    findings = Findings(READ.catalog, now)
    notes: list[str] = []
    for source in sources.sources([str(path)], notes.append):
        for window in windows(source.blocks):
            findings.read(window, source.name, source.pod, source.node, source.numbered)
    seen = {"bytes": path.stat().st_size, "sources": [str(path)], "servers": []}
    data = as_data(findings.diagnosis(), READ.catalog, READ.profile, Facts(), seen, notes)
    found = [
        {**{key: one[key] for key in TOLD}, "number": one["proof"][0]["number"]}
        for one in data["found"]
    ]
    for one in data["elsewhere"]:
        del one["example"]
    return {
        "verdict": data["verdict"],
        "found": found,
        "not_found": [one["id"] for one in data["not_found"]],
        "unexplained": sum(one["count"] for one in data["unexplained"])
        + data["unexplained_others"],
        "harmless": data["harmless"],
        "elsewhere": data["elsewhere"],
        "kube_proxies": data["kube_proxies"],
    }


@ONCE
@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
def test_a_log_that_is_pasted_has_the_answer_of_diagnose(
    page: Page, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dress: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    log = Path("pasted")  # as the page calls a place that no line names
    page.goto(f"{address}/index.html")
    named: set[str] = set()
    differ = {}
    for path in SAMPLES:
        plain = path.read_bytes().decode("utf-8", errors="replace").rstrip("\n")
        text = (
            "".join(f"{dress(line)}\n" for line in plain.split("\n")) if dress is not raw else plain
        )
        log.write_bytes(text.encode())
        answer = pasted(page, text)
        named |= {one["id"] for one in answer["found"]}
        expected = diagnosed(log)
        if answer != expected:
            differ[path.relative_to(ROOT).as_posix()] = [
                (said, answer[said], expected[said])
                for said in expected
                if answer[said] != expected[said]
            ]
    assert differ == {}
    assert named == {
        entry.id for entry in READ.catalog.entries if entry.logs and entry.kind != "watchdog"
    }


def test_a_failure_is_named_with_its_first_step_and_its_page(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.evaluate(
        PASTE, f"I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4\n{CHAIN}\n{CHAIN}\n"
    )
    assert page.inner_text("#state") == "1 documented failure is in 3 lines."
    said = page.inner_text("#found")
    assert "critical, 2 lines, first line 2" in said
    assert "-11-24T04:55:01Z, still going on at the end of the log." in said
    assert page.inner_text("#rest") == "Versions of kube-proxy in the log: v1.18.4."
    assert "First: Make the chain KUBE-MARK-DROP where kube-proxy looks for it" in said
    page.click("#found a")
    assert page.inner_text("h1") == "KubeProxyIptablesBackendMismatch"


@ONCE
def test_the_patterns_are_read_once_for_all_logs(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.evaluate(PASTE, CHAIN)
    page.evaluate("""() => {
      const compile = RE2JS.RE2JS.compile;
      window.read = 0;
      RE2JS.RE2JS.compile = (...given) => { window.read += 1; return compile.apply(RE2JS.RE2JS, given); };
    }""")
    assert page.evaluate(PASTE, f"{HEALTHY}{CHAIN}")["verdict"] == "found"
    assert page.evaluate("window.read") == 0
    assert page.evaluate("RE2JS.RE2JS.compile('a') && window.read") == 1  # the count works


LOCK_NOT_MOUNTED = sorted(ROOT.glob("catalog/iptables-lock-not-mounted/samples/fires/*.log"))[0]
BY_VERSION = "Fix: depends on the version: read the table in the runbook"
FIXES = {  # by a log of the failure; none where neither a version nor a setting ends it
    CHAIN: BY_VERSION,
    strangers.LINES[1]: BY_VERSION,
    LOCK_NOT_MOUNTED.read_text(encoding="utf-8"): (
        "Fix: Volume /run/xtables.lock of every Pod that calls iptables: hostPath /run/xtables.lock, "
        "type FileOrCreate, mounted at /run/xtables.lock, readOnly false"
    ),
    SERVICE_CIDRS: None,
}


@ONCE
def test_a_failure_is_named_with_what_ends_it(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    for line, fix in FIXES.items():
        page.evaluate(PASTE, line)
        assert page.locator("#found li").count() == 1, line
        said = page.locator("#found li p").all_inner_texts()
        assert [text for text in said if text.startswith("Fix: ")] == ([fix] if fix else [])


def test_a_healthy_log_and_an_empty_one_are_said_to_have_no_failure(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/index.html")
    page.evaluate(PASTE, "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4")
    assert page.inner_text("#state") == "No documented failure is in 1 line."
    page.evaluate(PASTE, "")
    assert page.inner_text("#state") == "Cannot tell: no line of kube-proxy’s is in 0 lines."


def test_what_is_no_documented_failure_is_said(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    unknown = "E1124 04:52:19.864465   30155 proxier.go:9] A thing that nobody knows"
    harmless = "E1124 04:52:19.864465   30155 server.go:9] nodePortAddresses is unset; NodePort"
    harmless += " connections will be accepted on all local IPs"
    page.evaluate(
        PASTE, f"{unknown}\n{harmless}\n{harmless}\nNov 24 04:55:01 n kubelet[9]: {CHAIN}\n"
    )
    assert page.inner_text("#state") == (
        "No documented failure is in 4 lines, but errors are there that no entry explains."
    )
    first, second, third = page.locator("#rest li").all_inner_texts()
    assert first == "1 error that no entry explains; diagnose lists them."
    assert second == (
        "1 line of kubelet like KubeProxyIptablesBackendMismatch; not counted, another program."
    )
    assert third.startswith("2 × node-port-addresses-unset, harmless: Advice on the configuration")


def test_nodes_are_named_the_first_with_most_lines(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    line = "2026-01-02T03:04:05Z {} kube-proxy[7]: " + CHAIN + "\n"
    page.evaluate(PASTE, "".join(map(line.format, ["<b>", "n2", "n1", "n2", *("abcd")])))
    said = page.inner_text("#found")
    assert "8 lines, first line 1, on n2 (2), " in said
    assert "2026-01-02T03:04:05Z" in said


WRAPPED = {
    "kubectl logs --prefix": "[pod/kube-proxy-x7k2p/kube-proxy] {}\n",
    "kubectl logs --timestamps": "2026-01-02T03:04:05.678Z {}\n",
    "stern": "kube-proxy-x7k2p kube-proxy {}\n",
    "docker compose": "kube-proxy_1  | {}\n",
    "logcli": '2026-01-02T03:04:05Z {{node_name="n1", pod="kube-proxy-a"}} {}\n',
    "RFC 5424": "<30>1 2026-01-02T03:04:05+02:00 n1 kube-proxy 7 - - {}\n",
    "journalctl -o export": "__REALTIME_TIMESTAMP=1767323045000000\n_HOSTNAME=n1\nMESSAGE={}\n\n",
    "journalctl -o short-unix": "1767323045.5 n1 kube-proxy[7]: {}\n",
    "of another program": "Jan 02 03:04:05 n1 kubelet[7]: {}\n",
    "dmesg -T": "[Fri Jan  2 03:04:05 2026] {}\n",
    "coloured": "\x1b[31m{}\x1b[0m\n",
    "with a carriage return": "{}\r\n",
    "with spaces of a web page": "\u00a0{}\n",
    "in a chat": "> *12:34* kube-proxy-x7k2p: {}\n",
    "quoted in CSV": '2026-01-02T03:04:05Z,"{}",n1\n',
    "cut by containerd": "2026-01-02T03:04:05Z stderr P {}\n2026-01-02T03:04:06Z stderr F .\n",
    "twice": '{{"log":"2026-01-02T03:04:05Z stderr F {}\\n","stream":"stderr","host":"n1"}}\n',
    "a record of a kind that nobody knows": '{{"a":{{"b":{{"y":"{}"}},"Host":"n1"}},"c":{{"ts":1767323045}}}}\n',
}


@ONCE
@pytest.mark.parametrize("wrapping", WRAPPED)
def test_in_other_wrappings_too(
    page: Page, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapping: str
) -> None:
    monkeypatch.chdir(tmp_path)
    page.goto(f"{address}/index.html")
    lines = [CHAIN, "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4", CHAIN]
    text = "".join(map(WRAPPED[wrapping].format, lines))
    Path("pasted").write_bytes(text.encode())
    assert pasted(page, text) == diagnosed(Path("pasted"))


# Logs as strangers pass them on, which diagnose takes apart first: documents, tables, texts within texts, other
# encodings. The page reads them as lines.
TAKEN_APART = {
    name
    for name, (data, _) in strangers.SHAPES.items()
    if isinstance(data, bytes) or exports.kind(data.encode()) is not None
}
READ_AS_LINES = {
    **{name: str(data) for name, (data, _) in strangers.SHAPES.items() if name not in TAKEN_APART},
    **{
        f"of {program}: {data[:40]}": f"{data}\n"
        for data, program in strangers.OF_OTHERS
        if exports.kind(data.encode()) is None
    },
    **{f"behind {front}": f"{front}{strangers.CRASH}\n" for front in strangers.FRONTS},
    **{
        f"behind {one} and {other}": f"{one}{strangers.CRASH}\n{other}{strangers.APP}\n"
        for one, other in (*strangers.PLACES, *((one, one) for one, _ in strangers.PLACES))
    },
    **{
        f"with {border}": f"{strangers.CRASH}\n{border}\n{strangers.APP}\n"
        for border in strangers.BORDERS
    },
    **{
        f"{record.__name__} of {program} on {node}": record("kube-proxy", strangers.CRASH)
        + record(program, strangers.APP, node=node)
        for record in (strangers.verbose, strangers.export)
        for program, node in (("kube-proxy", "node-8"), ("weave", strangers.NODE))
    },
    "alike errors of other programs": strangers.export("kube-proxy", strangers.CRASH)
    + strangers.export("containerd", strangers.CRASH)
    + strangers.export("kube-proxy", strangers.CRASH),
    "a front of many words": "we see this since noon: " + "\n".join(strangers.BLOCK) + "\n",
    "ServiceCIDRs alone": SERVICE_CIDRS * 2,
    "ServiceCIDRs and others": SERVICE_CIDRS
    + SERVICE_CIDRS.replace("ServiceCIDR", "Service").replace("servicecidrs", "services"),
}


@ONCE
def test_logs_of_strangers_have_the_answer_of_diagnose(
    page: Page, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page.goto(f"{address}/index.html")
    differ = {}
    for name, text in READ_AS_LINES.items():
        Path("pasted").write_bytes(text.encode())
        answer, expected = pasted(page, text), diagnosed(Path("pasted"))
        if answer != expected:
            differ[name] = [
                (said, answer[said], expected[said])
                for said in expected
                if answer[said] != expected[said]
            ]
    assert differ == {}
    assert len(READ_AS_LINES) > 70


@ONCE
def test_service_cidrs_alone_give_the_milder_alert(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    for log, alert, severity in (
        ("ServiceCIDRs alone", "KubeProxyApiserverForbiddenServiceCIDR", "warning"),
        ("ServiceCIDRs and others", "KubeProxyApiserverForbidden", "critical"),
    ):
        (found,) = page.evaluate(PASTE, READ_AS_LINES[log])["found"]
        assert (found["alert"], found["severity"], found["count"]) == (alert, severity, 2)
        assert found["page"] == f"{alert}.html"


def documents(text: str) -> dict[str, str]:
    """The lines of a log in forms that the page does not take apart."""
    lines = text.split("\n")
    rows = [{"host": "n", "message": line} for line in lines]
    cells = ['"' + line.replace('"', '""') + '"' for line in lines]
    return {
        "an array": json.dumps(rows),
        "an array in lines": json.dumps(rows, indent=1),
        "a list of texts": json.dumps(lines),
        "a document": json.dumps({"hits": {"hits": rows}}),
        "a text": json.dumps(text),
        "a table": "host,message\n" + "".join(f"n,{cell}\n" for cell in cells),
        "a line of HTML": text.replace("\n", "<br>"),
        "carriage returns": text.replace("\n", "\r"),
    }


@ONCE
def test_what_is_not_taken_apart_is_never_said_to_have_no_failure(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    logs = {
        path.name: path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
        for path in SAMPLES[::9]
    }
    forms = {
        (name, form): document
        for name, text in logs.items()
        for form, document in documents(f"{HEALTHY}{HEALTHY}{text}").items()
    }
    for name in TAKEN_APART:
        data = strangers.SHAPES[name][0]
        forms[name, "of strangers"] = (
            data.decode(errors="replace") if isinstance(data, bytes) else data
        )
    cleared = [
        where for where, text in forms.items() if page.evaluate(PASTE, text)["verdict"] == "none"
    ]
    assert cleared == []
    page.evaluate(PASTE, documents(HEALTHY * 2)["an array"])
    assert page.inner_text("#state") == (
        "Cannot tell: what is in 1 line is a document or a table, which this page reads as lines; "
        "diagnose takes it apart."
    )


def test_the_log_is_no_part_of_the_page_and_meets_no_regular_expression_of_the_browsers(
    page: Page, address: str
) -> None:
    page.add_init_script("""
      window.seen = [];
      const exec = RegExp.prototype.exec;
      RegExp.prototype.exec = function (text) {
        if (String(text).includes("MARKER")) window.seen.push(this.source);
        return exec.call(this, text);
      };
    """)
    page.goto(f"{address}/index.html")
    hostile = f"MARKER <img src=x onerror=alert(1)> {CHAIN}\x1b[0m MARKER\n"
    assert [one["id"] for one in page.evaluate(PASTE, hostile)["found"]] == [
        "iptables-backend-mismatch"
    ]
    assert "MARKER" not in page.content()
    assert page.input_value("#paste") == ""
    assert page.evaluate("window.seen") == []
    assert page.evaluate("/MARKER/.test('MARKER') && window.seen") == ["MARKER"]  # the trap works


MANY = 1_250_000  # such lines, 100 MB
BEATS = """() => {
  const began = performance.now();
  let last = began;
  const beats = { count: 0, longest: 0 };
  const beat = setInterval(() => {
    const now = performance.now();
    beats.count += 1;
    beats.longest = Math.max(beats.longest, now - last);
    last = now;
  }, 5);
  window.heard = () => {
    clearInterval(beat);
    return { ...beats, whole: performance.now() - began };
  };
}"""


def assert_the_page_went_on(page: Page) -> None:
    """Its clock beat all the time; a page that reads without a pause stands still for nearly the whole of it."""
    heard = page.evaluate("heard()")
    assert heard["count"] > 30
    assert heard["longest"] < heard["whole"] / 2


def test_a_big_file_is_read_while_the_page_goes_on_working(
    page: Page, address: str, tmp_path: Path
) -> None:
    page.goto(f"{address}/index.html")
    (tmp_path / "big.log").write_text(f"{HEALTHY * MANY}{CHAIN}\n")
    page.evaluate(BEATS)
    page.set_input_files("#open", tmp_path / "big.log")
    page.wait_for_selector("#state[data-state=done]", timeout=120_000)
    assert page.inner_text("#state") == "1 documented failure is in 1,250,001 lines."
    assert "1 line, first line 1250001" in page.inner_text("#found")
    assert_the_page_went_on(page)


def test_100_mb_are_pasted_while_the_page_goes_on_working(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/index.html")
    page.evaluate(
        "([line, many, end]) => navigator.clipboard.writeText(line.repeat(many) + end)",
        [HEALTHY, MANY, CHAIN],
    )
    page.evaluate(BEATS)
    page.focus("#paste")
    page.keyboard.press("Control+V")
    page.wait_for_selector("#state[data-state=done]", timeout=120_000)
    assert page.inner_text("#state") == "1 documented failure is in 1,250,001 lines."
    assert_the_page_went_on(page)
    assert page.input_value("#paste") == ""
    assert len(page.content()) < 100_000


def test_a_log_without_an_end_of_line_is_read_too(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/index.html")
    (tmp_path / "endless.log").write_text("x" * 5_000_000 + CHAIN)
    page.set_input_files("#open", tmp_path / "endless.log")
    page.wait_for_selector("#state[data-state=done]", timeout=120_000)
    assert page.inner_text("#state") == "1 documented failure is in 1 line."


def test_a_packed_log_is_unpacked_and_a_broken_one_is_refused(
    page: Page, address: str, tmp_path: Path
) -> None:
    page.goto(f"{address}/index.html")
    whole = gzip.compress(f"{CHAIN}\n".encode())
    (tmp_path / "kube-proxy.log.gz").write_bytes(whole)
    page.set_input_files("#open", tmp_path / "kube-proxy.log.gz")
    page.wait_for_selector("#state[data-state=done]")
    assert page.inner_text("#state") == "1 documented failure is in 1 line."
    (tmp_path / "broken.log.gz").write_bytes(whole[:20])
    page.set_input_files("#open", tmp_path / "broken.log.gz")
    page.wait_for_selector("#state[data-state=refused]")
    assert page.inner_text("#state").startswith("The log could not be read: ")


@ONCE
def test_no_page_scrolls_sideways_on_a_phone(page: Page, address: str) -> None:
    wide = {}
    for name in pages():
        page.goto(f"{address}/{name}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[name] = width
    assert wide == {}


def test_the_table_of_versions_shows_the_release_and_the_failure_that_are_chosen(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/versions.html")
    everything = page.locator("#matrix tbody tr:visible").count()
    page.select_option("#release", "TKE 1.18")
    assert page.locator("#matrix tbody tr:visible").all_inner_texts()[0].startswith("TKE 1.18\t")
    assert page.locator("#matrix tbody tr:visible").count() == 1 < everything
    page.select_option("#failure", "iptables-backend-mismatch")
    assert page.locator("#matrix thead th:visible").all_inner_texts() == [
        "kube-proxy",
        "iptables-backend-mismatch",
    ]
    assert page.locator("#matrix tbody tr:visible td:visible").count() == 1
    page.select_option("#release", "")
    page.select_option("#failure", "")
    assert page.locator("#matrix tbody tr:visible").count() == everything


def test_dark_has_a_look_of_its_own(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) != light


SEARCHED = {
    "conntrack table full": "KubeProxyConntrackTableFull",
    "xtables lock held too long": "KubeProxyIptablesLockHeldTooLong",
    "api server certificate is not valid": "KubeProxyApiserverCertificateInvalid",
    "kube-proxy is not running on a node": "KubeProxyNotRunning",
    "sync slow": "KubeProxySyncSlow",
    "too many open files inotify": "KubeProxyTooManyOpenFiles",
    "nodes where health check port is in use": "KubeProxyHealthcheckPortInUse",
    "nft crash": "KubeProxyNftablesNftCrash",
}


def test_words_find_pages_and_one_of_them_is_enough(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    best = {}
    for query in SEARCHED:
        page.fill("#search", f"zzz {query}")
        page.wait_for_selector("#state[data-state=done]")
        best[query] = page.locator("#hits li code").all_inner_texts()[:3]
    missed = {query: hits for query, hits in best.items() if SEARCHED[query] not in hits}
    assert missed == {}
    page.fill("#search", "zzz credentials masked push diff")
    page.wait_for_selector("#hits li a")
    assert "docs-servers.html" in page.locator("#hits li a").evaluate_all(
        "(links) => links.map((one) => one.getAttribute('href'))"
    )
    page.fill("#search", "zzz")
    assert page.inner_text("#state") == "No pages have one of these words or more."
    page.fill("#search", "")
    assert page.inner_text("#state") == ""


def test_a_line_in_the_search_is_known_by_its_signature_first(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.fill("#search", CHAIN)
    page.wait_for_selector("#found [data-entry=iptables-backend-mismatch]")
    assert page.locator("#hits li").count() == 0


def test_names_of_javascript_objects_are_words_like_others(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.fill("#search", "constructor toString __proto__ hasOwnProperty")
    assert page.inner_text("#state") == "No pages have one of these words or more."


def test_a_critical_page_begins_with_what_stops_the_damage(page: Page, address: str) -> None:
    page.goto(f"{address}/KubeProxyIptablesBackendMismatch.html")
    first = page.locator("article a").first
    assert first.inner_text() == "Stop the damage"
    first.click()
    assert page.evaluate("document.querySelector(location.hash).textContent") == "Stop the damage"
    page.goto(f"{address}/KubeProxySyncSlow.html")
    box = page.locator("blockquote").first.bounding_box()
    assert box
    assert box["y"] < 844


def test_a_block_is_copied_with_the_node_that_was_filled_in(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/KubeProxyIptablesBackendMismatch.html")
    block = page.locator("pre code").first
    before = block.inner_text()
    assert before.startswith("NODE=name-of-the-node ")
    page.fill("#node", "worker-3.site.test")
    page.locator(".copy").first.click()
    page.wait_for_selector("text=Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.rstrip("\n").startswith("NODE=worker-3.site.test ")
    assert copied.rstrip("\n") == before.replace("name-of-the-node", "worker-3.site.test").rstrip()
    assert "name-of-the-node" not in page.inner_text("article")


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "a;b", "-a", "a\\", "`a`", "A"])
def test_what_is_no_name_of_a_node_gets_into_no_command(
    page: Page, address: str, name: str
) -> None:
    page.goto(f"{address}/KubeProxyIptablesBackendMismatch.html")
    page.fill("#node", name)
    assert page.locator("pre code").first.inner_text().startswith("NODE=name-of-the-node ")
    assert "This is no name of a node" in page.inner_text(".node")


def test_without_a_clipboard_the_selection_is_copied(page: Page, address: str) -> None:
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.addEventListener('copy', () => { window.copied = String(getSelection()); });"
    )
    page.goto(f"{address}/KubeProxyIptablesBackendMismatch.html")
    page.locator(".copy").first.click()
    page.wait_for_selector("text=Copied")
    assert page.evaluate("window.copied").startswith("NODE=name-of-the-node ")


AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
ACCESSIBLE = """async () => {
  const asked = {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], preload: false};
  const {violations} = await axe.run(document, asked);
  return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
}"""


class Shapes(HTMLParser):
    """What a page consists of: its elements with their parents, classes and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self._within = [""]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = sorted(name for name, _ in attrs)
        self.found.add((self._within[-1], tag, dict(attrs).get("class") or "", *names))
        if tag not in ("meta", "link", "input", "br", "hr"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._within.pop() != tag:
            pass


@functools.cache
def of_each_kind() -> list[str]:
    """Pages that have together whatever any page has: each new one has what none before it had."""
    names = pages()
    shapes = {file.path: Shapes(file.text).found for file in once.pages() if file.path in names}
    missing = set[tuple[str, ...]]().union(*shapes.values())
    chosen = []
    while missing:
        richest = max(names, key=lambda path: len(shapes[path] & missing))
        missing -= shapes[richest]
        chosen.append(richest)
    return chosen


def test_there_are_pages_of_each_kind() -> None:
    kinds = of_each_kind()
    assert {"index.html", "versions.html"} <= set(kinds)
    assert any(name.startswith("docs-") for name in kinds)
    assert any(name.startswith("KubeProxy") for name in kinds)


PAPER = 718  # pixels between the margins of A4


@ONCE
def test_every_page_fits_on_paper_and_shows_nothing_to_click(page: Page, address: str) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    for name in pages():
        page.goto(f"{address}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER, name
        assert page.is_visible("main h1"), name
        for gone in ("header", ".copy", ".node", "#drop", ".stop", ".choose"):
            assert page.locator(f"{gone}:visible").count() == 0, (name, gone)
        cut = page.evaluate(
            "[...document.querySelectorAll('pre, .wide')].filter((one) => one.scrollWidth > one.clientWidth).length"
        )
        assert cut == 0, name
        # Ink is for the words, whatever the screen looks like.
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )


@ONCE
def test_the_table_of_versions_names_the_failure_of_each_cell_on_paper(
    page: Page, address: str
) -> None:
    page.emulate_media(media="print")
    page.goto(f"{address}/versions.html")
    cell = page.locator("#matrix tbody td").first
    named = cell.evaluate("(one) => getComputedStyle(one, '::before').content")
    first = page.locator("#matrix thead th").nth(1).text_content()
    assert named == f'"{first}: "'


def faults(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: list[str] = page.evaluate(ACCESSIBLE)
    return found


@ONCE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(page: Page, address: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    found = {}
    for name in of_each_kind():
        page.goto(f"{address}/{name}")
        found[name] = faults(page)
    page.goto(f"{address}/index.html")
    page.evaluate(PASTE, CHAIN)
    found["a log"] = faults(page)
    page.fill("#search", "conntrack")
    page.wait_for_selector("#hits li")
    found["words"] = faults(page)
    assert {name: said for name, said in found.items() if said} == {}
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert faults(page)  # the tool works


PICTURES = {"log.png": "index.html", "runbook.png": "KubeProxyIptablesBackendMismatch.html"}


@ONCE
@pytest.mark.parametrize("picture", PICTURES)
def test_the_pictures_of_the_readme_show_the_pages(
    browser: Browser, address: str, picture: str
) -> None:
    """UPDATE=1 makes them again. Fonts differ between machines, so their bytes are not compared."""
    context = browser.new_context(viewport={"width": 860, "height": 620}, color_scheme="light")
    opened = context.new_page()
    opened.goto(f"{address}/{PICTURES[picture]}")
    if picture == "log.png":
        opened.evaluate(PASTE, CHAIN)
        assert opened.is_visible("#found li")
    taken = opened.screenshot()
    context.close()
    kept = ROOT / "docs" / "pictures" / picture
    if os.environ.get("UPDATE"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(taken)
    assert kept.read_bytes()[16:24] == taken[16:24]  # width and height
    assert kept.stat().st_size < 150_000
    assert f"docs/pictures/{picture})" in (ROOT / "README.md").read_text(encoding="utf-8")
