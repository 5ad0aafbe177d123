/** Console output as lines: colours of ANSI escapes, progress bars that overwrite themselves, a bounded memory. */

import { joined } from "./files";

export interface Style {
  /** 0 to 15 of the terminal's palette, or a colour as `#rrggbb`. */
  color?: number | string;
  back?: number | string;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
}

export interface Span extends Style {
  text: string;
}

// Colours are read; every other control sequence, and links (OSC), are left out.
const ESCAPE = /\x1b(?:\[([0-9;:?]*)([ -/]*[@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;
const CONTROLS = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;

/** A line in spans of one look each, and the look with which the next line begins. */
export function readAnsi(line: string, start: Style = {}): { spans: Span[]; style: Style } {
  const spans: Span[] = [];
  let style = start;
  let at = 0;
  const push = (text: string): void => {
    const clean = text.replace(CONTROLS, "").replaceAll("\x1b", "");
    if (clean) spans.push({ ...style, text: clean });
  };
  for (const found of line.matchAll(ESCAPE)) {
    push(line.slice(at, found.index));
    at = found.index + found[0].length;
    if (found[2] === "m") style = styled(style, (found[1] ?? "").split(/[;:]/).map(Number));
  }
  push(line.slice(at));
  return { spans, style };
}

const FLAGS: Record<number, Style> = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true },
  22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false },
};

function styled(style: Style, codes: number[]): Style {
  let now: Style = { ...style };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) now = {};
    else if (FLAGS[code]) now = { ...now, ...FLAGS[code] };
    else if (code === 39) delete now.color;
    else if (code === 49) delete now.back;
    else if (code === 38 || code === 48) {
      const [color, used] = extended(codes, i + 1);
      i += used;
      if (color !== undefined) now[code === 38 ? "color" : "back"] = color;
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) now.color = code >= 90 ? code - 82 : code - 30;
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) now.back = code >= 100 ? code - 92 : code - 40;
  }
  return now;
}

function extended(codes: number[], at: number): [number | string | undefined, number] {
  if (codes[at] === 2) return [hex(codes.slice(at + 1, at + 4)), 4];
  const index = codes[at + 1] ?? 0;
  if (codes[at] !== 5) return [undefined, 0];
  if (index < 16) return [index, 2];
  if (index >= 232) return [hex([0, 0, 0].map(() => 8 + (index - 232) * 10)), 2];
  const cube = index - 16;
  return [hex([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => (level ? 55 + level * 40 : 0))), 2];
}

const hex = (rgb: number[]): string => `#${rgb.map((each) => Math.max(0, Math.min(255, each || 0)).toString(16).padStart(2, "0")).join("")}`;

/** What a line with carriage returns shows in the end: a progress bar's last state. */
export function lastState(line: string): string {
  const parts = line.replace(/\r+$/, "").split("\r");
  return parts.findLast((part) => part !== "") ?? "";
}

/** What stands in a line without its escapes. */
export const plainLine = (line: string): string => readAnsi(line).spans.map((span) => span.text).join("");

/** The end of a growing file as lines, at most `most` bytes of it. */
export class Tail {
  readonly #most: number;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Where in the file what is kept begins, and ends. */
  from = 0;
  end = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Begins anew with bytes that stand at `start` of the file. */
  restart(bytes: Uint8Array, start: number): void {
    this.#parts = [bytes];
    this.#size = bytes.length;
    this.from = start;
    this.end = start + bytes.length;
  }

  /** Takes the bytes that come next. The first ones go only now and then: what stays keeps its place. */
  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    this.end += bytes.length;
    if (this.#size <= 1.5 * this.#most) return;
    while (this.#parts.length > 1 && this.#size - (this.#parts[0]?.length ?? 0) >= this.#most) this.#drop();
  }

  /** Puts bytes before what is kept. */
  prepend(bytes: Uint8Array): void {
    this.#parts.unshift(bytes);
    this.#size += bytes.length;
    this.from -= bytes.length;
  }

  /** The lines; the first is left out where the file begins earlier, as it may be cut. */
  lines(): string[] {
    let bytes = joined(this.#parts);
    if (this.from > 0) bytes = bytes.subarray(bytes.indexOf(10) + 1);
    const lines = new TextDecoder().decode(bytes).split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines.map(lastState);
  }

  #drop(): void {
    const first = this.#parts.shift();
    this.#size -= first?.length ?? 0;
    this.from += first?.length ?? 0;
  }
}

/** Where `wanted` stands in lines, whatever the case: numbers of lines. */
export function findLines(lines: readonly string[], wanted: string): number[] {
  const small = wanted.toLowerCase();
  return small ? lines.flatMap((line, i) => (plainLine(line).toLowerCase().includes(small) ? [i] : [])) : [];
}

const NAMES = /(\.(log|out|err)(\.\d+)?$)|^(stdout|stderr|output|console)\b/i;
export const LOG_FOLDERS = /^(logs?|console|stdout)$/i;

/** Whether a file's name, or its folder's, says that it is console output. */
export function isLog(path: string): boolean {
  const parts = path.split("/");
  const base = parts.at(-1) ?? "";
  return NAMES.test(base) || (parts.length > 1 && LOG_FOLDERS.test(parts.at(-2) ?? "") && /(\.(txt|log|out|err|jsonl?)|^[^.]+)$/i.test(base));
}
