"use strict";
// The log that is pasted, dropped or opened, which never becomes a part of the page; and the search.

(() => {
  const SLICE = 1 << 16; // characters of a text that was pasted, looked at in one go
  const BREATH = 12; // milliseconds of work before the page may do something else
  const state = document.getElementById("state");
  const list = document.getElementById("found");
  const rest = document.getElementById("rest");
  const search = document.getElementById("search");
  const hits = document.getElementById("hits");
  const MOST_HITS = 10;
  const MOST_NODES = 5; // that are named
  const LONGEST_NAME = 100; // of a node or a program; logs can say anything there
  let turn = 0; // of the newest log; an older one that is still read gives way

  const breathe = () => new Promise((go) => setTimeout(go));

  function* slices(text) {
    for (let at = 0; at < text.length; at += SLICE) yield text.slice(at, at + SLICE);
  }

  async function unpacked(file) {
    const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
    const packed = head[0] === 0x1f && head[1] === 0x8b;
    return packed ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  }

  async function* texts(file) {
    const decoder = new TextDecoder();
    const reader = (await unpacked(file)).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      yield* slices(decoder.decode(value, { stream: !done }));
      if (done) return;
    }
  }

  // `source` is what the log is called; `query` is what was searched, if anything was.
  async function read(pieces, source, query = "") {
    turn += 1;
    const own = turn;
    const scan = new Diagnosis.Scan(CATALOG, source, Date.now());
    let since = performance.now();
    async function work(steps) {
      while (own === turn && !steps.next().done) {
        if (performance.now() - since > BREATH) {
          state.textContent = `Reading, ${scan.lines.toLocaleString("en")} lines so far …`;
          await breathe();
          since = performance.now();
        }
      }
    }
    clear();
    state.dataset.state = "reading";
    try {
      for await (const piece of pieces) await work(scan.add(piece));
      await work(scan.end());
    } catch (error) {
      if (own === turn) say(`The log could not be read: ${error.message}`, "refused");
      return;
    }
    if (own === turn) show(scan.answer(), scan.lines, source, query);
  }

  function clear() {
    for (const one of [list, rest, hits]) one.replaceChildren();
  }

  function say(text, word) {
    state.textContent = text;
    state.dataset.state = word;
  }

  const counted = (count, one, more) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

  function show(answer, lines, source, query) {
    list.replaceChildren(...answer.found.map((one) => row(one, source)));
    if (query && !answer.found.length) {
      showHits(query);
      return;
    }
    rest.replaceChildren(...others(answer).map((text) => element("li", text)));
    say(headline(answer, counted(lines, "line", "lines")), "done");
    // For programs: the whole answer, of which the page shows what a person reads first.
    document.dispatchEvent(new CustomEvent("diagnosed", { detail: answer }));
  }

  function headline({ verdict, found, read_as_lines: asLines }, lines) {
    if (verdict === "cannot tell" && asLines) {
      return `Cannot tell: what is in ${lines} is a document or a table, which this page reads as lines; diagnose takes it apart.`;
    }
    if (verdict === "cannot tell") return `Cannot tell: no line of kube-proxy’s is in ${lines}.`;
    const there = found.length ? counted(found.length, "documented failure is", "documented failures are") : "No documented failure is";
    const also = verdict === "unexplained" ? ", but errors are there that no entry explains" : "";
    return `${there} in ${lines}${also}.`;
  }

  // What is no documented failure.
  function others({ unexplained, harmless, elsewhere, kube_proxies: proxies }) {
    const versions = [...new Set(proxies.map(({ version }) => version).filter(Boolean))].map(short);
    const said = [];
    if (unexplained) said.push(`${counted(unexplained, "error", "errors")} that no entry explains; diagnose lists them.`);
    for (const { program, alert, count } of elsewhere) {
      said.push(`${counted(count, "line", "lines")} of ${short(program)} like ${alert}; not counted, another program.`);
    }
    for (const { id, reason, count } of harmless) said.push(`${count.toLocaleString("en")} × ${id}, harmless: ${reason}`);
    if (versions.length) said.push(`Versions of kube-proxy in the log: ${versions.slice(0, MOST_NODES).join(", ")}.`);
    return said;
  }

  function showHits(query) {
    const pages = Search.ranked(PAGES, query);
    hits.replaceChildren(...pages.slice(0, MOST_HITS).map(hit));
    const many = `${pages.length || "No"} ${pages.length === 1 ? "page has" : "pages have"}`;
    say(`${many} one of these words or more${pages.length > MOST_HITS ? `; the best ${MOST_HITS}` : ""}.`, "done");
  }

  function hit(page) {
    const link = element("a", page.title);
    link.href = page.page;
    const item = element("li", "");
    item.append(link, " ", element("code", page.name));
    return item;
  }

  function row(one, source) {
    const { page } = one;
    const title = element(page ? "a" : "span", one.title);
    if (page) title.href = page;
    const item = element("li", "");
    item.dataset.entry = one.id;
    const advice = [named("First: ", one.first_step)];
    if (one.fix) advice.push(named("Fix: ", one.fix));
    const where = `${one.severity}, ${counted(one.count, "line", "lines")}, first line ${one.number}${placed(one.nodes, source)}`;
    item.append(title, " ", element("code", one.alert), element("p", where), element("p", dated(one)), ...advice);
    return item;
  }

  function named(name, text) {
    const made = element("p", text);
    made.prepend(element("strong", name));
    return made;
  }

  function placed(nodes, source) {
    const named = nodes.filter(({ name }) => name !== source);
    const more = named.length > MOST_NODES ? ` and ${named.length - MOST_NODES} more` : "";
    const names = named.slice(0, MOST_NODES).map(({ name, count }) => `${short(name)} (${count.toLocaleString("en")})`);
    return named.length ? `, on ${names.join(", ")}${more}` : "";
  }

  function dated({ first, last, going_on: goingOn }) {
    if (!first) return "The lines bear no time.";
    const state = goingOn ? "still going on at the end of the log" : "over then";
    return `${first === last ? `At ${first}` : `${first} to ${last}`}, ${state}.`;
  }

  const short = (name) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name);

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  const readFile = (file) => read(texts(file), file.name);

  function take(event, data) {
    const text = data.getData("text/plain");
    if (event.target === search && !data.files.length && text.length <= search.maxLength) return;
    if (data.files.length) readFile(data.files[0]);
    else read(slices(text), "pasted");
    event.preventDefault();
  }

  // A line of a log is known by its signature, before all words.
  search.addEventListener("input", () => {
    const query = search.value.trim();
    if (query) {
      read(slices(query), "searched", query);
      return;
    }
    turn += 1;
    clear();
    say("", "done");
  });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => take(event, event.dataTransfer));
  document.getElementById("open").addEventListener("change", (event) => {
    if (event.target.files.length) readFile(event.target.files[0]);
  });
})();
