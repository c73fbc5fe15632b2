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
  const [LINES_BACK, LAST_LINES, REST_LINES, OTHERS] = [12, 20, 200, 50];
  const [PIECES, LOOKS, PLACES, PROGRAMS] = [64, 1000, 10_000, 1000];
  const [JUDGED, JUDGED_LENGTH, MESSAGE] = [20_000, 2000, 1 << 14];
  const compile = (pattern) => RE2JS.RE2JS.compile(pattern);
  const found = (pattern, text) => pattern.matcher(text).find();

  function matches(signature, line) {
    return (
      signature.literals.every((text) => line.includes(text)) &&
      (!signature.any_of.length || signature.any_of.some((text) => line.includes(text))) &&
      (signature.pattern === null || found(signature.pattern, line)) &&
      !signature.exclude.some((pattern) => found(pattern, line))
    );
  }

  function compiled(signature) {
    return {
      ...signature,
      pattern: signature.pattern === null ? null : compile(signature.pattern),
      exclude: signature.exclude.map(compile),
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

  // Whether klog's head goes on behind its letter: E1124 04:55:
  function isHead(text, at) {
    return [..."0000 00:00:"].every((wanted, place) => {
      const char = text.charAt(at + 1 + place);
      return wanted === "0" ? char >= "0" && char <= "9" : char === wanted;
    });
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
      this.signatures = catalog.entries.map((entry) => [entry.id, compiled(entry.signature)]);
      this.harmless = catalog.harmless.map((one) => ({ ...one, pattern: compile(one.pattern), count: 0 }));
      this.unwrapper = new Unwrap.Unwrapper(catalog.wrappings, now);
      this.hints = Object.entries(catalog.hints.patterns).map(([name, pattern]) => [name, compile(pattern)]);
      this.kernels = catalog.hints.kernels.map(([pattern, system]) => [compile(pattern), system]);
      this.keys = new Set(catalog.entries.flatMap((entry) => (entry.keys.length ? entry.keys : [""])));
      for (const key of [...catalog.hints.keys, ...ERROR_TEXTS, ...LISTS]) this.keys.add(key);
      this.speaking = compile(catalog.speaking);
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
      this.speaks = this.speaks || this.isSpeaking(begin, end);
      this.last = latest(this.last, this.lastTime(begin, end));
      const places = new Set();
      for (const key of this.keys) {
        this.collect(places, key, begin, end, () => true);
        yield;
      }
      for (const key of HEAD_TEXTS) this.collect(places, key, begin, end, (at) => isHead(text, at));
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
        const whole = owners.length || error ? this.withNeighbours(line, start, stop) : line;
        this.count({ line: whole, owners, hints, error, start, stop });
      }
      return stop;
    }

    lineAt(start, stop) {
      return this.unwrapper.unwrap(this.text.slice(start, stop));
    }

    // The line at a place, with its pieces if the container runtime cut it, and where they begin and end.
    whole(at) {
      let [start, stop] = bounds(this.text, at);
      const line = this.lineAt(start, stop);
      const pieces = [line.text];
      let { partial, time } = line;
      for (let before = this.cutBefore(start); before && pieces.length < PIECES; before = this.cutBefore(start)) {
        pieces.unshift(before.line.text);
        time = before.line.time;
        start = before.start;
      }
      while (partial && stop < this.text.length && pieces.length < 2 * PIECES) {
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

    // The entries that a line proves, and what it tells of its kube-proxy.
    judge(text) {
      const key = this.unwrapper.said(text);
      if (this.judged.has(key)) return this.judged.get(key);
      const owners = this.signatures.filter(([, signature]) => matches(signature, text)).map(([id]) => id);
      const verdict = { owners, hints: this.hintsOf(text) };
      if (this.judged.size < JUDGED && key.length < JUDGED_LENGTH) this.judged.set(key, verdict);
      return verdict;
    }

    hintsOf(text) {
      const told = {};
      for (const [name, pattern] of this.hints) {
        const match = pattern.matcher(text);
        if (match.find()) told[name] = match.group(1).trim();
      }
      if (told.kernel && !told.os) {
        for (const [pattern, system] of this.kernels) {
          const match = pattern.matcher(told.kernel);
          if (match.find()) told.os = system.includes("\\1") ? system.replace("\\1", match.group(1)) : system;
        }
      }
      return Object.keys(told).length ? told : null;
    }

    // With what its neighbours know of a line: the time of the message that it belongs to, journald's fields.
    withNeighbours(line, start, stop) {
      const { text } = this;
      if (text.startsWith("MESSAGE", start) || text.slice(0, start).endsWith("\nMESSAGE\n")) {
        return this.exported(line, start, stop);
      }
      if (line.time !== null) return line;
      const own = this.unwrapper.printedAt(line.text);
      const before = own === null ? this.heading(line, start) : null;
      return { ...line, time: before ? before.time ?? this.unwrapper.printedAt(before.text) : own };
    }

    // A message in journald's export format, whose records are blocks of fields.
    exported(line, start, stop) {
      const begin = Math.max(0, this.text.lastIndexOf("\n\n", start - 1));
      const end = this.text.indexOf("\n\n", stop - 1);
      const record = this.text.slice(begin, end < 0 ? this.text.length : end + 1).split("\n");
      const field = (name) => record.find((one) => one.startsWith(name))?.slice(name.length);
      const micros = field("__REALTIME_TIMESTAMP=");
      return { ...line, time: micros ? Number(micros) / 1000 : line.time, node: field("_HOSTNAME=") ?? line.node };
    }

    // The line with klog's head before the one that begins at a place, if they are of the same program.
    heading(line, at) {
      let start = at;
      for (let back = 0; back < LINES_BACK && start; back += 1) {
        let stop;
        [start, stop] = bounds(this.text, start - 1);
        const before = this.lineAt(start, stop);
        if (this.unwrapper.head(before.text) && !elsewhere(before, line)) return before;
      }
      return null;
    }

    // The lines that belong to an error: up to the next message, without what another program or node printed.
    *rest(first, end) {
      const limit = Math.min(this.text.length, end + AROUND);
      let stop = end;
      let others = 0;
      for (let count = 0; count < REST_LINES && stop < limit; count += 1) {
        let start;
        [start, stop] = bounds(this.text, stop);
        const line = this.lineAt(start, stop);
        if (elsewhere(line, first)) {
          others += 1;
          if (others > OTHERS) return;
        } else {
          if (this.unwrapper.begins(line.text)) return;
          yield line.text;
        }
      }
    }

    isSpeaking(begin, end) {
      const places = new Set();
      for (const key of SPEAKING_TEXTS) this.collect(places, key, begin, end, () => true);
      return [...places].slice(0, LOOKS).some((at) => {
        const [start, stop] = bounds(this.text, at);
        const text = this.text.slice(start, stop);
        return found(this.speaking, text) && !this.unwrapper.foreign(this.unwrapper.unwrap(text));
      });
    }

    // The time of the last line that bears one, of the last few.
    lastTime(begin, end) {
      let at = end;
      for (let back = 0; back < LAST_LINES && at > begin; back += 1) {
        const [line, start] = this.whole(at - 1);
        const time = line.time ?? this.unwrapper.printedAt(line.text);
        if (time !== null) return time;
        at = start;
      }
      return null;
    }

    count({ line, owners, hints, error, start, stop }) {
      const program = this.unwrapper.foreign(line);
      const own = owners.filter((id) => !program || (program === "kernel" && this.entries.get(id).kernel));
      if (program) {
        for (const id of owners) if (!own.includes(id)) this.ofAnother(program, id);
        if (!own.length) return;
      }
      const place = line.node || line.pod || this.source;
      if (hints) this.known.set(place, { ...this.known.get(place), ...hints });
      this.last = latest(this.last, line.time);
      for (const id of own) this.tally(id, this.known.get(place)?.node || place, line, start);
      if (error && !owners.length) this.unknown(line, [...this.rest(line, stop)]);
    }

    tally(id, place, { text, time }, start) {
      if (!this.found.has(id)) {
        const number = this.lines + 1 + newlines(this.text, this.begin, start);
        this.found.set(id, { entry: this.entries.get(id), count: 0, mild: 0, first: null, last: null, places: new Map(), number });
      }
      const one = this.found.get(id);
      one.count += 1;
      one.mild += Number(one.entry.milder !== null && text.includes(one.entry.milder.holds));
      one.first = earliest(one.first, time);
      one.last = latest(one.last, time);
      if (one.places.has(place) || one.places.size < PLACES) one.places.set(place, (one.places.get(place) || 0) + 1);
    }

    ofAnother(program, id) {
      const key = `${program}\n${id}`;
      if (!this.elsewhere.has(key) && this.elsewhere.size < PROGRAMS) {
        this.elsewhere.set(key, { program, id, alert: this.entries.get(id).alert, count: 0 });
      }
      if (this.elsewhere.has(key)) this.elsewhere.get(key).count += 1;
    }

    // An error of no entry: known to be harmless, or not known.
    unknown(line, rest) {
      if (rest.some((text) => this.judge(text).owners.length)) return;
      const message = [this.unwrapper.said(line.text), ...rest].join("\n").slice(0, MESSAGE);
      const known = this.harmless.find(({ pattern }) => found(pattern, message));
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
      return this.speaks ? "none" : "cannot tell";
    }

    // As `diagnose --json` has it, as far as this page tells it.
    answer() {
      return {
        verdict: this.verdict(),
        found: this.ranked().map((one) => ({
          id: one.entry.id,
          ...alertOf(one),
          kind: one.entry.kind,
          title: one.entry.title,
          first_step: one.entry.first_step,
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
    const { alert, severity, page } = count === mild ? entry.milder : entry;
    return { alert, severity, page };
  }

  function nodesOf(places) {
    const rows = [...places].map(([name, count]) => ({ name, count }));
    return rows.sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1));
  }

  return { Scan };
})();
