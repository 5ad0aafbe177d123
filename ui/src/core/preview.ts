/** What kind of preview an artifact gets, from its name and its first bytes. */

export type PreviewKind = "image" | "json" | "table" | "text" | "binary";

/** How much of a file a preview reads. */
export const PREVIEW_BYTES = 256 * 1024;
export const MAX_TABLE_ROWS = 500;
export const MAX_TABLE_COLUMNS = 60;

const IMAGES = new Set(["png", "jpg", "jpeg", "gif", "webp", "bmp", "svg", "avif", "ico"]);
const BINARIES = new Set([
  "pkl", "pickle", "pt", "pth", "ckpt", "bin", "npy", "npz", "onnx", "safetensors", "h5", "hdf5", "keras", "parquet",
  "zip", "gz", "bz2", "xz", "zst", "tar", "tgz", "whl", "joblib", "ubj", "cbm", "pdf", "mp3", "mp4", "wav", "webm", "ogg",
]);

/** The kind a name promises; unknown names count as text until their bytes say otherwise. */
export function kindOfName(path: string): PreviewKind {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const suffix = name.includes(".") ? name.slice(name.lastIndexOf(".") + 1) : "";
  if (IMAGES.has(suffix)) return "image";
  if (BINARIES.has(suffix)) return "binary";
  if (suffix === "json") return "json";
  return suffix === "csv" || suffix === "tsv" ? "table" : "text";
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
  /** Whether rows or columns were left out. */
  cut: boolean;
}

/** Comma- or tab-separated text as a table (quotes as in RFC 4180), at most `maxRows` rows below its header. */
export function parseTable(text: string, separator: string, maxRows = MAX_TABLE_ROWS): TextTable {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  let at = 0;
  const endRow = (): void => {
    row.push(cell);
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    cell = "";
  };
  for (; at < text.length && rows.length <= maxRows; at++) {
    const character = text[at] as string;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (character === '"' && cell === "") quoted = true;
    else if (character === separator) {
      row.push(cell);
      cell = "";
    } else if (character === "\n") endRow();
    else if (character !== "\r" || text[at + 1] !== "\n") cell += character;
  }
  if (at >= text.length && (cell !== "" || row.length > 0)) endRow();
  const wide = rows.some((each) => each.length > MAX_TABLE_COLUMNS);
  const [header = [], ...body] = rows.map((each) => each.slice(0, MAX_TABLE_COLUMNS));
  return { header, rows: body, cut: wide || at < text.length };
}
