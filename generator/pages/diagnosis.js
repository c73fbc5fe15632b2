"use strict";
// What `diagnose --json` says of a log, without what site.md names: generator/diagnose for the browser. A signature
// is decided as Loki decides it: texts first, then RE2.

const Diagnosis = (() => {
  const WINDOW = 1 << 18; // characters that are looked at in one go
  const AROUND = 1 << 16; // characters kept before and after them; a longer line is looked at in pieces
  const ERROR_TEXTS = ["\"err", "panic: ", "fatal error: "];
  const HEAD_TEXTS = ["E0", "E1", "F0", "F1"]; // of an error of klog's: its letter and the month
  const LISTS = ["\"MESSAGE\":[", "\"MESSAGE\": [", "\"MESSAGE\" : ["]; // of a message that cannot be printed
  const SPEAKING_TEXTS = [".go:", ".s:", "k8s.io/kubernetes/", "\"MESSAGE\""];
  const CUT = [" stdout P ", " stderr P ", "\"log"];
  const SEVERITIES = ["critical", "warning", "info"];
  const STILL = 10 * 60_000; // milliseconds before the end of a log, in which a failure goes on
  const [PLACES, PROGRAMS] = [10_000, 1000];
  const [JUDGED, JUDGED_LENGTH, MESSAGE] = [20_000, 2000, 1 << 14];
  const BLANKS = [" ", "\t"];
  const BARE_MESSAGE = "\nMESSAGE\n"; // of the journal's, with its length in front
  const TITLE = 100; // characters of the first line of a record of the journal's, which bears a time
  const { asPattern } = Unwrap;

  function matches(signature, line) {
    return (
      signature.literals.every((text) => line.includes(text)) &&
      (!signature.any_of.length || signature.any_of.some((text) => line.includes(text))) &&
      (signature.pattern === null || signature.pattern.isIn(line)) &&
      !signature.exclude.some((pattern) => pattern.isIn(line))
    );
  }

  function withPatterns(signature) {
    return {
      ...signature,
      pattern: signature.pattern === null ? null : asPattern(signature.pattern),
      exclude: signature.exclude.map(asPattern),
    };
  }

  function newlines(text, begin, end) {
    let count = 0;
    for (let at = text.indexOf("\n", begin); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count += 1;
    return count;
  }

  // Where the line at a place begins and ends, its newline included; of an endless line what is near.
  function bounds(text, at) {
    const nearest = Math.max(0, at - AROUND);
    const newline = at ? text.lastIndexOf("\n", at - 1) : -1;
    const end = text.indexOf("\n", at);
    const farthest = Math.min(text.length, at + AROUND);
    return [Math.max(newline + 1, nearest), end < 0 ? farthest : Math.min(end + 1, farthest)];
  }

  function elsewhere(line, other) {
    return ["program", "pod", "node"].some((of) => line[of] && other[of] && line[of] !== other[of]);
  }

  const iso = (time) => (time === null ? null : `${new Date(time).toISOString().slice(0, 19)}Z`);
  const latest = (one, other) => (one === null || (other !== null && other > one) ? other : one);
  const earliest = (one, other) => (one === null || (other !== null && other < one) ? other : one);

  // Takes a log in pieces of any length. `add` and `end` give iterators that do a little work with each step, so that
  // whoever drives them can let the page breathe in between. `source` is what a place is called that no line names.
  class Scan {
    constructor(catalog, source, now) {
      this.entries = new Map(catalog.entries.map((entry) => [entry.id, entry]));
      const alerts = catalog.entries.flatMap((entry) => entry.alerts.map((alert) => ({ entry, ...alert })));
      this.alerts = alerts.map((alert) => ({ ...alert, signature: withPatterns(alert.signature) }));
      this.harmless = catalog.harmless.map((one) => ({ ...one, pattern: asPattern(one.pattern), count: 0 }));
      this.unwrapper = new Unwrap.Unwrapper(catalog.wrappings, now);
      this.sections = new Headings.Sections(catalog.sections, this.unwrapper);
      this.hints = Object.entries(catalog.hints.patterns).map(([name, pattern]) => [name, asPattern(pattern)]);
      this.kernels = catalog.hints.kernels.map(([pattern, system]) => [asPattern(pattern), system]);
      this.keys = new Set(alerts.flatMap(({ keys }) => (keys.length ? keys : [""])));
      for (const key of [...catalog.hints.keys, ...ERROR_TEXTS, ...LISTS]) this.keys.add(key);
      this.limits = catalog.search;
      this.documents = catalog.documents.map(asPattern);
      this.isDocument = null; // not known before something is read
      for (const [name, pattern] of Object.entries(catalog.search.patterns)) this[name] = asPattern(pattern);
      this.source = source;
      this.text = "";
      this.begin = 0;
      this.lines = 0;
      this.found = new Map();
      this.elsewhere = new Map();
      this.known = new Map();
      this.judged = new Map();
      this.unexplained = 0;
      this.speaks = false;
      this.last = null;
    }

    *add(piece) {
      this.text += piece;
      while (this.text.length - this.begin >= WINDOW + AROUND) {
        const most = this.begin + WINDOW;
        const whole = this.text.lastIndexOf("\n", most - 1) + 1;
        yield* this.read(whole > this.begin ? whole : most);
      }
    }

    *end() {
      const cut = this.text.length > this.begin && !this.text.endsWith("\n");
      yield* this.read(this.text.length);
      this.lines += cut;
    }

    // The lines that begin before `end`; those before stay as long as they may be needed.
    *read(end) {
      const { text, begin } = this;
      if (this.isDocument === null) this.isDocument = this.seemsDocument(text.slice(0, AROUND));
      this.sections.enter(text, begin, end);
      this.speaks = this.speaks || this.isSpeaking(begin, end);
      this.last = latest(this.last, this.lastTime(begin, end));
      const places = new Set();
      for (const key of this.keys) {
        this.collect(places, key, begin, end, () => true);
        yield;
      }
      for (const key of HEAD_TEXTS) this.collect(places, key, begin, end, (at) => this.isHead(at));
      let done = begin;
      for (const at of [...places].sort((one, other) => one - other)) {
        if (at >= done) {
          done = this.event(at);
          yield;
        }
      }
      this.lines += newlines(text, begin, end);
      const kept = Math.max(0, end - AROUND);
      this.text = text.slice(kept);
      this.begin = end - kept;
    }

    // Whether a log may be one that diagnose takes apart before it looks at lines.
    seemsDocument(text) {
      return this.documents.some((pattern) => pattern.isIn(text));
    }

    // Whether an error's head of klog's is at a place, and no part of a word.
    isHead(at) {
      const [before, length] = this.limits.around_head;
      return this.errorHead.isIn(this.text.slice(Math.max(0, at - before), at + length));
    }

    // Adds where a key is found, once a line.
    collect(places, key, begin, end, accepted) {
      const searched = this.text.slice(begin, end + key.length);
      let at = searched.indexOf(key);
      while (at >= 0 && begin + at < end) {
        let next = at + 1;
        if (accepted(begin + at)) {
          places.add(begin + at);
          next = bounds(this.text, begin + at)[1] - begin;
        }
        at = next < searched.length ? searched.indexOf(key, next) : -1;
      }
    }

    event(at) {
      const [line, start, stop] = this.whole(at);
      const { owners, hints } = this.judge(line.text);
      const error = this.unwrapper.isError(line.text);
      if (owners.length || error || hints) {
        const whole = owners.length || error ? this.withNeighbours(line, start) : line;
        this.count({ line: Headings.below(this.sections.at(start), whole), owners, hints, error, start, stop });
      }
      return stop;
    }

    lineAt(start, stop) {
      const line = this.unwrapper.unwrap(this.text.slice(start, stop));
      return this.inJournal(start) ? this.withFields(line, this.journalRecord(start, stop)) : line;
    }

    // Whether a line is the message of a record that journalctl wrote as a block of fields.
    inJournal(start) {
      if (start >= BARE_MESSAGE.length && this.text.startsWith(BARE_MESSAGE, start - BARE_MESSAGE.length)) return true;
      const begin = this.text.charAt(start);
      return (begin === "M" || begin === " ") && this.message.isIn(this.text.slice(...bounds(this.text, start)));
    }

    // The block of fields around a message: with -o export between empty lines, with -o verbose indented.
    journalRecord(start, stop) {
      const { text } = this;
      const nearest = Math.max(0, start - AROUND);
      const farthest = stop + AROUND;
      if (text.charAt(start) === " ") {
        const titled = Math.max(nearest, text.lastIndexOf("[s=", start));
        const after = this.verboseTitle.find(text.slice(stop, farthest));
        return text.slice(bounds(text, titled)[0], after ? stop + after.start() : farthest);
      }
      const before = start > 1 ? text.lastIndexOf("\n\n", start - 2) : -1;
      const end = text.indexOf("\n\n", stop - 1);
      return text.slice(Math.max(nearest, before), end < 0 ? farthest : Math.min(end + 1, farthest));
    }

    // A message with the fields of its record in the journal.
    withFields(line, record) {
      const [time, node, program] = [this.journalTime, this.journalNode, this.journalProgram].map((pattern) => {
        const field = pattern.find(record);
        return field && field.group(1);
      });
      return {
        ...line,
        time: Unwrap.moment(time) ?? this.unwrapper.timeWithin(record.slice(0, TITLE)),
        node: node || line.node,
        program: line.program || program,
      };
    }

    // The line at a place, with its pieces if the container runtime cut it, and where they begin and end.
    whole(at) {
      let [start, stop] = bounds(this.text, at);
      const line = this.lineAt(start, stop);
      const pieces = [line.text];
      let { partial, time } = line;
      for (let before = this.cutBefore(start); before && pieces.length < this.limits.pieces; before = this.cutBefore(start)) {
        pieces.unshift(before.line.text);
        time = before.line.time;
        start = before.start;
      }
      while (partial && stop < this.text.length && pieces.length < 2 * this.limits.pieces) {
        const [begin, end] = bounds(this.text, stop);
        const following = this.lineAt(begin, end);
        pieces.push(following.text);
        partial = following.partial;
        stop = end;
      }
      return [pieces.length > 1 ? { ...line, text: pieces.join(""), time } : line, start, stop];
    }

    // The line before, if the container runtime cut it there.
    cutBefore(start) {
      if (!start) return null;
      const [begin, stop] = bounds(this.text, start - 1);
      const text = this.text.slice(begin, stop);
      if (stop !== start || !CUT.some((one) => text.includes(one))) return null;
      const line = this.unwrapper.unwrap(text);
      return line.partial ? { line, start: begin } : null;
    }

    // The alerts that a line proves, and what it tells of its kube-proxy.
    judge(text) {
      const key = this.unwrapper.said(text);
      if (this.judged.has(key)) return this.judged.get(key);
      const owners = this.alerts.filter(({ signature }) => matches(signature, text));
      const verdict = { owners, hints: this.hintsOf(text) };
      if (this.judged.size < JUDGED && key.length < JUDGED_LENGTH) this.judged.set(key, verdict);
      return verdict;
    }

    hintsOf(text) {
      const told = {};
      for (const [name, pattern] of this.hints) {
        const match = pattern.find(text);
        if (match) told[name] = match.group(1).trim();
      }
      if (told.kernel && !told.os) {
        for (const [pattern, system] of this.kernels) {
          const match = pattern.find(told.kernel);
          if (match) told.os = system.includes("\\1") ? system.replace("\\1", match.group(1)) : system;
        }
      }
      return Object.keys(told).length ? told : null;
    }

    // With what its neighbours know of a line: the time of the message that it belongs to.
    withNeighbours(line, start) {
      if (line.time !== null) return line;
      const own = this.unwrapper.printedAt(line.text);
      const before = own === null ? this.heading(line, start) : null;
      if (!before) return { ...line, time: own };
      const timed = { ...line, time: before.time ?? this.unwrapper.printedAt(before.text) };
      const indented = BLANKS.includes(this.text[start]);
      if (!indented || line.node || line.pod || line.program) return timed;
      // The journal writes a message of several lines so: the others are indented.
      return { ...timed, node: before.node, pod: before.pod, program: before.program };
    }

    // The line with klog's head before the one that begins at a place, if they are of the same program.
    heading(line, at) {
      const first = this.sections.begin(at);
      let start = at;
      for (let back = 0; back < this.limits.lines_back && start > first; back += 1) {
        let stop;
        [start, stop] = bounds(this.text, start - 1);
        const before = this.lineAt(start, stop);
        if (this.sections.parts(before.text)) return null;
        const other = elsewhere(before, line) || this.unwrapper.apart(before, line.text);
        if (this.unwrapper.head(before.text) && !other) return before;
      }
      return null;
    }

    // The lines that belong to an error: up to the next message, without what another program or node printed.
    *rest(first, at, end) {
      const journal = this.inJournal(at);
      const limit = Math.min(this.sections.end(at, this.text), end + AROUND);
      let stop = end;
      let others = 0;
      for (let count = 0; count < this.limits.rest_lines && stop < limit; count += 1) {
        let start;
        [start, stop] = bounds(this.text, stop);
        if (journal && this.isField(start, stop)) continue;
        const line = this.lineAt(start, stop);
        if (this.sections.parts(line.text)) return;
        if (elsewhere(line, first) || this.unwrapper.apart(first, line.text)) {
          others += 1;
          if (others > this.limits.others) return;
        } else {
          if (this.unwrapper.begins(line.text)) return;
          yield line.text;
        }
      }
    }

    // Whether a line of a record of the journal's is a field beside its message.
    isField(start, stop) {
      const text = this.text.slice(start, stop);
      return this.field.isIn(text) && !this.message.isIn(text);
    }

    isSpeaking(begin, end) {
      const places = new Set();
      for (const key of SPEAKING_TEXTS) this.collect(places, key, begin, end, () => true);
      return [...places].slice(0, this.limits.looks).some((at) => {
        const isOwn = this.speaking.isIn(this.text.slice(...bounds(this.text, at)));
        return isOwn && !this.unwrapper.foreign(Headings.below(this.sections.at(at), this.whole(at)[0]));
      });
    }

    // The time of the last line that bears one, of the last few.
    lastTime(begin, end) {
      let at = end;
      for (let back = 0; back < this.limits.last_lines && at > begin; back += 1) {
        const [line, start] = this.whole(at - 1);
        const time = line.time ?? this.unwrapper.printedAt(line.text);
        if (time !== null) return time;
        at = start;
      }
      return null;
    }

    count({ line, owners, hints, error, start, stop }) {
      const program = this.unwrapper.foreign(line);
      const own = owners.filter(({ entry }) => !program || (program === "kernel" && entry.kernel));
      if (program) {
        for (const alert of owners) if (!own.includes(alert)) this.ofAnother(program, alert);
        if (!own.length) return;
      }
      const place = line.node || line.pod || this.source;
      if (hints) this.known.set(place, { ...this.known.get(place), ...hints });
      this.last = latest(this.last, line.time);
      for (const alert of own) this.tally(alert, this.known.get(place)?.node || place, line.time, start);
      if (error && !owners.length) {
        const isJson = line.text.startsWith("{"); // klog's, which is one line
        this.unknown(line, isJson ? [] : [...this.rest(line, start, stop)]);
      }
    }

    tally({ entry, mild }, place, time, start) {
      if (!this.found.has(entry.id)) {
        const number = this.lines + 1 + newlines(this.text, this.begin, start);
        this.found.set(entry.id, { entry, count: 0, mild: 0, first: null, last: null, places: new Map(), number });
      }
      const one = this.found.get(entry.id);
      one.count += 1;
      one.mild += Number(mild);
      one.first = earliest(one.first, time);
      one.last = latest(one.last, time);
      if (one.places.has(place) || one.places.size < PLACES) one.places.set(place, (one.places.get(place) || 0) + 1);
    }

    ofAnother(program, { entry, alert }) {
      const key = `${program}\n${alert}`;
      if (!this.elsewhere.has(key) && this.elsewhere.size < PROGRAMS) {
        this.elsewhere.set(key, { program, id: entry.id, alert: entry.alerts[0].alert, count: 0 });
      }
      if (this.elsewhere.has(key)) this.elsewhere.get(key).count += 1;
    }

    // An error of no entry: known to be harmless, or not known.
    unknown(line, rest) {
      if (rest.some((text) => this.judge(text).owners.length)) return;
      const message = [this.unwrapper.said(line.text), ...rest].join("\n").slice(0, MESSAGE);
      const known = this.harmless.find(({ pattern }) => pattern.isIn(message));
      if (known) known.count += 1;
      else this.unexplained += 1;
    }

    goesOn(one) {
      return one.last === null || this.last === null ? null : this.last - one.last < STILL;
    }

    // What explains another comes before it; then failures before symptoms, and the grave first. Of what is as grave,
    // that which is not over comes first, then that on more nodes, then that of more lines.
    ranked() {
      const depth = (id, seen) => {
        const causes = this.entries.get(id).causes.filter((cause) => this.found.has(cause) && !seen.includes(cause));
        return 1 + Math.max(0, ...causes.map((cause) => depth(cause, [...seen, cause])));
      };
      const rank = (one) => [
        depth(one.entry.id, [one.entry.id]),
        Number(one.entry.kind !== "failure"),
        SEVERITIES.indexOf(alertOf(one).severity),
        Number(this.goesOn(one) === false),
        -one.places.size,
        -one.count,
      ];
      const rows = [...this.found.values()].map((one) => ({ one, rank: rank(one) }));
      const differing = (a, b) => a.rank.findIndex((value, at) => value !== b.rank[at]);
      rows.sort((a, b) => {
        const at = differing(a, b);
        return at < 0 ? 0 : a.rank[at] - b.rank[at];
      });
      return rows.map(({ one }) => one);
    }

    verdict() {
      if (this.found.size) return "found";
      if (this.unexplained) return "unexplained";
      return this.speaks && !this.isDocument ? "none" : "cannot tell"; // of what is not read in full
    }

    // As `diagnose --json` has it, as far as this page tells it.
    answer() {
      return {
        verdict: this.verdict(),
        read_as_lines: this.isDocument === true,
        found: this.ranked().map((one) => ({
          id: one.entry.id,
          ...alertOf(one),
          kind: one.entry.kind,
          title: one.entry.title,
          first_step: one.entry.first_step,
          fix: one.entry.fix,
          count: one.count,
          first: iso(one.first),
          last: iso(one.last),
          going_on: this.goesOn(one),
          nodes: nodesOf(one.places),
          number: one.number,
        })),
        not_found: [...this.entries.keys()].filter((id) => !this.found.has(id)),
        unexplained: this.unexplained,
        harmless: this.harmless.filter(({ count }) => count).map(({ id, reason, count }) => ({ id, reason, count })),
        elsewhere: [...this.elsewhere.values()],
        kube_proxies: [...this.known].map(([place, { version, mode, os, kernel }]) => ({
          place,
          version: version ?? null,
          mode: mode ?? null,
          os: os ?? null,
          kernel: kernel ?? null,
        })),
      };
    }
  }

  // The alert that the lines give: the milder one where all of them are less grave.
  function alertOf({ entry, count, mild }) {
    const { alert, severity, page } = entry.alerts.find((one) => one.mild === (count === mild));
    return { alert, severity, page };
  }

  function nodesOf(places) {
    const rows = [...places].map(([name, count]) => ({ name, count }));
    return rows.sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1));
  }

  return { Scan };
})();
