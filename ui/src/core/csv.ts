/** Tables as CSV (RFC 4180). */

/** Rows as one text. A cell that a spreadsheet would take for a formula stays a text there. */
export function toCsv(rows: Iterable<readonly (string | number | null)[]>): string {
  let text = "";
  for (const row of rows) text += `${row.map(cell).join(",")}\r\n`;
  return text;
}

/** Texts that a spreadsheet would run: those that begin like a formula and are no number. */
const FORMULA = /^(?![+-](?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$|[+-](?:inf|infinity|nan)$)[=+\-@\t\r]/i;

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A file's name of a metric's: no slashes, and what file systems refuse. */
export function fileName(name: string, suffix: string): string {
  return `${name.replace(/[\\/:*?"<>|\s]+/g, "_").slice(0, 100) || "chart"}.${suffix}`;
}
