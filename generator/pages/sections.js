"use strict";
// What headings in a log say of the lines below them: generator/diagnose/sections.py for the browser.

const Headings = (() => {
  const { asPattern } = Unwrap;
  const REMEMBERED = 10_000;

  // What the first of some patterns finds in a text; null if none does.
  function groupsIn(patterns, text) {
    for (const pattern of patterns) {
      const found = pattern.find(text);
      if (found) return pattern.groupsOf(found);
    }
    return null;
  }

  class Sections {
    constructor(rules, unwrapper) {
      this.rules = rules;
      this.unwrapper = unwrapper;
      this.strongOnes = rules.strong.map(asPattern);
      this.weakOnes = rules.weak.map(asPattern);
      for (const [name, pattern] of Object.entries(rules.patterns)) this[name] = asPattern(pattern);
      this.begins = [0];
      this.origins = [null];
      this.strong = false; // whether the last heading was
      this.known = new Map();
    }

    // Looks for the headings among the lines that begin between two places.
    enter(text, begin, end) {
      const last = this.origins[this.origins.length - 1];
      this.strong = this.strong && last !== null;
      this.begins = [begin];
      this.origins = [last];
      for (const start of this.candidates(text, begin, end)) {
        const newline = text.indexOf("\n", start);
        const heading = this.heading(text.slice(start, newline < 0 ? text.length : newline));
        if (!heading || (this.strong && !heading.strong)) continue;
        this.strong = heading.strong && heading.origin !== null;
        this.begins.push(start);
        this.origins.push(heading.origin);
      }
    }

    // Where lines begin that may be headings.
    candidates(text, begin, end) {
      const starts = new Set();
      for (const key of this.rules.keys) {
        for (let at = text.indexOf(key, begin); at >= 0 && at < end; ) {
          const start = at ? text.lastIndexOf("\n", at - 1) + 1 : 0;
          const newline = text.indexOf("\n", at);
          const stop = newline < 0 ? text.length : newline;
          if (stop - start <= this.rules.longest) starts.add(start);
          at = text.indexOf(key, stop);
        }
      }
      return [...starts].sort((one, other) => one - other);
    }

    // Where the lines at a place come from, if a heading says so.
    at(place) {
      return this.origins[this.index(place)];
    }

    // Where the heading above a place stands; 0 where none is in what is read.
    begin(place) {
      const index = this.index(place);
      return index ? this.begins[index] : 0;
    }

    // Where the next heading stands; at the end of the text where none is in what is read.
    end(place, text) {
      return this.begins[this.index(place) + 1] ?? text.length;
    }

    index(place) {
      let [low, high] = [0, this.begins.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.begins[middle] <= place) low = middle;
        else high = middle - 1;
      }
      return low;
    }

    // Whether a line parts the logs of several programs, files or times.
    parts(text) {
      if (this.border.isIn(text)) return true;
      if (!this.rules.keys.some((key) => text.includes(key))) return false;
      if (groupsIn(this.strongOnes, text)) return true;
      const weak = groupsIn(this.weakOnes, text);
      return weak !== null && this.origin(weak) !== null;
    }

    // What a line says as a heading, and whether it is a strong one.
    heading(line) {
      if (!this.known.has(line)) {
        if (this.known.size >= REMEMBERED) this.known.clear();
        const text = line.endsWith("\r") ? line.slice(0, -1) : line;
        // What is wrapped around a heading can be a part of one, too.
        this.known.set(line, this.headingOf({ text }) || this.headingOf(this.unwrapper.unwrap(text)));
      }
      return this.known.get(line);
    }

    headingOf({ text, program, pod }) {
      if (program || pod) return null; // a program printed it
      const strong = groupsIn(this.strongOnes, text);
      const groups = strong || groupsIn(this.weakOnes, text);
      return groups ? { origin: this.origin(groups), strong: strong !== null } : null;
    }

    // Where lines come from below a heading with these words; null if it does not tell.
    origin({ own, kernel, name, node = null, pod = null, program = null }) {
      if (own) return { node: null, pod: null, program: this.rules.own };
      if (kernel) return { node: null, pod: null, program: this.rules.kernel };
      if (name) return this.belowFile(name);
      return node || pod || program ? { node, pod, program } : null;
    }

    belowFile(name) {
      const ofPod = groupsIn(this.unwrapper.files, name);
      if (ofPod) return { node: null, ...ofPod };
      const file = this.file.find(name);
      const plain = file ? file.group("name") : name;
      if (this.kubeProxyPod.isIn(plain)) return { node: null, pod: plain, program: null };
      return this.unwrapper.namesProgram(plain) ? { node: null, pod: null, program: plain } : null;
    }
  }

  // A line with what the heading above it says, where its own wrapping does not.
  function below(section, line) {
    if (!section) return line;
    const program = line.program || (line.pod ? null : section.program);
    return { ...line, node: line.node || section.node, pod: line.pod || section.pod, program };
  }

  return { Sections, below };
})();
