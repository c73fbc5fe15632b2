"use strict";
// The log that is pasted, dropped or opened, which never becomes a part of the page; and the search.

(() => {
  const SLICE = 1 << 16; // characters of a text that was pasted, looked at in one go
  const BREATH = 12; // milliseconds of work before the page may do something else
  const SEVERITIES = ["critical", "warning", "info"];
  const state = document.getElementById("state");
  const list = document.getElementById("found");
  const search = document.getElementById("search");
  const hits = document.getElementById("hits");
  const MOST_HITS = 10;
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

  // `query` is what was searched, if anything was.
  async function read(pieces, query = "") {
    turn += 1;
    const own = turn;
    const scan = new Matcher.Scan(ENTRIES);
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
    list.replaceChildren();
    hits.replaceChildren();
    state.dataset.state = "reading";
    try {
      for await (const piece of pieces) await work(scan.add(piece));
      await work(scan.end());
    } catch (error) {
      if (own === turn) say(`The log could not be read: ${error.message}`, "refused");
      return;
    }
    if (own === turn) show(scan, query);
  }

  function say(text, word) {
    state.textContent = text;
    state.dataset.state = word;
  }

  function show(scan, query) {
    const rank = (entry) => SEVERITIES.indexOf(entry.severity);
    const there = ENTRIES.filter((entry) => scan.found.has(entry.alert));
    there.sort((one, other) => rank(one) - rank(other) || scan.found.get(other.alert).count - scan.found.get(one.alert).count);
    list.replaceChildren(...there.map((entry) => row(entry, scan.found.get(entry.alert))));
    if (query && !there.length) {
      showHits(query);
      return;
    }
    const lines = `${scan.lines.toLocaleString("en")} ${scan.lines === 1 ? "line" : "lines"}`;
    const many = there.length === 1 ? "1 documented failure is" : `${there.length || "No"} documented failures are`;
    say(`${many} in ${lines}.`, "done");
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
    item.append(link, " ", element("code", page.alert));
    return item;
  }

  function row(entry, { count, first }) {
    const title = element(entry.page ? "a" : "span", entry.title);
    if (entry.page) title.href = entry.page;
    const where = `${entry.severity}, ${count.toLocaleString("en")} ${count === 1 ? "line" : "lines"}, first line ${first}`;
    const item = element("li", "");
    item.dataset.entry = entry.id;
    const step = element("p", entry.first_step);
    step.prepend(element("strong", "First: "));
    item.append(title, " ", element("code", entry.alert), element("p", where), step);
    return item;
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function take(event, data) {
    const text = data.getData("text/plain");
    if (event.target === search && !data.files.length && text.length <= search.maxLength) return;
    if (data.files.length) read(texts(data.files[0]));
    else read(slices(text));
    event.preventDefault();
  }

  // A line of a log is known by its signature, before all words.
  search.addEventListener("input", () => {
    const query = search.value.trim();
    if (query) {
      read(slices(query), query);
      return;
    }
    turn += 1;
    list.replaceChildren();
    hits.replaceChildren();
    say("", "done");
  });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => take(event, event.dataTransfer));
  document.getElementById("open").addEventListener("change", (event) => {
    if (event.target.files.length) read(texts(event.target.files[0]));
  });
})();
