/**
 * The part of YAML that model descriptions are written in: block mappings and lists, quoted, folded and plain text, short
 * flow collections. Scalars stay text, save null. Anchors, aliases and tags are refused.
 */

export type Yaml = string | null | Yaml[] | YamlMap;
export type YamlMap = Map<string, Yaml>;

const DEEPEST = 64;

interface Line {
  indent: number;
  text: string;
}

/** The value of a document; an error says what is wrong. */
export function parseYaml(text: string): Yaml {
  const lines = text.split(/\r?\n/).filter((line, i) => !(i === 0 && line.startsWith("---"))).map((line) => {
    const stripped = line.trimStart();
    return { indent: line.length - stripped.length, text: stripped.trimEnd() };
  });
  const reader = new Reader(lines);
  const value = reader.node(0, 0);
  reader.expectEnd();
  return value;
}

class Reader {
  #at = 0;
  readonly #lines: Line[];

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  expectEnd(): void {
    const line = this.#next();
    if (line && line.text !== "...") throw new Error(`Line ${this.#at + 1} does not fit: ${line.text.slice(0, 60)}`);
  }

  /** The value that stands from here on, indented by `least` at least; null when none does. */
  node(least: number, depth: number): Yaml {
    if (depth > DEEPEST) throw new Error("It nests too deeply.");
    const line = this.#next();
    if (!line || line.indent < least) return null;
    if (isItem(line.text)) return this.#list(line.indent, depth);
    if (keyOf(line.text)) return this.#map(line.indent, depth);
    this.#at += 1;
    return this.#scalar(line.text, least - 1);
  }

  /** The line that is next, behind blank ones and comments. */
  #next(): Line | undefined {
    while (this.#at < this.#lines.length && /^(#|$)/.test((this.#lines[this.#at] as Line).text)) this.#at += 1;
    return this.#lines[this.#at];
  }

  #map(indent: number, depth: number): YamlMap {
    const map: YamlMap = new Map();
    for (let line = this.#next(); line && line.indent === indent && !isItem(line.text); line = this.#next()) {
      const found = keyOf(line.text);
      if (!found) break;
      this.#at += 1;
      const [key, rest] = found;
      if (rest && !rest.startsWith("#")) map.set(key, this.#scalar(rest, indent));
      else {
        const below = this.#next();
        // Items of a list may stand as far left as the key they belong to.
        map.set(key, below && below.indent === indent && isItem(below.text) ? this.#list(indent, depth + 1) : this.node(indent + 1, depth + 1));
      }
    }
    return map;
  }

  #list(indent: number, depth: number): Yaml[] {
    const items: Yaml[] = [];
    for (let line = this.#next(); line && line.indent === indent && isItem(line.text); line = this.#next()) {
      const rest = line.text.slice(1).trimStart();
      if (!rest) this.#at += 1;
      // What stands behind the dash is a line of its own, as far right as it is.
      else this.#lines[this.#at] = { indent: indent + line.text.length - rest.length, text: rest };
      items.push(this.node(indent + 1, depth + 1));
    }
    return items;
  }

  #scalar(first: string, parent: number): Yaml {
    if (/^[&*!]/.test(first)) throw new Error("It uses anchors, aliases or tags.");
    if (/^[|>]/.test(first)) return this.#block(first, parent);
    if (first.startsWith('"') || first.startsWith("'")) return this.#quoted(first);
    if (first.startsWith("[") || first.startsWith("{")) return readFlow(this.#balanced(first));
    const parts = [first.replace(/\s#.*$/, "")];
    for (let line = this.#lines[this.#at]; line && (line.text === "" || line.indent > parent); line = this.#lines[++this.#at]) {
      parts.push(line.text);
    }
    return plain(folded(parts).trim());
  }

  #quoted(first: string): string {
    const mark = first[0] as string;
    const parts = [first.slice(1)];
    const closed = mark === "'" ? /^(?:[^']|'')*'(?!')/ : /^(?:[^"\\]|\\.)*"/;
    let last = parts[0] as string;
    while (!closed.test(last)) {
      const line = this.#lines[this.#at++];
      if (!line) throw new Error("A text is not closed.");
      parts.push(line.text);
      last = line.text;
    }
    parts[parts.length - 1] = (closed.exec(last)?.[0] ?? "").slice(0, -1);
    return mark === "'" ? folded(parts).replaceAll("''", "'") : unescaped(folded(parts));
  }

  #block(first: string, parent: number): string {
    const lines: string[] = [];
    let own = -1;
    for (let line = this.#lines[this.#at]; line && (line.text === "" || line.indent > parent); line = this.#lines[++this.#at]) {
      if (own < 0 && line.text) own = line.indent;
      lines.push(line.text && " ".repeat(Math.max(0, line.indent - own)) + line.text);
    }
    const text = (first.startsWith("|") ? lines.join("\n") : folded(lines)).replace(/\n+$/, "");
    return first.includes("-") ? text : `${text}\n`;
  }

  #balanced(first: string): string {
    let text = first;
    for (;;) {
      const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/g, "");
      if ((bare.match(/[[{]/g)?.length ?? 0) <= (bare.match(/[\]}]/g)?.length ?? 0)) return text;
      const line = this.#lines[this.#at++];
      if (!line) throw new Error("A bracket is not closed.");
      text += ` ${line.text}`;
    }
  }
}

const isItem = (text: string): boolean => text === "-" || text.startsWith("- ");

/** A line's key and what follows it; null when it has none. */
function keyOf(text: string): [string, string] | null {
  const quoted = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*:(?:\s+(.*))?$/.exec(text);
  if (quoted) {
    const inside = (quoted[1] as string).slice(1, -1);
    return [text.startsWith("'") ? inside.replaceAll("''", "'") : unescaped(inside), quoted[2] ?? ""];
  }
  if (/^["'[{&*!|>%@`]/.test(text)) return null;
  const found = /^(.*?)\s*:(?:\s+(.*))?$/.exec(text);
  return found ? [found[1] ?? "", found[2] ?? ""] : null;
}

/** Lines as one text: a line end is a space, an empty line is a line end, a backslash at the end joins. */
function folded(lines: readonly string[]): string {
  let text = lines[0] ?? "";
  let gap = 0;
  for (const line of lines.slice(1)) {
    if (line === "") gap += 1;
    else {
      if (gap) text += "\n".repeat(gap);
      else if (/(^|[^\\])(\\\\)*\\$/.test(text)) text = text.slice(0, -1);
      else text += " ";
      text += line;
      gap = 0;
    }
  }
  return text + "\n".repeat(gap);
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", "0": "\0", a: "\x07", b: "\b", f: "\f", v: "\v", e: "\x1b", N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs, (_, x?: string, u?: string, long?: string, one?: string) => {
    const code = x ?? u ?? long;
    return code ? String.fromCodePoint(parseInt(code, 16)) : (ESCAPES[one ?? ""] ?? one ?? "");
  });
}

const plain = (text: string): string | null => (/^(?:~|null|Null|NULL|)$/.test(text) ? null : text);

/** `[a, 'b']` and `{a: 1}`, nested at will. */
function readFlow(text: string): Yaml {
  let at = 0;
  const skip = (): void => { while (/\s/.test(text[at] ?? "")) at += 1; };
  const word = (ends: RegExp): string | null => {
    skip();
    const rest = text.slice(at);
    const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')/.exec(rest);
    if (quoted) {
      at += quoted[0].length;
      return quoted[1] !== undefined ? unescaped(quoted[1]) : (quoted[2] ?? "").replaceAll("''", "'");
    }
    const end = rest.search(ends);
    const found = rest.slice(0, end < 0 ? rest.length : end);
    at += found.length;
    return plain(found.trim());
  };
  const value = (depth: number): Yaml => {
    skip();
    if (depth > DEEPEST) throw new Error("It nests too deeply.");
    const close = text[at] === "[" ? "]" : text[at] === "{" ? "}" : "";
    if (!close) return word(/[,\]}]/);
    const items: Yaml[] = [];
    const map: YamlMap = new Map();
    at += 1;
    for (skip(); text[at] !== close; skip()) {
      if (at >= text.length) throw new Error("A bracket is not closed.");
      if (close === "]") items.push(value(depth + 1));
      else {
        const key = word(/:(?:\s|$)|[,}]/) ?? "";
        skip();
        if (text[at] === ":") at += 1;
        map.set(key, value(depth + 1));
      }
      skip();
      if (text[at] === ",") at += 1;
      else if (text[at] !== close) throw new Error("A bracket is not closed.");
    }
    at += 1;
    return close === "]" ? items : map;
  };
  return value(0);
}
