"use strict";
// Which entries the lines of a log prove, as Loki decides: texts first, then RE2. The browser's own regular expressions,
// which a hostile line can hold up for minutes, never see the log.

const Matcher = (() => {
  const LONGEST_LINE = 1 << 16; // characters; a longer one is looked at in pieces
  const COLOUR = RE2JS.RE2JS.compile("\\x1b\\[[0-9;?]*[A-Za-z]");
  const found = (pattern, line) => pattern.matcher(line).find();

  // Texts of which each matching line holds one; an empty one is in every line.
  function keys(entry) {
    if (entry.literals.length) {
      return [entry.literals.reduce((one, other) => (other.length > one.length ? other : one))];
    }
    return entry.any_of.length ? entry.any_of : [""];
  }

  function compiled(entry) {
    return {
      ...entry,
      keys: keys(entry),
      pattern: entry.pattern === null ? null : RE2JS.RE2JS.compile(entry.pattern),
      exclude: entry.exclude.map((pattern) => RE2JS.RE2JS.compile(pattern)),
    };
  }

  function matches(entry, line) {
    return (
      entry.literals.every((text) => line.includes(text)) &&
      (!entry.any_of.length || entry.any_of.some((text) => line.includes(text))) &&
      (entry.pattern === null || found(entry.pattern, line)) &&
      !entry.exclude.some((pattern) => found(pattern, line))
    );
  }

  function newlines(text, stop) {
    let count = 0;
    for (let at = text.indexOf("\n"); at >= 0 && at < stop; at = text.indexOf("\n", at + 1)) count += 1;
    return count;
  }

  // Takes a log in pieces of any length. `add` and `end` give iterators that do a little work with each step, so that
  // whoever drives them can let the page breathe in between.
  class Scan {
    constructor(entries) {
      this.entries = entries.map(compiled);
      this.found = new Map(); // by id: how many lines, and the number of the first
      this.lines = 0;
      this.rest = "";
    }

    *add(text) {
      const stop = text.lastIndexOf("\n") + 1;
      if (stop) {
        yield* this.read(this.rest + text.slice(0, stop));
        this.rest = text.slice(stop);
      } else {
        this.rest += text;
      }
      while (this.rest.length > LONGEST_LINE) {
        const piece = this.rest.slice(0, LONGEST_LINE);
        this.rest = this.rest.slice(LONGEST_LINE);
        yield* this.read(piece);
      }
    }

    *end() {
      if (this.rest) {
        yield* this.read(this.rest);
        this.lines += 1;
        this.rest = "";
      }
    }

    *read(raw) {
      // Web pages and chats write spaces that do not break; terminals are told colours.
      const spaced = raw.replaceAll("\u00a0", " ");
      const text = spaced.includes("\x1b[") ? COLOUR.matcher(spaced).replaceAll("") : spaced;
      for (const entry of this.entries) {
        const seen = new Set();
        for (const key of entry.keys) {
          let at = text.indexOf(key);
          while (at >= 0 && at < text.length) {
            const start = at ? text.lastIndexOf("\n", at - 1) + 1 : 0;
            const newline = text.indexOf("\n", at);
            const stop = newline < 0 ? text.length : newline;
            if (!seen.has(start) && matches(entry, withoutReturn(text.slice(start, stop)))) {
              seen.add(start);
              this.count(entry.alert, text, start);
            }
            yield;
            at = text.indexOf(key, stop + 1);
          }
        }
      }
      this.lines += newlines(text, text.length);
    }

    count(alert, text, start) {
      const one = this.found.get(alert);
      const number = one && one.first <= this.lines ? one.first : this.lines + 1 + newlines(text, start);
      this.found.set(alert, { count: (one ? one.count : 0) + 1, first: one ? Math.min(one.first, number) : number });
    }
  }

  function withoutReturn(line) {
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }

  return { Scan };
})();

if (typeof module !== "undefined") module.exports = Matcher;
