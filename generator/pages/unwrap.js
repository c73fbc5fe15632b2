"use strict";
// What a program printed, inside all that collectors and tools wrap around it: generator/diagnose/lines/ for the
// browser, with the same patterns. RE2 reads them: the browser's own regular expressions never see the log.

const Unwrap = (() => {
  // A pattern of RE2. It is read when a text first meets it: to read all of them takes longer than to search a log that
  // needs a few. Whether it is there is told much faster than where, so that is asked first.
  class Pattern {
    constructor(source) {
      this.source = source;
      this.read = null;
    }

    get re2() {
      this.read ??= RE2JS.RE2JS.compile(this.source);
      return this.read;
    }

    isIn(text) {
      return this.re2.test(text);
    }

    // Where it is first, with its groups; null if it is not there.
    find(text) {
      if (!this.isIn(text)) return null;
      const found = this.re2.matcher(text);
      found.find();
      return found;
    }

    // The same for all of a text.
    whole(text) {
      if (!this.re2.testExact(text)) return null;
      const found = this.re2.matcher(text);
      found.matches();
      return found;
    }

    // The same for what a text begins with.
    atStart(text) {
      const found = this.re2.matcher(text);
      return found.lookingAt() ? found : null;
    }

    // For all places where it is.
    matcher(text) {
      return this.re2.matcher(text);
    }

    groupsOf(found) {
      return Object.fromEntries(Object.keys(this.re2.namedGroups()).map((name) => [name, found.group(name)]));
    }
  }

  // A pattern of the catalog is read once, not again for each log.
  const KNOWN = new Map();
  function asPattern(source) {
    if (!KNOWN.has(source)) KNOWN.set(source, new Pattern(source));
    return KNOWN.get(source);
  }
  const TIME = asPattern(
    "\\A(\\d{4})-(\\d\\d)-(\\d\\d)[T ](\\d\\d):(\\d\\d):(\\d\\d)(?:[.,](\\d+))?(Z|[+-]\\d\\d:?\\d\\d)?\\z");
  const FINEST = 1e11; // seconds; a larger number counts milliseconds or finer
  const YEARS = 8; // the next 29th of February may be far
  const DAY = 86_400_000;
  const FORMS = 1000; // of fronts that are kept as patterns
  const NOTHING = { time: null, node: null, pod: null, program: null, partial: false, front: "" };

  const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isDigit = (char) => char >= "0" && char <= "9";
  const lastName = (path) => path.slice(path.lastIndexOf(".") + 1);

  function withoutEnd(text) {
    let end = text.length;
    while (end && (text[end - 1] === "\n" || text[end - 1] === "\r")) end -= 1;
    return text.slice(0, end);
  }

  function parsed(text) {
    try {
      const record = JSON.parse(text);
      return isRecord(record) ? record : null;
    } catch {
      return null;
    }
  }

  // Where the record ends that begins at a place of a text: behind its last brace, in no text of its own.
  function endOfRecord(text, begin) {
    let depth = 0;
    let quoted = false;
    for (let at = begin; at < text.length; at += 1) {
      const char = text[at];
      if (quoted && char === "\\") at += 1;
      else if (char === "\"") quoted = !quoted;
      else if (!quoted && char === "{") depth += 1;
      else if (!quoted && char === "}") depth -= 1;
      if (!depth) return at + 1;
    }
    return text.length;
  }

  // What is the longest of texts, the first of several; null if there is none.
  function longest(texts) {
    return texts.reduce((one, other) => (one !== null && one.length >= other.length ? one : other), null);
  }

  function ofKlog(record) {
    return typeof record.msg === "string" && "ts" in record && ("v" in record || "err" in record);
  }

  function isNumber(text) {
    const [whole, fraction, ...more] = text.split(".");
    const digits = (part) => part !== "" && [...part].every(isDigit);
    return digits(whole) && (fraction === undefined || digits(fraction)) && !more.length;
  }

  const milliseconds = (fraction) => Number((fraction || "").slice(0, 3).padEnd(3, "0"));

  // A time as text, or as a number since 1970 in seconds or finer; in milliseconds.
  function moment(value) {
    if (typeof value === "string" && !isNumber(value)) return timeOf(value);
    let number = typeof value === "string" || typeof value === "number" ? Number(value) : 0;
    while (Number.isFinite(number) && number > FINEST) number /= 1000;
    return number > 0 && Number.isFinite(number) ? number * 1000 : null;
  }

  function timeOf(text) {
    const found = TIME.find(text);
    if (!found) return null;
    const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((at) => Number(found.group(at)));
    const time = checked(year, month, day, hour, minute, second, milliseconds(found.group(7)));
    const zone = found.group(8);
    if (time === null || !zone || zone === "Z") return time;
    const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
    return time - (zone[0] === "-" ? -minutes : minutes) * 60_000;
  }

  function checked(year, month, day, hour, minute, second, fraction) {
    const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second, fraction));
    const real = at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour;
    return real && minute < 60 && second < 60 ? at.getTime() : null;
  }

  // Each value of a record by its path of keys, in lower case, those on top first; klog's own records whole.
  function fieldsOf(record, most, isTags) {
    const waiting = [["", record]];
    const found = [];
    for (const [path, value] of waiting) {
      if (isRecord(value) && !ofKlog(value)) {
        for (const [key, child] of Object.entries(value)) {
          waiting.push([path ? `${path}.${key}`.toLowerCase() : key.toLowerCase(), child]);
        }
      } else if (Array.isArray(value) && !Number.isInteger(value[0])) {
        waiting.push(...value.map((child) => [path, child]));
      } else if (path.endsWith("tags") && typeof value === "string" && isTags(value)) {
        for (const tag of value.split(",")) {
          const colon = tag.indexOf(":");
          waiting.push([`${path}.${tag.slice(0, colon)}`.toLowerCase(), tag.slice(colon + 1)]);
        }
      } else {
        found.push([path, value]);
      }
      if (waiting.length > most) break;
    }
    return found;
  }

  // journald's JSON gives the bytes of a message that cannot be printed as numbers.
  function textOf(value) {
    if (typeof value === "string") return value;
    const isByte = (one) => Number.isInteger(one) && one >= 0 && one < 256;
    return Array.isArray(value) && value.every(isByte) ? new TextDecoder().decode(new Uint8Array(value)) : null;
  }

  function plainPath(path) {
    let plain = "";
    for (const char of path) {
      const isPart = isDigit(char) || (char >= "a" && char <= "z");
      if (isPart) plain += char;
      else if (plain && !plain.endsWith("_")) plain += "_";
    }
    return plain.endsWith("_") ? plain.slice(0, -1) : plain;
  }

  // The text whose path of keys ends with the first of these names.
  function named(values, names) {
    let best = names.length;
    let found = null;
    for (const [path, value] of values) {
      const plain = plainPath(path);
      const rank = names.findIndex((name) => plain === name || plain.endsWith(`_${name}`));
      if (rank >= 0 && rank < best && typeof value === "string" && value) {
        best = rank;
        found = value;
      }
    }
    return found;
  }

  function joined(outer, inner) {
    return {
      text: withoutEnd(inner.text),
      time: inner.time ?? outer.time,
      node: outer.node || inner.node,
      pod: outer.pod || inner.pod,
      program: inner.program || outer.program,
      partial: outer.partial || inner.partial,
      front: inner.front,
    };
  }

  // `now` decides the year of times that come without one.
  class Unwrapper {
    constructor(rules, now) {
      this.rules = rules;
      this.now = now;
      this.months = rules.months;
      this.fronts = rules.fronts.map(({ begin, pattern }) => ({ begin, pattern: asPattern(pattern) }));
      this.namedInFront = rules.named_in_front.map(asPattern);
      this.ofProgram = rules.of_program.map(asPattern);
      this.files = rules.files.map(asPattern);
      for (const [name, pattern] of Object.entries(rules.patterns)) this[name] = asPattern(pattern);
      this.forms = new Map();
    }

    unwrap(line) {
      const plain = line.includes("\x1b") ? this.colours.matcher(line).replaceAll("") : line;
      let found = { ...NOTHING, text: withoutEnd(plain.replaceAll("\u00a0", " ")) };
      for (let depth = 0; depth < this.rules.depth; depth += 1) {
        const inner = this.inside(found.text);
        if (!inner) break;
        found = joined(found, inner);
      }
      const inner = this.begins(found.text) ? null : this.behindUnknown(found.text);
      if (inner) found = joined(found, inner);
      const ofKubelet = this.kubelet.atStart(found.text) && !this.foreign(found);
      return ofKubelet ? { ...found, program: "kubelet" } : found;
    }

    // The head of klog's at the beginning of a text.
    head(text) {
      if (!"IWEF".includes(text.charAt(0))) return null;
      return this.klog.atStart(text);
    }

    begins(text) {
      return ["{\"ts\":", "panic: ", "fatal error: "].some((one) => text.startsWith(one)) || this.head(text) !== null;
    }

    isError(text) {
      const head = this.head(text);
      if (head) return "EF".includes(head.group("level"));
      if (!text.startsWith("{\"ts\":")) return text.startsWith("panic: ") || text.startsWith("fatal error: ");
      const record = parsed(text);
      return record !== null && "err" in record && !("v" in record);
    }

    // A message without what differs each time that it is said: klog's time and process.
    said(text) {
      const head = this.head(text);
      return head ? `${head.group("level")} ${text.slice(head.start("source"))}` : text;
    }

    printedAt(text) {
      const head = this.head(text);
      if (head) return this.inYear(Number(head.group("month")), Number(head.group("day")), head.group("clock"));
      const record = text.startsWith("{\"ts\":") ? parsed(text) : null;
      return record ? moment(record.ts) : null;
    }

    // The program that printed a line, by its wrapping, if that cannot be kube-proxy.
    foreign(line) {
      const name = line.program || line.pod;
      return name && !this.carriers.isIn(name) ? name : null;
    }

    inside(text) {
      if (this.head(text)) return null;
      if (text.trimStart().startsWith("{")) {
        const record = parsed(text);
        const own = record && text.startsWith("{\"ts\":") && ofKlog(record);
        return record && !own ? this.ofRecord(text, record) : null;
      }
      const groups = this.groupsInFront(text);
      return groups ? this.ofFront(groups) : null;
    }

    // What the first wrapping that stands in front of a line says; names that must have a word in common have it.
    groupsInFront(text) {
      for (const { begin, pattern } of this.fronts) {
        if (begin && !begin.includes(text.charAt(0))) continue;
        const found = pattern.whole(text);
        const groups = found && pattern.groupsOf(found);
        if (groups && groups.word === groups.same_word) return groups;
      }
      return null;
    }

    ofFront(groups) {
      const labels = this.labels(groups.labels || "");
      const line = {
        text: groups.text || "",
        time: this.timeOfFront(groups),
        node: groups.node || named(labels, this.rules.nodes),
        pod: groups.pod || named(labels, this.rules.pods),
        program: groups.program || this.programOf(labels),
        partial: groups.tag === "P",
        front: "",
      };
      return this.withPerhaps(line, groups);
    }

    // With names of which it is not sure what they name: where they tell no program, they are that of a node.
    withPerhaps(line, { perhaps_pod: pod, perhaps_program: program }) {
      if (pod && !this.namesProgram(pod)) return { ...line, node: line.node || pod };
      if (program && !this.namesProgram(program)) return pod ? line : { ...line, node: line.node || program };
      return { ...line, pod: line.pod || pod || null, program: line.program || program || null };
    }

    namesProgram(name) {
      return this.ofProgram.some((pattern) => pattern.isIn(name));
    }

    // The program that a record names; under a key of other names too, only one that is known.
    programOf(values) {
      const name = named(values, this.rules.programs);
      if (name) return name;
      const perhaps = this.neighbours.find(named(values, this.rules.perhaps_programs) || "");
      return perhaps && perhaps.group("name");
    }

    timeOfFront({ short, time, unix, dated }) {
      if (!short) return moment(time || unix || "") ?? this.timeWithin(dated || "");
      const month = this.months.indexOf(short.slice(0, 3)) / 3 + 1;
      return this.inYear(month, Number(short.slice(4, 6)), short.slice(7));
    }

    labels(text) {
      const found = new Map();
      const label = this.label.matcher(text);
      while (label.find()) found.set(label.group(1).toLowerCase(), label.group(2));
      return found;
    }

    // The line from the first head of a program on, and what the text before it tells.
    behindUnknown(text) {
      const record = this.recordBehind(text);
      if (record) return record;
      const head = this.headWithin(text.slice(0, this.rules.front * 2));
      if (!head || head > this.rules.front) return null;
      const front = text.slice(0, head);
      const plain = { ...NOTHING, text: this.withoutQuotes(front, text.slice(head)), time: this.timeWithin(front), front };
      const line = this.withPerhaps(plain, this.namesIn(front));
      const pod = this.podInFront.find(front);
      return pod ? { ...line, pod: pod.group("pod") } : line;
    }

    namesIn(front) {
      for (const pattern of this.namedInFront) {
        const found = pattern.find(front);
        if (found) return pattern.groupsOf(found);
      }
      return {};
    }

    // The message of a record in JSON behind a front that is not known.
    recordBehind(text) {
      const found = this.record.find(text.slice(0, this.rules.front));
      if (!found) return null;
      const begin = found.start();
      const record = parsed(text.slice(begin, endOfRecord(text, begin)));
      const line = record && this.namesText(record) ? this.ofRecord(text, record) : null;
      return line ? { ...line, time: line.time ?? this.timeWithin(text.slice(0, begin)) } : null;
    }

    // Whether a record has a text under a key for messages, and not only texts of any kind.
    namesText(record) {
      const texts = Object.entries(record).filter(([, value]) => typeof value === "string");
      return texts.some(([key]) => this.rules.texts.includes(key.toLowerCase()));
    }

    // Whether a line has the front of another origin than one with a head: of the same form, with another name.
    apart(headed, line) {
      const front = this.unnumbered(headed.front);
      if (!this.letter.isIn(front)) return false;
      const here = this.formOf(front).atStart(this.unnumbered(line));
      return here !== null && here.group() !== front;
    }

    // A front as a pattern, in which each word may be another one.
    formOf(front) {
      if (!this.forms.has(front)) {
        if (this.forms.size >= FORMS) this.forms.clear();
        this.forms.set(front, new Pattern(this.patternOf(front)));
      }
      return this.forms.get(front);
    }

    patternOf(front) {
      const words = this.words.matcher(front);
      let pattern = "";
      while (words.find()) {
        const isWord = this.letter.atStart(words.group());
        pattern += isWord ? this.rules.word : RE2JS.RE2JS.quote(words.group());
      }
      return pattern;
    }

    // Without the times and the numbers of lines that stand before a message.
    unnumbered(text) {
      const untimed = this.timeInFront.matcher(text.slice(0, this.rules.front)).replaceAll("");
      return this.lineNumbers.matcher(untimed).replaceAll("$1");
    }

    // A text of JSON or a field of CSV as it was before it was quoted.
    withoutQuotes(front, text) {
      const quote = front.endsWith("\"");
      if (this.jsonValue.isIn(front) || (quote && this.jsonText.isIn(text))) {
        const quoted = this.quotedInJson.find(text);
        try {
          return quoted ? JSON.parse(`"${quoted.group()}"`) : text;
        } catch {
          return text;
        }
      }
      if (!quote || front.includes("{")) return text;
      const field = this.quotedInCsv.find(text);
      return field ? field.group().replaceAll("\"\"", "\"") : text;
    }

    headWithin(text) {
      const found = this.heads.find(text);
      return found ? found.start() : 0;
    }

    timeWithin(front) {
      const found = this.timeInFront.find(front);
      return found ? moment(found.group()) : null;
    }

    ofRecord(whole, record) {
      const fields = fieldsOf(record, this.rules.fields, (value) => this.isTags(value));
      const text = this.message(fields);
      if (text === null || text === whole) return null;
      const values = new Map();
      for (const [path, value] of fields.reverse()) if (value) values.set(path, value);
      const program = this.programOf(values);
      const file = program ? null : this.fileOfPod(values);
      const keys = Object.keys(record);
      const docker = "log" in record && "stream" in record && keys.every((key) => this.rules.docker.includes(key));
      return {
        text,
        time: this.timeAmong(values),
        node: named(values, this.rules.nodes),
        pod: named(values, this.rules.pods) || (file ? file.pod : null),
        program: file ? file.program : program,
        // docker's driver cuts what is longer than 16 KiB, and ends a whole line with its newline.
        partial: docker && !text.endsWith("\n"),
        front: "",
      };
    }

    // Whether a text is made of fields alone: names before values, as stores write them for what they call tags.
    isTags(text) {
      if (!text.includes(":") || text.includes(" ") || text.length > this.rules.tags_bytes) return false;
      return text.split(",").every((tag) => this.tag.isIn(tag));
    }

    // The pod and the container whose log a record says that it is from, by the name of a file.
    fileOfPod(values) {
      for (const value of values.values()) {
        const named = typeof value === "string" && value.includes("_") && value.length < this.rules.front;
        for (const pattern of named ? this.files : []) {
          const file = pattern.find(value);
          if (file) return pattern.groupsOf(file);
        }
      }
      return null;
    }

    timeAmong(values) {
      for (const key of this.rules.times) {
        for (const [path, value] of values) {
          const time = lastName(path) === key ? moment(value) : null;
          if (time !== null) return time;
        }
      }
      return null;
    }

    // What a program printed: with a head, else under a known key, else the longest text.
    message(fields) {
      const texts = [];
      for (const [path, value] of fields) {
        if (isRecord(value) && ofKlog(value)) return JSON.stringify({ ts: value.ts, ...value });
        const text = textOf(value);
        if (text !== null) texts.push([path, text]);
      }
      const headed = texts.map(([, text]) => text.trimStart()).filter((text) => this.begins(text));
      if (headed.length) return longest(headed); // a record may have a short and a full message
      for (const key of this.rules.texts) {
        const known = texts.find(([path]) => lastName(path) === key);
        if (known) return known[1];
      }
      return longest(texts.map(([, text]) => text).filter((text) => text.includes(" ")));
    }

    // A time without a year: the latest one that is not in the future (clocks may differ by a day).
    inYear(month, day, clock) {
      const [hour, minute, second] = clock.slice(0, 15).split(":");
      const [whole, fraction] = second.split(".");
      const latest = this.now + DAY;
      const thisYear = new Date(this.now).getUTCFullYear();
      for (let year = new Date(latest).getUTCFullYear(); year > thisYear - YEARS; year -= 1) {
        const at = checked(year, month, day, Number(hour), Number(minute), Number(whole), milliseconds(fraction));
        if (at !== null && at <= latest) return at;
      }
      return null;
    }
  }

  return { Unwrapper, asPattern, moment };
})();
