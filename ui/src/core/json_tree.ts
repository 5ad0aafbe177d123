/** JSON as a tree that keeps every digit; NaN and Infinity, which Python writes, are read too. */

export type JsonNode =
  | { kind: "object"; keys: string[]; items: JsonNode[] }
  | { kind: "array"; items: JsonNode[] }
  | { kind: "string"; text: string }
  /** Numbers, true, false and null, as they stand in the file. */
  | { kind: "plain"; text: string };

const DEEPEST = 400;
const SPACE = /[ \t\r\n]*/y;
const PLAIN = /-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|true|false|null|NaN/y;
const TEXT = /"[^"\\]*(?:\\[^][^"\\]*)*"/y;

/** The tree of a text; null when it is no JSON, or deeper than a page can show. */
export function parseJson(text: string): JsonNode | null {
  try {
    const reader = new Reader(text);
    const node = reader.value(0);
    return reader.ended() ? node : null;
  } catch {
    return null;
  }
}

class Reader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }

  ended(): boolean {
    this.#match(SPACE);
    return this.#at === this.#text.length;
  }

  value(depth: number): JsonNode {
    if (depth > DEEPEST) throw new Error("too deep");
    this.#match(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return { kind: "string", text: this.#string() };
    const text = this.#match(PLAIN);
    if (!text) throw new Error("no value");
    return { kind: "plain", text };
  }

  #object(depth: number): JsonNode {
    const keys: string[] = [];
    const items = this.#items("}", () => {
      keys.push(this.#string());
      this.#match(SPACE);
      this.#take(":");
      return this.value(depth + 1);
    });
    return { kind: "object", keys, items };
  }

  #array(depth: number): JsonNode {
    return { kind: "array", items: this.#items("]", () => this.value(depth + 1)) };
  }

  #items(end: string, one: () => JsonNode): JsonNode[] {
    const items: JsonNode[] = [];
    this.#at += 1;
    this.#match(SPACE);
    if (this.#text[this.#at] !== end) {
      for (;;) {
        this.#match(SPACE);
        items.push(one());
        this.#match(SPACE);
        if (this.#text[this.#at] !== ",") break;
        this.#at += 1;
      }
    }
    this.#take(end);
    return items;
  }

  #string(): string {
    const text = this.#match(TEXT);
    if (!text) throw new Error("no text");
    return text.includes("\\") ? (JSON.parse(text) as string) : text.slice(1, -1);
  }

  #take(mark: string): void {
    if (this.#text[this.#at] !== mark) throw new Error(`no ${mark}`);
    this.#at += 1;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}

/** What a closed node says of itself, in a few characters. */
export function shortJson(node: JsonNode, room = 60): string {
  if (node.kind === "plain") return node.text;
  if (node.kind === "string") return JSON.stringify(node.text.length > room ? `${node.text.slice(0, room)}…` : node.text);
  const [open, close] = node.kind === "object" ? ["{", "}"] : ["[", "]"];
  let inside = "";
  for (let i = 0; i < node.items.length; i++) {
    const item = node.items[i] as JsonNode;
    const value = item.kind === "string" || item.kind === "plain" ? shortJson(item, 20) : item.kind === "object" ? "{…}" : "[…]";
    const part = `${i ? ", " : ""}${node.kind === "object" ? `${node.keys[i]}: ` : ""}${value}`;
    if (inside.length + part.length > room) return `${open}${inside}${i ? ", " : ""}…${close}`;
    inside += part;
  }
  return open + inside + close;
}

/** A JSON text as Python and people write it. */
export function printJson(node: JsonNode): string {
  if (node.kind === "plain") return node.text;
  if (node.kind === "string") return JSON.stringify(node.text);
  if (node.kind === "array") return `[${node.items.map(printJson).join(", ")}]`;
  return `{${node.items.map((item, i) => `${JSON.stringify(node.keys[i])}: ${printJson(item)}`).join(", ")}}`;
}

/** A table in JSON: `{"columns": […], "data": [[…], …]}`, as pandas' split form and `log_table` write it, or a list of objects. */
export function tableOf(node: JsonNode): { header: string[]; rows: string[][] } | null {
  const cell = (item: JsonNode | undefined): string => (item === undefined ? "" : item.kind === "string" ? item.text : printJson(item));
  if (node.kind === "object") {
    const part = (key: string): JsonNode | undefined => node.items[node.keys.indexOf(key)];
    const [columns, data] = [part("columns"), part("data")];
    if (columns?.kind !== "array" || data?.kind !== "array") return null;
    const rows = data.items.map((row) => (row.kind === "array" ? row.items.map(cell) : null));
    return rows.every((row) => row !== null) ? { header: columns.items.map(cell), rows } : null;
  }
  if (node.kind !== "array" || !node.items.length) return null;
  const header = [...new Set(node.items.slice(0, 1000).flatMap((item) => (item.kind === "object" ? item.keys : [])))];
  if (!header.length || header.length > 500 || !node.items.every((item) => item.kind === "object")) return null;
  return { header, rows: node.items.map((item) => header.map((key) => cell(item.kind === "object" ? item.items[item.keys.indexOf(key)] : undefined))) };
}
