/** What kind of preview an artifact gets, from its name and its first bytes. */

export type PreviewKind =
  | "image" | "json" | "table" | "parquet" | "markdown" | "html" | "pdf" | "audio" | "video" | "npy" | "zip" | "mlmodel" | "text" | "binary";

/** How much of each file is read where several are looked at side by side. */
export const PREVIEW_BYTES = 256 * 1024;
/** How much of a file is read at a time. */
export const STEP_BYTES = 2 ** 20;

const KINDS: Record<string, PreviewKind> = {};
const name = (kind: PreviewKind, suffixes: string): void => { for (const suffix of suffixes.split(" ")) KINDS[suffix] = kind; };
name("image", "png jpg jpeg gif webp bmp svg avif ico apng");
name("json", "json ipynb geojson");
name("table", "csv tsv");
name("parquet", "parquet pq");
name("markdown", "md markdown");
name("html", "html htm xhtml");
name("pdf", "pdf");
name("audio", "mp3 wav ogg oga flac m4a aac opus");
name("video", "mp4 webm mov m4v ogv");
name("npy", "npy");
name("zip", "zip npz whl pt pth keras egg jar xlsx docx pptx");
name("binary", "pkl pickle ckpt bin onnx safetensors h5 hdf5 gz bz2 xz zst tar tgz joblib ubj cbm so feather arrow db sqlite");

/** The kind a name promises; unknown names count as text until their bytes say otherwise. */
export function kindOfName(path: string): PreviewKind {
  const base = path.slice(path.lastIndexOf("/") + 1);
  if (base === "MLmodel") return "mlmodel";
  return KINDS[suffixOf(base)] ?? "text";
}

/** The end of a name after its last dot, in small letters. */
export function suffixOf(path: string): string {
  const base = path.slice(path.lastIndexOf("/") + 1);
  return base.includes(".") ? base.slice(base.lastIndexOf(".") + 1).toLowerCase() : "";
}

/** Whether bytes are no text: a zero byte among the first, or much that is no UTF-8. */
export function looksBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 8192);
  if (head.includes(0)) return true;
  const bad = decodeText(head).match(/\uFFFD/g)?.length ?? 0;
  return bad > Math.max(4, head.length / 20);
}

/** Text of UTF-8 bytes; a character cut at the end is left out. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8").decode(bytes, { stream: true });
}

/** JSON laid out with two spaces, or null when the text is no JSON. */
export function prettyJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

export interface TextTable {
  header: string[];
  rows: string[][];
}

/** Comma- or tab-separated text as a table (quotes as in RFC 4180). Whoever gives a part gives whole lines. */
export function parseTable(text: string, separator: string): TextTable {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') [cell, at] = quotedCell(text, at + 1, separator);
    else {
      const end = cellEnd(text, at, separator);
      cell = text.slice(at, end);
      at = end;
    }
    if (text[at] === separator) {
      row.push(cell);
      at += 1;
      // A separator at the very end has one more empty cell behind it.
      if (at === text.length) row.push("");
      continue;
    }
    if (text[at] === "\n" && cell.endsWith("\r")) cell = cell.slice(0, -1);
    row.push(cell);
    at += 1;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  if (row.length) rows.push(row);
  const [header = [], ...body] = rows;
  return { header, rows: body };
}

function cellEnd(text: string, from: number, separator: string): number {
  const comma = text.indexOf(separator, from);
  const line = text.indexOf("\n", from);
  return Math.min(comma < 0 ? text.length : comma, line < 0 ? text.length : line);
}

/** The cell whose opening quote stands before `from`, and where it ends. What follows its closing quote is kept. */
function quotedCell(text: string, from: number, separator: string): [string, number] {
  let cell = "";
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return [cell + text.slice(at), text.length];
    cell += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      const end = cellEnd(text, quote + 1, separator);
      return [cell + text.slice(quote + 1, end), end];
    }
    cell += '"';
    at = quote + 2;
  }
}

/**
 * How much of a part of CSV text is whole rows: up to its last line end outside quotes; all of it when `last`.
 * A row longer than the part is none: 0.
 */
export function wholeRows(text: string, last: boolean): number {
  if (last) return text.length;
  let end = text.length;
  // Quotes before a line end tell whether it is inside a cell.
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes += 1;
  for (;;) {
    const line = text.lastIndexOf("\n", end - 1);
    if (line < 0) return 0;
    for (let at = text.indexOf('"', line); at >= 0 && at < end; at = text.indexOf('"', at + 1)) quotes -= 1;
    if (quotes % 2 === 0) return line + 1;
    end = line;
    if (end === 0) return 0;
  }
}
