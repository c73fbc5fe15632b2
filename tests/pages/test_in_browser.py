"""The site as people meet it: in a real browser, from disk and from a server that allows nothing more than it needs."""

import functools
import gzip
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize

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
# Many logs at once: each call of a page takes longer than to read a short log. Answers are passed on as JSON, as that
# is faster than value by value.
PASTE = """async (texts) => {
  const state = document.getElementById("state");
  async function pasted(text) {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    let answer = null;
    document.addEventListener("diagnosed", ({ detail }) => { answer = detail; }, { once: true });
    const read = new Promise((done) => {
      const watching = new MutationObserver(() => {
        if (state.dataset.state === "reading") return;
        watching.disconnect();
        done();
      });
      watching.observe(state, { attributeFilter: ["data-state"] });
    });
    document.getElementById("paste").dispatchEvent(event);
    await read;
    return answer;
  }
  const answers = [];
  for (const text of texts) answers.push(await pasted(text));
  return JSON.stringify(answers);
}"""
AT_ONCE = 2_000_000  # characters of logs that a page is given in one call


@functools.cache
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


PHONE = ViewportSize(width=390, height=844)


class Phone:
    """A page as big as a phone's, and its complaints: all that the console says, all that is asked for elsewhere."""

    def __init__(self, browser: Browser, address: str) -> None:
        clipboard = ["clipboard-read", "clipboard-write"]
        self._context = browser.new_context(viewport=PHONE, permissions=clipboard)
        self._address = address
        self._complaints: list[str] = []
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self._complaints.append(message.text))
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self._address, "data:")):
            self._complaints.append(request.url)

    def complaints(self) -> list[str]:
        """Those since it was asked last."""
        found = self._complaints.copy()
        self._complaints.clear()
        return found

    def close(self) -> None:
        self._context.close()


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Phone]:
    """One for many tests: to start one takes longer than most tests, and the site keeps nothing in it."""
    with closing(Phone(browser, address)) as found:
        yield found
    assert found.complaints() == []


@pytest.fixture
def page(phone: Phone) -> Iterator[Page]:
    """A phone's page. A complaint fails the test."""
    phone.page.set_viewport_size(PHONE)
    phone.page.emulate_media(media="screen", color_scheme="light")
    yield phone.page
    assert phone.complaints() == []


@pytest.fixture
def own_page(browser: Browser, address: str) -> Iterator[Page]:
    """One that no other test gets, for a test that leaves something in it."""
    with closing(Phone(browser, address)) as found:
        yield found.page
    assert found.complaints() == []


def be_at(page: Page, place: str) -> None:
    """Open a page where another one is open, for what takes the place of all that a test has done there before."""
    if page.url != place:
        page.goto(place)


@pytest.fixture
def first_page(page: Page, address: str) -> Page:
    """The first page. A log or a word takes the place of those that another test has given it."""
    be_at(page, f"{address}/index.html")
    return page


def answers(page: Page, texts: Sequence[str]) -> list[dict[str, Any]]:
    """What the page answers to logs that are pasted one after the other."""
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    for text in texts:
        waiting.append(text)
        if sum(map(len, waiting)) > AT_ONCE:
            found += json.loads(page.evaluate(PASTE, waiting))
            waiting = []
    found += json.loads(page.evaluate(PASTE, waiting))
    return found


def paste(page: Page, text: str) -> dict[str, Any]:
    (found,) = answers(page, [text])
    return found


def plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """The page's answer without what it adds for a person: links and the fix where no version is known."""
    kept = (*TOLD, "number")
    told = {key: value for key, value in said.items() if key != "read_as_lines"}
    return {**told, "found": [{key: one[key] for key in kept} for one in said["found"]]}


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


Answers = Mapping[
    str, tuple[Mapping[str, Any], Mapping[str, Any]]
]  # the page's and the right one, by log


def compared(page: Page, logs: Mapping[str, str]) -> Answers:
    """What the page and diagnose answer to logs, which are written to the working folder."""
    log = Path("pasted")  # as the page calls a place that no line names
    found = {}
    for name, said in zip(logs, answers(page, list(logs.values())), strict=True):
        log.write_bytes(logs[name].encode())
        found[name] = (plain(said), diagnosed(log))
    return found


def different(answers: Answers) -> dict[str, list[Any]]:
    """Where answers differ, by log: what, the page's, the right one."""
    found = {}
    for name, (said, right) in answers.items():
        if said != right:
            found[name] = [(key, said[key], right[key]) for key in right if said[key] != right[key]]
    return found


@ONCE
@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
def test_a_log_that_is_pasted_has_the_answer_of_diagnose(
    first_page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dress: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    logs = {}
    for path in SAMPLES:
        text = path.read_bytes().decode("utf-8", errors="replace").rstrip("\n")
        if dress is not raw:
            text = "".join(f"{dress(line)}\n" for line in text.split("\n"))
        logs[path.relative_to(ROOT).as_posix()] = text
    found = compared(first_page, logs)
    assert different(found) == {}
    named = {one["id"] for said, _ in found.values() for one in said["found"]}
    assert named == {
        entry.id for entry in READ.catalog.entries if entry.logs and entry.kind != "watchdog"
    }


def test_a_failure_is_named_with_its_first_step_and_its_page(first_page: Page) -> None:
    version = "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4"
    paste(first_page, f"{version}\n{CHAIN}\n{CHAIN}\n")
    assert first_page.inner_text("#state") == "1 documented failure is in 3 lines."
    said = first_page.inner_text("#found")
    assert "critical, 2 lines, first line 2" in said
    assert "-11-24T04:55:01Z, still going on at the end of the log." in said
    assert first_page.inner_text("#rest") == "Versions of kube-proxy in the log: v1.18.4."
    assert "First: Make the chain KUBE-MARK-DROP where kube-proxy looks for it" in said
    first_page.click("#found a")
    assert first_page.inner_text("h1") == "KubeProxyIptablesBackendMismatch"


READINGS = """() => {
  const compile = RE2JS.RE2JS.compile;
  window.patterns = [];
  RE2JS.RE2JS.compile = (source, ...more) => {
    window.patterns.push(source);
    return compile.call(RE2JS.RE2JS, source, ...more);
  };
}"""


@ONCE
def test_patterns_are_read_once_for_all_logs_and_when_a_log_needs_them(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/index.html")
    page.evaluate(READINGS)
    assert paste(page, CHAIN)["verdict"] == "found"
    of_one_line = page.evaluate("window.patterns")
    assert 0 < len(of_one_line) < page.evaluate("CATALOG.wrappings.fronts.length")
    assert paste(page, f"{CHAIN}\n{CHAIN}\n")["verdict"] == "found"
    assert page.evaluate("window.patterns") == of_one_line
    paste(page, WRAPPED["stern"].format(CHAIN))
    of_wrapped = page.evaluate("window.patterns")
    assert len(of_one_line) < len(set(of_wrapped)) == len(of_wrapped)


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
def test_a_failure_is_named_with_what_ends_it(first_page: Page) -> None:
    for line, fix in FIXES.items():
        paste(first_page, line)
        assert first_page.locator("#found li").count() == 1, line
        said = first_page.locator("#found li p").all_inner_texts()
        assert [text for text in said if text.startswith("Fix: ")] == ([fix] if fix else [])


def test_a_healthy_log_and_an_empty_one_are_said_to_have_no_failure(first_page: Page) -> None:
    paste(first_page, "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4")
    assert first_page.inner_text("#state") == "No documented failure is in 1 line."
    paste(first_page, "")
    assert first_page.inner_text("#state") == "Cannot tell: no line of kube-proxy’s is in 0 lines."


def test_what_is_no_documented_failure_is_said(first_page: Page) -> None:
    unknown = "E1124 04:52:19.864465   30155 proxier.go:9] A thing that nobody knows"
    harmless = "E1124 04:52:19.864465   30155 server.go:9] nodePortAddresses is unset; NodePort"
    harmless += " connections will be accepted on all local IPs"
    kubelet = f"Nov 24 04:55:01 n kubelet[9]: {CHAIN}"
    paste(first_page, f"{unknown}\n{harmless}\n{harmless}\n{kubelet}\n")
    assert first_page.inner_text("#state") == (
        "No documented failure is in 4 lines, but errors are there that no entry explains."
    )
    first, second, third = first_page.locator("#rest li").all_inner_texts()
    assert first == "1 error that no entry explains; diagnose lists them."
    assert second == (
        "1 line of kubelet like KubeProxyIptablesBackendMismatch; not counted, another program."
    )
    assert third.startswith("2 × node-port-addresses-unset, harmless: Advice on the configuration")


def test_nodes_are_named_the_first_with_most_lines(first_page: Page) -> None:
    line = "2026-01-02T03:04:05Z {} kube-proxy[7]: " + CHAIN + "\n"
    paste(first_page, "".join(map(line.format, ["<b>", "n2", "n1", "n2", *("abcd")])))
    said = first_page.inner_text("#found")
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
    first_page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapping: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [CHAIN, "I1124 04:52:19.864465   30155 server.go:583] Version: v1.18.4", CHAIN]
    text = "".join(map(WRAPPED[wrapping].format, lines))
    assert different(compared(first_page, {wrapping: text})) == {}


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
    first_page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert different(compared(first_page, READ_AS_LINES)) == {}
    assert len(READ_AS_LINES) > 70


@ONCE
def test_service_cidrs_alone_give_the_milder_alert(first_page: Page) -> None:
    for log, alert, severity in (
        ("ServiceCIDRs alone", "KubeProxyApiserverForbiddenServiceCIDR", "warning"),
        ("ServiceCIDRs and others", "KubeProxyApiserverForbidden", "critical"),
    ):
        (found,) = paste(first_page, READ_AS_LINES[log])["found"]
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
def test_what_is_not_taken_apart_is_never_said_to_have_no_failure(first_page: Page) -> None:
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
    found = answers(first_page, list(forms.values()))
    cleared = [where for where, said in zip(forms, found, strict=True) if said["verdict"] == "none"]
    assert cleared == []
    paste(first_page, documents(HEALTHY * 2)["an array"])
    assert first_page.inner_text("#state") == (
        "Cannot tell: what is in 1 line is a document or a table, which this page reads as lines; "
        "diagnose takes it apart."
    )


def test_the_log_is_no_part_of_the_page_and_meets_no_regular_expression_of_the_browsers(
    own_page: Page, address: str
) -> None:
    own_page.add_init_script("""
      window.seen = [];
      const exec = RegExp.prototype.exec;
      RegExp.prototype.exec = function (text) {
        if (String(text).includes("MARKER")) window.seen.push(this.source);
        return exec.call(this, text);
      };
    """)
    own_page.goto(f"{address}/index.html")
    hostile = f"MARKER <img src=x onerror=alert(1)> {CHAIN}\x1b[0m MARKER\n"
    assert [one["id"] for one in paste(own_page, hostile)["found"]] == ["iptables-backend-mismatch"]
    assert "MARKER" not in own_page.content()
    assert own_page.input_value("#paste") == ""
    assert own_page.evaluate("window.seen") == []
    assert own_page.evaluate("/MARKER/.test('MARKER') && window.seen") == [
        "MARKER"
    ]  # the trap works


def test_nothing_is_kept_in_the_browser(first_page: Page) -> None:
    paste(first_page, CHAIN)
    first_page.fill("#search", "conntrack")
    kept = "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"
    assert first_page.evaluate(kept) == [0, 0, 0]
    assert first_page.context.cookies() == []


MANY = 1_250_000  # such lines, 100 MB
BEATS = """() => {
  let began, last, beats;
  function begin() {
    began = last = performance.now();
    beats = { count: 0, longest: 0 };
  }
  begin();
  // Until the page has taken a paste the browser hands the text over, and no page can do anything.
  window.addEventListener("paste", begin, { once: true });
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


NOT_ON_PAPER = ("header", ".copy", ".node", "#drop", ".stop", ".choose")
PAPER = ViewportSize(width=718, height=1000)  # between the margins of A4, in pixels
LOOKS = """({ width, height, clickable }) => {
  const frames = [...document.querySelectorAll("iframe")];
  for (const { style } of frames) Object.assign(style, { border: 0, width: `${width}px`, height: `${height}px` });
  const isVisible = (one) => one.checkVisibility({ visibilityProperty: true });
  const isCut = (one) => one.scrollWidth > one.clientWidth;
  return frames.map(({ name, contentWindow: page, contentDocument: { body, documentElement } }) => {
    const all = (selector) => [...body.querySelectorAll(selector)];
    const shown = (selector) => all(selector).some(isVisible);
    return {
      name,
      width: documentElement.scrollWidth,
      heading: shown("main h1"),
      clickable: clickable.filter(shown),
      cut: all("pre, .wide").filter(isCut).length,
      ground: page.getComputedStyle(body).backgroundColor,
      dark: page.matchMedia("(prefers-color-scheme: dark)").matches,
    };
  });
}"""


@dataclass(frozen=True)
class Looks:
    """What each page looks like, by its name: on a phone, and on paper printed from a dark screen."""

    on_phone: Mapping[str, Mapping[str, Any]]
    on_paper: Mapping[str, Mapping[str, Any]]


def all_pages() -> str:
    """A page that shows all others in frames."""
    frames = "".join(f'<iframe name="{name}" src="{name}"></iframe>' for name in pages())
    return f"<!doctype html><style>:root {{ color-scheme: light dark }}</style>{frames}"


def look(page: Page, size: ViewportSize) -> Mapping[str, Mapping[str, Any]]:
    """What the pages in the frames of one look like in frames of a size."""
    found = page.evaluate(LOOKS, {**size, "clickable": NOT_ON_PAPER})
    return {one["name"]: one for one in found}


@pytest.fixture(scope="module")
def looks(browser: Browser, address: str) -> Looks:
    """All pages are in frames of one: to open them one after the other takes twice as long."""
    with closing(Phone(browser, address)) as phone:
        page = phone.page
        frames = f"{address}/frames.html"
        page.route(frames, lambda route: route.fulfill(body=all_pages(), content_type="text/html"))
        page.goto(frames)
        on_phone = look(page, PHONE)
        page.emulate_media(media="print", color_scheme="dark")
        on_paper = look(page, PAPER)
    assert phone.complaints() == []
    return Looks(on_phone, on_paper)


@ONCE
def test_no_page_scrolls_sideways_on_a_phone(looks: Looks) -> None:
    assert looks.on_phone.keys() == set(pages())
    widths = {name: seen["width"] for name, seen in looks.on_phone.items()}
    assert {name: width for name, width in widths.items() if width > PHONE["width"]} == {}


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


def test_words_find_pages_and_one_of_them_is_enough(first_page: Page) -> None:
    best = {}
    for query in SEARCHED:
        first_page.fill("#search", f"zzz {query}")
        first_page.wait_for_selector("#state[data-state=done]")
        best[query] = first_page.locator("#hits li code").all_inner_texts()[:3]
    missed = {query: hits for query, hits in best.items() if SEARCHED[query] not in hits}
    assert missed == {}
    first_page.fill("#search", "zzz credentials masked push diff")
    first_page.wait_for_selector("#hits li a")
    assert "docs-servers.html" in first_page.locator("#hits li a").evaluate_all(
        "(links) => links.map((one) => one.getAttribute('href'))"
    )
    first_page.fill("#search", "zzz")
    assert first_page.inner_text("#state") == "No pages have one of these words or more."
    first_page.fill("#search", "")
    assert first_page.inner_text("#state") == ""


def test_a_line_in_the_search_is_known_by_its_signature_first(first_page: Page) -> None:
    first_page.fill("#search", CHAIN)
    first_page.wait_for_selector("#found [data-entry=iptables-backend-mismatch]")
    assert first_page.locator("#hits li").count() == 0


def test_names_of_javascript_objects_are_words_like_others(first_page: Page) -> None:
    first_page.fill("#search", "constructor toString __proto__ hasOwnProperty")
    assert first_page.inner_text("#state") == "No pages have one of these words or more."


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
    be_at(page, f"{address}/KubeProxyIptablesBackendMismatch.html")
    page.fill("#node", name)
    assert page.locator("pre code").first.inner_text().startswith("NODE=name-of-the-node ")
    assert "This is no name of a node" in page.inner_text(".node")


def test_without_a_clipboard_the_selection_is_copied(page: Page, address: str) -> None:
    page.goto(f"{address}/KubeProxyIptablesBackendMismatch.html")
    page.evaluate("""() => {
      Object.defineProperty(navigator, 'clipboard', {value: undefined});
      document.addEventListener('copy', () => { window.copied = String(getSelection()); });
    }""")
    page.locator(".copy").first.click()
    page.wait_for_selector("text=Copied")
    assert page.evaluate("window.copied").startswith("NODE=name-of-the-node ")


AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
ACCESSIBLE = """async () => {
  const asked = {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    resultTypes: ["violations"],
    preload: false,
  };
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
    """Pages that have together whatever any page has: each has, for its size, most of what none before it had."""
    texts = {file.path: file.text for file in once.pages() if file.path in pages()}
    shapes = {path: Shapes(text).found for path, text in texts.items()}
    missing = set[tuple[str, ...]]().union(*shapes.values())

    def worth(path: str) -> float:
        """What is new on a page by the elements to look at; to open a page is worth a hundred."""
        return len(shapes[path] & missing) / (100 + texts[path].count("</"))

    chosen = []
    while missing:
        richest = max(pages(), key=worth)
        missing -= shapes[richest]
        chosen.append(richest)
    return chosen


def test_there_are_pages_of_each_kind() -> None:
    kinds = of_each_kind()
    assert {"index.html", "versions.html"} <= set(kinds)
    assert any(name.startswith("docs-") for name in kinds)
    assert any(name.startswith("KubeProxy") for name in kinds)


@ONCE
def test_every_page_fits_on_paper_and_shows_nothing_to_click(looks: Looks) -> None:
    assert looks.on_paper.keys() == set(pages())
    for name, paper in looks.on_paper.items():
        assert paper["width"] <= PAPER["width"], name
        assert paper["heading"], name
        assert paper["clickable"] == [], name
        assert paper["cut"] == 0, name
        assert paper["dark"], name  # what it is printed from
        assert paper["ground"] == "rgb(255, 255, 255)", name  # ink is for the words


@ONCE
def test_on_a_screen_there_is_something_to_click(looks: Looks) -> None:
    shown: set[str] = set()
    for seen in looks.on_phone.values():
        shown.update(seen["clickable"])
    assert shown == set(NOT_ON_PAPER)


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


def faults(page: Page) -> dict[str, list[str]]:
    """What axe finds in a page as it is, by the scheme of its colours."""
    page.evaluate(AXE)
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = page.evaluate(ACCESSIBLE)
    return found


@ONCE
def test_axe_finds_no_fault_in_light_nor_in_dark(page: Page, address: str) -> None:
    found = {}
    for name in of_each_kind():
        page.goto(f"{address}/{name}")
        found[name] = faults(page)
    page.goto(f"{address}/index.html")
    paste(page, CHAIN)
    found["a log"] = faults(page)
    page.fill("#search", "conntrack")
    page.wait_for_selector("#hits li")
    found["words"] = faults(page)
    none: dict[str, list[str]] = {"light": [], "dark": []}
    assert found == dict.fromkeys([*of_each_kind(), "a log", "words"], none)
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert all(faults(page).values())  # the tool works


PICTURES = {"log.png": "index.html", "runbook.png": "KubeProxyIptablesBackendMismatch.html"}


@ONCE
@pytest.mark.parametrize("picture", PICTURES)
def test_the_pictures_of_the_readme_show_the_pages(page: Page, address: str, picture: str) -> None:
    """UPDATE=1 makes them again. Fonts differ between machines, so their bytes are not compared."""
    page.set_viewport_size({"width": 860, "height": 620})
    page.goto(f"{address}/{PICTURES[picture]}")
    if picture == "log.png":
        paste(page, CHAIN)
        assert page.is_visible("#found li")
    taken = page.screenshot()
    kept = ROOT / "docs" / "pictures" / picture
    if os.environ.get("UPDATE"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(taken)
    assert kept.read_bytes()[16:24] == taken[16:24]  # width and height
    assert kept.stat().st_size < 150_000
    assert f"docs/pictures/{picture})" in (ROOT / "README.md").read_text(encoding="utf-8")
