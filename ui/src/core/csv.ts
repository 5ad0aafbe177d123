/** Tables as CSV (RFC 4180). */

/** Rows as one text. A cell that a spreadsheet would take for a formula stays a text there. */
export function toCsv(rows: Iterable<readonly (string | number | null)[]>): string {
  let text = "";
  for (const row of rows) text += `${row.map(cell).join(",")}\r\n`;
  return text;
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A file's name of a metric's: no slashes, and what file systems refuse. */
export function fileName(name: string, suffix: string): string {
  return `${name.replace(/[\\/:*?"<>|\s]+/g, "_").slice(0, 100) || "chart"}.${suffix}`;
}
